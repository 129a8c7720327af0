"""Everything a plan is made from: what the upstreams showed in one round, the ledger, and the operator's policy."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
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
    Unit,
    parse_info_hash,
)
from reconciler.observed import (
    Entry,
    Issue,
    Library,
    MediaRequest,
    MediaServer,
    QueueItem,
    Record,
    RequestBoard,
    Seen,
    Torrent,
    TorrentFile,
    TorrentKey,
    Trackers,
    Unseen,
)
from reconciler.plan.clients import ClientNames
from reconciler.plan.extents import extents
from reconciler.plan.index import MediaIndex, PathIndex
from reconciler.plan.paths import as_library_sees
from reconciler.plan.policy import TorrentInstance
from reconciler.reasons import Effect, Reason, effect_of

_INDEXES = frozenset({"_by_alias", "by_extent", "by_size"})
"""What `Torrents` derives from its lists alone."""


FileTree = frozenset[tuple[str, int]]


def tree_of(files: Iterable[TorrentFile]) -> FileTree:
    """Return the names and sizes of a torrent's files; a torrent names each of its files once."""
    return frozenset((f.name, f.size) for f in files)


@dataclass(frozen=True)
class Torrents:
    """The complete torrent lists of all clients, and the files of those torrents whose content had to be compared.

    A torrent missing from `files` was not read; `None` means it could not be read any more. `trackers` are those of
    torrents that may have to be seeded on.
    """

    by_key: Mapping[TorrentKey, Torrent]
    files: Mapping[TorrentKey, tuple[TorrentFile, ...] | None] = field(default_factory=dict)
    trackers: Mapping[TorrentKey, Trackers] = field(default_factory=dict)

    @cached_property
    def _by_alias(self) -> Mapping[InfoHash, list[Torrent]]:
        found: defaultdict[InfoHash, list[Torrent]] = defaultdict(list)
        for _, torrent in sorted(self.by_key.items()):
            for alias in torrent.aliases:
                found[alias].append(torrent)
        return found

    @cached_property
    def by_extent(self) -> PathIndex[Torrent]:
        """Torrents by the paths within which their content lies, as their clients see them.

        Clients that see one disk under different paths do not meet here; what one of them shares with another is then
        found by its equal file tree only.
        """
        return PathIndex((path, t) for _, t in sorted(self.by_key.items()) for path in extents(t))

    @cached_property
    def by_size(self) -> Mapping[int, tuple[Torrent, ...]]:
        """Torrents by the sum of their wanted files' sizes."""
        found: defaultdict[int, list[Torrent]] = defaultdict(list)
        for _, torrent in sorted(self.by_key.items()):
            found[torrent.size].append(torrent)
        return {size: tuple(torrents) for size, torrents in found.items()}

    @cached_property
    def by_tree(self) -> Mapping[FileTree, tuple[Torrent, ...]]:
        """Torrents by the names and sizes of their files, as far as their lists were read, in order of key."""
        found: defaultdict[FileTree, list[Torrent]] = defaultdict(list)
        for key, files in sorted(self.files.items()):
            if files and key in self.by_key:
                found[tree_of(files)].append(self.by_key[key])
        return {tree: tuple(torrents) for tree, torrents in found.items()}

    def knowing(
        self,
        *,
        files: Mapping[TorrentKey, tuple[TorrentFile, ...] | None] | None = None,
        trackers: Mapping[TorrentKey, Trackers] | None = None,
    ) -> "Torrents":
        """Return the same lists with more known about some torrents; what was indexed is not indexed anew."""
        more = Torrents(self.by_key, {**self.files, **(files or {})}, {**self.trackers, **(trackers or {})})
        for name in _INDEXES & self.__dict__.keys():
            more.__dict__[name] = self.__dict__[name]
        return more

    def matching(self, hash_: InfoHash) -> tuple[Torrent, ...]:
        """Return the torrents that a hash may mean (upstreams.md 5.6), in order of client and id."""
        return tuple(self._by_alias.get(hash_, ()))


@dataclass(frozen=True, slots=True)
class LedgerView:
    """How much of one instance's history the ledger holds; `is_current` when it was read in this very round."""

    coverage: LedgerCoverage
    is_current: bool


