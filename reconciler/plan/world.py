"""Everything a plan is made from: what the upstreams showed in one round, the ledger, and the operator's policy."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from reconciler.model import (
    DeletionId,
    DeletionState,
    DownloadProtocol,
    InfoHash,
    InstanceName,
    LedgerCoverage,
    LibraryRow,
    ManualAdd,
    Media,
    MediaKind,
    Reference,
    TorrentId,
    parse_info_hash,
)
from reconciler.observed import (
    Entry,
    Library,
    MediaRequest,
    QueueItem,
    Record,
    RequestBoard,
    Seen,
    Torrent,
    TorrentFile,
    Unseen,
)
from reconciler.plan.extents import extents
from reconciler.plan.index import MediaIndex, PathIndex
from reconciler.plan.paths import as_library_sees
from reconciler.reasons import Effect, Reason, effect_of


@dataclass(frozen=True)
class Torrents:
    """The complete torrent list, and the files of those torrents whose content had to be compared.

    A torrent missing from `files` was not read; `None` means it could not be read any more.
    """

    by_id: Mapping[TorrentId, Torrent]
    files: Mapping[TorrentId, tuple[TorrentFile, ...] | None] = field(default_factory=dict)

    @cached_property
    def _by_alias(self) -> Mapping[InfoHash, list[Torrent]]:
        found: defaultdict[InfoHash, list[Torrent]] = defaultdict(list)
        for _, torrent in sorted(self.by_id.items()):
            for alias in torrent.aliases:
                found[alias].append(torrent)
        return found

    @cached_property
    def by_extent(self) -> PathIndex[Torrent]:
        """Torrents by the paths within which their content lies, as the client sees them."""
        return PathIndex((path, t) for _, t in sorted(self.by_id.items()) for path in extents(t))

    def matching(self, hash_: InfoHash) -> tuple[Torrent, ...]:
        """Return the torrents that a hash may mean (upstreams.md 5.6), in order of id."""
        return tuple(self._by_alias.get(hash_, ()))


@dataclass(frozen=True, slots=True)
class LedgerView:
    """How much of one instance's history the ledger holds; `is_current` when it was read in this very round."""

    coverage: LedgerCoverage
    is_current: bool


@dataclass(frozen=True, slots=True)
class Address:
    """Where an instance answers: `host` in lower case, `url_base` without a slash at either end."""

    host: str
    port: int
    url_base: str = ""


@dataclass(frozen=True, slots=True)
class LibraryInstance:
    """A configured Radarr or Sonarr."""

    name: InstanceName
    kind: MediaKind
    is_4k: bool = False
    address: Address | None = None


@dataclass(frozen=True, slots=True)
class TorrentInstance:
    """A configured qBittorrent. `download_clients` are the names that Radarr and Sonarr give it, if they were told."""

    name: InstanceName
    address: Address | None = None
    download_clients: frozenset[str] = frozenset()


class CrossSeeds(StrEnum):
    """What is done about torrents elsewhere with an equal file tree that no history names."""

    KEEP = "keep"  # they are listed and stay
    HOLD = "hold"  # a person is asked
    TOGETHER = "together"  # they go along


@dataclass(frozen=True, slots=True)
class SeedingRule:
    """How long torrents must be seeded that match everything given here; a rule that gives nothing matches all.

    `tracker` is a host name; it matches the hosts below it too. With both minimums, `both` tells whether each must be
    met, or one of them.
    """

    tracker: str | None = None
    category: str | None = None
    tag: str | None = None
    private: bool | None = None
    min_ratio: float | None = None
    min_time: timedelta | None = None
    both: bool = True


