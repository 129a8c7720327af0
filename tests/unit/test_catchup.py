"""Catching up: what happened while nobody listened is found by comparing complete readings, and nothing else is."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.catchup import CatchUp
from reconciler.errors import Unreachable
from reconciler.loop import Reconciler
from reconciler.model import DeletionState, InstanceName, Media, MediaKind, Phase, SettledAs, Source
from reconciler.observed import MediaStatus, RequestStatus
from reconciler.plan.catchup import CatchUpPolicy, Reaction
from reconciler.reasons import Reason
from reconciler.telemetry import Calls
from tests.support.bench import Bench, bench_at
from tests.support.worlds import FARGO, HEAT, RADARR, RONIN, SEERR, hash_of, torrent_id


class Watch:
    """A bench whose household was looked at once, so that the next look finds what changed."""

    def __init__(self, bench: Bench, reactions: CatchUpPolicy) -> None:
        self.bench = bench
        self.home = bench.household
        self.reactions = reactions
        self.reconciler = self.restart()

    def restart(self, *, needs_approval: bool = False) -> Reconciler:
        """Be a new process over the same database."""
        bench = self.bench
        upstreams = bench.upstreams()
        catch_up = CatchUp(
            bench.store,
            upstreams,
            bench.policy,
            self.reactions,
            bench.clock,
            needs_approval=lambda _source: needs_approval,
        )
        self.reconciler = Reconciler(
            bench.store,
            upstreams,
            bench.policy,
            bench.timing,
            bench.clock,
            holder="bench",
            calls=Calls(),
            catch_up=catch_up,
            sleep=bench.clock.sleep,
        )
        bench.reconciler = self.reconciler
        return self.reconciler

    async def resync(self) -> tuple[DeletionState, ...]:
        """Look once more, and return every deletion there is, the oldest first."""
        self.bench.clock.advance(timedelta(minutes=15))
        await self.reconciler.run_resync()
        return tuple(reversed(await self.bench.everything()))


async def watch_over(bench: Bench, reactions: CatchUpPolicy | None = None) -> Watch:
    for number, media in enumerate((HEAT, RONIN, FARGO), 1):
        bench.household.obtain(media, f"Title {number}", hash_of(number))
    watch = Watch(bench, reactions or CatchUpPolicy())
    await watch.reconciler.run_ledger()
    await watch.resync()
    return watch


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_at(tmp_path) as opened:
        yield opened


async def go_back_to(bench: Bench, remembered: Mapping[str, object]) -> None:
    """Remember an earlier look at Radarr again, as if the process had died before it stored the last one."""
    lease = await bench.store.acquire_lease("bench", timedelta(minutes=1))
    assert lease is not None
    await bench.store.save_resync_state(lease, RADARR, remembered, bench.clock.now())


def forget(watch: Watch, media: Media, *, delete_files: bool = True) -> None:
    """Delete a title in its library while nobody listens."""
    library = watch.home.library_for(media)
    entry = next(e for e in library.by_id.values() if e.media == media)
    del library.by_id[entry.id]
    library.history = [r for r in library.history if r.entry_id != entry.id]
    if delete_files:
        watch.home.disk.remove_folder(entry.path)
    watch.bench.clock.advance(timedelta(minutes=1))


async def said_of(bench: Bench, instance: InstanceName) -> str:
    """Return what the status says of an instance."""
    return next(row.last_error for row in (await bench.store.overview()).upstreams if row.instance == instance)


# --- Radarr and Sonarr ---------------------------------------------------------------------------------------------


async def test_the_first_look_only_remembers(bench: Bench) -> None:
    watch = await watch_over(bench)
    assert await watch.resync() == ()
    assert watch.home.writes() == []


async def test_a_title_deleted_while_nobody_listened_is_finished_everywhere(bench: Bench) -> None:
    watch = await watch_over(bench)
    forget(watch, HEAT)
    watch.restart()
    (found,) = await watch.resync()
    assert (found.deletion.media, found.deletion.source) == (HEAT, Source.RADARR)
    assert found.deletion.instances == frozenset({RADARR})
    await bench.passes()
    assert (await bench.state(found.deletion.id)).phase is Phase.CONVERGED
    assert set(watch.home.qbittorrent.by_id) == {torrent_id(2), torrent_id(3)}
    assert HEAT not in {r.media for r in watch.home.jellyseerr.rows.values()}
    events = await bench.store.events(found.deletion.id)
    assert "does not list it any more" in events[0].message


async def test_what_was_found_once_is_not_found_again(bench: Bench) -> None:
    watch = await watch_over(bench)
    forget(watch, HEAT)
    assert len(await watch.resync()) == 1
    await bench.passes()
    assert len(await watch.resync()) == 1


async def test_a_crash_between_finding_and_remembering_repeats_without_harm(bench: Bench) -> None:
    watch = await watch_over(bench)
    before = await bench.store.resync_state(RADARR)
    assert before is not None
    forget(watch, HEAT)
    assert len(await watch.resync()) == 1
    await go_back_to(bench, before)
    assert len(await watch.resync()) == 1
    await bench.passes()
    await go_back_to(bench, before)
    assert len(await watch.resync()) == 1


async def test_what_a_person_cancelled_before_it_was_bound_is_not_found_again(bench: Bench) -> None:
    watch = await watch_over(bench)
    entry = next(e for e in watch.home.radarr.by_id.values() if e.media == HEAT)
    forget(watch, HEAT)
    told = await bench.ask(HEAT, source=Source.RADARR, entry_id=entry.id, instances=[RADARR])
    assert await bench.store.cancel(told, "alice")
    (only,) = await watch.resync()
    assert only.deletion.settled_as is SettledAs.CANCELLED
    assert watch.home.writes() == []


async def test_our_own_delete_is_no_news(bench: Bench) -> None:
    watch = await watch_over(bench)
    await bench.ask(HEAT)
    await bench.passes()
    assert len(await watch.resync()) == 1


async def test_a_title_whose_files_are_still_there_is_left_alone_unless_told_otherwise(bench: Bench) -> None:
    watch = await watch_over(bench)
    forget(watch, HEAT, delete_files=False)
    assert await watch.resync() == ()
    watch.reactions = replace(watch.reactions, vanished_title_with_files=Reaction.HOLD)
    watch.restart()
    forget(watch, RONIN, delete_files=False)
    (found,) = await watch.resync()
    await bench.passes()
    assert found.deletion.media == RONIN
    assert Reason.APPROVAL_REQUIRED in (await bench.reasons(found.deletion.id)).values()
    assert watch.home.writes() == []


async def test_a_title_whose_files_radarr_said_to_have_kept_is_not_taken_when_they_are_moved_away(bench: Bench) -> None:
    watch = await watch_over(bench)
    entry = next(e for e in watch.home.radarr.by_id.values() if e.media == HEAT)
    forget(watch, HEAT)  # somebody gives the files another place at once
    await bench.hear_of_kept_files(entry.id)
    assert await watch.resync() == ()
    assert await watch.resync() == ()


async def test_a_title_whose_files_radarr_said_to_have_kept_is_held_where_that_is_wanted(bench: Bench) -> None:
    watch = await watch_over(bench, CatchUpPolicy(vanished_title_with_files=Reaction.HOLD))
    entry = next(e for e in watch.home.radarr.by_id.values() if e.media == HEAT)
    forget(watch, HEAT)
    await bench.hear_of_kept_files(entry.id)
    (found,) = await watch.resync()
    assert found.deletion.needs_approval
    assert "said that its files were kept" in (await bench.store.events(found.deletion.id))[0].message


async def test_a_title_is_judged_later_while_its_root_folder_cannot_be_reached(bench: Bench) -> None:
    watch = await watch_over(bench)
    (root,) = watch.home.radarr.roots
    forget(watch, HEAT)
    watch.home.radarr.roots = (replace(root, accessible=False),)
    assert await watch.resync() == ()
    assert (await said_of(bench, RADARR)).startswith("radarr: a title vanished, and whether its files are gone cannot")
    watch.home.radarr.roots = (root,)
    (found,) = await watch.resync()
    assert await said_of(bench, RADARR) == ""
    assert found.deletion.media == HEAT


async def test_a_title_added_again_under_another_id_has_not_vanished(bench: Bench) -> None:
    watch = await watch_over(bench)
    forget(watch, HEAT)
    watch.home.radarr.add(HEAT, "Title 1")
    assert await watch.resync() == ()


@pytest.mark.parametrize("what", ["out", "half empty"])
async def test_nothing_follows_from_a_list_that_is_not_complete(bench: Bench, what: str) -> None:
    for number in range(30):
        bench.household.obtain(Media(MediaKind.MOVIE, tmdb_id=5000 + number), f"Many {number}", hash_of(100 + number))
    watch = await watch_over(bench)
    entries = dict(watch.home.radarr.by_id)
    for number in list(entries)[:25]:
        watch.home.disk.remove_folder(entries[number].path)
        del watch.home.radarr.by_id[number]
    if what == "out":
        watch.home.radarr.trouble = Unreachable(RADARR, "out")
    assert await watch.resync() == ()
    assert ("out" if what == "out" else "25 of 32 rows vanished at once") in await said_of(bench, RADARR)
    watch.home.radarr.trouble = None
    watch.home.radarr.by_id.update(entries)
    assert await watch.resync() == ()
    assert await said_of(bench, RADARR) == ""


async def test_a_source_that_needs_approval_needs_it_here_too(bench: Bench) -> None:
    watch = await watch_over(bench)
    watch.restart(needs_approval=True)
    forget(watch, HEAT)
    (found,) = await watch.resync()
    assert found.deletion.needs_approval


# --- Jellyseerr ----------------------------------------------------------------------------------------------------


async def test_a_decline_that_was_not_announced_is_found(bench: Bench) -> None:
    watch = await watch_over(bench)
    request = watch.home.jellyseerr.ask_for(Media(MediaKind.MOVIE, tmdb_id=77), status=RequestStatus.PENDING)
    await watch.resync()
    watch.home.jellyseerr.decide(request.id, RequestStatus.DECLINED)
    (found,) = await watch.resync()
    assert found.deletion.inferred
    assert found.deletion.hints.request_id == request.id
    assert found.deletion.source is Source.JELLYSEERR
    assert len(await watch.resync()) == 1


async def test_a_decline_of_something_available_changes_nothing(bench: Bench) -> None:
    watch = await watch_over(bench)
    (request,) = [r for r in watch.home.jellyseerr.asked.values() if r.media == HEAT]
    watch.home.jellyseerr.decide(request.id, RequestStatus.DECLINED)
    (found,) = await watch.resync()
    await bench.passes()
    state = await bench.state(found.deletion.id)
    assert (state.deletion.settled_as, state.deletion.settled_reason) == (SettledAs.CANCELLED, Reason.STILL_WANTED)
    assert watch.home.writes() == []


async def test_a_decline_that_a_webhook_told_is_no_news(bench: Bench) -> None:
    watch = await watch_over(bench)
    request = watch.home.jellyseerr.ask_for(Media(MediaKind.MOVIE, tmdb_id=77), status=RequestStatus.DECLINED)
    await bench.ask(request.media, source=Source.JELLYSEERR, inferred=True, request_id=request.id)
    assert len(await watch.resync()) == 1


async def test_a_series_request_declined_covers_its_seasons_only(bench: Bench) -> None:
    watch = await watch_over(bench)
    series = Media(MediaKind.SERIES, tmdb_id=88, tvdb_id=888)
    watch.home.jellyseerr.ask_for(series, status=RequestStatus.DECLINED, seasons=[2, 3])
    (found,) = await watch.resync()
    assert found.deletion.seasons == frozenset({2, 3})


async def test_what_vanishes_from_jellyseerr_is_ignored_by_default(bench: Bench) -> None:
    watch = await watch_over(bench)
    home = watch.home.jellyseerr
    (record,) = [r for r in home.rows.values() if r.media == HEAT]
    await home.delete_record(record.id)
    (request,) = [r for r in home.asked.values() if r.media == RONIN]
    del home.asked[request.id]
    home.scan(FARGO, MediaStatus.DELETED)
    assert await watch.resync() == ()


async def test_a_vanished_record_may_delete_but_is_held_while_there_is_data(bench: Bench) -> None:
    watch = await watch_over(bench, CatchUpPolicy(vanished_record=Reaction.DELETE))
    (record,) = [r for r in watch.home.jellyseerr.rows.values() if r.media == HEAT]
    del watch.home.jellyseerr.rows[record.id]
    watch.home.jellyseerr.asked = {n: r for n, r in watch.home.jellyseerr.asked.items() if r.media != HEAT}
    (found,) = await watch.resync()
    assert (found.deletion.media, found.deletion.source) == (HEAT, Source.RESYNC)
    await bench.passes()
    assert Reason.INFERRED_DELETE in (await bench.reasons(found.deletion.id)).values()
    assert watch.home.writes() == []


async def test_a_vanished_request_covers_its_own_seasons_and_variant(bench: Bench) -> None:
    watch = await watch_over(bench, CatchUpPolicy(vanished_request=Reaction.HOLD))
    request = watch.home.jellyseerr.ask_for(FARGO, "carol", seasons=[2])
    await watch.resync()
    del watch.home.jellyseerr.asked[request.id]
    (found,) = await watch.resync()
    assert (found.deletion.seasons, found.deletion.needs_approval) == (frozenset({2}), True)


async def test_a_title_that_jellyseerr_calls_deleted_may_delete(bench: Bench) -> None:
    watch = await watch_over(bench, CatchUpPolicy(status_deleted=Reaction.HOLD))
    watch.home.jellyseerr.scan(HEAT, MediaStatus.DELETED)
    (found,) = await watch.resync()
    assert (found.deletion.media, found.deletion.instances) == (HEAT, frozenset({RADARR}))
    assert len(await watch.resync()) == 1


async def test_requests_that_our_own_deletion_cleared_are_no_news(bench: Bench) -> None:
    reactions = CatchUpPolicy(vanished_record=Reaction.DELETE, vanished_request=Reaction.DELETE)
    watch = await watch_over(bench, reactions)
    await bench.ask(HEAT)
    await bench.passes()
    assert len(await watch.resync()) == 1


async def test_nothing_follows_while_jellyseerr_is_out(bench: Bench) -> None:
    watch = await watch_over(bench, CatchUpPolicy(vanished_record=Reaction.DELETE))
    watch.home.jellyseerr.trouble = Unreachable(SEERR, "out")
    watch.home.jellyseerr.rows.clear()
    watch.home.jellyseerr.asked.clear()
    assert await watch.resync() == ()
