"""What several deletions released goes only if none of them is called off, also if that shows in this very round."""

from dataclasses import replace

import pytest

from reconciler.model import Condition, ConditionType, DeletionState, Status
from reconciler.plan import plan_all
from reconciler.plan.actions import RemoveTorrent
from reconciler.plan.world import World
from reconciler.reasons import Reason
from tests.support.clocks import START
from tests.support.worlds import (
    HEAT,
    POLICY,
    QBITTORRENT,
    RADARR,
    RADARR_4K,
    RONIN,
    UNREACHABLE,
    WITH_4K,
    board_of,
    bound,
    changed,
    condition,
    deletion,
    entry,
    library,
    record,
    reference,
    request,
    torrent,
    torrent_id,
    world,
)


@pytest.fixture
def pack() -> tuple[DeletionState, DeletionState, World]:
    """HEAT and RONIN, both deleted, from one pack."""
    seen = world(
        torrents=[torrent(1, "Mann Collection")],
        radarr=library(entry(7, monitored=False), entry(8, RONIN, monitored=False)),
        references=[reference(1, 1, 7), reference(2, 1, 8, RONIN)],
    )
    first, seen = bound(deletion(HEAT, number=1), seen)
    second, seen = bound(deletion(RONIN, number=2), seen)
    for _ in range(2):
        seen = replace(seen, releasers={first.deletion.id: first, second.deletion.id: second})
        plans = plan_all([first, second], seen, POLICY)
        first, second = (replace(s, conditions=p.conditions) for s, p in zip((first, second), plans, strict=True))
    return first, second, replace(seen, releasers={first.deletion.id: first, second.deletion.id: second})


def removed(states: list[DeletionState], seen: World, breaker_limit: int = 25) -> set[str]:
    plans = plan_all(states, seen, replace(POLICY, breaker_limit=breaker_limit))
    return {a.torrent for p in plans for a in p.actions if isinstance(a, RemoveTorrent)}


def wanted_again(seen: World) -> World:
    """RONIN is requested anew."""
    return replace(seen, board=world(board=board_of(record(5, RONIN), request(50, 5, RONIN))).board)


def test_a_pack_goes_if_all_that_released_it_go_on(pack: tuple[DeletionState, DeletionState, World]) -> None:
    first, second, seen = pack
    assert removed([first, second], seen) == {torrent_id(1)}
    assert removed([first], seen) == {torrent_id(1)}


@pytest.mark.parametrize("is_due", [True, False])
def test_a_pack_stays_in_the_very_round_that_shows_a_want_for_a_part_of_it(
    pack: tuple[DeletionState, DeletionState, World], is_due: bool
) -> None:
    first, second, seen = pack
    states = [first, second] if is_due else [first]
    assert removed(states, wanted_again(seen)) == set()
    plan = plan_all(states, wanted_again(seen), POLICY)[0]
    assert Reason.SHARED_WITH_WANTED in {c.reason for c in plan.conditions}


def test_a_pack_stays_in_the_very_round_in_which_the_breaker_stops_a_part_of_it(
    pack: tuple[DeletionState, DeletionState, World],
) -> None:
    first, second, seen = pack
    assert removed([first, second], seen, breaker_limit=1) == set()


def test_a_pack_stays_in_the_very_round_in_which_a_part_of_it_is_held(
    pack: tuple[DeletionState, DeletionState, World],
) -> None:
    first, second, seen = pack
    kept = library(entry(7, monitored=False), entry(8, RONIN, monitored=False, tags=["keep"]))
    assert removed([first, second], replace(seen, libraries=world(radarr=kept).libraries)) == set()


@pytest.mark.parametrize("is_held", [True, False])
@pytest.mark.parametrize("is_due", [True, False])
def test_a_pack_stays_while_the_monitoring_of_what_is_wanted_cannot_be_given_back(is_due: bool, is_held: bool) -> None:
    seen = world(
        torrents=[torrent(1, "Mann Collection")],
        radarr=library(entry(7, monitored=False)),
        libraries={RADARR_4K: library(entry(8, RONIN, monitored=False))},
        references=[reference(1, 1, 7), reference(2, 1, 8, RONIN, instance=RADARR_4K)],
        policy=WITH_4K,
    )
    first, seen = bound(deletion(HEAT, number=1, instances=[RADARR]), seen, WITH_4K)
    second, seen = bound(deletion(RONIN, number=2, instances=[RADARR_4K]), seen, WITH_4K)
    first = replace(first, conditions=plan_all([first], seen, WITH_4K)[0].conditions)
    held = Condition(ConditionType.TORRENTS_ABSENT, QBITTORRENT, Status.FALSE, Reason.PROTECTED, "a tag", START)
    second = changed(replace(second, conditions=(held,) if is_held else first.conditions), frozen_at=START)
    dark = replace(
        seen,
        libraries={**seen.libraries, RADARR_4K: UNREACHABLE},
        board=world(board=board_of(record(5, RONIN), request(50, 5, RONIN, is_4k=True))).board,
    )
    for _ in range(3):  # the hold goes with the want, and nothing may follow from that
        now = replace(dark, releasers={first.deletion.id: first, second.deletion.id: second})
        plans = plan_all([first, second] if is_due else [first], now, WITH_4K)
        assert not [a for p in plans for a in p.actions if isinstance(a, RemoveTorrent)]
        assert Reason.SHARED_WITH_WANTED in {c.reason for c in plans[0].conditions}
        second = replace(second, conditions=plans[1].conditions) if is_due else second


def test_what_is_only_finished_for_a_want_does_not_keep_the_pack(
    pack: tuple[DeletionState, DeletionState, World],
) -> None:
    first, second, seen = pack
    second = changed(second, finishing=second.deletion.units, destroyed_at=seen.now)
    seen = replace(wanted_again(seen), releasers={first.deletion.id: first, second.deletion.id: second})
    assert removed([first], seen) == {torrent_id(1)}


def test_the_others_are_planned_as_ever_when_one_is_called_off(
    pack: tuple[DeletionState, DeletionState, World],
) -> None:
    first, second, seen = pack
    plan = plan_all([first, second], wanted_again(seen), POLICY)[0]
    assert condition(plan, plan.conditions[1].type).reason is not Reason.NOT_LOOKED_YET
    assert plan.actions
