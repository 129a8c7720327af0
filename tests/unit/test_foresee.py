"""What is foreseen is what is then done: the same steps, in the same order, about the same things."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.errors import Unreachable
from reconciler.model import (
    ConditionType,
    DeletionId,
    DeletionRequest,
    DeletionState,
    DownloadProtocol,
    InfoHash,
    InstanceName,
    Media,
    Options,
    Phase,
    Source,
    deletion_of,
)
from reconciler.observed import Entry, MediaStatus, QueueItem, RequestStatus, Trackers
from reconciler.plan import Policy
from reconciler.plan.actions import (
    Action,
    Announce,
    Blocklist,
    DeleteEntry,
    DeleteFiles,
    DeleteRecord,
    DeleteRequest,
    EndDownloads,
    RemoveTorrent,
    ResetVariant,
    RestoreMonitoring,
    Search,
    Unmonitor,
    UnmonitorSeasons,
)
from reconciler.plan.foresee import Foreseen
from reconciler.plan.policy import CrossSeeds, SeedingPolicy, SeedingRule
from reconciler.reasons import Reason
from tests.support.bench import Bench, bench_at
from tests.support.clocks import START
from tests.support.memory_base import Call
from tests.support.memory_upstreams import Household
from tests.support.worlds import HEAT, LOST, POLICY, RADARR, RADARR_4K, RONIN, WITH_4K, hash_of, torrent_id

Step = tuple[object, ...]

KEEPING = Options(delete_files=False)
JELLYFIN = InstanceName("jellyfin")
DAYS = timedelta(hours=72)


# --- the two sides, in one form ---


def steps_of(action: Action) -> Iterator[Step]:
    """Say what an action asks for, thing by thing, as the upstream hears it."""
    match action:
        case Unmonitor():
            yield "unmonitor", action.instance, action.entry_id
        case UnmonitorSeasons():
            yield "unmonitor_seasons", action.instance, action.entry_id, action.seasons
        case Blocklist():
            yield from (("blocklist", action.instance, number) for number in action.history_ids)
        case EndDownloads():
            yield from (("end_downloads", action.instance, number) for number in action.queue_ids)
        case RemoveTorrent():
            yield "remove", action.instance, action.torrent, action.delete_files
        case DeleteEntry():
            yield "delete", action.instance, action.entry_id, action.delete_files, action.add_exclusion
        case DeleteFiles():
            yield "delete_files", action.instance, action.entry_id, action.file_ids
        case RestoreMonitoring():
            yield "restore_monitoring", action.instance, action.entry_id, action.prior
        case Search():
            yield "search", action.instance, action.entry_id, action.season
        case Announce():
            yield "announce", action.instance, action.paths
        case DeleteRequest():
            yield "delete_request", action.instance, action.request_id
        case DeleteRecord():
            yield "delete_record", action.instance, action.record_id
        case ResetVariant():
            yield "reset_variant", action.instance, action.record_id, action.is_4k


def steps_in(call: Call) -> Iterator[Step]:
    """Say what a call asked for, thing by thing."""
    first, *rest = call.arguments
    match call.name:
        case "delete_entries" | "delete_entry":
            numbers = first if isinstance(first, tuple) else (first,)
            yield from (("delete", call.instance, number, *rest) for number in numbers)
        case "unmonitor" | "end_downloads" | "remove":
            assert isinstance(first, tuple)
            yield from ((call.name, call.instance, number, *rest) for number in first)
        case "unmonitor_seasons":
            assert isinstance(first, dict)
            yield from ((call.name, call.instance, number, seasons) for number, seasons in first.items())
        case _:
            yield call.name, call.instance, *call.arguments


def executed(home: Household) -> list[Step]:
    return [step for call in home.writes() for step in steps_in(call)]


def told(foreseen: Foreseen) -> list[Step]:
    return [step for action in foreseen.actions for step in steps_of(action)]


# --- households ---


def obtain_series(home: Household, *seasons: int) -> Entry:
    """LOST, with one torrent and one file per season; the first season's number is its torrent's, too."""
    entry = home.sonarr.add(LOST, "Lost", seasons=seasons)
    for season in seasons:
        grab_season(home, entry.id, hash_of(100 + season), season)
    home.jellyseerr.ask_for(LOST, seasons=seasons)
    home.jellyseerr.scan(LOST)
    return home.sonarr.by_id[entry.id]


def grab_season(home: Household, entry_id: int, hash_: InfoHash, *seasons: int) -> None:
    files = [f"Lost.{hash_[-3:]}/S{s}E1.mkv" for s in seasons]
    home.qbittorrent.add(hash_, f"Lost.{hash_[-3:]}", files, save_path="/data/torrents")
    for season in seasons:
        home.sonarr.grab(entry_id, hash_, episode=(season, 1))
        home.sonarr.import_file(entry_id, hash_, f"Season {season}/E1.mkv", episode=(season, 1))


def obtain_4k(home: Household) -> None:
    entry = home.radarr_4k.add(HEAT, "Heat")
    home.qbittorrent.add(hash_of(40), "Heat.2160p", save_path="/data/torrents")
    home.radarr_4k.grab(entry.id, hash_of(40))
    home.radarr_4k.import_file(entry.id, hash_of(40))
    home.jellyseerr.ask_for(HEAT, is_4k=True)


def cross_seed(home: Household, number: int) -> None:
    """Another torrent with the very files of HEAT's first one."""
    home.qbittorrent.add(
        hash_of(number), "Heat.0", ["Heat.0/Heat.0.mkv"], save_path="/data/torrents", sizes={}, data=False
    )


