"""What may be said of a deletion that has ended: how it did, what is proven gone, and what is not."""

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.model.bound import Target, TargetKind
from reconciler.model.conditions import Condition, ConditionType
from reconciler.model.desired import Deletion, SettledAs
from reconciler.model.identity import Unit
from reconciler.reasons import MEANINGS, Reason

GONE = "proven gone everywhere"
GONE_HERE = "proven gone everywhere that is configured here"

_CANCELLED = {
    Reason.CANCELLED_BY_PERSON: "a person cancelled it",
    Reason.WANTED_AGAIN: "it was requested again before anything was deleted, so it stays",
    Reason.STILL_WANTED: "the request was declined, but somebody else wants the title or it is available, so it stays",
    Reason.NOT_COVERED: "the declined request was for a variant whose Radarr or Sonarr is not configured here",
    Reason.NOT_ALLOWED: "an issue ordered it, but the order did not hold: see the timeline",
    Reason.SUPERSEDED: "a newer deletion of all of it took over",
}
_OLD_COPY = frozenset({ConditionType.TORRENTS_ABSENT, ConditionType.FILES_ABSENT})


@dataclass(frozen=True, slots=True)
class Ending:
    """How a deletion ended, in words without a capital and without a full stop. `left` is what is not proven gone.

    `is_gone`: all of it is proven gone, wherever it can be.
    """

    how: str
    left: tuple[str, ...] = ()
    is_gone: bool = False

    @property
    def words(self) -> str:
        return f"{self.how}: {'; '.join(self.left)}" if self.left else self.how


def ending_of(deletion: Deletion, conditions: tuple[Condition, ...], targets: tuple[Target, ...] = ()) -> Ending | None:
    """Return how a deletion ended; `None` while it is open. `targets` tell what was seen and left alone."""
    match deletion.settled_as:
        case None:
            return None
        case SettledAs.CANCELLED:
            reason = deletion.settled_reason
            return Ending((reason and _CANCELLED.get(reason)) or "it was cancelled")
        case SettledAs.CONVERGED:
            return _converged(deletion, conditions, targets)


def _converged(deletion: Deletion, conditions: tuple[Condition, ...], targets: tuple[Target, ...]) -> Ending:
    is_wanted = deletion.settled_reason is Reason.WANTED_AGAIN
    unproven = [c for c in conditions if not MEANINGS[c.reason].is_gone]
    if is_wanted:
        unproven = [c for c in unproven if c.reason is not Reason.WANTED_AGAIN]
    beside = (*_unjudged(deletion, conditions), *_left_alone(targets))
    left = (*(_said(c) for c in unproven), *beside)
    if is_wanted:
        how = _wanted(deletion, conditions) + ("; not proven gone beside it" if left else "")
    else:
        how = _how(conditions, unproven, beside)
    return Ending(how, left, is_gone=how == GONE)


def _how(conditions: tuple[Condition, ...], unproven: list[Condition], beside: tuple[str, ...]) -> str:
    if not conditions:
        return "done"
    if unproven or beside:
        is_listed = not beside and all(_keeps_request(c) for c in unproven)
        return "proven gone, except in the request list" if is_listed else "done, but not proven gone everywhere"
    if any(c.reason is Reason.NOT_CONFIGURED for c in conditions):
        return GONE_HERE
    return GONE


def _wanted(deletion: Deletion, conditions: tuple[Condition, ...]) -> str:
    old = [c for c in conditions if c.type in _OLD_COPY]
    if old and deletion.options.delete_files and all(MEANINGS[c.reason].is_gone for c in old):
        return "the old copy is gone; the title stays, because it is wanted again"
    return "the title stays, because it is wanted again"


def _keeps_request(condition: Condition) -> bool:
    return condition.type is ConditionType.REQUEST_CLEARED and condition.reason is not Reason.ACCEPTED_BY_PERSON


def _unjudged(deletion: Deletion, conditions: tuple[Condition, ...]) -> Iterator[str]:
    """Say what no condition tells of."""
    if not deletion.options.delete_files and all(c.reason is not Reason.FILES_KEPT for c in conditions):
        yield "the files were to be kept"
    told = {Unit(c.instance) for c in conditions if c.reason is Reason.WANTED_AGAIN}
    units = sorted(str(unit) for unit in deletion.withdrawn if Unit(unit.instance) not in told)
    if units:
        yield f"not covered any more: {', '.join(units)}"


def _left_alone(targets: tuple[Target, ...]) -> Iterator[str]:
    """Name what was bound to be shown only."""
    for target in targets:
        if target.kind is TargetKind.UNMANAGED:
            yield f"not managed here: {target.name or target.external_id}"
        elif target.kind is TargetKind.LIKELY_CROSS_SEED:
            yield f"a likely cross-seed was left alone: {target.name or target.external_id} at {target.instance}"


def _said(condition: Condition) -> str:
    words = condition.message.strip().rstrip(".") or condition.reason.value
    return f"{condition.type.subject.lower()} at {condition.instance}: {words}"