@dataclass(frozen=True, slots=True)
class SeedingPolicy:
    """Seeding obligations. Of several rules that match a torrent every one must be met.

    `private_min_time` is for private torrents that no rule matches. `block_entry` lets titles wait for their torrents.
    """

    rules: tuple[SeedingRule, ...] = ()
    private_min_time: timedelta | None = None
    block_entry: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decided, and what is configured at all.

    `breaker_size` is in bytes; `None` counts deletions only. `protect_paths` are folders as qBittorrent or a library
    sees them. `media_server_paths` translate a library's path into the media server's: (library's, media server's).
    """

    torrent_clients: Mapping[InstanceName, TorrentInstance]
    request_instance: InstanceName | None
    libraries: Mapping[InstanceName, LibraryInstance]
    media_server: InstanceName | None = None
    media_server_paths: tuple[tuple[str, str], ...] = ()
    enforce: bool = True
    breaker_limit: int = 25
    breaker_size: int | None = None
    seeding: SeedingPolicy = SeedingPolicy()
    cross_seeds: CrossSeeds = CrossSeeds.KEEP
    protect_categories: frozenset[str] = frozenset()
    protect_paths: frozenset[str] = frozenset()
    protect_labels: frozenset[str] = frozenset({"keep"})
    protect_tags: frozenset[str] = frozenset({"keep"})
    files_left_behind: timedelta = timedelta(minutes=15)
    watch_window: timedelta = timedelta(hours=24)
    resend_after: timedelta = timedelta(seconds=10)


def fetched_hash(item: QueueItem, library: Library) -> InfoHash | None:
    """Return the hash of a download if it is a torrent in our client."""
    is_ours = item.client is None or item.client in library.torrent_clients
    is_torrent = item.protocol is not DownloadProtocol.USENET
    return parse_info_hash(item.download_id) if is_ours and is_torrent else None


@dataclass(frozen=True)
class World:
    """One round's evidence. `None` for an upstream means that it is not configured.

    `references` are all ledger rows that name a due deletion's media or a hash of any torrent concerned.
    `library_rows` are titles as last seen that share an id with due media; `unseen_titles` the folders of titles in
    libraries that could not be read this time. `tvdb_ids` maps series that were known by TMDB id only, `untranslated`
    tells why some could not be mapped. `releasers` are the open deletions that released any of the `references`.
    """

    now: datetime
    torrents: Seen[Torrents] | Unseen | None
    libraries: Mapping[InstanceName, Seen[Library] | Unseen]
    board: Seen[RequestBoard] | Unseen | None
    ledger: Mapping[InstanceName, LedgerView]
    references: tuple[Reference, ...] = ()
    referenced_hashes: frozenset[InfoHash] = frozenset()
    library_rows: tuple[LibraryRow, ...] = ()
    unseen_titles: tuple[LibraryRow, ...] = ()
    manual_adds: tuple[ManualAdd, ...] = ()
    tvdb_ids: Mapping[int, int] = field(default_factory=dict)
    untranslated: Mapping[int, Unseen] = field(default_factory=dict)
    releasers: Mapping[DeletionId, DeletionState] = field(default_factory=dict)
    position: int = 0
    destructive_recently: int = 0

    @cached_property
    def titles(self) -> Mapping[InstanceName, MediaIndex[Entry]]:
        """The titles of every library that was seen, by their ids."""
        return {name: MediaIndex((e.media, e) for e in entries) for name, entries in self._entries.items()}

    @cached_property
    def folders(self) -> PathIndex[tuple[InstanceName, Entry]]:
        """The titles of every library that was seen, by their folders."""
        return PathIndex((e.path, (name, e)) for name, entries in self._entries.items() for e in entries)

    @cached_property
    def unseen_folders(self) -> PathIndex[LibraryRow]:
        """The titles that libraries which could not be read had when last seen, by their folders."""
        return PathIndex((row.path, row) for row in self.unseen_titles)

    @cached_property
    def records(self) -> MediaIndex[Record]:
        """Jellyseerr's media rows, by their ids; none if it was not seen."""
        rows = self.board.data.records if isinstance(self.board, Seen) else {}
        return MediaIndex((r.media, r) for _, r in sorted(rows.items()))

    @cached_property
    def requests(self) -> MediaIndex[MediaRequest]:
        """Jellyseerr's requests, by the ids of what they ask for; none if it was not seen."""
        rows = self.board.data.requests if isinstance(self.board, Seen) else {}
        return MediaIndex((r.media, r) for _, r in sorted(rows.items()))

    @cached_property
    def rows(self) -> MediaIndex[LibraryRow]:
        """`library_rows`, by their ids."""
        return MediaIndex((r.media, r) for r in self.library_rows)

    def torrents_touching(self, instance: InstanceName, path: str) -> tuple[Torrent, ...]:
        """Return the torrents whose content may lie at, in or around a path of a library, in order of id."""
        index = self._mapped_extents.get(instance)
        return tuple({t.id: t for t in index.touching(path)}.values()) if index else ()

    def references_to(self, hashes: Iterable[InfoHash]) -> tuple[Reference, ...]:
        """Return the ledger rows that name any of these hashes, in order of arrival."""
        found = {r.number: r for hash_ in hashes for r in self._references_by_hash.get(hash_, ())}
        return tuple(r for _, r in sorted(found.items()))

    def needing(self, hashes: Iterable[InfoHash], by: DeletionId) -> tuple[Reference, ...]:
        """Return the ledger rows that still need a torrent with any of these hashes, as deletion `by` must see it.

        A reference is released when a deletion is bound, long before that deletion may destroy anything. What another
        deletion released is still needed as long as that one may be called off.
        """
        return tuple(r for r in self.references_to(hashes) if self._is_needed(r, by))

    def _is_needed(self, reference: Reference, by: DeletionId) -> bool:
        if reference.released_by is None:
            return True
        other = self.releasers.get(reference.released_by)
        if reference.released_by == by or other is None:
            return False
        return self.is_unjudged(reference) or _may_be_called_off(other, self.now)

    def is_unjudged(self, reference: Reference) -> bool:
        """Tell whether the deletion that released a reference was bound just now, so that nobody knows yet."""
        other = self.releasers.get(reference.released_by) if reference.released_by is not None else None
        return other is not None and (
            not other.conditions or any(c.reason is Reason.NOT_LOOKED_YET for c in other.conditions)
        )

    def fetching(self, hashes: Iterable[InfoHash]) -> tuple[tuple[InstanceName, Entry], ...]:
        """Return the titles for which a library is fetching a torrent with any of these hashes in our client."""
        found = {(name, e.id): (name, e) for hash_ in hashes for name, e in self._fetched.get(hash_, ())}
        return tuple(pair for _, pair in sorted(found.items()))

    def references_about(self, coverage: "Coverage") -> tuple[Reference, ...]:
        """Return the ledger rows that a deletion covers, in order of arrival."""
        found = {r.number: r for r in self._references_by_media.sharing_an_id(coverage.media)}
        for entry in coverage.entry_ids:
            found |= {r.number: r for r in self._references_by_entry.get(entry, ())}
        return tuple(r for _, r in sorted(found.items()) if coverage.covers(r))

    @cached_property
    def _entries(self) -> Mapping[InstanceName, tuple[Entry, ...]]:
        return {
            name: tuple(e for _, e in sorted(library.data.entries.items()))
            for name, library in sorted(self.libraries.items())
            if isinstance(library, Seen)
        }

    @cached_property
    def _mapped_extents(self) -> Mapping[InstanceName, PathIndex[Torrent]]:
        """Per library, the torrents by their paths as the client and as that library sees them."""
        if not isinstance(self.torrents, Seen):
            return {}
        torrents = [t for _, t in sorted(self.torrents.data.by_id.items())]
        return {
            name: PathIndex(
                (seen, t)
                for t in torrents
                for path in extents(t)
                for seen in {path, as_library_sees(path, library.data.path_mappings)}
            )
            for name, library in self.libraries.items()
            if isinstance(library, Seen)
        }

    @cached_property
    def _fetched(self) -> Mapping[InfoHash, list[tuple[InstanceName, Entry]]]:
        found: defaultdict[InfoHash, list[tuple[InstanceName, Entry]]] = defaultdict(list)
        for name, library in sorted(self.libraries.items()):
            if not isinstance(library, Seen):
                continue
            for item in library.data.queue:
                hash_ = fetched_hash(item, library.data)
                entry = library.data.entries.get(item.entry_id) if item.entry_id is not None else None
                if hash_ is not None and entry is not None:
                    found[hash_].append((name, entry))
        return found

    @cached_property
    def _references_by_hash(self) -> Mapping[InfoHash, list[Reference]]:
        found: defaultdict[InfoHash, list[Reference]] = defaultdict(list)
        for reference in self.references:
            if reference.hash is not None:
                found[reference.hash].append(reference)
        return found

    @cached_property
    def _references_by_entry(self) -> Mapping[tuple[InstanceName, int], list[Reference]]:
        found: defaultdict[tuple[InstanceName, int], list[Reference]] = defaultdict(list)
        for reference in self.references:
            found[reference.instance, reference.entry_id].append(reference)
        return found

    @cached_property
    def _references_by_media(self) -> MediaIndex[Reference]:
        return MediaIndex((r.media, r) for r in self.references if r.media is not None)


