"""Health: what is known of the instances, told once, and left alone when they refused us."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from reconciler.errors import Rejected, Throttled, Unauthorized, Unintelligible, Unreachable, UpstreamError
from reconciler.model import MediaKind
from reconciler.observed import AppInfo, Seen, Unseen
from reconciler.reasons import Reason
from reconciler.upstreams import AFTER_REFUSED_CALL, AFTER_REFUSED_LOGIN, Doubt, Health, Upstreams, reason_of
from tests.support.clocks import START, FakeClock
from tests.support.memory_base import Disk
from tests.support.memory_library import MemoryLibrary
from tests.support.worlds import RADARR

APP = AppInfo("Radarr", "6.0")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def radarr(clock: FakeClock) -> MemoryLibrary:
    return MemoryLibrary(RADARR, MediaKind.MOVIE, clock, Disk(clock))


@pytest.fixture
def health(clock: FakeClock) -> Health:
    return Health(clock)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unreachable, Reason.UNREACHABLE),
        (Throttled, Reason.THROTTLED),
        (Unauthorized, Reason.UNAUTHORIZED),
        (Rejected, Reason.REJECTED),
        (Unintelligible, Reason.UNINTELLIGIBLE),
        (UpstreamError, Reason.UNREACHABLE),
    ],
)
def test_every_trouble_has_a_reason(error: type[UpstreamError], reason: Reason) -> None:
    assert reason_of(error("radarr", "no")) is reason


async def test_an_answer_is_seen_with_its_time(health: Health, radarr: MemoryLibrary) -> None:
    assert await health.ask(radarr, radarr.identify) == Seen(APP, START)


async def test_trouble_is_unseen_and_says_why(health: Health, radarr: MemoryLibrary) -> None:
    radarr.trouble = Unreachable(RADARR, "refused the connection")
    assert await health.ask(radarr, radarr.identify) == Unseen(Reason.UNREACHABLE, "radarr: refused the connection")
    (row,) = health.rows()
    assert (row.reachable, row.last_error, row.since) == (False, "radarr: refused the connection", START)


async def test_losing_an_upstream_is_logged_once_and_its_return_once(
    health: Health, radarr: MemoryLibrary, clock: FakeClock
) -> None:
    with capture_logs() as lines:
        health.answered(radarr, APP)
        radarr.trouble = Unreachable(RADARR, "refused the connection")
        for _ in range(3):
            await health.ask(radarr, radarr.identify)
            clock.advance(10)
        radarr.trouble = None
        for _ in range(3):
            assert isinstance(await health.ask(radarr, radarr.identify), Seen)
            health.answered(radarr, APP)
    assert [line["event"] for line in lines] == ["upstream lost", "upstream back"]


async def test_that_a_lost_upstream_refuses_us_is_logged_once_too_because_somebody_must_mend_it(
    health: Health, radarr: MemoryLibrary, clock: FakeClock
) -> None:
    troubles = [Unreachable(RADARR, "gone"), Unauthorized(RADARR, "wrong key"), Unreachable(RADARR, "gone")]
    with capture_logs() as lines:
        for _ in range(2):
            for trouble in [*troubles, *troubles]:
                health.failed(radarr, trouble)
                clock.advance(10)
            health.answered(radarr, APP)
    told = [(line["event"], line.get("reason"), line.get("seconds")) for line in lines]
    assert told == [
        ("upstream lost", Reason.UNREACHABLE, None),
        ("upstream refuses", Reason.UNAUTHORIZED, None),
        ("upstream back", None, 60),
    ] * 2  # fmt: skip


async def test_why_an_answer_is_not_believed_is_shown_until_it_is_and_logged_once(
    health: Health, radarr: MemoryLibrary
) -> None:
    with capture_logs() as lines:
        for _ in range(2):
            health.answered(radarr, APP)
            health.doubted(RADARR, Doubt.VANISHED, "a title vanished")
            health.doubted(RADARR, Doubt.LIST, "most rows vanished")
        (row,) = health.rows()
        assert (row.reachable, row.last_error) == (True, "most rows vanished; a title vanished")
        health.failed(radarr, Unreachable(RADARR, "gone"))
        assert health.rows()[0].last_error == "radarr: gone"
        health.answered(radarr, APP)
        for doubt in Doubt:
            health.doubted(RADARR, doubt, "")
            health.doubted(RADARR, doubt, "")
    assert health.rows()[0].last_error == ""
    told = [line["event"] for line in lines if "believed" in line["event"] or "doubted" in line["event"]]
    assert told == ["upstream doubted"] * 2 + ["upstream believed again"] * 2


async def test_since_moves_only_when_reachability_changes(
    health: Health, radarr: MemoryLibrary, clock: FakeClock
) -> None:
    health.answered(radarr, APP)
    clock.advance(10)
    health.answered(radarr, APP)
    (row,) = health.rows()
    assert (row.since, row.last_seen_at) == (START, START + timedelta(seconds=10))
    health.failed(radarr, Unreachable(RADARR, "gone"))
    clock.advance(10)
    health.failed(radarr, Unreachable(RADARR, "still gone"))
    (row,) = health.rows()
    assert (row.since, row.last_error, row.app) == (START + timedelta(seconds=10), "radarr: still gone", "Radarr")


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        (Unauthorized(RADARR, "wrong key"), AFTER_REFUSED_LOGIN),
        (Rejected(RADARR, "refused"), AFTER_REFUSED_CALL),
        (Throttled(RADARR, "slow down", retry_after=timedelta(seconds=30)), timedelta(seconds=30)),
    ],
)
async def test_an_upstream_that_refused_is_left_alone_for_a_while(
    health: Health, radarr: MemoryLibrary, clock: FakeClock, error: UpstreamError, pause: timedelta
) -> None:
    radarr.trouble = error
    first = await health.ask(radarr, radarr.identify)
    radarr.trouble = None
    clock.advance(pause - timedelta(seconds=1))
    assert await health.ask(radarr, radarr.identify) == first
    assert len(radarr.calls) == 1
    clock.advance(1)
    assert isinstance(await health.ask(radarr, radarr.identify), Seen)


async def test_an_upstream_that_did_not_answer_is_asked_again_at_once(health: Health, radarr: MemoryLibrary) -> None:
    radarr.trouble = Unreachable(RADARR, "timed out")
    await health.ask(radarr, radarr.identify)
    radarr.trouble = None
    assert isinstance(await health.ask(radarr, radarr.identify), Seen)


async def test_retry_forgets_only_what_was_refused_before_it(
    health: Health, radarr: MemoryLibrary, clock: FakeClock
) -> None:
    radarr.trouble = Unauthorized(RADARR, "wrong key")
    await health.ask(radarr, radarr.identify)
    radarr.trouble = None
    health.forget_refusals(None)
    health.forget_refusals(clock.now())
    assert isinstance(await health.ask(radarr, radarr.identify), Unseen), "refused at that very moment, not before"
    health.forget_refusals(clock.advance(1))
    assert isinstance(await health.ask(radarr, radarr.identify), Seen)
    assert radarr.refusals_forgotten == 1


async def test_other_errors_are_not_swallowed(health: Health, radarr: MemoryLibrary) -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await health.ask(radarr, broken)


async def test_all_configured_upstreams_are_listed_and_closed(radarr: MemoryLibrary) -> None:
    upstreams = Upstreams(libraries={RADARR: radarr})
    assert list(upstreams.all()) == [radarr]
    await upstreams.aclose()
    assert list(Upstreams().all()) == []
