"""What a newcomer asks of one deletion, answered: what is it doing, since when, what comes next, what do I have to do.

Pure: from the documents that programs get.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.model import GONE, GONE_HERE, Phase, SettledAs
from reconciler.reasons import Effect, asks_a_person, effect_of
from reconciler.web.advice import ADVICE, LATER_ADVICE, WAITING_ADVICE
from reconciler.web.pages.progress import NAMES, Standing, standing_of
from reconciler.web.pages.rendering import sentence
from reconciler.web.schemas import ConditionOut, DeletionDetailOut, DeletionOut, SettledOut
from reconciler.words import duration_in_words

NOTHING = "Nothing."
WATCHED = "It is watched whether anything of it comes back, until the watch window ends."
AFRESH = "Nothing. It can be requested again and is then downloaded afresh."


@dataclass(frozen=True, slots=True)
class Story:
    """The answers, as sentences. `next_at` is when something happens next, if that is known and matters."""

    what: str
    since: datetime | None
    then: str
    todo: str
    next_at: datetime | None = None


def story_of(one: DeletionOut, now: datetime | None = None) -> Story:
    """Return the answers for one deletion. Without `now`, nothing is said to come after its end."""
    if one.settled is not None:
        return _ended(one, one.settled, now)
    if one.cancel_requested_at is not None:
        return _called_off(one)
    match one.phase:
        case Phase.HELD:
            return _held(one)
        case Phase.WAITING:
            return _waiting(one)
        case _:
            return _working(one)


def _ended(one: DeletionOut, settled: SettledOut, now: datetime | None) -> Story:
    how = sentence(settled.message)
    if settled.as_ is SettledAs.CANCELLED:
        return Story(how, settled.at, NOTHING, NOTHING)
    what = f"{how} It took {duration_in_words(settled.at - one.requested_at)}."
    later = [LATER_ADVICE[c.reason] for c in one.conditions if c.reason in LATER_ADVICE]
    todo = AFRESH if is_gone(settled) else (later or [NOTHING])[0]
    until = settled.watch_until
    if now is None or until is None or until <= now:
        return Story(what, settled.at, NOTHING, todo)
    return Story(what, settled.at, WATCHED, todo, until)


def is_gone(settled: SettledOut) -> bool:
    """Tell whether all of it is proven gone."""
    return settled.message in {GONE, GONE_HERE}


def _held(one: DeletionOut) -> Story:
    holding = [c for c in one.conditions if standing_of(c) is Standing.HELD]
    first = holding[0]
    more = f" There are {len(holding) - 1} more reasons below." if len(holding) > 2 else ""
    if len(holding) == 2:
        more = " There is another reason below."
    then = "Nothing is deleted until you decide. By itself it only looks again whether the cause is gone."
    todo = ADVICE[first.reason]
    return Story(_said(first) + more, first.reason_since, then, todo, one.next_due_at)


def _called_off(one: DeletionOut) -> Story:
    waiting = [c for c in one.conditions if standing_of(c) is Standing.WAITING]
    what = " ".join(("It was cancelled, and nothing more of it is deleted.", *map(_said, waiting[:1])))
    then = "What was unmonitored for it is monitored again, as before; then it has ended."
    return Story(what, one.cancel_requested_at, then, _advice(waiting[0]) if waiting else NOTHING, one.next_due_at)


def _waiting(one: DeletionOut) -> Story:
    waiting = [c for c in one.conditions if standing_of(c) is Standing.WAITING]
    first = next((c for c in waiting if asks_a_person(c.reason)), waiting[0])
    todo = _advice(first)
    then = "It is tried again by itself, for as long as it takes."
    if asks_a_person(first.reason):
        then = "It goes on by itself if that is over. Until then, or until you decide, nothing of it is deleted."
    return Story(_said(first), first.reason_since, then, todo, one.next_due_at)


def _working(one: DeletionOut) -> Story:
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
    return Story(_said(first), first.reason_since, then, NOTHING, one.next_due_at)


def _advice(waiting: ConditionOut) -> str:
    return ADVICE.get(waiting.reason) or WAITING_ADVICE[waiting.reason]


def _said(condition: ConditionOut) -> str:
    message = condition.message.strip().rstrip(".") or condition.reason.value
    return f"{NAMES[condition.type]} at {condition.instance}: {message}."


def duration_of(one: DeletionOut | DeletionDetailOut) -> timedelta | None:
    """Return how long a deletion took; `None` while it is open."""
    return one.settled.at - one.requested_at if one.settled else None
