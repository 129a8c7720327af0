"""How far a deletion is: its steps in the order of work, and one chip for each condition. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from reconciler.model import ConditionType
from reconciler.reasons import Effect, Reason, effect_of
from reconciler.web.schemas import ConditionOut

NAMES: dict[ConditionType, str] = {type_: type_.subject for type_ in ConditionType}
"""What each condition is about, in the order in which the work is done."""


class Standing(StrEnum):
    """How one step stands; in the order in which the worst of several decides."""

    HELD = "held"
    WAITING = "waiting"
    WORKING = "working"
    AHEAD = "ahead"
    DONE = "done"


_STANDINGS = {
    Effect.HOLD: Standing.HELD,
    Effect.WAIT: Standing.WAITING,
    Effect.PROGRESS: Standing.WORKING,
    Effect.DONE: Standing.DONE,
}
_AHEAD = frozenset({Reason.NOT_LOOKED_YET, Reason.PRESENT, Reason.AFTER_TORRENTS, Reason.AFTER_ENTRY})
WORDS = {
    Standing.HELD: "needs you",
    Standing.WAITING: "waiting",
    Standing.WORKING: "in progress",
    Standing.AHEAD: "to come",
    Standing.DONE: "done",
}


@dataclass(frozen=True, slots=True)
class Chip:
    """One condition: where, how it stands, and its reason with the words that explain it."""

    name: str
    instance: str
    standing: Standing
    reason: str
    message: str

    @property
    def words(self) -> str:
        return WORDS[self.standing]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the work, over all instances that it concerns."""

    name: str
    standing: Standing

    @property
    def words(self) -> str:
        return WORDS[self.standing]


def standing_of(condition: ConditionOut) -> Standing:
    return Standing.AHEAD if condition.reason in _AHEAD else _STANDINGS[effect_of(condition.reason)]


def chips_of(conditions: Sequence[ConditionOut]) -> tuple[Chip, ...]:
    """Return a chip for each condition, in the order of work."""
    order = list(NAMES)
    ordered = sorted(conditions, key=lambda condition: (order.index(condition.type), condition.instance))
    return tuple(Chip(NAMES[c.type], c.instance, standing_of(c), c.reason.value, c.message) for c in ordered)


def steps_of(conditions: Sequence[ConditionOut]) -> tuple[Step, ...]:
    """Return the steps that this deletion has; of several instances the one that is furthest behind counts."""
    severity = list(Standing)
    steps = []
    for type_, name in NAMES.items():
        standings = [standing_of(condition) for condition in conditions if condition.type is type_]
        if standings:
            steps.append(Step(name, min(standings, key=severity.index)))
    return tuple(steps)
