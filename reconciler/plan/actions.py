"""What a plan may ask for. Each action names one bound target; the executor joins those of one kind into bulk calls."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.model import (
    Condition,
    DeletionId,
    Event,
    InstanceName,
    Media,
    Monitoring,
    SettledAs,
    TorrentId,
    Unit,
)
from reconciler.observed import Torrent
from reconciler.ports import Binding
from reconciler.reasons import Reason


@dataclass(frozen=True, slots=True)
class Unmonitor:
    """Stop the library from looking for the title, so that nothing new is grabbed while the old goes."""

    deletion: DeletionId
    instance: InstanceName
    target: int
    entry_id: int


@dataclass(frozen=True, slots=True)
class UnmonitorSeasons:
    """Stop the library from looking for some seasons of a series that stays."""

    deletion: DeletionId
    instance: InstanceName
    target: int
    entry_id: int
    seasons: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Blocklist:
    """Keep the releases of unmonitored seasons from being grabbed again; `history_ids` are their grabs."""

    deletion: DeletionId
    instance: InstanceName
    target: int
    history_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EndDownloads:
    """End downloads that are not in our torrent client through the library's own queue."""

    deletion: DeletionId
    instance: InstanceName
    target: int
    queue_ids: tuple[int, ...]
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveTorrent:
    """Remove one torrent, with its data unless told otherwise.

    `payload` are the torrents that must be gone or as they were seen when it goes: all that lie on the data, whoever
    removes them, or it alone if its data is left. `path` is where its content lies, and `why` says for what its data is
    left, if it is.
    """

    deletion: DeletionId
    instance: InstanceName
    target: int
    torrent: TorrentId
    payload: tuple[Torrent, ...]
    name: str
    size: int
    delete_files: bool
    path: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class DeleteEntry:
    """Delete one title, if it is not monitored when it is read again just before.

    Of a series that is only `emptied` it is the seasons that must not be, and no file may have come. `alone` keeps it
    out of bulk calls: its folder nests with another title's.
    """

    deletion: DeletionId
    instance: InstanceName
    target: int
    entry_id: int
    media: Media
    added: str
    path: str
    delete_files: bool
    add_exclusion: bool
    alone: bool = False
    emptied: bool = False


@dataclass(frozen=True, slots=True)
class DeleteFiles:
    """Delete bound files of a title that stays: those of seasons, or the old copy of what is wanted again.

    `file_ids`, `paths` and (if they are targets of their own) `files` name them in the same order; `size` is in bytes.
    """

    deletion: DeletionId
    instance: InstanceName
    target: int
    entry_id: int
    media: Media
    added: str
    file_ids: tuple[int, ...]
    paths: tuple[str, ...]
    files: tuple[int, ...] = ()
    size: int = 0


@dataclass(frozen=True, slots=True)
class RestoreMonitoring:
    """Give a title back the monitoring it had before the freeze."""

    deletion: DeletionId
    instance: InstanceName
    target: int
    entry_id: int
    media: Media
    added: str
    prior: Monitoring


@dataclass(frozen=True, slots=True)
class Search:
    """Start the one search that fetches the fresh copy of a title in one library, or a season, that is wanted again."""

    deletion: DeletionId
    instance: InstanceName
    target: int
    entry_id: int
    season: int | None = None


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell the media server to look at paths from which something went. `items` are the targets that it still lists."""

    deletion: DeletionId
    instance: InstanceName
    target: int
    items: tuple[int, ...]
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeleteRequest:
    """Delete one bound request. `live_ids` are the requests that were live at binding: another live one is a want."""

    deletion: DeletionId
    instance: InstanceName
    target: int
    request_id: int
    created_at: str
    live_ids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class DeleteRecord:
    """Delete one bound media row and, by cascade, its requests. `request_ids` are all it may take with it."""

    deletion: DeletionId
    instance: InstanceName
    target: int
    record_id: int
    media: Media
    created_at: str
    request_ids: frozenset[int]
    live_ids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class ResetVariant:
    """Set one variant of a bound media row to unknown, leaving the row."""

    deletion: DeletionId
    instance: InstanceName
    target: int
    record_id: int
    media: Media
    created_at: str
    is_4k: bool


Action = (
    Unmonitor
    | UnmonitorSeasons
    | Blocklist
    | EndDownloads
    | RemoveTorrent
    | DeleteEntry
    | DeleteFiles
    | RestoreMonitoring
    | Search
    | Announce
    | DeleteRequest
    | DeleteRecord
    | ResetVariant
)

DESTRUCTIVE = (EndDownloads, RemoveTorrent, DeleteEntry, DeleteFiles, DeleteRequest, DeleteRecord, ResetVariant)
"""Actions that cannot be undone by us; the first of them sets `destroyed_at` and counts for the breaker."""


def is_destructive(action: Action) -> bool:
    """Tell whether an action cannot be undone by us."""
    return isinstance(action, DESTRUCTIVE)


IN_ORDER: tuple[type[Action], ...] = (
    RestoreMonitoring,
    Unmonitor,
    UnmonitorSeasons,
    Blocklist,
    EndDownloads,
    RemoveTorrent,
    DeleteFiles,
    DeleteEntry,
    Search,
    Announce,
    DeleteRequest,
    DeleteRecord,
    ResetVariant,
)
"""The kinds of actions as the executor sends those of one round."""


def in_order(actions: Iterable[Action]) -> tuple[Action, ...]:
    """Return a round's actions as they are sent: by kind, then by instance; torrents that keep their data first."""
    return tuple(sorted(actions, key=_place))


def _place(action: Action) -> tuple[int, InstanceName, bool, str]:
    takes_data, name = False, ""
    if isinstance(action, RemoveTorrent):
        takes_data, name = action.delete_files, action.torrent
    return IN_ORDER.index(type(action)), action.instance, takes_data, name


def targets_of(action: Action) -> tuple[int, ...]:
    """Return the numbers of all targets that an action is about."""
    match action:
        case DeleteFiles(files=files) if files:
            return files
        case Announce(items=items):
            return items
        case _:
            return (action.target,)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one round makes of one deletion.

    `bind` is stored before anything else and ends the round's work on this deletion. `absent` and `present` are the
    numbers of targets that were observed. `due_at` overrides the pace that follows from the conditions. `withdrawn`
    and `finishing` units are added to what the deletion has, and `unreleased` references are given back.
    """

    deletion: DeletionId
    conditions: tuple[Condition, ...]
    actions: tuple[Action, ...] = ()
    bind: Binding | None = None
    settle: tuple[SettledAs, Reason | None] | None = None
    watch_until: datetime | None = None
    due_at: datetime | None = None
    reopen: bool = False
    withdrawn: frozenset[Unit] = frozenset()
    finishing: frozenset[Unit] = frozenset()
    unreleased: tuple[int, ...] = ()
    frozen: bool = False
    trip_breaker: bool = False
    absent: tuple[int, ...] = ()
    present: tuple[int, ...] = ()
    events: tuple[Event, ...] = field(default_factory=tuple)
