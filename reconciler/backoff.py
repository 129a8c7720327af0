"""How long to wait before looking again. Waiting grows to a cap and never ends by itself."""

import random
from datetime import timedelta

from reconciler.reasons import Effect, Reason, effect_of

REFUSED_CALL = timedelta(minutes=15)
REFUSED_LOGIN = timedelta(hours=1)
HELD = timedelta(minutes=15)


def backoff(attempt: int, rng: random.Random, base: float = 2.0, cap: float = 900.0) -> timedelta:
    """Return a wait between half of and the whole ceiling: `base` seconds, doubled per attempt (from 0) up to `cap`."""
    ceiling = min(cap, base * 2 ** min(max(attempt, 0), 20))
    return timedelta(seconds=rng.uniform(ceiling / 2, ceiling))


def delay_after(reason: Reason, attempt: int, rng: random.Random) -> timedelta:
    """Return when a deletion that stands at `reason` after `attempt` tries is looked at again.

    A refused call is repeated slowly, a refused login hourly (failures can earn a ban); what a person must decide is
    looked at now and then, because the cause may vanish; our own work is followed closely.
    """
    if reason is Reason.REJECTED:
        return REFUSED_CALL
    if reason is Reason.UNAUTHORIZED:
        return REFUSED_LOGIN
    match effect_of(reason):
        case Effect.HOLD:
            return HELD
        case Effect.WAIT:
            return backoff(attempt, rng)
        case Effect.PROGRESS | Effect.DONE:  # done here, yet looked at again: the confirming observation is near
            return backoff(attempt, rng, base=0.5, cap=5.0)
