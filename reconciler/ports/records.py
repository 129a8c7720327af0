"""What passes write and pages read, row by row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.model import (
    Condition,
    DeletionId,
    DeletionState,
    Event,
    InstanceName,
    LedgerCoverage,
    Media,
    MediaKind,
    Phase,
    SettledAs,
    Source,
    Target,
    Unit,
    UpstreamKind,
)
from reconciler.ports.heard import ConnectionSeen, SenderHeard
from reconciler.reasons import Reason


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to reconcile. Every write of a pass carries `epoch`, which changes with the holder."""

    holder: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Binding:
    """What `bind` stores in one transaction: targets, released references (by number), and where the ledger stood.

    A target that is bound already stays as it was bound first. What is covered can only become narrower by it:
    `withdrawn` units are added to the deletion's, and `seasons` are set if it had none and was not bound before.
    """

    deletion: DeletionId
    media: Media
    targets: tuple[Target, ...]
    released: tuple[int, ...]
    bound_seq: int
    live_request_ids: frozenset[int]
    at: datetime
    withdrawn: frozenset[Unit] = frozenset()
    seasons: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one planning round says of one deletion; written in one transaction.

    The store sets each condition's transition time, appends an event per condition whose status or reason changed,
    and replaces the deletion's conditions by these. `absent` and `present` are the numbers of targets observed
    (sets or clears `absent_since`). `settle` ends the deletion; a cancellation also gives back its references:
    each goes to another unsettled deletion that bound the same hash for the same media, or becomes unreleased.
    `reopen` makes a settled deletion unsettled again (drift). `withdrawn`, `finishing` and `searched` are added to
    what the deletion has. `unreleased` are numbers of references it needs to release no more: each goes to another
    unsettled deletion as with a cancellation, or becomes unreleased; what it did not release is left alone.
    """

    deletion: DeletionId
    conditions: tuple[Condition, ...]
    at: datetime
    next_due_at: datetime | None
    attempt: int
    absent: tuple[int, ...] = ()
    present: tuple[int, ...] = ()
    settle: tuple[SettledAs, Reason | None] | None = None
    watch_until: datetime | None = None
    reopen: bool = False
    withdrawn: frozenset[Unit] = frozenset()
    finishing: frozenset[Unit] = frozenset()
    searched: frozenset[Unit] = frozenset()
    unreleased: tuple[int, ...] = ()
    blocklisted: bool = False
    trip_breaker: bool = False
    frozen: bool = False
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Doubted:
    """A list that was not believed, for what it lacks or because another program answers.

    `identity` is who answered, `since` when the list came that it was compared with, `missing` are the ids of that one
    which it lacks, `text` is what people read about it; it begins with the name of the upstream and a colon.
    """

    identity: str
    since: datetime
    missing: frozenset[str]
    text: str

    def covers(self, other: "Doubted") -> bool:
        """Tell whether somebody who believes this list believes the other one, too: it lacks nothing else."""
        return (self.identity, self.since) == (other.identity, other.since) and other.missing <= self.missing


@dataclass(frozen=True, slots=True)
class Baseline:
    """The ids of an upstream's last complete list, for telling a suspicious one.

    `doubted` is the list that came last, if it was not believed, and `accepted` the one that a person said is right.
    """

    instance: InstanceName
    identity: str
    ids: frozenset[str]
    at: datetime
    doubted: Doubted | None = None
    accepted: Doubted | None = None

    def believes(self, doubted: Doubted) -> bool:
        """Tell whether a person has accepted a list that is no better than this one."""
        return self.accepted is not None and self.accepted.covers(doubted)


@dataclass(frozen=True, slots=True)
class Destroyed:
    """How much turned destructive in the breaker's window.

    `size` is in bytes; a title's torrents and its library copy are counted once, as they usually are one file on disk:
    per deletion, the larger of what its torrents and what its titles and files amount to.
    """

    deletions: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class UpstreamHealth:
    """What the status page says of one instance. `since` is when `reachable` last changed."""

    instance: InstanceName
    kind: UpstreamKind
    reachable: bool
    since: datetime
    app: str = ""
    version: str = ""
    last_seen_at: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class MessengerState:
    """How far one messenger has been told, by its `position` in the configuration, from 1.

    Notices up to the one numbered `last_notice` were told, or are not to be. `failing_since` is set while messages are
    not taken; then `attempt` counts the tries, and `next_try_at` is when the next one is due.
    """

    position: int
    kind: str
    since: datetime
    last_notice: int = 0
    sent_at: datetime | None = None
    failing_since: datetime | None = None
    attempt: int = 0
    next_try_at: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class PassRecord:
    started_at: datetime
    finished_at: datetime
    deletions: int
    rounds: int
    calls: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class DeletionFilter:
    """Which deletions to list; all that is given must hold.

    `text` is what a person typed to find one: a piece of its title (its own, or that of its library entry) or of the
    name of who asked, in any case and spelling; a TMDB or TVDB id; or at least 8 characters of the beginning of its id
    or of the info hash of a bound torrent. `asks`: only open ones that a person has to look at.
    """

    phase: Phase | None = None
    asks: bool = False
    settled: bool | None = None
    text: str | None = None
    kind: MediaKind | None = None
    source: Source | None = None
    tmdb_id: int | None = None
    tvdb_id: int | None = None


@dataclass(frozen=True, slots=True)
class DeletionPage:
    """Newest first; `next_cursor` is opaque, `None` on the last page.

    It is for showing: targets have no `files` and no `file_ids` in it, so that nothing can be planned by it.
    """

    deletions: tuple[DeletionState, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event of any timeline, with whose it is."""

    deletion: DeletionId
    event: Event