def fetched_hash(item: QueueItem, library: Library) -> InfoHash | None:
    """Return the hash of a download if it is a torrent in a qBittorrent."""
    is_torrent = item.protocol is not DownloadProtocol.USENET
    return parse_info_hash(item.download_id) if is_torrent and is_in_qbittorrent(item.client, library) else None


def is_in_qbittorrent(client: str | None, library: Library) -> bool:
    """Tell whether a library's download client of this name is a qBittorrent; one without a name may be."""
    return client is None or any(c.name == client for c in library.torrent_clients)


@dataclass(frozen=True, slots=True)
class Fetch:
    """A torrent that a library is downloading for a title, and for which season if it says so, in one of `clients`."""

    instance: InstanceName
    entry: Entry
    season: int | None
    clients: frozenset[InstanceName]


@dataclass(frozen=True)
class World:
    """One round's evidence. `None` for an upstream means that it is not configured.

    `references` are all ledger rows that name a due deletion's media or a hash of any torrent concerned.
    `library_rows` are titles as last seen that share an id with due media; `unseen_titles` the folders of titles in
    libraries that could not be read this time. `tvdb_ids` maps series that were known by TMDB id only, `untranslated`
    tells why some could not be mapped. `releasers` are the deletions that released any of the `references`: the open
    ones, and those that have ended and were to keep their files.
    `torrents` are those of all `clients`, and `Unseen` as long as one of them is: then `unseen_clients` says which.
    `issues` are those in which a deletion was ordered, `denied_until` is when an open deny window ends, and
    `destructive_recently` and `destructive_size` (bytes) are what counts towards the breaker.
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
    clients: Mapping[InstanceName, TorrentInstance] = field(default_factory=dict)
    unseen_clients: Mapping[InstanceName, Unseen] = field(default_factory=dict)
    issues: Mapping[int, Seen[Issue] | Unseen] = field(default_factory=dict)
    media_server: Seen[MediaServer] | Unseen | None = None
    denied_until: datetime | None = None
    position: int = 0
    destructive_recently: int = 0
    destructive_size: int = 0

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
        return tuple({t.key: t for t in index.touching(path)}.values()) if index else ()

    def references_to(self, hashes: Iterable[InfoHash]) -> tuple[Reference, ...]:
        """Return the ledger rows that name any of these hashes, in order of arrival."""
        found = {r.number: r for hash_ in hashes for r in self._references_by_hash.get(hash_, ())}
        return tuple(r for _, r in sorted(found.items()))

    def references_naming(self, torrent: Torrent) -> tuple[Reference, ...]:
        """Return the ledger rows that may mean this torrent in its client, in order of arrival."""
        return tuple(r for r in self.references_to(torrent.aliases) if torrent.instance in self.clients_meant(r))

    def clients_meant(self, reference: Reference) -> frozenset[InstanceName]:
        """Return the clients that a ledger row may speak of; none if it certainly is a client that is not ours."""
        return self.clients_named(reference.instance, reference.client)

    def clients_named(self, library: InstanceName, client: str | None) -> frozenset[InstanceName]:
        """Return the clients that a library may mean by a name."""
        names = self._client_names.get(library)
        return names.meant(client) if names else frozenset(self.clients)

    def needing(self, torrent: Torrent, by: DeletionId) -> tuple[Reference, ...]:
        """Return the ledger rows that still need a torrent, as deletion `by` must see it.

        A reference is released when a deletion is bound, long before that deletion may destroy anything. What another
        deletion released is still needed as long as that one may be called off, unless this one is for the same thing.
        """
        return tuple(r for r in self.references_naming(torrent) if self._is_needed(r, by))

    def _is_needed(self, reference: Reference, by: DeletionId) -> bool:
        if reference.released_by is None:
            return True
        other = self.releasers.get(reference.released_by)
        if reference.released_by == by or other is None or self._was_bound_for(reference, by):
            return False
        return self.is_unjudged(reference) or may_be_called_off(other, self.now)

    def _was_bound_for(self, reference: Reference, by: DeletionId) -> bool:
        """Tell whether a deletion covers what a reference was for, and was bound when the reference was there."""
        state = self.releasers.get(by)
        if state is None or reference.media is None or not reference.media.is_same(state.deletion.media):
            return False
        units = {Unit(reference.instance), Unit(reference.instance, reference.season)}
        return reference.number <= (state.deletion.bound_seq or 0) and bool(units & state.deletion.units)

    def is_unjudged(self, reference: Reference) -> bool:
        """Tell whether the deletion that released a reference was bound just now, so that nobody knows yet."""
        other = self.releasers.get(reference.released_by) if reference.released_by is not None else None
        return (other is not None and other.deletion.settled_at is None) and (
            not other.conditions or any(c.reason is Reason.NOT_LOOKED_YET for c in other.conditions)
        )

    def fetching(self, torrent: Torrent) -> tuple[Fetch, ...]:
        """Return for what a library is fetching this torrent in its client, in order of library and title."""
        found = {f for hash_ in torrent.aliases for f in self._fetched.get(hash_, ()) if torrent.instance in f.clients}
        return tuple(sorted(found, key=lambda f: (f.instance, f.entry.id, f.season is not None, f.season or 0)))

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
        torrents = [t for _, t in sorted(self.torrents.data.by_key.items())]
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
    def _client_names(self) -> Mapping[InstanceName, ClientNames]:
        return {
            name: ClientNames(library.data.torrent_clients, self.clients)
            for name, library in self.libraries.items()
            if isinstance(library, Seen)
        }

    @cached_property
    def _fetched(self) -> Mapping[InfoHash, list[Fetch]]:
        found: defaultdict[InfoHash, list[Fetch]] = defaultdict(list)
        for name, library in sorted(self.libraries.items()):
            if not isinstance(library, Seen):
                continue
            for item in library.data.queue:
                hash_ = fetched_hash(item, library.data)
                entry = library.data.entries.get(item.entry_id) if item.entry_id is not None else None
                if hash_ is not None and entry is not None:
                    clients = self._client_names[name].meant(item.client)
                    found[hash_].append(Fetch(name, entry, item.season, clients))
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


def may_be_called_off(state: DeletionState, now: datetime) -> bool:
    """Tell whether a deletion is open, and waits for its time or for a person."""
    deletion = state.deletion
    return deletion.settled_at is None and (
        (deletion.not_before is not None and now < deletion.not_before)
        or deletion.is_unapproved
        or deletion.cancel_requested_at is not None
        or any(effect_of(c.reason) is Effect.HOLD for c in state.conditions)
    )


@dataclass(frozen=True, slots=True)
class Coverage:
    """The units of one deletion, with its identity as far as it could be resolved in this round."""

    media: Media
    units: frozenset[Unit]
    entry_ids: frozenset[tuple[InstanceName, int]]

    @property
    def instances(self) -> frozenset[InstanceName]:
        """The libraries of which anything is covered."""
        return frozenset(unit.instance for unit in self.units)

    def seasons_in(self, instance: InstanceName) -> frozenset[int] | None:
        """Return the seasons covered in one library; `None` for the whole title there."""
        seasons = {unit.season for unit in self.units if unit.instance == instance}
        return None if None in seasons else frozenset(s for s in seasons if s is not None)

    def has(self, instance: InstanceName, season: int | None) -> bool:
        """Tell whether a part of the title in a library is covered. What is of no known season is of the whole only."""
        return Unit(instance) in self.units or (season is not None and Unit(instance, season) in self.units)

    def is_whole(self, instance: InstanceName) -> bool:
        """Tell whether the whole title is covered in a library."""
        return Unit(instance) in self.units

    def covers(self, reference: Reference) -> bool:
        """Tell whether a reference belongs to what the deletion covers."""
        if not self.has(reference.instance, reference.season):
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

    def only(self, units: Iterable[Unit]) -> "Coverage":
        """Return the part of the coverage that is among these units."""
        return Coverage(self.media, self.units & frozenset(units), self.entry_ids)


def _is_another(a: Media, b: Media) -> bool:
    """Tell whether two media are certainly different titles, by the library's own id if both have it."""
    if a.kind is not b.kind:
        return True
    if a.kind is MediaKind.SERIES and a.tvdb_id is not None and b.tvdb_id is not None:
        return a.tvdb_id != b.tvdb_id
    return a.tmdb_id is not None and b.tmdb_id is not None and a.tmdb_id != b.tmdb_id
