"""What people decide: approve, cancel, retry, attribute; and how it meets a pass that is under way."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.errors import NotAsShown, Overtaken
from reconciler.model import (
    Condition,
    ConditionType,
    DeletionId,
    DeletionState,
    Hints,
    InfoHash,
    InstanceName,
    IssueCommand,
    Phase,
    SettledAs,
    Status,
    approval_digest,
)
from reconciler.ports import Accepted, Baseline, DeletionFilter, Doubted, Store
from reconciler.reasons import Reason
from tests.support.store import (
    HEAT,
    MATRIX,
    QBITTORRENT,
    RADARR,
    RADARR_4K,
    START,
    StillClock,
    ask_one,
    binding,
    condition,
    created,
    entry_target,
    hear,
    lease_of,
    reference,
    torrent_target,
    verdict,
    wish,
)

UNKNOWN = DeletionId("01936d5e-0000-7000-8000-000000000000")


async def state_of(store: Store, deletion: DeletionId) -> DeletionState:
    state = await store.deletion(deletion)
    assert state is not None
    return state


async def test_approve_lifts_what_can_be_lifted_and_makes_due(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    conditions = (
        condition(Reason.BREAKER_OPEN),
        condition(Reason.PROTECTED, instance=RADARR),
        condition(Reason.SHARED_FOLDER, instance=RADARR_4K),
    )
    await store.record(lease, [replace(verdict(deletion, *conditions), trip_breaker=True)])
    lifted = await store.approve(deletion, "alice")
    assert lifted == {Reason.BREAKER_OPEN, Reason.PROTECTED}
    stored = (await state_of(store, deletion)).deletion
    assert stored.approved == {Reason.BREAKER_OPEN}
    assert (stored.breaker_tripped_at, stored.next_due_at) == (None, START)
    assert stored.approved_at == {(Reason.PROTECTED, ConditionType.TORRENTS_ABSENT, RADARR)}
    last = (await store.events(deletion))[-1]
    assert (last.kind, last.message) == ("Approved", "alice approved BreakerOpen, Protected")


async def test_approving_the_breaker_does_not_forget_earlier_approvals(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    await store.record(lease, [verdict(deletion, condition(Reason.PROTECTED))])
    await store.approve(deletion, "alice")
    await store.record(lease, [verdict(deletion, condition(Reason.FILES_LEFT_BEHIND))])
    await store.approve(deletion, "bob")
    stored = (await state_of(store, deletion)).deletion
    assert stored.approved == {Reason.FILES_LEFT_BEHIND}
    assert {reason for reason, _, _ in stored.approved_at} == {Reason.PROTECTED}


async def test_approving_without_anything_to_lift_changes_nothing(store: Store) -> None:
    deletion = await created(store)
    await store.record(await lease_of(store), [verdict(deletion, condition(Reason.SHARED_FOLDER))])
    before = await store.deletion(deletion)
    assert await store.approve(deletion, "alice") == frozenset()
    assert await store.deletion(deletion) == before


def suspicious(text: str = "qbittorrent: 6 of 11 rows vanished") -> Condition:
    return replace(condition(Reason.SUSPICIOUS_LIST, Status.UNKNOWN, instance=QBITTORRENT), message=text)


SHORT = Doubted("v1", START, frozenset("123456"), "qbittorrent: 6 of 11 rows vanished")
SHORTER = Doubted("v1", START, frozenset("12345678901"), "qbittorrent: 11 of 11 rows vanished")


async def doubting(store: Store, *conditions: Condition) -> DeletionId:
    """A deletion that waits for a list that was not believed, beside another upstream with such a list."""
    deletion = await created(store)
    lease = await lease_of(store)
    for instance in (QBITTORRENT, RADARR):
        await store.save_baseline(lease, Baseline(instance, "v1", frozenset({"1"}), START))
        await store.doubt(lease, instance, replace(SHORT, text=SHORT.text.replace("qbittorrent", instance)))
    await store.record(lease, [verdict(deletion, *(conditions or (suspicious(),)))])
    return deletion


async def test_accepting_a_suspicious_list_accepts_what_was_shown_of_that_instance(store: Store) -> None:
    deletion = await doubting(store)
    assert await store.approve(deletion, "alice") == {Reason.SUSPICIOUS_LIST}
    accepted, other = await store.baseline(QBITTORRENT), await store.baseline(RADARR)
    assert accepted == Baseline(QBITTORRENT, "v1", frozenset({"1"}), START, doubted=SHORT, accepted=SHORT)
    assert other is not None
    assert (other.doubted is not None, other.accepted) == (True, None)
    assert accepted.believes(SHORT)
    assert accepted.believes(replace(SHORT, missing=frozenset("12"), text="2 of 11 rows vanished"))
    assert not accepted.believes(SHORTER)
    assert not accepted.believes(replace(SHORT, missing=frozenset("789"))), "others are missing"
    assert not accepted.believes(replace(SHORT, identity="v2", text="answers as v2"))
    assert not accepted.believes(replace(SHORT, since=START + timedelta(days=1))), "another list came between"
    await store.save_baseline(await lease_of(store), Baseline(QBITTORRENT, "v1", frozenset({"2"}), START))
    assert await store.baseline(QBITTORRENT) == Baseline(QBITTORRENT, "v1", frozenset({"2"}), START)


async def test_a_list_is_accepted_also_where_another_upstreams_condition_waits_for_it(store: Store) -> None:
    elsewhere = replace(
        suspicious(), type=ConditionType.REQUEST_CLEARED, instance=InstanceName("jellyseerr")
    )  # a library that is not covered may hold the title too
    deletion = await doubting(store, elsewhere)
    assert await store.approve(deletion, "alice") == {Reason.SUSPICIOUS_LIST}
    baseline = await store.baseline(QBITTORRENT)
    assert baseline is not None
    assert baseline.accepted == SHORT


async def test_a_list_that_lacks_more_by_now_than_was_shown_is_not_accepted(store: Store) -> None:
    deletion = await doubting(store)
    await store.doubt(await lease_of(store), QBITTORRENT, SHORTER)
    before = await state_of(store, deletion)
    with pytest.raises(NotAsShown, match="by now it is qbittorrent: 11 of 11 rows vanished"):
        await store.approve(deletion, "alice", shown=approval_digest(before))
    assert (await state_of(store, deletion)).deletion == before.deletion
    baseline = await store.baseline(QBITTORRENT)
    assert baseline is not None
    assert baseline.accepted is None


async def test_a_suspicious_list_of_another_upstream_than_was_shown_is_not_accepted(store: Store) -> None:
    deletion = await doubting(store)
    shown = approval_digest(await state_of(store, deletion))
    at_radarr = suspicious(SHORT.text.replace("qbittorrent", RADARR))
    both = (suspicious(), replace(at_radarr, instance=RADARR, type=ConditionType.ENTRY_ABSENT))
    await store.record(await lease_of(store), [verdict(deletion, *both)])
    with pytest.raises(NotAsShown, match="SuspiciousList"):
        await store.approve(deletion, "alice", shown=shown)
    for instance in (QBITTORRENT, RADARR):
        baseline = await store.baseline(instance)
        assert baseline is not None
        assert baseline.accepted is None


async def test_what_a_person_has_to_look_at_is_listed_and_counted(store: Store) -> None:
    waiting = await doubting(store)
    held, both, still_listed, ended = [await created(store, wish(replace(MATRIX, tmdb_id=n))) for n in range(1, 5)]
    lease = await lease_of(store)
    listed = condition(Reason.STILL_LISTED, type_=ConditionType.LIBRARY_REFRESHED)
    await store.record(
        lease,
        [
            verdict(held, condition(Reason.PROTECTED)),
            verdict(both, condition(Reason.PROTECTED, type_=ConditionType.ENTRY_ABSENT), suspicious()),
            verdict(still_listed, listed),
            replace(verdict(ended, condition(Reason.PROTECTED)), settle=(SettledAs.CANCELLED, None)),
        ],
    )
    page = await store.deletions(DeletionFilter(asks=True), cursor=None, limit=9)
    assert [state.deletion.id for state in page.deletions] == [both, held, waiting]
    overview = await store.overview()
    assert (overview.by_phase[Phase.HELD], overview.by_phase[Phase.WAITING], overview.asking) == (2, 2, 1)


async def test_of_what_is_called_off_only_what_its_end_waits_for_is_asked(store: Store) -> None:
    deletion = await doubting(store, suspicious(), condition(Reason.PROTECTED, type_=ConditionType.ENTRY_ABSENT))
    lease = await lease_of(store)
    frozen = replace(verdict(deletion, suspicious(), condition(Reason.BREAKER_OPEN, type_=ConditionType.ENTRY_ABSENT)))
    await store.record(lease, [replace(frozen, frozen=True)])
    assert await store.cancel(deletion, "alice")
    assert await store.held_by_breaker() == ()
    assert await store.approve(deletion, "bob") == {Reason.SUSPICIOUS_LIST}
    stored = (await state_of(store, deletion)).deletion
    assert (stored.approved, stored.settled_at) == (frozenset(), None)


async def test_hashes_that_no_client_listed_are_told_once_each_client_was_read(store: Store) -> None:
    lease, other = await lease_of(store), InstanceName("qbittorrent-2")
    v1, v2, lost = InfoHash("a" * 40), InfoHash("b" * 64), InfoHash("c" * 40)
    await store.save_baseline(lease, Baseline(QBITTORRENT, "v5", frozenset({v1}), START))
    assert await store.unlisted([v1, v2, lost], [QBITTORRENT]) == {v2, lost}
    assert await store.unlisted([v1, v2, lost], [QBITTORRENT, other]) == frozenset()
    await store.save_baseline(lease, Baseline(other, "v5", frozenset({v2[:40]}), START))
    assert await store.unlisted([v1, v2, lost], [QBITTORRENT, other]) == {lost}


@pytest.mark.parametrize("command", ["approve", "cancel", "retry"])
async def test_an_unknown_deletion_is_a_key_error(store: Store, command: str) -> None:
    for unknown in (UNKNOWN, DeletionId("nonsense")):
        with pytest.raises(KeyError):
            await getattr(store, command)(unknown, "alice")
        with pytest.raises(KeyError):
            await store.attribute(unknown, [InfoHash("a" * 40)], "alice")


async def test_nothing_can_be_decided_about_a_settled_deletion(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    await store.record(
        lease, [replace(verdict(deletion, condition(Reason.PROTECTED)), settle=(SettledAs.CONVERGED, None))]
    )
    before = await store.deletion(deletion)
    assert await store.approve(deletion, "alice") == frozenset()
    assert await store.cancel(deletion, "alice") is False
    assert await store.retry(deletion, "alice") is False
    assert await store.attribute(deletion, [InfoHash("a" * 40)], "alice") is False
    assert await store.deletion(deletion) == before


async def test_retry_forgets_the_attempts(store: Store, clock: StillClock) -> None:
    deletion = await created(store)
    await store.record(await lease_of(store), [replace(verdict(deletion), attempt=9)])
    now = clock.advance(timedelta(seconds=1))
    assert await store.retry(deletion, "alice") is True
    stored = (await state_of(store, deletion)).deletion
    assert (stored.attempt, stored.next_due_at) == (0, now)


async def test_cancelling_what_touched_nothing_settles_it_and_gives_its_references_back(store: Store) -> None:
    await hear(store, reference())
    deletion = await created(store)
    await store.bind(await lease_of(store), binding(deletion, torrent_target(), released=(1,)))
    assert await store.unreleased_among([InfoHash("a" * 40)], after=0) == frozenset()
    assert await store.cancel(deletion, "alice") is True
    state = await state_of(store, deletion)
    assert (state.phase, state.deletion.settled_reason) == (Phase.CANCELLED, Reason.CANCELLED_BY_PERSON)
    assert await store.unreleased_among([InfoHash("a" * 40)], after=0) == {"a" * 40}
    assert await store.due(START + timedelta(days=1), 10) == ()


async def test_cancelling_a_frozen_deletion_leaves_it_to_the_loop(store: Store) -> None:
    deletion = await created(store)
    await store.record(await lease_of(store), [replace(verdict(deletion), frozen=True)])
    assert await store.cancel(deletion, "alice") is True
    assert await store.cancel(deletion, "alice") is True
    stored = (await state_of(store, deletion)).deletion
    assert (stored.settled_as, stored.cancel_requested_at, stored.next_due_at) == (None, START, START)
    assert [e.kind for e in await store.events(deletion)].count("CancelRequested") == 1


async def test_a_call_that_is_about_to_be_sent_counts_as_touched(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    await store.bind(lease, binding(deletion, entry_target()))
    (target,) = (await state_of(store, deletion)).targets
    await store.mark_sent(lease, {deletion: [target.number]}, START, kind="Unmonitor", destructive=False)
    await store.cancel(deletion, "alice")
    assert (await state_of(store, deletion)).deletion.settled_as is None


async def test_a_pass_cannot_act_on_what_was_cancelled_after_it_read(store: Store) -> None:
    await hear(store, reference())
    deletion = await created(store)
    lease = await lease_of(store)
    await store.bind(lease, binding(deletion, torrent_target()))
    (target,) = (await state_of(store, deletion)).targets
    await store.cancel(deletion, "alice")
    before = await store.deletion(deletion)
    with pytest.raises(Overtaken):
        await store.mark_sent(lease, {deletion: [target.number]}, START, kind="DeleteEntry", destructive=True)
    await store.bind(lease, binding(deletion, entry_target(), released=(1,)))
    await store.record(lease, [verdict(deletion, condition())])
    assert await store.deletion(deletion) == before
    assert await store.unreleased_among([InfoHash("a" * 40)], after=0) == {"a" * 40}


async def test_a_requested_cancel_stops_the_first_destruction_but_not_the_giving_back(store: Store) -> None:
    deletion, other = await created(store), await created(store, wish(HEAT))
    lease = await lease_of(store)
    for one in (deletion, other):
        await store.bind(lease, binding(one, entry_target()))
        await store.record(lease, [replace(verdict(one), frozen=True)])
    mine, its = [(await state_of(store, one)).targets[0].number for one in (deletion, other)]
    await store.cancel(deletion, "alice")
    with pytest.raises(Overtaken):
        await store.mark_sent(lease, {deletion: [mine], other: [its]}, START, kind="DeleteEntry", destructive=True)
    assert (await state_of(store, other)).deletion.destroyed_at is None
    await store.mark_sent(lease, {deletion: [mine]}, START, kind="Unmonitor", destructive=False)
    assert (await state_of(store, deletion)).targets[0].sent_at == START


async def test_a_requested_cancel_stops_the_destruction_that_is_under_way(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    await store.bind(lease, binding(deletion, entry_target(), torrent_target()))
    entry, torrent = (await state_of(store, deletion)).targets
    await store.mark_sent(lease, {deletion: [torrent.number]}, START, kind="RemoveTorrent", destructive=True)
    await store.cancel(deletion, "alice")
    later = START + timedelta(seconds=1)
    with pytest.raises(Overtaken):
        await store.mark_sent(lease, {deletion: [entry.number]}, later, kind="DeleteEntry", destructive=True)
    state = await state_of(store, deletion)
    assert (state.targets[0].sent_at, state.deletion.destroyed_at) == (None, START)
    await store.mark_sent(lease, {deletion: []}, later, kind="RestoreMonitoring", destructive=False)


async def test_a_cancelled_deletions_reference_goes_to_another_that_bound_the_same_torrent(store: Store) -> None:
    await hear(store, reference(MATRIX), reference(HEAT, entry_id=8))
    first = await created(store, wish(MATRIX))
    heir = await created(store, wish(MATRIX, instances=frozenset({RADARR, RADARR_4K})))
    lease = await lease_of(store)
    await store.bind(lease, binding(first, torrent_target(), released=(1, 2), seq=2))
    await store.bind(lease, binding(heir, torrent_target(), released=(1, 2), seq=2))
    cancelled = replace(verdict(first), settle=(SettledAs.CANCELLED, Reason.STILL_WANTED))
    await store.record(lease, [cancelled])
    matrix, heat = await store.references_of_hashes([InfoHash("a" * 40)])
    assert (matrix.released_by, heat.released_by) == (heir, None)


async def test_a_reference_does_not_go_to_a_deletion_that_was_bound_before_it_arrived(store: Store) -> None:
    await hear(store, reference(MATRIX))
    early = await created(store, wish(MATRIX, instances=frozenset({RADARR, RADARR_4K})))
    lease = await lease_of(store)
    await store.bind(lease, binding(early, torrent_target(), released=(1,), seq=1))
    await hear(store, reference(MATRIX, by_person=True))
    late = await created(store, wish(MATRIX))
    await store.bind(lease, binding(late, torrent_target(), released=(2,), seq=2))
    await store.cancel(late, "alice")
    assert await store.unreleased_among([InfoHash("a" * 40)], after=0) == {"a" * 40}


async def test_a_reference_does_not_go_to_a_deletion_that_settled_or_bound_another_torrent(store: Store) -> None:
    await hear(store, reference(MATRIX))
    first = await created(store, wish(MATRIX))
    lease = await lease_of(store)
    await store.bind(lease, binding(first, torrent_target(), released=(1,)))
    other = await created(store, wish(MATRIX, instances=frozenset({RADARR, RADARR_4K})))
    await store.bind(lease, binding(other, torrent_target("b" * 40)))
    await store.cancel(first, "alice")
    (given_back,) = await store.references_of_media([MATRIX])
    assert given_back.released_by is None
    assert (await ask_one(store)).outcome is Accepted.CREATED


# --- attribution and the breaker -----------------------------------------------------------------------------------


async def test_a_torrent_that_a_person_attributes_is_added_after_binding_too(store: Store, clock: StillClock) -> None:
    a, b, c = (InfoHash(letter * 40) for letter in "abc")
    command = IssueCommand(5, "delete this")
    deletion = await created(store, wish(hints=Hints(hashes=(c,), radarr_id=7, command=command)))
    lease = await lease_of(store)
    await store.bind(lease, binding(deletion, entry_target()))
    await store.record(lease, [verdict(deletion)])
    now = clock.advance(timedelta(seconds=1))
    assert await store.attribute(deletion, [b, a, c], "alice") is True
    stored = (await state_of(store, deletion)).deletion
    assert stored.hints == Hints(hashes=(c, a, b), radarr_id=7, command=command)
    assert stored.next_due_at == now
    last = (await store.events(deletion))[-1]
    assert (last.kind, last.message) == ("Attributed", f"alice says that it is about {a}, {b}")


async def test_attributing_what_is_known_already_only_makes_due(store: Store) -> None:
    deletion = await created(store, wish(hints=Hints(hashes=(InfoHash("a" * 40),))))
    await store.record(await lease_of(store), [verdict(deletion)])
    before = await state_of(store, deletion)
    assert await store.attribute(deletion, [InfoHash("a" * 40)], "alice") is True
    after = await state_of(store, deletion)
    assert after == replace(before, deletion=replace(before.deletion, next_due_at=START))
    assert [e.kind for e in await store.events(deletion)] == ["Received"]


async def test_releasing_the_breaker_lifts_it_alone_from_all_that_it_holds(store: Store) -> None:
    held = [await created(store, wish(replace(MATRIX, tmdb_id=n))) for n in (1, 2)]
    protected, settled = await created(store, wish(MATRIX)), await created(store, wish(HEAT))
    lease = await lease_of(store)
    tripped = [
        verdict(one, condition(Reason.BREAKER_OPEN), condition(Reason.PROTECTED, instance=RADARR)) for one in held
    ]
    await store.record(lease, [replace(one, trip_breaker=True) for one in tripped])
    await store.record(lease, [verdict(protected, condition(Reason.PROTECTED))])
    ended = replace(verdict(settled, condition(Reason.BREAKER_OPEN)), settle=(SettledAs.CONVERGED, None))
    await store.record(lease, [ended])
    untouched = [await store.deletion(one) for one in (protected, settled)]
    assert await store.release_breaker("alice") == tuple(held)
    for one in held:
        stored = (await state_of(store, one)).deletion
        assert stored.approved == {Reason.BREAKER_OPEN}
        assert (stored.breaker_tripped_at, stored.next_due_at) == (None, START)
        assert (await store.events(one))[-1].message == "alice approved BreakerOpen"
    assert [await store.deletion(one) for one in (protected, settled)] == untouched


async def test_releasing_the_breaker_keeps_what_was_approved_before(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    await store.record(lease, [verdict(deletion, condition(Reason.PROTECTED))])
    await store.approve(deletion, "alice")
    await store.record(lease, [replace(verdict(deletion, condition(Reason.BREAKER_OPEN)), trip_breaker=True)])
    await store.release_breaker("bob")
    stored = (await state_of(store, deletion)).deletion
    assert stored.approved == {Reason.BREAKER_OPEN}
    assert {reason for reason, _, _ in stored.approved_at} == {Reason.PROTECTED}


async def test_a_breaker_that_holds_nothing_releases_nothing(store: Store) -> None:
    assert await store.release_breaker("alice") == ()


async def test_a_protection_is_lifted_where_it_was_shown_and_nowhere_else(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    at_radarr = condition(Reason.PROTECTED, instance=RADARR, type_=ConditionType.ENTRY_ABSENT)
    await store.record(lease, [verdict(deletion, at_radarr)])
    assert await store.approve(deletion, "alice") == {Reason.PROTECTED}
    assert await store.approve(deletion, "alice") == frozenset(), "it is lifted already"
    there = replace(at_radarr, instance=RADARR_4K)
    await store.record(lease, [verdict(deletion, at_radarr, there)])
    stored = (await state_of(store, deletion)).deletion
    type_ = ConditionType.ENTRY_ABSENT
    assert [stored.is_approved(Reason.PROTECTED, type_, i) for i in (RADARR, RADARR_4K)] == [True, False]
    assert not stored.is_approved(Reason.PROTECTED, ConditionType.TORRENTS_ABSENT, RADARR)
    assert await store.approve(deletion, "bob") == {Reason.PROTECTED}
    stored = (await state_of(store, deletion)).deletion
    assert [stored.is_approved(Reason.PROTECTED, type_, i) for i in (RADARR, RADARR_4K)] == [True, True]


async def test_an_approval_of_what_was_shown_lifts_nothing_else(store: Store) -> None:
    deletion = await created(store)
    lease = await lease_of(store)
    both = [condition(Reason.BREAKER_OPEN), condition(Reason.PROTECTED, type_=ConditionType.ENTRY_ABSENT)]
    await store.record(lease, [verdict(deletion, *both)])
    before = await state_of(store, deletion)
    others = (
        (both[0],),
        (both[0], replace(both[1], instance=RADARR_4K)),
        (both[0], replace(both[1], message="it has another tag")),
        (*both, condition(Reason.FILES_LEFT_BEHIND, type_=ConditionType.FILES_ABSENT)),
    )
    for other in others:
        with pytest.raises(NotAsShown, match="BreakerOpen, Protected"):
            await store.approve(deletion, "alice", shown=approval_digest(replace(before, conditions=other)))
    assert await state_of(store, deletion) == before
    counted_on = replace(both[0], message="30 deletions turned destructive by now")
    shown = approval_digest(replace(before, conditions=(both[1], counted_on)))
    assert await store.approve(deletion, "alice", shown=shown) == {Reason.BREAKER_OPEN, Reason.PROTECTED}
    assert await store.approve(deletion, "alice", shown=shown) == frozenset(), "it was lifted already"


async def test_a_list_that_is_suspicious_again_can_be_accepted_again(store: Store) -> None:
    deletion = await doubting(store)
    lease = await lease_of(store)
    for doubted in (SHORT, SHORTER):
        await store.doubt(lease, QBITTORRENT, doubted)
        await store.record(lease, [verdict(deletion, suspicious(doubted.text))])
        assert await store.approve(deletion, "alice") == {Reason.SUSPICIOUS_LIST}
        baseline = await store.baseline(QBITTORRENT)
        assert baseline is not None
        assert baseline.accepted == doubted
        assert (await state_of(store, deletion)).deletion.approved == frozenset()


async def test_the_breaker_is_released_for_exactly_those_that_were_shown(store: Store) -> None:
    lease = await lease_of(store)
    first, second = await created(store, wish(MATRIX)), await created(store, wish(HEAT))
    await store.record(lease, [verdict(one, condition(Reason.BREAKER_OPEN)) for one in (first, second)])
    assert [state.deletion.id for state in await store.held_by_breaker()] == [first, second]
    for others in ([first], [], [first, second, DeletionId("01890000-0000-7000-8000-00000000ffff")]):
        with pytest.raises(NotAsShown, match="holds 2"):
            await store.release_breaker("alice", only=others)
    assert set(await store.release_breaker("alice", only=[second, first])) == {first, second}
    assert await store.held_by_breaker() == ()
