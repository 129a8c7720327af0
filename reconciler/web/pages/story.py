"""What a newcomer asks of one deletion, answered: what is it doing, since when, what comes next, what do I have to do.

Pure: from the documents that programs get.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.model import Phase, SettledAs
from reconciler.reasons import Effect, Reason, effect_of
from reconciler.web.advice import ADVICE, WAITING_ADVICE
from reconciler.web.pages.progress import NAMES, Standing, standing_of
from reconciler.web.schemas import ConditionOut, DeletionDetailOut, DeletionOut, EventOut
from reconciler.words import duration_in_words

NOTHING = "Nothing."

ENDINGS = {
    Reason.CANCELLED_BY_PERSON: "A person cancelled it.",
    Reason.WANTED_AGAIN: "It was requested again before anything was deleted, so it stays.",
    Reason.STILL_WANTED: "The request was declined, but somebody else wants the title or it is available, so it stays.",
    Reason.NOT_COVERED: "The declined request was for a variant whose Radarr or Sonarr is not configured here.",
    Reason.NOT_ALLOWED: "An issue ordered it, but the order did not hold: see the timeline.",
    Reason.SUPERSEDED: "A newer deletion of all of it took over.",
}
"""How a deletion that was cancelled ended."""


@dataclass(frozen=True, slots=True)
class Story:
    """The answers, as sentences. `next_at` is when it is looked at again, if that is known and matters."""

    what: str
    since: datetime | None
    then: str
    todo: str
    next_at: datetime | None = None


def story_of(one: DeletionOut, timeline: Sequence[EventOut] = ()) -> Story:
    """Return the answers for one deletion; with its timeline, `since` is exact."""
    match one.phase:
        case Phase.CONVERGED:
            return _converged(one)
        case Phase.CANCELLED:
            ending = ENDINGS.get(one.settled.reason) if one.settled and one.settled.reason else None
            return Story(ending or "It was cancelled.", one.settled.at if one.settled else None, NOTHING, NOTHING)
        case Phase.HELD:
            return _held(one, timeline)
        case Phase.WAITING:
            return _waiting(one, timeline)
        case _:
            return _working(one, timeline)


def _converged(one: DeletionOut) -> Story:
    settled = one.settled
    if settled is None or settled.as_ is not SettledAs.CONVERGED:
        return Story("It is gone everywhere.", None, NOTHING, NOTHING)
    took = duration_in_words(settled.at - one.requested_at)
    watched = "It is watched whether anything of it comes back, until the watch window ends"
    then = watched if settled.watch_until else NOTHING
    todo = "Nothing. It can be requested again and is then downloaded afresh."
    return Story(f"Proven gone everywhere, {took} after it was asked for.", settled.at, then, todo, settled.watch_until)


def _held(one: DeletionOut, timeline: Sequence[EventOut]) -> Story:
    holding = [c for c in one.conditions if standing_of(c) is Standing.HELD]
    first = holding[0]
    more = f" There are {len(holding) - 1} more reasons below." if len(holding) > 2 else ""
    if len(holding) == 2:
        more = " There is another reason below."
    then = "Nothing is deleted until you decide. By itself it only looks again whether the cause is gone."
    todo = ADVICE[first.reason]
    return Story(_said(first) + more, _since(first, timeline), then, todo, one.next_due_at)


def _waiting(one: DeletionOut, timeline: Sequence[EventOut]) -> Story:
    waiting = [c for c in one.conditions if standing_of(c) is Standing.WAITING]
    first = waiting[0]
    todo = ADVICE.get(first.reason) or WAITING_ADVICE[first.reason]
    then = "It is tried again by itself, for as long as it takes."
    return Story(_said(first), _since(first, timeline), then, todo, one.next_due_at)


def _working(one: DeletionOut, timeline: Sequence[EventOut]) -> Story:
    order = list(NAMES)
    ahead = sorted(
        (c for c in one.conditions if effect_of(c.reason) is Effect.PROGRESS), key=lambda c: order.index(c.type)
    )
    if not ahead:
        since = one.requested_at
        return Story("It was just written down.", since, "It is looked up everywhere next.", NOTHING, one.next_due_at)
    first = ahead[0]
    done = "Then it is looked for once more everywhere, and proven gone."
    later = list(dict.fromkeys(NAMES[c.type].lower() for c in ahead[1:] if c.type is not first.type))
    then = f"After that come: {', '.join(later)}. {done}" if later else done
    return Story(_said(first), _since(first, timeline), then, NOTHING, one.next_due_at)


def _said(condition: ConditionOut) -> str:
    message = condition.message.strip().rstrip(".") or condition.reason.value
    return f"{NAMES[condition.type]} at {condition.instance}: {message}."


def _since(condition: ConditionOut, timeline: Sequence[EventOut]) -> datetime | None:
    """Return since when a condition has had its reason; a condition alone knows that only of its status."""
    for event in reversed(timeline):
        about = (event.data.get("type"), event.data.get("instance"))
        if event.kind == "ConditionChanged" and about == (condition.type.value, condition.instance):
            return event.at if event.data.get("reason") == condition.reason.value else condition.last_transition_time
    return condition.last_transition_time


def duration_of(one: DeletionOut | DeletionDetailOut) -> timedelta | None:
    """Return how long a deletion took; `None` while it is open."""
    return one.settled.at - one.requested_at if one.settled else None
