"""What a webhook or a wish leaves in the database."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.model import (
    DeletionId,
    Hints,
    InfoHash,
    ManualAdd,
    Media,
    MediaKind,
    Options,
    Phase,
    SettledAs,
    Source,
    TargetKind,
)
from reconciler.ports import Accepted, AcceptedDeletion, Heard, Lease, Receipt, Store, Understood
from reconciler.reasons import Reason
from tests.support.store import (
    HEAT,
    INSTANCES,
    LOST,
    MATRIX,
    RADARR,
    RADARR_4K,
    SONARR,
    START,
    StillClock,
    ask,
    ask_one,
    binding,
    created,
    entry_target,
    hear,
    lease_of,
    receipt,
    reference,
    torrent_target,
    verdict,
    wish,
)


async def _library_says_deleted(store: Store, entry_id: int) -> AcceptedDeletion:
    """Radarr reports that it deleted an entry of the Matrix."""
    result = await store.ingest(
        receipt(Source.RADARR),
        Understood(
            Heard.DELETE,
            deletions=(wish(source=Source.RADARR, instances=frozenset({RADARR})),),
            internal_entry=(RADARR, entry_id),
        ),
        instances=INSTANCES,
    )
    return result.deletions[0]


async def _bind_and_send(store: Store, lease: Lease, deletion: DeletionId, kind: str) -> None:
    """Bind entry 7 and a torrent, and record that one of them is asked to go."""
    await store.bind(lease, binding(deletion, entry_target(7), torrent_target()))
    state = await store.deletion(deletion)
    assert state is not None
    asked = TargetKind.ENTRY if kind == "DeleteEntry" else TargetKind.TORRENT
    numbers = [target.number for target in state.targets if target.kind is asked]
    await store.mark_sent(lease, {deletion: numbers}, START, kind=kind, destructive=True)


async def test_a_wish_is_stored_as_it_was_asked(store: Store) -> None:
    hints = Hints(hashes=(InfoHash("c" * 40),), radarr_id=7, jellyseerr_id=9)
    deletion = await created(store, wish(hints=hints, options=Options(delete_files=False)))
    state = await store.deletion(deletion)
    assert state is not None
    stored = state.deletion
    assert (stored.media, stored.title, stored.year, stored.requested_by) == (MATRIX, "The Matrix", 1999, "alice")
    assert (stored.hints, stored.options) == (hints, Options(delete_files=False))
    assert (stored.requested_at, stored.next_due_at, stored.not_before) == (START, START, None)
    assert stored.instances == {RADARR}
    assert state.phase is Phase.PENDING
    assert [e.kind for e in await store.events(deletion)] == ["Received"]


async def test_several_wishes_in_one_delivery_get_an_id_each(store: Store) -> None:
    result = await ask(store, wish(MATRIX), wish(HEAT))
    assert [a.outcome for a in result.deletions] == [Accepted.CREATED, Accepted.CREATED]
    assert len({a.id for a in result.deletions}) == 2


async def test_a_test_notification_stores_nothing(store: Store) -> None:
    result = await store.ingest(receipt(key="k"), Understood(Heard.TEST, deletions=(wish(),)), instances=INSTANCES)
    assert result.deletions == ()
    again = await ask(store, wish(), key="k", digest="other")
    assert not again.key_reused


async def test_a_repeated_key_returns_the_same_deletion(store: Store) -> None:
    first = await ask(store, wish(), key="k")
    second = await ask(store, wish(), key="k")
    assert second.deletions[0].outcome is Accepted.EXISTING
    assert second.deletions[0].id == first.deletions[0].id


async def test_a_repeated_key_is_recognised_after_the_deletion_settled(store: Store) -> None:
    first = await ask(store, wish(), key="k")
    assert first.deletions[0].id is not None
    await store.cancel(first.deletions[0].id, "alice")
    second = await ask(store, wish(), key="k")
    assert (second.deletions[0].outcome, second.deletions[0].id) == (Accepted.EXISTING, first.deletions[0].id)


async def test_a_key_with_another_body_writes_nothing(store: Store) -> None:
    await ask(store, wish(), key="k")
    reused = await ask(store, wish(HEAT), key="k", digest="d2")
    assert reused.key_reused
    assert (await store.overview()).by_phase[Phase.PENDING] == 1


async def test_keys_of_different_sources_are_different(store: Store) -> None:
    await ask(store, wish(), key="k")
    other = await store.ingest(
        Receipt(Source.SONARR, SONARR, START, "{}", "k", "d2"), Understood(Heard.IGNORED), instances=INSTANCES
    )
    assert not other.key_reused


async def test_a_key_is_forgotten_after_seven_days(store: Store, clock: StillClock) -> None:
    await ask(store, wish(), key="k")
    clock.advance(timedelta(days=7, seconds=-1))
    assert (await ask(store, wish(HEAT), key="k", digest="d2")).key_reused
    clock.advance(timedelta(seconds=2))
    assert not (await ask(store, wish(HEAT), key="k", digest="d2")).key_reused


async def test_the_same_open_coverage_and_options_is_the_existing_deletion(store: Store) -> None:
    first = await created(store)
    again = await ask_one(store)
    assert (again.outcome, again.id) == (Accepted.EXISTING, first)


async def test_a_series_is_recognised_by_either_of_its_ids(store: Store) -> None:
    first = await created(store, wish(LOST))
    by_tvdb = await ask_one(store, wish(Media(MediaKind.SERIES, tvdb_id=LOST.tvdb_id)))
    by_tmdb = await ask_one(store, wish(Media(MediaKind.SERIES, tmdb_id=LOST.tmdb_id)))
    assert (by_tvdb.id, by_tmdb.id) == (first, first)


async def test_ids_that_contradict_are_another_deletion(store: Store) -> None:
    first = await created(store, wish(LOST))
    other = await ask_one(store, wish(Media(MediaKind.SERIES, tmdb_id=LOST.tmdb_id, tvdb_id=1)))
    assert other.outcome is Accepted.CREATED
    assert other.id != first


async def test_a_movie_and_a_series_with_one_number_are_different(store: Store) -> None:
    await created(store, wish(MATRIX))
    assert (await ask_one(store, wish(Media(MediaKind.SERIES, tmdb_id=603)))).outcome is Accepted.CREATED


async def test_other_options_for_the_same_open_coverage_conflict(store: Store) -> None:
    first = await created(store)
    conflict = await ask_one(store, wish(options=Options(delete_files=False)))
    assert (conflict.outcome, conflict.id) == (Accepted.CONFLICT, first)
    assert (await store.overview()).by_phase[Phase.PENDING] == 1


async def test_wider_coverage_is_a_new_deletion(store: Store) -> None:
    await created(store, wish(instances=frozenset({RADARR})))
    wider = await ask_one(store, wish(instances=frozenset({RADARR, RADARR_4K})))
    assert wider.outcome is Accepted.CREATED


async def test_a_settled_deletion_does_not_swallow_a_new_wish(store: Store) -> None:
    first = await created(store)
    await store.cancel(first, "alice")
    assert (await ask_one(store)).outcome is Accepted.CREATED


async def test_a_repeated_wish_adds_its_hints_until_binding(store: Store) -> None:
    deletion = await created(store, wish(hints=Hints(hashes=(InfoHash("a" * 40),))))
    await ask_one(store, wish(hints=Hints(hashes=(InfoHash("b" * 40),), radarr_id=7)))
    state = await store.deletion(deletion)
    assert state is not None
    assert state.deletion.hints == Hints(hashes=(InfoHash("a" * 40), InfoHash("b" * 40)), radarr_id=7)
    await store.bind(await lease_of(store), binding(deletion))
    await ask_one(store, wish(hints=Hints(hashes=(InfoHash("c" * 40),))))
    bound = await store.deletion(deletion)
    assert bound is not None
    assert bound.deletion.hints == state.deletion.hints


async def test_an_inferred_wish_that_somebody_speaks_out_is_no_longer_inferred(store: Store) -> None:
    deletion = await created(store, wish(inferred=True))
    assert (await ask_one(store, wish())).id == deletion
    state = await store.deletion(deletion)
    assert state is not None
    assert not state.deletion.inferred


async def test_a_wish_without_any_public_id_equals_no_other(store: Store) -> None:
    nameless = Media(MediaKind.MOVIE)
    first = await ask_one(store, wish(nameless, hints=Hints(radarr_id=1)))
    second = await ask_one(store, wish(nameless, hints=Hints(radarr_id=2)))
    assert (first.outcome, second.outcome) == (Accepted.CREATED, Accepted.CREATED)


async def test_a_grace_period_and_the_wish_itself_delay_the_work_but_not_the_binding(store: Store) -> None:
    (graced,) = (await ask(store, wish(), grace=timedelta(hours=1))).deletions
    later = START + timedelta(hours=5)
    (delayed,) = (await ask(store, wish(HEAT, not_before=later), grace=timedelta(hours=1))).deletions
    assert graced.id is not None
    assert delayed.id is not None
    first, second = await store.deletion(graced.id), await store.deletion(delayed.id)
    assert first is not None
    assert second is not None
    assert first.deletion.not_before == START + timedelta(hours=1)
    assert second.deletion.not_before == later
    assert {s.deletion.id for s in await store.due(START, 10)} == {graced.id, delayed.id}


async def test_the_echo_of_our_own_delete_creates_nothing(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    await _bind_and_send(store, lease, deletion, "DeleteEntry")
    await store.record(lease, [verdict(deletion)])
    assert await store.due(START, 10) == ()
    echo = await _library_says_deleted(store, 7)
    assert (echo.outcome, echo.id) == (Accepted.ECHO, deletion)
    assert [s.deletion.id for s in await store.due(START, 10)] == [deletion]
    assert (await _library_says_deleted(store, 8)).outcome is Accepted.EXISTING


@pytest.mark.parametrize(("hours", "outcome"), [(23, Accepted.ECHO), (25, Accepted.CREATED)])
async def test_an_echo_is_known_for_a_day_after_convergence(
    store: Store, clock: StillClock, hours: int, outcome: Accepted
) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    await _bind_and_send(store, lease, deletion, "DeleteEntry")
    settled = verdict(deletion)
    await store.record(lease, [replace(settled, settle=(SettledAs.CONVERGED, None))])
    clock.advance(timedelta(hours=hours))
    assert (await _library_says_deleted(store, 7)).outcome is outcome


async def test_an_echo_is_known_through_the_watch_window(store: Store, clock: StillClock) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    await _bind_and_send(store, lease, deletion, "DeleteEntry")
    settled = replace(verdict(deletion), settle=(SettledAs.CONVERGED, None), watch_until=START + timedelta(days=3))
    await store.record(lease, [settled])
    now = clock.advance(timedelta(days=2))
    assert (await _library_says_deleted(store, 7)).outcome is Accepted.ECHO
    assert [s.deletion.id for s in await store.due(now, 10)] == [deletion]


async def test_a_persons_delete_before_ours_was_sent_is_a_wish_of_its_own(store: Store) -> None:
    deletion = await created(store, wish(inferred=True))
    lease = await lease_of(store)
    await _bind_and_send(store, lease, deletion, "RemoveTorrent")
    told = await _library_says_deleted(store, 7)
    assert (told.outcome, told.id) == (Accepted.EXISTING, deletion)
    state = await store.deletion(deletion)
    assert state is not None
    assert not state.deletion.inferred, "a person has now said it"


async def test_a_persons_delete_before_ours_was_sent_is_new_where_less_is_covered(store: Store) -> None:
    deletion = await created(store, wish(instances=frozenset({RADARR, RADARR_4K})))
    await _bind_and_send(store, await lease_of(store), deletion, "RemoveTorrent")
    told = await _library_says_deleted(store, 7)
    assert told.outcome is Accepted.CREATED
    assert told.id != deletion


async def test_a_delete_after_a_deletion_that_converged_without_deleting_the_entry_is_no_echo(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    await _bind_and_send(store, lease, deletion, "RemoveTorrent")
    wanted = replace(verdict(deletion), settle=(SettledAs.CONVERGED, Reason.WANTED_AGAIN))
    await store.record(lease, [replace(wanted, watch_until=START + timedelta(days=3))])
    told = await _library_says_deleted(store, 7)
    assert told.outcome is Accepted.CREATED
    assert told.id != deletion


async def test_a_delete_after_a_cancelled_deletion_that_destroyed_nothing_is_no_echo(store: Store) -> None:
    deletion = await created(store)
    await store.bind(await lease_of(store), binding(deletion, entry_target(7)))
    await store.cancel(deletion, "alice")
    assert (await _library_says_deleted(store, 7)).outcome is Accepted.CREATED


async def test_a_grab_is_numbered_and_wakes_the_deletion_of_its_title(store: Store) -> None:
    matrix, heat = await created(store, wish(MATRIX)), await created(store, wish(HEAT))
    lease = await lease_of(store)
    await store.due(START, 10)
    await store.record(lease, [verdict(matrix), verdict(heat)])
    await hear(store, reference(MATRIX))
    assert [s.deletion.id for s in await store.due(START, 10)] == [matrix]
    (stored,) = await store.references_of_media([MATRIX])
    assert stored.number == await store.ledger_position() == 1
    assert stored.hash == "a" * 40
    assert stored.history_id is None


async def test_a_grab_told_twice_is_one_reference_until_it_is_released(store: Store) -> None:
    await hear(store, reference(), reference())
    await hear(store, reference(raw_hash="a" * 40))
    assert len(await store.references_of_media([MATRIX])) == 1
    deletion = await created(store)
    await store.bind(await lease_of(store), binding(deletion, torrent_target(), released=(1,)))
    await hear(store, reference())
    first, second = await store.references_of_media([MATRIX])
    assert (first.released_by, second.released_by) == (deletion, None)


async def test_episodes_of_one_pack_are_references_each(store: Store) -> None:
    await hear(store, *(reference(LOST, instance=SONARR, season=1, episode=n) for n in (1, 2, 3)))
    assert [r.episode for r in await store.references_of_media([LOST])] == [1, 2, 3]


async def test_a_manual_add_is_numbered_in_the_same_sequence_and_wakes(store: Store) -> None:
    deletion = await created(store)
    await store.record(await lease_of(store), [verdict(deletion)])
    await hear(store, reference(HEAT))
    await hear(store, manual_add=ManualAdd(RADARR, 11, MATRIX), heard=Heard.WANT)
    (added,) = await store.manual_adds_after(1)
    assert added == ManualAdd(RADARR, 11, MATRIX, number=2)
    assert await store.manual_adds_after(2) == ()
    assert await store.ledger_position() == 2
    assert len(await store.due(START, 10)) == 1


async def test_a_want_that_names_no_title_wakes_every_open_deletion(store: Store) -> None:
    matrix, heat = await created(store, wish(MATRIX)), await created(store, wish(HEAT))
    lease = await lease_of(store)
    await store.due(START, 10)
    await store.record(lease, [verdict(matrix), verdict(heat)])
    await hear(store, heard=Heard.WANT)
    assert len(await store.due(START, 10)) == 2


@pytest.mark.parametrize(
    ("about", "woken"),
    [(MATRIX, {MATRIX}), (Media(MediaKind.SERIES, tmdb_id=603), set()), (Media(MediaKind.MOVIE, tmdb_id=1), set())],
    ids=["its title", "a series of the same number", "another title"],
)
async def test_a_want_that_names_a_title_wakes_only_the_deletions_that_share_an_id(
    store: Store, about: Media, woken: set[Media]
) -> None:
    ids = [await created(store, wish(MATRIX)), await created(store, wish(HEAT))]
    lease = await lease_of(store)
    await store.due(START, 10)
    await store.record(lease, [verdict(deletion) for deletion in ids])
    await store.ingest(receipt(Source.JELLYSEERR), Understood(Heard.WANT, about=about), instances=INSTANCES)
    assert {state.deletion.media for state in await store.due(START, 10)} == woken


async def test_text_that_databases_cannot_hold_is_taken_without_it(store: Store) -> None:
    result = await store.ingest(
        Receipt(Source.DASHBOARD, None, START, "nul \0 and half \ud800"),
        Understood(Heard.DELETE, deletions=(wish(hints=Hints()),), event="a\0b", reason="\ud800"),
        instances=INSTANCES,
    )
    assert result.deletions[0].outcome is Accepted.CREATED


async def test_a_hundred_waiting_wishes_for_one_title_make_one_deletion(store: Store) -> None:
    accepted = await asyncio.gather(*(ask_one(store) for _ in range(100)))
    assert len({a.id for a in accepted}) == 1
    assert sum(a.outcome is Accepted.CREATED for a in accepted) == 1