def elsewhere(home: Household, number: int) -> None:
    torrent, files = home.qbittorrent.by_id[next(iter(home.qbittorrent.by_id))]
    home.qbittorrent.add(
        hash_of(number),
        torrent.name,
        [f.name for f in files],
        save_path="/data/cross-seeds",
        sizes={f.name: f.size for f in files},
    )


def pack(home: Household, *seasons: int) -> None:
    grab_season(home, obtain_series(home, *seasons).id, hash_of(50), *seasons)


def usenet(home: Household) -> None:
    home.radarr.queued.append(
        QueueItem(31, 1, "SABnzbd_nzo_1", DownloadProtocol.USENET, "sabnzbd", "Heat.1995", "downloading")
    )


def usenet_everywhere(home: Household) -> None:
    obtain_4k(home)
    usenet(home)
    home.radarr_4k.queued.append(
        QueueItem(32, 1, "SABnzbd_nzo_2", DownloadProtocol.USENET, "sabnzbd", "Heat.2160p", "downloading")
    )


def listed(home: Household) -> None:
    home.jellyfin.list_item(HEAT, "/data/movies/Heat")


def listed_series(home: Household) -> None:
    obtain_series(home, 1, 2)
    home.jellyfin.list_item(LOST, "/data/tv/Lost")
    home.jellyfin.list_item(LOST, "/data/tv/Lost/Season 1", season=1)
    home.jellyfin.list_item(LOST, "/data/tv/Lost/Season 2", season=2)


def owing(home: Household) -> None:
    home.qbittorrent.change(hash_of(1), category="hnr", seeding_seconds=3600)


def seeded(home: Household) -> None:
    if torrent_id(1) in home.qbittorrent.by_id:
        home.qbittorrent.change(hash_of(1), seeding_seconds=73 * 3600)


def tracked(home: Household) -> None:
    cross_seed(home, 9)
    home.qbittorrent.announces[torrent_id(9)] = Trackers(frozenset({"other.net"}))
    for number in (1, 2):
        home.qbittorrent.announces[torrent_id(number)] = Trackers(frozenset({"other.net"}))


@dataclass(frozen=True)
class Case:
    """What there is, what is asked for, and what has to happen besides while it is done."""

    arrange: Callable[[Household], object] = lambda _home: None
    media: Media = HEAT
    options: Options = field(default_factory=Options)
    seasons: tuple[int, ...] | None = None
    instances: tuple[InstanceName, ...] | None = None
    policy: Policy = POLICY
    needs_approval: bool = False
    grace: timedelta = timedelta(0)
    inferred_request: int | None = None
    meanwhile: Callable[[Household], object] = lambda _home: None
    ends_as: Phase = Phase.CONVERGED


