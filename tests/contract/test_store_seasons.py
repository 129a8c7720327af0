"""Deletions of seasons: what is one and the same wish, what is given up again, and who inherits a reference."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.errors import StoreError
from reconciler.model import (
    Deletion,
    DeletionId,
    InfoHash,
    Media,
    MediaKind,
    Options,
    SettledAs,
    Source,
    TargetKind,
    Unit,
)
from reconciler.ports import Accepted, Store
from reconciler.reasons import Reason
from tests.support.store import (
    HEAT,
    LOST,
    SONARR,
    SONARR_4K,
    START,
    ask_one,
    binding,
    condition,
    created,
    file_target,
    hear,
    lease_of,
    reference,
    torrent_target,
    verdict,
    wish,
)

ONE, TWO, BOTH = frozenset({1}), frozenset({2}), frozenset({1, 2})
A = InfoHash("a" * 40)


async def stored(store: Store, deletion: DeletionId) -> Deletion:
    state = await store.deletion(deletion)
    assert state is not None
    return state.deletion


async def holder_of(store: Store, number: int) -> DeletionId | None:
    """Return which deletion has released a reference."""
    (found,) = [r for r in await store.references_of_media([LOST]) if r.number == number]
    return found.released_by


# --- coverage ------------------------------------------------------------------------------------------------------


async def test_a_wish_for_seasons_is_stored_as_it_was_asked(store: Store) -> None:
    options = Options(delete_files=True, add_exclusion=True, blocklist=True, remove_empty_series=True)
    deletion = await created(store, wish(LOST, seasons=frozenset({0, 2024, 3}), options=options, needs_approval=True))
    got = await stored(store, deletion)
    assert got.seasons == frozenset({0, 3, 2024})
    assert (got.options, got.needs_approval) == (options, True)
    assert got.units == {Unit(SONARR, 0), Unit(SONARR, 3), Unit(SONARR, 2024)}


async def test_a_wish_for_a_whole_title_names_no_season(store: Store) -> None:
    got = await stored(store, await created(store, wish(LOST)))
    assert (got.seasons, got.needs_approval) == (None, False)
    assert got.units == {Unit(SONARR)}


async def test_a_wish_for_no_season_at_all_is_refused_and_covers_nothing(store: Store) -> None:
    with pytest.raises(StoreError, match="no season at all"):
        await ask_one(store, wish(LOST, seasons=frozenset()))
    assert await store.due(START, 10) == ()


async def test_the_same_open_seasons_are_the_existing_deletion(store: Store) -> None:
    first = await created(store, wish(LOST, seasons=BOTH))
    by_tvdb = wish(Media(MediaKind.SERIES, tvdb_id=LOST.tvdb_id), seasons=frozenset({2, 1}))
    again = await ask_one(store, by_tvdb)
    assert (again.outcome, again.id) == (Accepted.EXISTING, first)


async def test_other_and_overlapping_seasons_and_the_whole_series_are_deletions_of_their_own(store: Store) -> None:
    ids = [await created(store, wish(LOST, seasons=seasons)) for seasons in (ONE, TWO, BOTH, None)]
    assert len(set(ids)) == 4
    assert {(await ask_one(store, wish(LOST, seasons=seasons))).id for seasons in (ONE, TWO, BOTH, None)} == set(ids)


@pytest.mark.parametrize(
    "other",
    [
        Options(delete_files=False),
        Options(add_exclusion=True),
        Options(blocklist=True),
        Options(remove_empty_series=True),
    ],
)
async def test_each_other_option_for_the_same_seasons_is_a_conflict(store: Store, other: Options) -> None:
    first = await created(store, wish(LOST, seasons=ONE))
    conflict = await ask_one(store, wish(LOST, seasons=ONE, options=other))
    assert (conflict.outcome, conflict.id) == (Accepted.CONFLICT, first)
    assert (await ask_one(store, wish(LOST, seasons=TWO, options=other))).outcome is Accepted.CREATED


async def test_how_a_wish_came_about_is_told_in_its_first_event(store: Store) -> None:
    ordered = replace(wish(LOST, because="issue 5 orders it"), requested_by=None)
    concluded = wish(HEAT, source=Source.JELLYSEERR, inferred=True, because="request 9 was declined")
    found = replace(wish(LOST, seasons=ONE, because="it vanished"), is_found=True)
    told = [(await store.events(await created(store, w)))[0].message for w in (ordered, wish(), concluded, found)]
    assert told == [
        "asked through dashboard: issue 5 orders it",
        "asked by alice through dashboard",
        "concluded from what jellyseerr told: request 9 was declined",
        "found by polling: it vanished",
    ]


async def test_drift_of_a_season_is_left_only_to_a_later_deletion_of_the_same_seasons(store: Store) -> None:
    first = await created(store, wish(LOST, seasons=ONE))
    lease = await lease_of(store)
    end = START + timedelta(hours=24)
    await store.record(lease, [replace(verdict(first), settle=(SettledAs.CONVERGED, None), watch_until=end)])
    await created(store, wish(LOST, seasons=TWO))
    await store.record(lease, [replace(verdict(first, condition()), reopen=True)])
    assert (await stored(store, first)).settled_at is None
    await store.record(lease, [replace(verdict(first), settle=(SettledAs.CONVERGED, None), watch_until=end)])
    await created(store, wish(LOST, seasons=ONE))
    await store.record(lease, [replace(verdict(first, condition()), reopen=True)])
    assert (await stored(store, first)).settled_as is SettledAs.CONVERGED


# --- targets -------------------------------------------------------------------------------------------------------


async def test_files_and_likely_cross_seeds_are_targets_like_others(store: Store) -> None:
    deletion = await created(store, wish(LOST, seasons=ONE))
    twin = replace(torrent_target("b" * 40), kind=TargetKind.LIKELY_CROSS_SEED)
    targets = (file_target(41, 1, size=2**40), twin)
    await store.bind(await lease_of(store), binding(deletion, *targets, media=LOST))
    state = await store.deletion(deletion)
    assert state is not None
    assert tuple(replace(t, number=0) for t in state.targets) == targets


# --- what is wanted again ------------------------------------------------------------------------------------------


async def test_the_units_that_were_searched_for_add_up(store: Store) -> None:
    deletion = await created(store, wish(LOST, seasons=frozenset({1, 2})))
    lease = await lease_of(store)
    await store.record(lease, [replace(verdict(deletion), searched=frozenset({Unit(SONARR, 1)}))])
    await store.record(lease, [verdict(deletion)])
    await store.record(lease, [replace(verdict(deletion), searched=frozenset({Unit(SONARR, 2)}))])
    state = await store.deletion(deletion)
    assert state is not None
    assert state.deletion.searched == {Unit(SONARR, 1), Unit(SONARR, 2)}


async def test_withdrawn_and_finishing_units_add_up(store: Store) -> None:
    deletion = await created(store, wish(LOST, seasons=frozenset({0, 1, 2, 3})))
    lease = await lease_of(store)
    await store.record(lease, [replace(verdict(deletion), withdrawn=frozenset({Unit(SONARR, 0)}))])
    await store.record(lease, [verdict(deletion)])
    both = replace(verdict(deletion), withdrawn=frozenset({Unit(SONARR, 1)}), finishing=frozenset({Unit(SONARR, 2)}))
    await store.record(lease, [both])
    await store.record(lease, [replace(verdict(deletion), finishing=frozenset({Unit(SONARR)}))])
    got = await stored(store, deletion)
    assert got.withdrawn == {Unit(SONARR, 0), Unit(SONARR, 1)}
    assert got.finishing == {Unit(SONARR, 2), Unit(SONARR)}
    assert got.units == {Unit(SONARR, 2), Unit(SONARR, 3)}


async def test_references_that_are_needed_again_are_released_no_more(store: Store) -> None:
    await hear(store, *(reference(LOST, instance=SONARR, season=season) for season in (1, 2)))
    deletion = await created(store, wish(LOST, seasons=BOTH))
    lease = await lease_of(store)
    await store.bind(lease, binding(deletion, torrent_target(), media=LOST, released=(1, 2), seq=2))
    assert await store.unreleased_among([A], after=0) == frozenset()
    await store.record(lease, [replace(verdict(deletion), unreleased=(2,))])
    assert (await holder_of(store, 1), await holder_of(store, 2)) == (deletion, None)
    assert await store.unreleased_among([A], after=0) == {A}


async def test_what_a_deletion_did_not_release_is_left_alone(store: Store) -> None:
    await hear(store, reference(LOST, instance=SONARR, season=1), reference(LOST, instance=SONARR, season=2))
    mine, other = await created(store, wish(LOST, seasons=ONE)), await created(store, wish(LOST, seasons=TWO))
    lease = await lease_of(store)
    await store.bind(lease, binding(mine, torrent_target(), media=LOST, released=(1,), seq=2))
    await store.bind(lease, binding(other, torrent_target(), media=LOST, released=(2,), seq=2))
    await store.record(lease, [replace(verdict(other), settle=(SettledAs.CONVERGED, None))])
    await store.record(lease, [replace(verdict(mine), unreleased=(2, 77))])
    assert (await holder_of(store, 1), await holder_of(store, 2)) == (mine, other)


# --- heirs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("season", "heirs", "inherits"),
    [
        (2, TWO, True),
        (2, BOTH | {3}, True),
        (2, None, True),
        (None, None, True),
        (2, ONE, False),
        (None, TWO, False),
        (0, frozenset({0}), True),
        (0, ONE, False),
    ],
)
async def test_only_who_covers_the_season_inherits_a_reference(
    store: Store, season: int | None, heirs: frozenset[int] | None, inherits: bool
) -> None:
    await hear(store, reference(LOST, instance=SONARR, season=season))
    anywhere = frozenset({SONARR, SONARR_4K})
    former = await created(store, wish(LOST))
    heir = await created(store, wish(LOST, seasons=heirs, instances=anywhere))
    lease = await lease_of(store)
    await store.bind(lease, binding(former, torrent_target(), media=LOST, released=(1,), seq=1))
    await store.bind(lease, binding(heir, torrent_target(), media=LOST, released=(1,), seq=1))
    await store.record(lease, [replace(verdict(former), unreleased=(1,))])
    assert await holder_of(store, 1) == (heir if inherits else None)


async def test_who_has_withdrawn_the_season_inherits_nothing_of_it(store: Store) -> None:
    await hear(store, *(reference(LOST, instance=SONARR, season=season) for season in (1, 2)))
    former, heir = await created(store, wish(LOST)), await created(store, wish(LOST, seasons=BOTH))
    lease = await lease_of(store)
    for one in (former, heir):
        await store.bind(lease, binding(one, torrent_target(), media=LOST, released=(1, 2), seq=2))
    await store.record(lease, [replace(verdict(heir), withdrawn=frozenset({Unit(SONARR, 1)}))])
    await store.cancel(former, "alice")
    assert (await holder_of(store, 1), await holder_of(store, 2)) == (None, heir)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_who_withdraws_in_the_same_round_inherits_nothing(store: Store, order: tuple[int, int]) -> None:
    await hear(store, reference(LOST, instance=SONARR, season=1))
    former, heir = await created(store, wish(LOST)), await created(store, wish(LOST, seasons=BOTH))
    lease = await lease_of(store)
    for one in (former, heir):
        await store.bind(lease, binding(one, torrent_target(), media=LOST, released=(1,), seq=1))
    verdicts = [
        replace(verdict(former), unreleased=(1,)),
        replace(verdict(heir), withdrawn=frozenset({Unit(SONARR, 1)})),
    ]
    await store.record(lease, [verdicts[number] for number in order])
    assert await holder_of(store, 1) is None
    assert await store.unreleased_among([A], after=0) == {A}


@pytest.mark.parametrize("how", ["withdrawn", "finishing"])
async def test_what_covers_less_by_now_is_superseded_by_a_wish_for_all_of_it(store: Store, how: str) -> None:
    await hear(store, reference(LOST, instance=SONARR, raw_hash=A, season=1))
    first = await created(store, wish(LOST, seasons=BOTH))
    lease = await lease_of(store)
    await store.bind(lease, binding(first, torrent_target(A), media=LOST, released=(1,), seq=1))
    parts = frozenset({Unit(SONARR, 1)})
    is_withdrawn = how == "withdrawn"
    less = replace(verdict(first), withdrawn=parts) if is_withdrawn else replace(verdict(first), finishing=parts)
    await store.record(lease, [less])
    again = await ask_one(store, wish(LOST, seasons=BOTH))
    assert again.outcome is Accepted.CREATED
    assert again.id != first
    ended = await stored(store, first)
    assert (ended.settled_as, ended.settled_reason) == (SettledAs.CANCELLED, Reason.SUPERSEDED)
    assert await holder_of(store, 1) is None


async def test_what_covers_less_by_now_is_not_superseded_by_what_nobody_spoke_out(store: Store) -> None:
    first = await created(store, wish(LOST, seasons=BOTH))
    lease = await lease_of(store)
    await store.record(lease, [replace(verdict(first), withdrawn=frozenset({Unit(SONARR, 1)}))])
    again = await ask_one(store, replace(wish(LOST, seasons=BOTH), inferred=True))
    assert (again.outcome, again.id) == (Accepted.EXISTING, first)


async def test_a_cancelled_deletion_withdraws_nothing_any_more(store: Store) -> None:
    deletion = await created(store, wish(LOST, seasons=BOTH))
    await store.cancel(deletion, "alice")
    late = replace(verdict(deletion), withdrawn=frozenset({Unit(SONARR, 1)}), finishing=frozenset({Unit(SONARR, 2)}))
    await store.record(await lease_of(store), [late])
    got = await stored(store, deletion)
    assert (got.withdrawn, got.finishing) == (frozenset(), frozenset())
