"""Reading the upstreams into one round's world: completely, in the right order, or not at all."""

import itertools
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.errors import Rejected, Unintelligible, Unreachable
from reconciler.model import (
    ConditionType,
    DeletionId,
    InstanceName,
    ManualAdd,
    Media,
    MediaKind,
    Phase,
    TargetKind,
)
from reconciler.observe import Observer
from reconciler.observed import Entry, EntryFile, Library, RequestStatus, RootFolder, Seen, Unseen
from reconciler.plan import World
from reconciler.plan.world import Torrents
from reconciler.ports import Binding, Destroyed, Lease
from reconciler.reasons import Reason
from reconciler.upstreams import Health
from tests.support.bench import Bench, bench_at
from tests.support.memory_base import Call
from tests.support.worlds import HEAT, LOST, POLICY, QBITTORRENT, RADARR, RONIN, SEERR, SONARR, hash_of, torrent_id


class Lookout:
    """An observer over a bench."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.home = bench.household
        self.observer = self.fresh()

    def fresh(self) -> Observer:
        """Return the observer of a new process."""
        self.observer = Observer(
            self.bench.store, self.bench.upstreams(), Health(self.bench.clock), POLICY, self.bench.clock
        )
        return self.observer

    async def lease(self) -> Lease:
        lease = await self.bench.store.acquire_lease("bench", timedelta(days=1))
        assert lease is not None
        return lease

    async def look(self, *deletions: DeletionId) -> World:
        """Observe for some deletions, after the histories were read once."""
        lease = await self.lease()
        while await self.observer.backfill(lease):
            pass
        states = [await self.bench.state(d) for d in deletions]
        self.observer.begin_pass()
        return await self.observer.observe(lease, states, Destroyed())


@pytest.fixture
async def lookout(tmp_path: Path) -> AsyncIterator[Lookout]:
    async with bench_at(tmp_path) as bench:
        yield Lookout(bench)


def seen_library(world: World, instance: InstanceName) -> Library:
    observation = world.libraries[instance]
    assert isinstance(observation, Seen)
    return observation.data


def seen_torrents(world: World) -> Torrents:
    assert isinstance(world.torrents, Seen)
    return world.torrents.data


def unseen(observation: object) -> Unseen:
    assert isinstance(observation, Unseen)
    return observation


async def many_movies(lookout: Lookout, numbers: Iterable[int]) -> None:
    for number in numbers:
        lookout.home.obtain(Media(MediaKind.MOVIE, tmdb_id=1000 + number), f"Movie {number}", hash_of(number))


# --- what is read ---


async def test_everything_that_concerns_a_title_is_read(lookout: Lookout) -> None:
    lookout.home.obtain(HEAT, "Heat", hash_of(1), hash_of(2))
    lookout.home.obtain(RONIN, "Ronin", hash_of(3))
    deletion = await lookout.bench.ask(HEAT)
    world = await lookout.look(deletion)
    assert set(seen_library(world, RADARR).entries) == {1, 2}
    assert {key.id for key in seen_torrents(world).by_key} == {torrent_id(1), torrent_id(2), torrent_id(3)}
    assert {key.id for key in seen_torrents(world).files} == {torrent_id(1), torrent_id(2)}, (
        "only the files that matter"
    )
    assert {r.hash for r in world.references} == {hash_of(1), hash_of(2)}
    assert all(r.media == HEAT for r in world.references)
    assert world.ledger[RADARR].is_current
    assert world.ledger[RADARR].coverage.is_complete
    assert isinstance(world.board, Seen)
    assert len(world.board.data.requests) == 2
    assert world.referenced_hashes == {hash_of(1), hash_of(2), hash_of(3)}


async def test_references_of_other_titles_to_the_same_torrents_are_read_too(lookout: Lookout) -> None:
    lookout.home.obtain(HEAT, "Heat", hash_of(1))
    ronin = lookout.home.radarr.add(RONIN, "Ronin")
    lookout.home.radarr.grab(ronin.id, hash_of(1))
    world = await lookout.look(await lookout.bench.ask(HEAT))
    assert {r.media for r in world.references} == {HEAT, RONIN}


async def test_references_to_torrents_that_may_share_files_are_read_too(lookout: Lookout) -> None:
    lookout.home.obtain(HEAT, "Heat", hash_of(1))
    ronin = lookout.home.radarr.add(RONIN, "Ronin")
    lookout.home.qbittorrent.add(hash_of(9), "Heat.0", save_path="/data/torrents")
    lookout.home.radarr.grab(ronin.id, hash_of(9))
    world = await lookout.look(await lookout.bench.ask(HEAT))
    assert {key.id for key in seen_torrents(world).files} == {torrent_id(1), torrent_id(9)}
    assert {r.media for r in world.references} == {HEAT, RONIN}


async def test_whoever_still_uses_the_files_of_a_removed_torrent_is_read_and_told(lookout: Lookout) -> None:
    bench, client = lookout.bench, lookout.home.qbittorrent
    lookout.home.obtain(HEAT, "Heat", hash_of(1))
    files = [f.name for f in client.by_id[torrent_id(1)][1]]
    client.add(hash_of(9), "Heat.0", [*files, "Heat.0/extra.srt"], save_path="/data/torrents")
    deletion = await bench.ask(HEAT)
    await bench.reconciler.run_ledger()
    await bench.passes()
    assert await bench.phase(deletion) is Phase.CONVERGED
    assert set(client.by_id) == {torrent_id(9)}
    assert (await bench.reasons(deletion))[ConditionType.TORRENTS_ABSENT] is Reason.SHARED_WITH_UNKNOWN
    world = await lookout.look(deletion)
    assert {key.id for key in seen_torrents(world).files} == {torrent_id(9)}


async def test_a_torrent_that_vanishes_while_its_files_are_read_is_told_as_unreadable(lookout: Lookout) -> None:
    lookout.home.obtain(HEAT, "Heat", hash_of(1))

    def vanish(call: Call) -> None:
        if call.name == "files":
            lookout.home.qbittorrent.by_id.clear()

    lookout.home.qbittorrent.before = vanish
    world = await lookout.look(await lookout.bench.ask(HEAT))
    assert list(seen_torrents(world).files.values()) == [None]


async def test_the_files_of_a_series_are_read_at_binding_also_if_it_was_named_by_tmdb_only(lookout: Lookout) -> None:
    lookout.home.jellyseerr.tvdb_ids = {LOST.tmdb_id or 0: LOST.tvdb_id or 0}
    in_sonarr = Media(MediaKind.SERIES, tvdb_id=LOST.tvdb_id)
    entry = lookout.home.sonarr.add(in_sonarr, "Lost")
    file = lookout.home.sonarr.import_file(entry.id, hash_of(1))
    world = await lookout.look(await lookout.bench.ask(Media(MediaKind.SERIES, tmdb_id=LOST.tmdb_id)))
    assert world.tvdb_ids == {LOST.tmdb_id: LOST.tvdb_id}
    assert seen_library(world, SONARR).entry_files == {
        entry.id: (EntryFile(file.id, file.path, file.size, file.season),)
    }


async def test_a_translation_that_fails_is_told_and_one_that_does_not_exist_is_not(lookout: Lookout) -> None:
    deletion = await lookout.bench.ask(Media(MediaKind.SERIES, tmdb_id=LOST.tmdb_id))
    world = await lookout.look(deletion)
    assert (world.tvdb_ids, world.untranslated) == ({}, {})

    def fail(call: Call) -> None:
        if call.name == "tvdb_id":
            raise Unreachable(SEERR, "TMDB does not answer")

    lookout.home.jellyseerr.before = fail
    world = await lookout.look(deletion)
    assert {k: v.reason for k, v in world.untranslated.items()} == {LOST.tmdb_id: Reason.UNREACHABLE}


async def test_folders_are_listed_once_something_was_destroyed(lookout: Lookout) -> None:
    entry = lookout.home.obtain(HEAT, "Heat", hash_of(1))
    lookout.home.obtain(RONIN, "Ronin", hash_of(2))
    deletion = await lookout.bench.ask(HEAT)
    await lookout.bench.reconciler.run_ledger()
    await lookout.bench.passes()
    world = await lookout.look(deletion)
    listings = seen_library(world, RADARR).listings
    assert listings["/data/movies/"].directories == {"Ronin"}
    assert entry.path == "/data/movies/Heat"


async def test_a_folder_that_may_not_be_listed_counts_as_empty_and_proves_nothing(lookout: Lookout) -> None:
    lookout.home.obtain(HEAT, "Heat", hash_of(1))
    deletion = await lookout.bench.ask(HEAT)
    await lookout.bench.reconciler.run_ledger()
    await lookout.bench.passes()

    def refuse(call: Call) -> None:
        if call.name == "list_folder":
            raise Rejected(RADARR, "not allowed")

    lookout.home.radarr.before = refuse
    world = await lookout.look(deletion)
    assert all(listing.is_empty for listing in seen_library(world, RADARR).listings.values())


async def test_titles_of_a_library_that_is_down_are_known_from_before(lookout: Lookout) -> None:
    lookout.home.sonarr.add(LOST, "Lost")
    deletion = await lookout.bench.ask(HEAT)
    await lookout.look(deletion)
    lookout.home.sonarr.trouble = Unreachable(SONARR, "gone")
    world = await lookout.look(deletion)
    assert unseen(world.libraries[SONARR]).reason is Reason.UNREACHABLE
    assert not world.ledger[SONARR].is_current
    assert [row.path for row in world.unseen_titles] == ["/data/tv/Lost"]


async def test_titles_as_last_seen_stay_known_after_they_are_gone(lookout: Lookout) -> None:
    entry = lookout.home.obtain(HEAT, "Heat", hash_of(1))
    await lookout.look()
    del lookout.home.radarr.by_id[entry.id]
    world = await lookout.look(await lookout.bench.ask(HEAT))
    assert [(r.entry_id, r.path) for r in world.library_rows] == [(entry.id, "/data/movies/Heat")]
    assert {r.hash for r in world.references} == {hash_of(1)}


async def test_the_open_deletions_that_released_a_reference_are_known(lookout: Lookout) -> None:
    heat = lookout.home.obtain(HEAT, "Heat", hash_of(1))
    ronin = lookout.home.radarr.add(RONIN, "Ronin")
    lookout.home.radarr.grab(ronin.id, hash_of(1))
    other = await lookout.bench.ask(RONIN)
    await lookout.look()
    numbers = [r.number for r in await lookout.bench.store.references_of_entries([(RADARR, ronin.id)])]
    binding = Binding(other, RONIN, (), tuple(numbers), 0, frozenset(), lookout.bench.clock.now())
    await lookout.bench.store.bind(await lookout.lease(), binding)
    mine = await lookout.bench.ask(HEAT)
    world = await lookout.look(mine)
    assert set(world.releasers) == {mine, other}
    assert heat.id == 1
    await lookout.bench.store.cancel(other, "alice")
    assert set((await lookout.look(mine)).releasers) == {mine}


# --- the order of reading ---


async def test_torrents_and_requests_are_read_after_the_histories(lookout: Lookout) -> None:
    """A grab that a history tells must come with its torrent and with the request that led to it."""
    lookout.home.obtain(HEAT, "Heat", hash_of(1))
    deletion = await lookout.bench.ask(HEAT)

    def request_again(call: Call) -> None:
        if call.name == "history_since" and len(lookout.home.jellyseerr.asked) == 1:
            lookout.home.jellyseerr.ask_for(HEAT, "carol")
            lookout.home.qbittorrent.add(hash_of(2), "Heat.again", save_path="/data/torrents")
            lookout.home.radarr.grab(1, hash_of(2))

    await lookout.look(deletion)
    lookout.home.radarr.before = request_again
    world = await lookout.look(deletion)
    assert hash_of(2) in {r.hash for r in world.references}
    assert torrent_id(2) in {key.id for key in seen_torrents(world).by_key}
    assert isinstance(world.board, Seen)
    assert len(world.board.data.requests) == 2


async def test_what_arrives_while_upstreams_are_read_counts_as_later(lookout: Lookout) -> None:
    deletion = await lookout.bench.ask(HEAT)
    await lookout.look(deletion)
    entries = lookout.home.radarr.entries

    async def entries_while_a_webhook_arrives() -> tuple[Entry, ...]:
        await lookout.bench.hear(manual_add=ManualAdd(RADARR, 9, HEAT))
        return await entries()

    lookout.home.radarr.entries = entries_while_a_webhook_arrives  # type: ignore[method-assign]  # only in this test
    world = await lookout.look(deletion)
    (add,) = world.manual_adds
    assert add.number > world.position


# --- not complete, not seen ---


async def test_one_call_that_fails_makes_the_whole_upstream_unseen(lookout: Lookout) -> None:
    for instance, upstream, name in (
        (RADARR, lookout.home.radarr, "queue"),
        (RADARR, lookout.home.radarr, "root_folders"),
        (QBITTORRENT, lookout.home.qbittorrent, "torrents"),
        (SEERR, lookout.home.jellyseerr, "requests"),
    ):
        trouble = Unreachable(instance, "reset")

        def fail(call: Call, name: str = name, trouble: Unreachable = trouble) -> None:
            if call.name == name:
                raise trouble

        upstream.before = fail
        world = await lookout.look()
        found = {RADARR: world.libraries[RADARR], QBITTORRENT: world.torrents, SEERR: world.board}[instance]
        assert unseen(found).reason is Reason.UNREACHABLE
        upstream.before = lambda _call: None


async def test_a_history_that_cannot_be_read_leaves_the_ledger_not_current(lookout: Lookout) -> None:
    await lookout.look()

    def fail(call: Call) -> None:
        if call.name == "history_since":
            raise Unreachable(RADARR, "reset")

    lookout.home.radarr.before = fail
    world = await lookout.look()
    assert isinstance(world.libraries[RADARR], Seen)
    assert not world.ledger[RADARR].is_current


async def test_requests_without_their_record_were_read_while_they_changed(lookout: Lookout) -> None:
    request = lookout.home.jellyseerr.ask_for(HEAT)
    lookout.home.jellyseerr.asked[request.id] = replace(request, record_id=99, status=RequestStatus.APPROVED)
    assert unseen((await lookout.look()).board).reason is Reason.UNINTELLIGIBLE


async def test_another_program_behind_the_url_shows_nothing(lookout: Lookout) -> None:
    await many_movies(lookout, range(3))
    await lookout.look()
    lookout.home.radarr.app = replace(lookout.home.radarr.app, instance_name="Radarr 4K")
    assert unseen((await lookout.look()).libraries[RADARR]).reason is Reason.SUSPICIOUS_LIST
    lookout.home.radarr.by_id = dict(list(lookout.home.radarr.by_id.items())[:1])
    told = unseen((await lookout.look()).libraries[RADARR]).message
    assert "answers as 'Radarr/Radarr 4K'" in told
    assert "(2 of 3 rows of before are not there)" in told
    lookout.home.radarr.trouble = Unintelligible(RADARR, "answers as Sonarr, not Radarr")
    assert unseen((await lookout.look()).libraries[RADARR]).reason is Reason.UNINTELLIGIBLE


async def test_the_settings_of_a_library_are_read_once_per_pass(lookout: Lookout) -> None:
    await lookout.look()
    lookout.home.radarr.roots = (RootFolder("/data/movies", False),)
    states = await lookout.observer.observe(await lookout.lease(), [], Destroyed())
    assert seen_library(states, RADARR).root_folders == (RootFolder("/data/movies", True),)
    assert seen_library(await lookout.look(), RADARR).root_folders == (RootFolder("/data/movies", False),)


# --- suspicious lists ---


async def test_a_list_that_lost_most_of_its_rows_is_suspicious_until_they_return(lookout: Lookout) -> None:
    await many_movies(lookout, range(16))
    await lookout.look()
    kept = dict(lookout.home.qbittorrent.by_id)
    lookout.home.qbittorrent.by_id = dict(list(kept.items())[:4])
    for _ in range(2):
        assert unseen((await lookout.look()).torrents).reason is Reason.SUSPICIOUS_LIST
    lookout.home.qbittorrent.by_id = kept
    assert isinstance((await lookout.look()).torrents, Seen)


@pytest.mark.parametrize(("total", "left", "is_suspicious"), [(20, 10, False), (20, 9, True), (11, 2, False)])
async def test_a_list_is_suspicious_from_ten_and_more_than_half_missing(
    lookout: Lookout, total: int, left: int, is_suspicious: bool
) -> None:
    await many_movies(lookout, range(total))
    await lookout.look()
    for number in list(lookout.home.radarr.by_id)[left:]:
        del lookout.home.radarr.by_id[number]
    found = (await lookout.look()).libraries[RADARR]
    assert isinstance(found, Unseen) is is_suspicious


async def test_what_we_removed_ourselves_is_not_suspicious(lookout: Lookout) -> None:
    await many_movies(lookout, range(16))
    await lookout.look()
    lookout.observer.removed(QBITTORRENT, [hash_of(n) for n in range(16)])
    lookout.home.qbittorrent.by_id.clear()
    assert isinstance((await lookout.look()).torrents, Seen)


async def test_a_new_process_knows_from_the_store_what_was_removed(lookout: Lookout) -> None:
    media = [Media(MediaKind.MOVIE, tmdb_id=1000 + n) for n in range(16)]
    await many_movies(lookout, range(16))
    await lookout.bench.reconciler.run_ledger()
    deletions = [await lookout.bench.ask(m) for m in media]
    await lookout.look(*deletions)
    for _ in range(3):
        await lookout.bench.reconciler.run_pass()
    assert lookout.home.qbittorrent.by_id == {}
    lookout.fresh()
    assert isinstance((await lookout.look(*deletions)).torrents, Seen)


async def test_a_person_can_accept_a_suspicious_list(lookout: Lookout) -> None:
    await many_movies(lookout, range(16))
    await lookout.bench.reconciler.run_ledger()
    await lookout.bench.reconciler.run_pass()
    deletion = await lookout.bench.ask(HEAT)
    await lookout.bench.reconciler.run_pass()
    again = await lookout.bench.ask(RONIN)
    lookout.home.qbittorrent.by_id.clear()
    lookout.bench.clock.advance(60)
    await lookout.bench.reconciler.run_pass()
    assert Reason.SUSPICIOUS_LIST in (await lookout.bench.reasons(again)).values()
    assert await lookout.bench.store.approve(again, "alice") == {Reason.SUSPICIOUS_LIST}
    await lookout.bench.reconciler.run_pass()
    assert Reason.SUSPICIOUS_LIST not in (await lookout.bench.reasons(again)).values()
    assert (await lookout.bench.state(deletion)).targets_of(TargetKind.TORRENT) == ()


async def test_a_list_that_was_accepted_is_asked_about_again_when_it_lacks_more(lookout: Lookout) -> None:
    await many_movies(lookout, range(24))
    await lookout.bench.reconciler.run_ledger()
    kept = dict(lookout.home.qbittorrent.by_id)
    numbers = itertools.count(5000)

    async def shown(left: int) -> tuple[DeletionId, str]:
        lookout.home.qbittorrent.by_id = dict(list(kept.items())[:left])
        deletion = await lookout.bench.ask(Media(MediaKind.MOVIE, tmdb_id=next(numbers)))
        await lookout.bench.reconciler.run_pass()
        conditions = (await lookout.bench.state(deletion)).conditions
        return deletion, next((c.message for c in conditions if c.reason is Reason.SUSPICIOUS_LIST), "")

    async def accept(deletion: DeletionId) -> None:
        assert await lookout.bench.store.approve(deletion, "alice") == {Reason.SUSPICIOUS_LIST}

    assert (await shown(left=24))[1] == ""
    deletion, text = await shown(left=6)
    assert "18 of 24 rows vanished" in text
    await accept(deletion)
    assert "20 of 24 rows vanished" in (await shown(left=4))[1], "that was not accepted"
    assert (await shown(left=24))[1] == "", "all of it came back, so that nothing is accepted any more"
    deletion, text = await shown(left=6)
    assert "18 of 24 rows vanished" in text
    await accept(deletion)
    assert (await shown(left=7))[1] == ""