SEEDING = replace(POLICY, seeding=SeedingPolicy((SeedingRule(category="hnr", min_time=DAYS),)))
BLOCKING = replace(SEEDING, seeding=replace(SEEDING.seeding, block_entry=True))
TRACKER = replace(POLICY, seeding=SeedingPolicy((SeedingRule(tracker="example.org", min_time=DAYS),)))
TOGETHER = replace(POLICY, cross_seeds=CrossSeeds.TOGETHER)
WITH_JELLYFIN = replace(POLICY, media_server=JELLYFIN)
EMPTYING = Options(remove_empty_series=True)

CASES = {
    "a movie": Case(),
    "a movie with an exclusion": Case(options=Options(add_exclusion=True)),
    "a movie that keeps its files": Case(options=KEEPING),
    "a movie that nobody has": Case(media=replace(HEAT, tmdb_id=1)),
    "a movie with a download in another client": Case(usenet),
    "a series": Case(lambda home: obtain_series(home, 1, 2), LOST),
    "a season": Case(lambda home: obtain_series(home, 1, 2), LOST, seasons=(1,)),
    "several seasons": Case(lambda home: obtain_series(home, 1, 2, 3), LOST, seasons=(1, 3)),
    "all seasons": Case(lambda home: obtain_series(home, 1, 2), LOST, seasons=(1, 2)),
    "a season that keeps its files": Case(lambda home: obtain_series(home, 1, 2), LOST, KEEPING, seasons=(1,)),
    "a season with a blocklist": Case(
        lambda home: obtain_series(home, 1, 2), LOST, Options(blocklist=True), seasons=(1,)
    ),
    "the last seasons of a series": Case(lambda home: obtain_series(home, 1, 2), LOST, EMPTYING, seasons=(1, 2)),
    "not the last season of a series": Case(lambda home: obtain_series(home, 1, 2), LOST, EMPTYING, seasons=(1,)),
    "a season of a pack": Case(lambda home: pack(home, 1, 2), LOST, seasons=(1,)),
    "all seasons of a pack": Case(lambda home: pack(home, 1, 2), LOST, seasons=(1, 2)),
    "a cross-seed": Case(lambda home: cross_seed(home, 9)),
    "an equal tree elsewhere": Case(lambda home: elsewhere(home, 9)),
    "an equal tree elsewhere, together": Case(lambda home: elsewhere(home, 9), policy=TOGETHER),
    "HD and 4K": Case(obtain_4k, policy=WITH_4K),
    "HD and 4K with downloads in another client": Case(usenet_everywhere, policy=WITH_4K),
    "HD only": Case(obtain_4k, policy=WITH_4K, instances=(RADARR,)),
    "4K only": Case(obtain_4k, policy=WITH_4K, instances=(RADARR_4K,)),
    "Jellyfin": Case(listed, policy=WITH_JELLYFIN, meanwhile=lambda home: home.jellyfin.scan()),
    "a season in Jellyfin": Case(
        listed_series, LOST, seasons=(1,), policy=WITH_JELLYFIN, meanwhile=lambda home: home.jellyfin.scan()
    ),
    "the last seasons in Jellyfin": Case(
        listed_series,
        LOST,
        EMPTYING,
        seasons=(1, 2),
        policy=WITH_JELLYFIN,
        meanwhile=lambda home: home.jellyfin.scan(),
    ),
    "seeding": Case(owing, policy=SEEDING, meanwhile=seeded),
    "seeding that blocks the title": Case(owing, policy=BLOCKING, meanwhile=seeded),
    "a tracker that asks for nothing": Case(tracked, policy=TRACKER),
    "under approval": Case(needs_approval=True),
    "in its grace period": Case(grace=timedelta(hours=2)),
    "a pending request": Case(lambda home: home.jellyseerr.ask_for(HEAT, "eve", status=RequestStatus.PENDING)),
}


