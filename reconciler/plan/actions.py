"""What a plan may ask for. Each action names one bound target; the executor joins those of one kind into bulk calls."""

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
)
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
class EndDownloads:
    """End downloads that are not in our torrent client through the library's own queue."""

    deletion: DeletionId
    instance: InstanceName
    target: int
    queue_ids: tuple[int, ...]
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveTorrent:
    """Remove one torrent, with its data unless told otherwise. `added` is re-checked just before."""

    deletion: DeletionId
    instance: InstanceName
    target: int
    torrent: TorrentId
    added: str
    name: str
    size: int
    delete_files: bool


@dataclass(frozen=True, slots=True)
class DeleteEntry:
    """Delete one title. `alone` keeps it out of bulk calls: its folder nests with another title's."""

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


@dataclass(frozen=True, slots=True)
class DeleteFiles:
    """Delete the bound files of a title that stays because it is wanted again."""

    deletion: DeletionId
    instance: InstanceName
    target: int
    entry_id: int
    media: Media
    added: str
    file_ids: tuple[int, ...]
    paths: tuple[str, ...]


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
    """Start the one search that fetches the fresh copy of a title that is wanted again."""

    deletion: DeletionId
    instance: InstanceName
    target: int
    entry_id: int


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
    | EndDownloads
    | RemoveTorrent
    | DeleteEntry
    | DeleteFiles
    | RestoreMonitoring
    | Search
    | DeleteRequest
    | DeleteRecord
    | ResetVariant
)

DESTRUCTIVE = (EndDownloads, RemoveTorrent, DeleteEntry, DeleteFiles, DeleteRequest, DeleteRecord, ResetVariant)
"""Actions that cannot be undone by us; the first of them sets `destroyed_at` and counts for the breaker."""


def is_destructive(action: Action) -> bool:
    """Tell whether an action cannot be undone by us."""
    return isinstance(action, DESTRUCTIVE)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one round makes of one deletion.

    `bind` is stored before anything else and ends the round's work on this deletion. `absent` and `present` are the
    numbers of targets that were observed. `due_at` overrides the pace that follows from the conditions.
    """

    deletion: DeletionId
    conditions: tuple[Condition, ...]
    actions: tuple[Action, ...] = ()
    bind: Binding | None = None
    settle: tuple[SettledAs, Reason | None] | None = None
    watch_until: datetime | None = None
    due_at: datetime | None = None
    reopen: bool = False
    finishing_old_copy: bool = False
    frozen: bool = False
    trip_breaker: bool = False
    absent: tuple[int, ...] = ()
    present: tuple[int, ...] = ()
    events: tuple[Event, ...] = field(default_factory=tuple)
