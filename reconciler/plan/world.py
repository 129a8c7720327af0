"""Everything a plan is made from: what the upstreams showed in one round, the ledger, and the operator's policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.model import (
    InfoHash,
    InstanceName,
    LedgerCoverage,
    LibraryRow,
    ManualAdd,
    Media,
    MediaKind,
    Reference,
    TorrentId,
)
from reconciler.observed import Library, RequestBoard, Seen, Torrent, TorrentFile, Unseen


@dataclass(frozen=True, slots=True)
class Torrents:
    """The complete torrent list, and the files of those torrents whose content had to be compared.

    A torrent missing from `files` was not read; `None` means it could not be read any more.
    """

    by_id: Mapping[TorrentId, Torrent]
    files: Mapping[TorrentId, tuple[TorrentFile, ...] | None] = field(default_factory=dict)

    def matching(self, hash_: InfoHash) -> tuple[Torrent, ...]:
        """Return the torrents that a hash may mean (upstreams.md 5.6), in order of id."""
        return tuple(t for _, t in sorted(self.by_id.items()) if hash_ in t.aliases)


@dataclass(frozen=True, slots=True)
class LedgerView:
    """How much of one instance's history the ledger holds; `is_current` when it was read in this very round."""

    coverage: LedgerCoverage
    is_current: bool


@dataclass(frozen=True, slots=True)
class LibraryInstance:
    """A configured Radarr or Sonarr."""

    name: InstanceName
    kind: MediaKind
    is_4k: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decided, and what is configured at all."""

    torrent_instance: InstanceName | None
    request_instance: InstanceName | None
    libraries: Mapping[InstanceName, LibraryInstance]
    enforce: bool = True
    breaker_limit: int = 25
    protect_labels: frozenset[str] = frozenset({"keep"})
    protect_tags: frozenset[str] = frozenset({"keep"})
    files_left_behind: timedelta = timedelta(minutes=15)
    watch_window: timedelta = timedelta(hours=24)
    resend_after: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class World:
    """One round's evidence. `None` for an upstream means that it is not configured.

    `references` are all ledger rows that name a due deletion's media or a hash of any torrent concerned.
    `library_rows` are titles as last seen that share an id with due media; `unseen_titles` the folders of titles in
    libraries that could not be read this time. `tvdb_ids` maps series that were known by TMDB id only.
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
    position: int = 0
    destructive_recently: int = 0

    def references_to(self, hashes: frozenset[InfoHash]) -> tuple[Reference, ...]:
        """Return the ledger rows that name any of these hashes."""
        return tuple(r for r in self.references if r.hash in hashes)


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
        if (reference.instance, reference.entry_id) in self.entry_ids:
            return True
        return reference.media is not None and self.media.is_same(reference.media)