@dataclass(frozen=True, slots=True)
class Freed:
    """Bytes that were seen gone, of what converged in all and of what did in the last 24 hours.

    Of a deletion they are counted as `Destroyed` counts, if a call went out for them and they are absent now. What was
    to be kept, and torrents of which something else still used the data, count nothing.
    """

    total: int = 0
    last_day: int = 0


MOST_CONVERGENCES = 200
"""How many convergences an overview holds at most."""


@dataclass(frozen=True, slots=True)
class Convergence:
    """When a deletion converged, and how long that took from its arrival."""

    deletion: DeletionId
    at: datetime
    took: timedelta


@dataclass(frozen=True, slots=True)
class Overview:
    """What `/status` counts, read at one moment.

    `oldest_unsettled` is the deletion asked for at `oldest_unsettled_at`; `next_due_at` is when anything is due next.
    `resynced` is when each instance was last looked through for what no webhook told. `oldest_changes` tells of each
    open phase when the deletion that has stood still for longest changed last; those that only wait for a time that was
    set (a grace period, seeding, a deny window) are left out. `held_by_reason` counts a deletion under each reason that
    holds it. `asking` counts those that a person has to look at although nothing holds them. `convergences` are the
    newest of the last 24 hours, `MOST_CONVERGENCES` at most.
    """

    by_phase: Mapping[Phase, int] = field(default_factory=dict)
    oldest_unsettled_at: datetime | None = None
    oldest_unsettled: DeletionId | None = None
    next_due_at: datetime | None = None
    oldest_changes: Mapping[Phase, datetime] = field(default_factory=dict)
    held_by_reason: Mapping[Reason, int] = field(default_factory=dict)
    asking: int = 0
    schema_version: int = 0
    upstreams: tuple[UpstreamHealth, ...] = ()
    coverage: tuple[LedgerCoverage, ...] = ()
    last_pass: PassRecord | None = None
    leader: str | None = None
    resynced: Mapping[InstanceName, datetime] = field(default_factory=dict)
    freed: Freed = field(default_factory=Freed)
    convergences: tuple[Convergence, ...] = ()
    senders: tuple[SenderHeard, ...] = ()
    connections: Mapping[InstanceName, ConnectionSeen] = field(default_factory=dict)
    messengers: tuple[MessengerState, ...] = ()