@asynccontextmanager
async def house(path: Path, case: Case) -> AsyncIterator[Bench]:
    async with bench_at(path, case.policy) as bench:
        bench.household.obtain(HEAT, "Heat", hash_of(1), hash_of(2))
        bench.household.obtain(RONIN, "Ronin", hash_of(3))
        case.arrange(bench.household)
        await bench.reconciler.run_ledger()
        yield bench


async def asked(home: Bench, case: Case) -> DeletionId:
    return await home.ask(
        case.media,
        options=case.options,
        seasons=case.seasons,
        instances=case.instances,
        needs_approval=case.needs_approval,
        grace=case.grace,
    )


async def foreseen_of(home: Bench, deletion: DeletionId) -> Foreseen:
    (foreseen,) = await home.reconciler.foresee([await home.state(deletion)])
    assert foreseen is not None
    return foreseen


async def lived(home: Bench, case: Case, deletion: DeletionId) -> None:
    """Let the deletion be carried out to its end, with all that it waits for."""
    if case.needs_approval:
        await home.reconciler.run_pass()
        await home.store.approve(deletion, "alice")
    for _ in range(5):
        await home.passes(5)
        case.meanwhile(home.household)
    home.clock.advance(timedelta(hours=1))
    await home.passes()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_what_is_foreseen_is_what_is_done(tmp_path: Path, case: Case) -> None:
    async with house(tmp_path, case) as home:
        deletion = await asked(home, case)
        foreseen = await foreseen_of(home, deletion)
        assert executed(home.household) == []
        assert (await home.state(deletion)).deletion.bound_at is None
        await lived(home, case, deletion)
        assert executed(home.household) == told(foreseen)
        assert await home.phase(deletion) is foreseen.ends_as is case.ends_as


async def test_several_wishes_are_foreseen_each_as_if_it_were_alone_from_one_reading(tmp_path: Path) -> None:
    async with bench_at(tmp_path) as home:
        home.household.obtain(HEAT, "Heat", hash_of(1))
        home.household.obtain(RONIN, "Ronin", hash_of(2))
        await home.reconciler.run_ledger()
        asked = [
            deletion_of(DeletionRequest(media, None, None, Source.API, options=options), frozenset({RADARR}), START)
            for media, options in ((HEAT, Options()), (HEAT, Options(delete_files=False)), (RONIN, Options()))
        ]
        wishes = [DeletionState(replace(wish, id=DeletionId(f"wish {n}"))) for n, wish in enumerate(asked)]
        alone = [(await home.reconciler.foresee([wish]))[0] for wish in wishes]
        before = len(home.household.calls)
        together = await home.reconciler.foresee(wishes)
        assert list(together) == alone
        assert [told(one) for one in together] == [told(one) for one in alone]
        assert together[0].actions != together[1].actions
        read = [call.name for call in home.household.calls[before:]]
        assert read.count("entries") == len(POLICY.libraries), "each library is read once"


# --- in the middle of it ---


async def test_what_is_left_to_do_is_foreseen_in_the_middle_of_it(tmp_path: Path) -> None:
    async with house(tmp_path, Case()) as home:
        failures = [Unreachable(RADARR, "timed out")]

        def fail(call: Call) -> None:
            if call.name == "delete_entry" and failures:
                raise failures.pop()

        home.household.radarr.before = fail
        deletion = await asked(home, Case())
        await home.reconciler.run_pass()
        assert (await home.state(deletion)).deletion.destroyed_at is not None
        home.clock.advance(timedelta(minutes=1))
        foreseen = await foreseen_of(home, deletion)
        before = len(executed(home.household))
        await home.passes()
        assert executed(home.household)[before:] == told(foreseen)
        assert [step[0] for step in told(foreseen)] == ["delete", "delete_record"]
        assert await home.phase(deletion) is foreseen.ends_as is Phase.CONVERGED


