"""How long the loop waits."""

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.backoff import backoff, delay_after
from reconciler.reasons import Effect, Reason, effect_of

SECOND = timedelta(seconds=1)


class Highest(random.Random):
    """Chance that always takes the upper end."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


@pytest.mark.parametrize(("attempt", "seconds"), [(-3, 2), (0, 2), (1, 4), (2, 8), (8, 512), (9, 900), (10**9, 900)])
def test_the_ceiling_doubles_up_to_the_cap(attempt: int, seconds: int) -> None:
    assert backoff(attempt, Highest()) == seconds * SECOND


@settings(deadline=None, derandomize=True)
@given(attempt=st.integers(-5, 10**6), seed=st.integers())
def test_jitter_stays_between_half_and_the_whole_ceiling(attempt: int, seed: int) -> None:
    ceiling = backoff(attempt, Highest())
    assert ceiling / 2 <= backoff(attempt, random.Random(seed)) <= ceiling


def test_the_same_chance_gives_the_same_wait() -> None:
    assert backoff(3, random.Random(7)) == backoff(3, random.Random(7))
    assert backoff(3, random.Random(7)) != backoff(3, random.Random(8))


@settings(deadline=None, derandomize=True)
@given(attempt=st.integers(0, 100), seed=st.integers())
def test_refused_calls_and_logins_wait_the_same_however_often(attempt: int, seed: int) -> None:
    rng = random.Random(seed)
    assert delay_after(Reason.REJECTED, attempt, rng) == timedelta(minutes=15)
    assert delay_after(Reason.UNAUTHORIZED, attempt, rng) == timedelta(hours=1)


@pytest.mark.parametrize("reason", [reason for reason in Reason if effect_of(reason) is Effect.HOLD])
def test_what_is_held_is_looked_at_every_quarter_of_an_hour(reason: Reason) -> None:
    assert delay_after(reason, 5, random.Random(1)) == timedelta(minutes=15)


@pytest.mark.parametrize(("attempt", "seconds"), [(0, 0.5), (1, 1), (2, 2), (3, 4), (4, 5), (50, 5)])
def test_our_own_work_is_followed_closely(attempt: int, seconds: float) -> None:
    assert delay_after(Reason.REMOVING, attempt, Highest()) == seconds * SECOND


@pytest.mark.parametrize(("attempt", "seconds"), [(0, 2), (3, 16), (50, 900)])
def test_an_upstream_that_is_out_is_asked_less_and_less(attempt: int, seconds: float) -> None:
    assert delay_after(Reason.UNREACHABLE, attempt, Highest()) == seconds * SECOND


@settings(deadline=None, derandomize=True)
@given(reason=st.sampled_from(Reason), attempt=st.integers(0, 10**6), seed=st.integers())
def test_no_reason_ends_the_retries_or_spins(reason: Reason, attempt: int, seed: int) -> None:
    assert timedelta(milliseconds=250) <= delay_after(reason, attempt, random.Random(seed)) <= timedelta(hours=1)