def _may_be_called_off(state: DeletionState, now: datetime) -> bool:
    """Tell whether an open deletion waits for its time or for a person.

    Waiting for each other's packs is no such reason: the last of them must be able to go on.
    """
    deletion = state.deletion
    return (
        (deletion.not_before is not None and now < deletion.not_before)
        or deletion.cancel_requested_at is not None
        or any(
            effect_of(c.reason) is Effect.HOLD and c.reason is not Reason.SHARED_WITH_WANTED for c in state.conditions
        )
    )


@dataclass(frozen=True, slots=True)
class Coverage:
    """The units of one deletion, with its identity as far as it could be resolved in this round."""

    media: Media
    instances: frozenset[InstanceName]
    entry_ids: frozenset[tuple[InstanceName, int]]

    def covers(self, reference: Reference) -> bool:
        """Tell whether a reference belongs to what the deletion covers."""
        if reference.instance not in self.instances:
            return False
        if reference.media is not None and self.media.is_same(reference.media):
            return True
        return self.has_entry_of(reference)

    def has_entry_of(self, reference: Reference) -> bool:
        """Tell whether a reference is of one of the deletion's own entries.

        The number alone does not say so: a library that was set up anew gives the old numbers to other titles.
        """
        is_numbered_so = (reference.instance, reference.entry_id) in self.entry_ids
        return is_numbered_so and not (reference.media is not None and _is_another(self.media, reference.media))


def _is_another(a: Media, b: Media) -> bool:
    """Tell whether two media are certainly different titles, by the library's own id if both have it."""
    if a.kind is not b.kind:
        return True
    if a.kind is MediaKind.SERIES and a.tvdb_id is not None and b.tvdb_id is not None:
        return a.tvdb_id != b.tvdb_id
    return a.tmdb_id is not None and b.tmdb_id is not None and a.tmdb_id != b.tmdb_id
