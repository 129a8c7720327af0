"""A wish that repeats an open one: what it lifts, what it never lifts, and commands that nobody has verified yet."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from reconciler.model import Deletion, DeletionId, DeletionRequest, Hints, InfoHash, IssueCommand, SettledAs, Source
from reconciler.ports import Accepted, Store
from reconciler.reasons import Reason
from tests.support.store import (
    MATRIX,
    RADARR,
    START,
    StillClock,
    ask,
    ask_one,
    binding,
    created,
    lease_of,
    verdict,
    wish,
)

A, B = InfoHash("a" * 40), InfoHash("b" * 40)
COMMAND = IssueCommand(5, "!delete \N{SNOWMAN}")
ORDERED = wish(source=Source.JELLYSEERR, hints=Hints(command=COMMAND))


async def stored(store: Store, deletion: DeletionId) -> Deletion:
    state = await store.deletion(deletion)
    assert state is not None
    return state.deletion


async def repeated(store: Store, first: DeletionRequest, second: DeletionRequest) -> Deletion:
    """Ask twice for the same, and return what stands then."""
    deletion = await created(store, first)
    again = await ask_one(store, second)
    assert (again.outcome, again.id) == (Accepted.EXISTING, deletion)
    return await stored(store, deletion)


# --- what is lifted ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("second", [(False, False), (True, False), (False, True), (True, True)])
async def test_the_wish_that_is_held_for_less_stands(
    store: Store, first: tuple[bool, bool], second: tuple[bool, bool]
) -> None:
    """Two wishes that are each held for something else must not make one that is held for nothing."""
    got = await repeated(
        store,
        wish(inferred=first[0], needs_approval=first[1]),
        wish(inferred=second[0], needs_approval=second[1]),
    )
    is_less = second[0] <= first[0] and second[1] <= first[1]
    assert (got.inferred, got.needs_approval) == (second if is_less else first)


async def test_what_was_lifted_is_told(store: Store) -> None:
    got = await repeated(store, wish(needs_approval=True), wish(source=Source.CLI))
    assert [(e.kind, e.message) for e in await store.events(got.id)][1:] == [
        ("ApprovalLifted", "it was asked for through cli, which needs no approval")
    ]
    await ask_one(store, wish(source=Source.CLI))
    assert len(await store.events(got.id)) == 2


@pytest.mark.parametrize(
    ("mine", "its", "starts"),
    [(None, 3, 3), (2, None, 2), (2, 3, 3), (3, 2, 3), (None, None, None)],
)
async def test_a_wish_that_lifts_something_begins_no_earlier_than_it_would_alone(
    store: Store, mine: int | None, its: int | None, starts: int | None
) -> None:
    def hour(number: int | None) -> datetime | None:
        return None if number is None else START + timedelta(hours=number)

    got = await repeated(store, wish(inferred=True, not_before=hour(mine)), wish(not_before=hour(its)))
    assert (got.inferred, got.not_before) == (False, hour(starts))


async def test_the_grace_period_of_a_wish_that_lifts_something_counts(store: Store) -> None:
    deletion = await created(store, wish(needs_approval=True))
    await ask(store, wish(), grace=timedelta(hours=1))
    assert (await stored(store, deletion)).not_before == START + timedelta(hours=1)


async def test_a_wish_that_lifts_nothing_delays_nothing(store: Store) -> None:
    got = await repeated(store, wish(), wish(not_before=START + timedelta(hours=1)))
    assert got.not_before is None


async def test_what_has_begun_is_not_delayed_by_a_repeated_wish(store: Store) -> None:
    deletion = await created(store, wish(inferred=True))
    await store.record(await lease_of(store), [replace(verdict(deletion), frozen=True)])
    await ask(store, wish(), grace=timedelta(hours=1))
    got = await stored(store, deletion)
    assert (got.inferred, got.not_before) == (False, None)


# --- commands ------------------------------------------------------------------------------------------------------


async def test_a_command_is_stored_as_it_was_written(store: Store) -> None:
    assert (await stored(store, await created(store, ORDERED))).hints == Hints(command=COMMAND)


async def test_a_command_changes_nothing_of_an_open_deletion_and_only_wakes_it(store: Store, clock: StillClock) -> None:
    deletion = await created(store, wish(inferred=True, needs_approval=True, hints=Hints(hashes=(A,))))
    await store.record(await lease_of(store), [verdict(deletion)])
    before, told = await stored(store, deletion), await store.events(deletion)
    now = clock.advance(timedelta(seconds=1))
    ordered = replace(ORDERED, hints=Hints(hashes=(B,), radarr_id=7, command=COMMAND))
    assert (await ask_one(store, ordered)).outcome is Accepted.EXISTING
    assert await stored(store, deletion) == replace(before, next_due_at=now)
    assert await store.events(deletion) == told


async def test_a_spoken_wish_takes_the_place_of_a_command_that_is_not_verified(store: Store) -> None:
    got = await repeated(store, ORDERED, wish(hints=Hints(hashes=(A,)), needs_approval=True))
    assert got.hints == Hints(hashes=(A,))
    assert (got.inferred, got.needs_approval) == (False, True), "held as that wish is held alone"
    assert [e.kind for e in await store.events(got.id)] == ["Received", "HintsAdded", "AskedExplicitly"]


async def test_a_command_that_is_taken_over_begins_no_earlier_than_the_wish(store: Store) -> None:
    later = START + timedelta(hours=5)
    assert (await repeated(store, ORDERED, wish(not_before=later))).not_before == later


async def test_a_wish_that_nobody_spoke_out_verifies_no_command(store: Store) -> None:
    got = await repeated(store, replace(ORDERED, needs_approval=True), wish(inferred=True, hints=Hints(hashes=(A,))))
    assert got.hints == Hints(hashes=(A,), command=COMMAND)
    assert (got.inferred, got.needs_approval) == (False, True)


async def test_a_command_that_was_verified_before_binding_is_kept(store: Store) -> None:
    deletion = await created(store, ORDERED)
    await store.bind(await lease_of(store), binding(deletion))
    await ask_one(store, wish(hints=Hints(hashes=(A,))))
    assert (await stored(store, deletion)).hints == Hints(command=COMMAND)


async def test_a_refused_command_does_not_end_what_was_asked_for_meanwhile(store: Store) -> None:
    deletion = await created(store, ORDERED)
    lease = await lease_of(store)
    await store.due(START, 10)
    await ask_one(store, wish())
    before = await store.deletion(deletion)
    refused = replace(verdict(deletion), settle=(SettledAs.CANCELLED, Reason.NOT_ALLOWED))
    await store.record(lease, [refused])
    assert await store.deletion(deletion) == before
    assert [s.deletion.id for s in await store.due(START, 10)] == [deletion]


async def test_a_refused_command_ends_its_deletion(store: Store) -> None:
    deletion = await created(store, ORDERED)
    refused = replace(verdict(deletion), settle=(SettledAs.CANCELLED, Reason.NOT_ALLOWED))
    await store.record(await lease_of(store), [refused])
    got = await stored(store, deletion)
    assert (got.settled_as, got.settled_reason) == (SettledAs.CANCELLED, Reason.NOT_ALLOWED)
    assert (await ask_one(store, wish(MATRIX, instances=frozenset({RADARR})))).outcome is Accepted.CREATED
