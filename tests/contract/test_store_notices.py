"""What people are told is noted once per occurrence, and each messenger is told what it has not been told yet."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from reconciler.errors import LeaseLost
from reconciler.model import DeletionId, Occasion, SettledAs, Status
from reconciler.ports import Lease, MessengerState, Store
from reconciler.reasons import Reason
from tests.support.store import HEAT, START, condition, created, lease_of, verdict, wish

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
HELD = condition(Reason.FILES_LEFT_BEHIND)


async def told(store: Store, after: int = 0) -> list[tuple[DeletionId, Occasion, str, bool]]:
    notices = await store.notices_after(after, 100)
    return [(n.deletion, n.occasion, n.occurrence, n.is_moot) for n in notices]


async def note(store: Store, lease: Lease, at: datetime = START) -> None:
    await store.note(lease, at, stalled_before=at - 6 * HOUR, converged_since=at - DAY)


async def listening(store: Store, *kinds: str, at: datetime = START) -> Lease:
    lease = await lease_of(store)
    await store.settle_messengers(lease, kinds or ("ntfy",), at)
    return lease


async def test_a_hold_is_noted_once_and_again_for_another_reason(store: Store) -> None:
    deletion = await created(store)
    lease = await listening(store)
    await store.record(lease, [verdict(deletion, HELD)])
    for _ in range(2):
        await note(store, lease)
    first = (deletion, Occasion.HELD, "FilesLeftBehind")
    assert await told(store) == [(*first, False)]
    await store.record(lease, [verdict(deletion, condition(Reason.SHARED_FOLDER))])
    await note(store, lease)
    assert await told(store) == [(*first, True), (deletion, Occasion.HELD, "SharedFolder", False)]


async def test_a_hold_that_came_to_an_end_and_returned_is_news(store: Store) -> None:
    deletion = await created(store)
    lease = await listening(store)
    for reason in (Reason.FILES_LEFT_BEHIND, Reason.PRESENT, Reason.FILES_LEFT_BEHIND):
        await store.record(lease, [verdict(deletion, condition(reason))])
        await note(store, lease)
    assert [moot for *_, moot in await told(store)] == [True, False]


@pytest.mark.parametrize("reason", [Reason.UNREACHABLE, Reason.UNAUTHORIZED, Reason.LEDGER_INCOMPLETE])
async def test_a_hold_that_could_not_be_seen_for_a_while_is_the_same_hold(store: Store, reason: Reason) -> None:
    deletion = await created(store)
    lease = await listening(store)
    for shown in (Reason.FILES_LEFT_BEHIND, reason, Reason.FILES_LEFT_BEHIND):
        await store.record(lease, [verdict(deletion, condition(shown))])
        await note(store, lease)
    assert await told(store) == [(deletion, Occasion.HELD, "FilesLeftBehind", False)]


async def test_each_convergence_since_somebody_is_told_is_noted_once(store: Store) -> None:
    before, after = await created(store), await created(store, wish(HEAT))
    lease = await lease_of(store)
    converged = (SettledAs.CONVERGED, None)
    await store.record(lease, [replace(verdict(before, at=START - HOUR), settle=converged)])
    await store.settle_messengers(lease, ["ntfy"], START)
    await store.record(lease, [replace(verdict(after, at=START + HOUR), settle=converged)])
    for _ in range(2):
        await note(store, lease, START + 2 * HOUR)
    assert [(whose, occasion) for whose, occasion, *_ in await told(store)] == [(after, Occasion.CONVERGED)]
    await store.record(lease, [replace(verdict(after, HELD, at=START + 3 * HOUR), reopen=True)])
    await store.record(lease, [replace(verdict(after, at=START + 4 * HOUR), settle=converged)])
    await note(store, lease, START + 5 * HOUR)
    assert [occasion for _, occasion, *_ in await told(store)] == [Occasion.CONVERGED] * 2


async def test_what_converged_long_ago_is_nobodys_news(store: Store) -> None:
    deletion = await created(store)
    lease = await listening(store, at=START - 9 * DAY)
    await store.record(lease, [replace(verdict(deletion, at=START - 2 * DAY), settle=(SettledAs.CONVERGED, None))])
    await note(store, lease)
    assert await told(store) == []


async def test_what_stands_still_is_noted_once_per_standstill(store: Store) -> None:
    deletion = await created(store)
    lease = await listening(store)
    await store.record(lease, [verdict(deletion, condition(Reason.UNREACHABLE))])
    await note(store, lease, START + 5 * HOUR)
    assert await told(store) == []
    for hours in (6, 7):
        await note(store, lease, START + hours * HOUR)
    assert [(occasion, moot) for _, occasion, _, moot in await told(store)] == [(Occasion.STALLED, False)]


@pytest.mark.parametrize(
    "reason", [Reason.NOT_BEFORE, Reason.OBSERVE_MODE, Reason.DENY_WINDOW, Reason.SEEDING, Reason.FILES_LEFT_BEHIND]
)
async def test_what_waits_for_its_time_or_for_a_person_does_not_stand_still(store: Store, reason: Reason) -> None:
    deletion = await created(store)
    lease = await listening(store)
    await store.record(lease, [verdict(deletion, condition(reason))])
    await note(store, lease, START + 30 * DAY)
    assert Occasion.STALLED not in [occasion for _, occasion, *_ in await told(store)]


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        (Reason.PROTECTED, Reason.PRESENT),
        (Reason.SEEDING, Reason.STILL_LISTED),
        (Reason.NOT_BEFORE, Reason.UNREACHABLE),
    ],
)
async def test_what_rested_for_long_has_its_time_when_it_may_go_on(store: Store, rest: Reason, reason: Reason) -> None:
    deletion = await created(store)
    lease = await listening(store)
    await store.record(lease, [verdict(deletion, condition(rest))])
    late = START + 14 * DAY
    await store.record(lease, [verdict(deletion, condition(reason), at=late)])
    await note(store, lease, late)
    await note(store, lease, late + 5 * HOUR)
    assert Occasion.STALLED not in [occasion for _, occasion, *_ in await told(store)]
    await note(store, lease, late + 6 * HOUR)
    assert [occasion for _, occasion, *_ in await told(store)] == [Occasion.STALLED]
    state = await store.deletion(deletion)
    assert state is not None
    assert (await store.overview()).oldest_changes == {state.phase: state.changed_at} == {state.phase: late}


async def test_one_trouble_after_another_is_one_standstill(store: Store) -> None:
    deletion = await created(store)
    lease = await listening(store)
    for hours, reason in enumerate([Reason.UNREACHABLE, Reason.THROTTLED, Reason.UNREACHABLE, Reason.UNAUTHORIZED]):
        at = START + 2 * hours * HOUR
        await store.record(lease, [verdict(deletion, condition(reason, Status.UNKNOWN), at=at)])
        await note(store, lease, at)
    assert [(occasion, moot) for _, occasion, _, moot in await told(store)] == [(Occasion.STALLED, False)]


async def test_without_anybody_to_tell_nothing_is_noted(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    await store.record(lease, [verdict(deletion, HELD)])
    await note(store, lease)
    assert await told(store) == []
    await store.settle_messengers(lease, ["ntfy"], START)
    await note(store, lease)
    assert [moot for *_, moot in await told(store)] == [False], "what is held now is still to be decided"


async def test_what_is_over_for_days_is_forgotten_and_numbers_are_not_given_again(store: Store) -> None:
    deletion = await created(store)
    lease = await listening(store)
    await store.record(lease, [verdict(deletion, HELD)])
    await note(store, lease)
    await store.record(lease, [verdict(deletion, condition(Reason.PRESENT))])
    await note(store, lease)
    (first,) = await store.notices_after(0, 10)
    await store.record(lease, [verdict(deletion, HELD)])
    await note(store, lease, START + 3 * DAY)
    await store.record(lease, [verdict(deletion, condition(Reason.SHARED_FOLDER))])
    await note(store, lease, START + 3 * DAY)
    numbers = [notice.number for notice in await store.notices_after(0, 10)]
    assert len(numbers) == 2
    assert min(numbers) > first.number


# --- messengers ----------------------------------------------------------------------------------------------------


async def test_a_messenger_that_is_added_is_told_from_then_on(store: Store) -> None:
    deletion = await created(store)
    lease = await listening(store, "ntfy")
    await store.record(lease, [verdict(deletion, HELD)])
    await note(store, lease)
    await store.settle_messengers(lease, ["ntfy", "discord"], START + HOUR)
    (notice,) = await store.notices_after(0, 10)
    assert await store.messengers() == (
        MessengerState(1, "ntfy", START, last_notice=0),
        MessengerState(2, "discord", START + HOUR, last_notice=notice.number),
    )
    assert (await store.overview()).messengers == await store.messengers()


async def test_one_that_takes_the_place_of_another_goes_on_where_it_stood(store: Store) -> None:
    lease = await listening(store, "ntfy", "discord")
    failing = MessengerState(
        1, "ntfy", START, last_notice=4, sent_at=START, failing_since=START, attempt=3, next_try_at=START + HOUR,
        last_error="it answered 401",
    )  # fmt: skip
    await store.save_messenger(lease, failing)
    assert (await store.messengers())[0] == failing
    await store.settle_messengers(lease, ["gotify"], START + DAY)
    stood = MessengerState(1, "gotify", START, last_notice=4, sent_at=START)
    assert await store.messengers() == (stood,), "what the other did not take says nothing about this one"


async def test_one_that_fails_is_tried_at_once_by_a_new_process_and_known_to_fail(store: Store) -> None:
    lease = await listening(store, "ntfy")
    failing = MessengerState(
        1, "ntfy", START, last_notice=4, failing_since=START, attempt=3, next_try_at=START + HOUR, last_error="it did"
    )
    await store.save_messenger(lease, failing)
    await store.settle_messengers(lease, ["ntfy"], START + DAY)
    assert await store.messengers() == (replace(failing, next_try_at=None),)


async def test_who_is_told_no_more_is_forgotten_and_begins_anew_with_what_waits_then(store: Store) -> None:
    held, gone = await created(store), await created(store, wish(HEAT))
    lease = await listening(store)
    converged = replace(verdict(gone, at=START), settle=(SettledAs.CONVERGED, None))
    await store.record(lease, [verdict(held, HELD), converged])
    await note(store, lease)
    assert len(await told(store)) == 2
    await store.settle_messengers(lease, [], START + HOUR)
    assert (await store.messengers(), await told(store)) == ((), [])
    await store.settle_messengers(lease, ["ntfy"], START + 2 * HOUR)
    (begun,) = await store.messengers()
    assert (begun.since, await told(store, begun.last_notice)) == (START + 2 * HOUR, [])
    await note(store, lease, START + 2 * HOUR)
    news = [(held, Occasion.HELD, "FilesLeftBehind", False)]
    assert await told(store, begun.last_notice) == news, "what waits now, and nothing of the past"


async def test_whoever_lost_the_lease_notes_nothing(store: Store) -> None:
    deletion = await created(store)
    stale = await listening(store)
    await store.record(stale, [verdict(deletion, HELD)])
    (state,) = await store.messengers()
    await store.release_lease(stale)
    await lease_of(store, "other")
    with pytest.raises(LeaseLost):
        await note(store, stale)
    with pytest.raises(LeaseLost):
        await store.save_messenger(stale, replace(state, last_notice=9))
    with pytest.raises(LeaseLost):
        await store.settle_messengers(stale, [], START)
    assert (await store.messengers(), await told(store)) == ((state,), [])


async def test_deletions_are_found_by_their_ids(store: Store) -> None:
    one, two = await created(store), await created(store, wish(HEAT))
    assert {state.deletion.id for state in await store.deletions_among([one, two])} == {one, two}
    assert await store.deletions_among([]) == ()