async def test_what_is_left_while_it_is_seeded_is_foreseen(tmp_path: Path) -> None:
    case = CASES["seeding"]
    async with house(tmp_path, case) as home:
        deletion = await asked(home, case)
        await home.passes(6)
        foreseen = await foreseen_of(home, deletion)
        assert [step[0] for step in told(foreseen)] == ["remove"]
        assert any("once it was seeded" in note for note in foreseen.notes)
        before = len(executed(home.household))
        await lived(home, case, deletion)
        assert executed(home.household)[before:] == told(foreseen)


async def test_the_finishing_of_what_is_wanted_again_is_foreseen(tmp_path: Path) -> None:
    async with house(tmp_path, Case()) as home:

        def fail(call: Call) -> None:
            if call.name == "delete_entry":
                raise Unreachable(RADARR, "timed out")

        home.household.radarr.before = fail
        deletion = await asked(home, Case())
        await home.reconciler.run_pass()
        home.household.jellyseerr.ask_for(HEAT, "eve")
        home.clock.advance(timedelta(minutes=1))
        foreseen = await foreseen_of(home, deletion)
        before = len(executed(home.household))
        await home.passes()
        assert executed(home.household)[before:] == told(foreseen)
        assert [step[0] for step in told(foreseen)] == ["delete_files", "restore_monitoring", "search"]
        assert await home.phase(deletion) is foreseen.ends_as is Phase.CONVERGED


async def test_files_that_only_take_a_moment_to_go_are_foreseen_to_be_gone(tmp_path: Path) -> None:
    async with house(tmp_path, Case()) as home:
        deletion = await asked(home, Case())
        kept = {"/data/movies/Heat/file.mkv": "slow"}

        def linger(call: Call) -> None:
            if call.name == "list_folder" and kept:
                home.household.disk.put(kept, "slow")

        home.household.radarr.before = linger
        await home.reconciler.run_pass()
        assert (await home.reasons(deletion))[ConditionType.FILES_ABSENT] is Reason.REMOVING
        foreseen = await foreseen_of(home, deletion)
        assert [step[0] for step in told(foreseen)] == ["delete_record"]
        assert any(note.startswith("once its files are gone") for note in foreseen.notes)


async def test_a_deletion_that_has_ended_has_nothing_left_to_do(tmp_path: Path) -> None:
    async with house(tmp_path, Case()) as home:
        deletion = await asked(home, Case())
        await home.passes()
        foreseen = await foreseen_of(home, deletion)
        assert told(foreseen) == []
        assert foreseen.ends_as is Phase.CONVERGED


# --- what is not done ---


@pytest.mark.parametrize(
    ("case", "ends_as", "reason"),
    [
        (Case(lambda home: home.radarr.by_id.update({2: nested(home)})), Phase.HELD, Reason.SHARED_FOLDER),
        (
            Case(lambda home: home.jellyfin.list_item(HEAT, ""), policy=WITH_JELLYFIN),
            Phase.WAITING,
            Reason.STILL_LISTED,
        ),
    ],
    ids=["a shared folder", "an item that Jellyfin will not drop"],
)
async def test_what_stops_it_ends_what_is_foreseen(tmp_path: Path, case: Case, ends_as: Phase, reason: Reason) -> None:
    async with house(tmp_path, case) as home:
        deletion = await asked(home, case)
        foreseen = await foreseen_of(home, deletion)
        assert foreseen.ends_as is ends_as
        assert len(foreseen.actions) < 10
        await home.passes(6)
        assert executed(home.household) == told(foreseen)
        assert reason in {c.reason for c in (await home.state(deletion)).conditions}


def nested(home: Household) -> Entry:
    return replace(home.radarr.by_id[2], path=home.radarr.by_id[1].path + "/Extras")


async def test_what_no_approval_can_lift_is_noted(tmp_path: Path) -> None:
    async with house(tmp_path, Case(lambda home: home.radarr.by_id.update({2: nested(home)}))) as home:
        foreseen = await foreseen_of(home, await asked(home, Case()))
        assert any(note.startswith("it stops there: SharedFolder (radarr: ") for note in foreseen.notes)


