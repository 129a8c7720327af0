"""What becomes of deletions, from the wish to the end, over a real store and upstreams in memory."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from reconciler.errors import Unreachable
from reconciler.model import (
    ConditionType,
    InstanceName,
    ManualAdd,
    Media,
    MediaKind,
    Options,
    Phase,
)
from reconciler.observed import MediaStatus, RequestStatus
from reconciler.plan.policy import SeedingPolicy, SeedingRule
from reconciler.reasons import Reason
from reconciler.rounds import WATCH_STEPS
from tests.support.bench import Bench, bench_at
from tests.support.clocks import START
from tests.support.memory_base import Call
from tests.support.worlds import HEAT, LOST, POLICY, RADARR, RONIN, hash_of, queue_item, torrent_id

TORRENTS, ENTRY, FILES, REQUEST = (
    ConditionType.TORRENTS_ABSENT,
    ConditionType.ENTRY_ABSENT,
    ConditionType.FILES_ABSENT,
    ConditionType.REQUEST_CLEARED,
)


def writes(bench: Bench) -> list[str]:
    return [c.name for c in bench.household.writes()]


# --- the main job ---


async def test_nothing_changes_while_a_torrent_is_seeded_on_and_all_else_is_done(tmp_path: Path) -> None:
    """A server that was seen without the title is asked again, and not forgotten and found again for ever."""
    seeding = SeedingPolicy(rules=(SeedingRule(min_ratio=2.0),))
    policy = replace(POLICY, media_server=InstanceName("jellyfin"), seeding=seeding)
    async with bench_at(tmp_path, policy) as home:
        entry = home.household.obtain(HEAT, "Heat", hash_of(1))
        home.household.jellyfin.list_item(HEAT, entry.path)
        await home.reconciler.run_ledger()
        deletion = await home.ask(HEAT)
        for _ in range(20):
            await home.reconciler.run_pass()
            home.clock.advance(timedelta(minutes=2))
            home.household.jellyfin.scan()
        shown = await home.reasons(deletion)
        assert shown[TORRENTS] is Reason.SEEDING
        assert (shown[ConditionType.LIBRARY_REFRESHED], shown[REQUEST]) == (Reason.ABSENT, Reason.CLEARED)
        before = await home.store.events(deletion)
        state = await home.state(deletion)
        for _ in range(5):
            await home.reconciler.run_pass()
            home.clock.advance(timedelta(minutes=15))
        assert await home.store.events(deletion) == before
        assert (await home.state(deletion)).conditions == state.conditions


async def test_a_movie_goes_everywhere_and_nothing_else_does(home: Bench) -> None:
    before = home.household.disk.files()
    deletion = await home.ask(HEAT)
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert writes(home) == ["unmonitor", "remove", "delete_entry", "delete_record"]
    assert set(home.household.qbittorrent.by_id) == {torrent_id(3), torrent_id(4)}
    assert [e.media for e in home.household.radarr.by_id.values()] == [RONIN]
    assert home.household.disk.files() == {p: c for p, c in before.items() if "Heat" not in p}
    assert {r.media for r in home.household.jellyseerr.rows.values()} == {RONIN, LOST}


async def test_a_series_goes_everywhere(home: Bench) -> None:
    deletion = await home.ask(LOST)
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert await home.reasons(deletion) == {
        TORRENTS: Reason.ABSENT,
        ENTRY: Reason.ABSENT,
        FILES: Reason.ABSENT,
        REQUEST: Reason.CLEARED,
    }


async def test_something_unknown_everywhere_is_already_absent(home: Bench) -> None:
    deletion = await home.ask(Media(MediaKind.MOVIE, tmdb_id=1))
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert writes(home) == []


async def test_a_title_that_radarr_deleted_by_itself_loses_its_torrents_too(home: Bench) -> None:
    await home.household.radarr.delete_entry(1, delete_files=True, add_exclusion=False)
    deletion = await home.ask(HEAT)
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert set(home.household.qbittorrent.by_id) == {torrent_id(3), torrent_id(4)}


async def test_several_deletions_share_their_calls(home: Bench) -> None:
    for media in (HEAT, RONIN):
        await home.ask(media)
    await home.passes()
    assert [c.name for c in home.household.writes()].count("remove") == 1
    assert [c.arguments for c in home.household.writes() if c.name == "delete_entries"] == [((1, 2), True, False)]


async def test_keeping_the_files_keeps_them(home: Bench) -> None:
    before = home.household.disk.files()
    deletion = await home.ask(HEAT, options=Options(delete_files=False))
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert home.household.disk.files() == before
    assert set(home.household.qbittorrent.by_id) == {torrent_id(3), torrent_id(4)}


async def test_observe_mode_sends_nothing(tmp_path: Path) -> None:
    async with bench_at(tmp_path, replace(POLICY, enforce=False)) as bench:
        bench.household.obtain(HEAT, "Heat", hash_of(1))
        await bench.reconciler.run_ledger()
        deletion = await bench.ask(HEAT)
        for _ in range(3):
            await bench.reconciler.run_pass()
            bench.clock.advance(60)
        assert writes(bench) == []
        assert await bench.phase(deletion) is Phase.WAITING
        assert Reason.OBSERVE_MODE in (await bench.reasons(deletion)).values()


async def test_a_decline_with_files_is_held_and_goes_on_when_a_person_approves(home: Bench) -> None:
    seerr = home.household.jellyseerr
    (request,) = [r for r in seerr.asked.values() if r.media == HEAT]
    seerr.decide(request.id, RequestStatus.DECLINED)
    seerr.scan(HEAT, MediaStatus.PENDING)
    deletion = await home.ask(HEAT, inferred=True, request_id=request.id)
    await home.passes()
    assert await home.phase(deletion) is Phase.HELD
    assert writes(home) == []
    await home.store.approve(deletion, "alice")
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert (await home.reasons(deletion))[REQUEST] is Reason.DECLINE_KEPT
    assert request.id in seerr.asked


async def test_the_breaker_holds_a_flood_and_approval_lets_it_through(tmp_path: Path) -> None:
    async with bench_at(tmp_path, replace(POLICY, breaker_limit=2)) as bench:
        titles = [Media(MediaKind.MOVIE, tmdb_id=n) for n in range(1, 5)]
        for number, media in enumerate(titles, 1):
            bench.household.obtain(media, f"T{number}", hash_of(number))
        await bench.reconciler.run_ledger()
        deletions = [await bench.ask(m) for m in titles]
        await bench.passes()
        phases = [await bench.phase(d) for d in deletions]
        assert phases.count(Phase.CONVERGED) == 2
        assert phases.count(Phase.HELD) == 2
        bench.clock.advance(timedelta(hours=3))
        await bench.passes()
        assert [await bench.phase(d) for d in deletions].count(Phase.HELD) == 2, "time alone does not release them"
        for deletion in deletions:
            await bench.store.approve(deletion, "alice")
        await bench.passes()
        assert {await bench.phase(d) for d in deletions} == {Phase.CONVERGED}


async def test_nothing_is_destroyed_before_the_history_was_read(bench: Bench) -> None:
    bench.household.obtain(HEAT, "Heat", hash_of(1))
    deletion = await bench.ask(HEAT)
    await bench.reconciler.run_pass()
    assert Reason.LEDGER_INCOMPLETE in (await bench.reasons(deletion)).values()
    assert writes(bench) == []
    await bench.reconciler.run_ledger()
    bench.clock.advance(60)
    await bench.passes()
    assert await bench.phase(deletion) is Phase.CONVERGED


async def test_an_ended_download_that_lingers_in_the_queue_is_not_asked_again_in_every_round(home: Bench) -> None:
    home.household.radarr.queued = [queue_item(1, 1, "nzo", client="SABnzbd")]
    deletion = await home.ask(HEAT)

    def linger(call: Call) -> None:
        is_listed = any(i.id == 1 for i in home.household.radarr.queued)
        if call.name == "queue" and not is_listed and home.clock.now() < START + timedelta(seconds=45):
            home.household.radarr.queued = [queue_item(1, 1, "nzo", client="SABnzbd")]

    home.household.radarr.before = linger
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert writes(home).count("end_downloads") <= 6


# --- wanted again ---


async def test_a_request_before_anything_was_destroyed_gives_everything_back(home: Bench) -> None:
    deletion = await home.ask(HEAT)

    def request_again(call: Call) -> None:
        if call.name == "remove":
            raise AssertionError("nothing may be removed")
        if call.name == "unmonitor":
            home.household.jellyseerr.ask_for(HEAT, "carol")

    for upstream in home.household.upstreams:
        upstream.before = request_again
    await home.passes()
    assert await home.phase(deletion) is Phase.CANCELLED
    assert home.household.radarr.by_id[1].monitoring.monitored
    references = await home.store.references_of_hashes([hash_of(1)])
    assert {r.released_by for r in references} == {None}, "they protect their torrent again"


async def test_a_request_after_the_torrents_went_ends_in_a_fresh_search(home: Bench) -> None:
    deletion = await home.ask(HEAT)

    def request_again(call: Call) -> None:
        if call.name == "remove":
            home.household.jellyseerr.ask_for(HEAT, "carol")

    home.household.qbittorrent.before = request_again
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    entry = home.household.radarr.by_id[1]
    assert (entry.files, entry.monitoring.monitored) == ((), True)
    assert home.household.radarr.searched == [1]
    assert {r.requested_by for r in home.household.jellyseerr.asked.values() if r.media == HEAT} == {"bob", "carol"}


async def test_a_search_that_failed_is_asked_for_again(home: Bench) -> None:
    deletion = await home.ask(HEAT)
    failures = [Unreachable(RADARR, "timed out")] * 2

    def request_again(call: Call) -> None:
        if call.name == "remove":
            home.household.jellyseerr.ask_for(HEAT, "carol")
        if call.name == "search" and failures:
            raise failures.pop()

    home.household.qbittorrent.before = home.household.radarr.before = request_again
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert home.household.radarr.searched == [1]


async def test_a_title_requested_again_after_convergence_is_nobodys_business(home: Bench) -> None:
    deletion = await home.ask(HEAT)
    await home.passes()
    home.household.obtain(HEAT, "Heat", hash_of(1))
    written = len(home.household.writes())
    for _ in range(8):
        home.clock.advance(timedelta(hours=1))
        await home.reconciler.run_pass()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert len(home.household.writes()) == written


async def test_a_title_added_by_hand_within_the_grace_period_cancels_it(home: Bench) -> None:
    deletion = await home.ask(HEAT, grace=timedelta(hours=1))
    await home.reconciler.run_pass()
    state = await home.state(deletion)
    assert state.deletion.bound_at is not None
    assert state.deletion.next_due_at == START + timedelta(hours=1)
    await home.hear(manual_add=ManualAdd(RADARR, 1, HEAT))
    await home.reconciler.run_pass()
    assert await home.phase(deletion) is Phase.CANCELLED
    assert writes(home) == []


async def test_a_grace_period_ends(home: Bench) -> None:
    deletion = await home.ask(HEAT, grace=timedelta(hours=1))
    await home.reconciler.run_pass()
    assert await home.phase(deletion) is Phase.WAITING
    home.clock.advance(timedelta(minutes=59))
    await home.reconciler.run_pass()
    assert writes(home) == []
    home.clock.advance(timedelta(minutes=1))
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED


# --- coming back ---


async def test_what_a_killed_client_brings_back_is_removed_again(home: Bench) -> None:
    deletion = await home.ask(HEAT)
    await home.passes()
    home.household.qbittorrent.crash()
    assert torrent_id(1) in home.household.qbittorrent.by_id
    home.clock.advance(WATCH_STEPS[0])
    await home.passes()
    assert await home.phase(deletion) is Phase.CONVERGED
    assert set(home.household.qbittorrent.by_id) == {torrent_id(3), torrent_id(4)}
    assert "Drift" in {e.kind for e in await home.store.events(deletion)}


async def test_a_converged_deletion_is_watched_ever_less_often_and_then_let_go(home: Bench) -> None:
    deletion = await home.ask(HEAT)
    await home.passes()
    waits: list[timedelta] = []
    for _ in range(6):
        due = (await home.state(deletion)).deletion.next_due_at
        assert due is not None
        waits.append(due - home.clock.now())
        home.clock.advance(max(due - home.clock.now(), timedelta(0)))
        await home.reconciler.run_pass()
    assert waits == sorted(waits)
    assert waits[0] <= WATCH_STEPS[0]
    assert waits[-1] == WATCH_STEPS[-1]
    home.clock.advance(timedelta(days=2))
    assert await home.reconciler.run_pass() is None
