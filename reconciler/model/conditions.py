"""What is known of a deletion: conditions, phases and its timeline."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from reconciler.model.bound import Target, TargetKind
from reconciler.model.desired import Deletion, SettledAs
from reconciler.model.identity import InstanceName
from reconciler.reasons import PATIENT, Effect, Reason, asks_a_person, effect_of


class ConditionType(StrEnum):
    TORRENTS_ABSENT = "TorrentsAbsent"
    ENTRY_ABSENT = "EntryAbsent"
    FILES_ABSENT = "FilesAbsent"
    LIBRARY_REFRESHED = "LibraryRefreshed"
    REQUEST_CLEARED = "RequestCleared"

    @property
    def subject(self) -> str:
        """What it is about, for people."""
        return _SUBJECTS[self]


_SUBJECTS = {
    ConditionType.TORRENTS_ABSENT: "Torrents",
    ConditionType.ENTRY_ABSENT: "Title",
    ConditionType.FILES_ABSENT: "Files",
    ConditionType.LIBRARY_REFRESHED: "Media server",
    ConditionType.REQUEST_CLEARED: "Request",
}


class Status(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """A fact about one deletion at one upstream instance, in the style of Kubernetes.

    "Could not look" is `UNKNOWN`, never `FALSE`. `last_transition_time` moves only when `status` changes, and
    `reason_since` whenever `reason` does; the store keeps both promises, so planners leave them `None`.
    """

    type: ConditionType
    instance: InstanceName
    status: Status
    reason: Reason
    message: str
    last_transition_time: datetime | None = None
    reason_since: datetime | None = None

    @property
    def is_settled(self) -> bool:
        return effect_of(self.reason) is Effect.DONE


class Phase(StrEnum):
    PENDING = "pending"
    WAITING = "waiting"
    CONVERGING = "converging"
    HELD = "held"
    CONVERGED = "converged"
    CANCELLED = "cancelled"


def phase_of(deletion: Deletion, conditions: tuple[Condition, ...]) -> Phase:
    """Compute the one word for people. Stored nowhere else than as the facts it follows from."""
    if deletion.settled_as is SettledAs.CONVERGED:
        return Phase.CONVERGED
    if deletion.settled_as is SettledAs.CANCELLED:
        return Phase.CANCELLED
    effects = {effect_of(c.reason) for c in conditions}
    if Effect.HOLD in effects:
        return Phase.HELD
    if Effect.WAIT in effects:
        return Phase.WAITING
    return Phase.PENDING if deletion.bound_at is None else Phase.CONVERGING


def rest_of(conditions: Iterable[Condition]) -> Effect | None:
    """Return for what a deletion rests: a person, or a time that was set; `None` if it should be going on."""
    reasons = {c.reason for c in conditions}
    effects = {effect_of(reason) for reason in reasons - PATIENT}
    if Effect.HOLD in effects:
        return Effect.HOLD
    return Effect.WAIT if reasons & PATIENT and Effect.WAIT not in effects else None


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a deletion's append-only timeline; `kind` is a stable CamelCase word, `data` is JSON."""

    kind: str
    message: str
    at: datetime | None = None
    data: Mapping[str, object] = field(default_factory=dict)
    number: int = 0


@dataclass(frozen=True, slots=True)
class DeletionState:
    """A deletion with everything recorded about it."""

    deletion: Deletion
    targets: tuple[Target, ...] = ()
    conditions: tuple[Condition, ...] = ()

    @property
    def phase(self) -> Phase:
        return phase_of(self.deletion, self.conditions)

    @property
    def asks(self) -> bool:
        """Tell whether a person has to look at it."""
        return self.deletion.settled_at is None and any(asks_a_person(c.reason) for c in self.conditions)

    @property
    def title(self) -> str | None:
        """What the title is called, for people: as it was asked for, else as the libraries called it at binding."""
        learned = (t.name for t in self.targets if t.kind is TargetKind.ENTRY and t.name)
        return self.deletion.title or next(learned, None)

    @property
    def label(self) -> str:
        """How people know what it is about; only for messages, never for identity."""
        return replace(self.deletion, title=self.title).label

    def targets_of(self, kind: TargetKind) -> tuple[Target, ...]:
        return tuple(t for t in self.targets if t.kind is kind)

    @property
    def changed_at(self) -> datetime:
        """When it has come further last: a status changed, or it began or ceased to be held or to wait patiently.

        One reason after another for which it cannot go on is no step forward.
        """
        moments = [self.deletion.turned_at, *(c.last_transition_time for c in self.conditions)]
        return max((at for at in moments if at is not None), default=self.deletion.requested_at)

    def condition(self, type_: ConditionType, instance: InstanceName) -> Condition | None:
        return next((c for c in self.conditions if c.type is type_ and c.instance == instance), None)