def protect(home: Household) -> None:
    home.radarr.by_id[1] = replace(home.radarr.by_id[1], tags=frozenset({"keep"}))


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (Case(protect), Reason.PROTECTED),
        (Case(policy=replace(POLICY, breaker_limit=0)), Reason.BREAKER_OPEN),
    ],
    ids=["protected", "breaker"],
)
async def test_what_waits_for_a_person_is_foreseen_as_if_approved(tmp_path: Path, case: Case, reason: Reason) -> None:
    async with house(tmp_path, case) as home:
        deletion = await asked(home, case)
        foreseen = await foreseen_of(home, deletion)
        assert foreseen.ends_as is Phase.CONVERGED
        assert any(note.startswith(f"once a person has approved it: {reason} (") for note in foreseen.notes)
        await home.passes(6)
        assert executed(home.household) == []
        assert await home.store.approve(deletion, "alice")
        await home.passes()
        assert executed(home.household) == told(foreseen)


async def test_observe_mode_foresees_what_enforcing_would_do(tmp_path: Path) -> None:
    case = Case(policy=replace(POLICY, enforce=False))
    async with house(tmp_path, case) as home:
        deletion = await asked(home, case)
        foreseen = await foreseen_of(home, deletion)
        await home.passes(5)
        assert executed(home.household) == []
        assert foreseen.ends_as is Phase.CONVERGED
        assert foreseen.notes == ("observe mode: none of this is sent",)
        assert len(foreseen.actions) > 0


async def test_a_decline_of_something_with_files_is_foreseen_to_be_held(tmp_path: Path) -> None:
    async with house(tmp_path, Case()) as home:
        request = home.household.jellyseerr.ask_for(HEAT, "eve", status=RequestStatus.DECLINED)
        for other in [r for r in home.household.jellyseerr.asked if r != request.id]:
            del home.household.jellyseerr.asked[other]
        home.household.jellyseerr.scan(HEAT, MediaStatus.PROCESSING)
        deletion = await home.ask(HEAT, source=Source.JELLYSEERR, inferred=True, request_id=request.id)
        foreseen = await foreseen_of(home, deletion)
        assert any("InferredDelete" in note for note in foreseen.notes)
        await home.passes(6)
        assert executed(home.household) == []
        assert await home.store.approve(deletion, "alice")
        await home.passes()
        assert executed(home.household) == told(foreseen)


async def test_a_collection_leaves_its_data_if_one_half_was_to_keep_its_files(tmp_path: Path) -> None:
    async with house(tmp_path, Case()) as home:
        box, radarr = home.household.qbittorrent, home.household.radarr
        box.add(hash_of(60), "Mann", ["Mann/Heat.mkv", "Mann/Ronin.mkv"], save_path="/data/torrents")
        for entry in (1, 2):
            radarr.grab(entry, hash_of(60))
        await home.reconciler.run_ledger()
        await home.ask(RONIN, options=KEEPING)
        await home.passes()
        assert torrent_id(60) in box.by_id
        deletion = await home.ask(HEAT)
        foreseen = await foreseen_of(home, deletion)
        before = len(executed(home.household))
        await home.passes()
        assert executed(home.household)[before:] == told(foreseen)
        assert await home.phase(deletion) is foreseen.ends_as is Phase.CONVERGED
        assert torrent_id(60) not in box.by_id
        assert "/data/torrents/Mann/Ronin.mkv" in home.household.disk.files()


async def test_three_deletions_of_seasons_free_a_pack_one_by_one(tmp_path: Path) -> None:
    case = Case(lambda home: pack(home, 1, 2, 3))
    async with house(tmp_path, case) as home:
        gone: list[bool] = []
        for season in (1, 3, 2):
            deletion = await home.ask(LOST, seasons=[season])
            foreseen = await foreseen_of(home, deletion)
            before = len(executed(home.household))
            await home.passes()
            assert executed(home.household)[before:] == told(foreseen)
            assert await home.phase(deletion) is Phase.CONVERGED
            gone.append(torrent_id(50) not in home.household.qbittorrent.by_id)
        assert gone == [False, False, True]
        assert 1 in home.household.sonarr.by_id
