"""Are the files gone? Only what the library shows of the disk counts."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from reconciler.model import ConditionType, DeletionState, Options, Status, TargetKind
from reconciler.observed import Entry, EntryFile, FolderListing, Torrent
from reconciler.plan import Plan, plan_deletion
from reconciler.plan.files import MOST_FILES, folders_of, seen_libraries
from reconciler.plan.world import World
from reconciler.reasons import Reason
from tests.support.clocks import START
from tests.support.worlds import (
    LOST,
    POLICY,
    RADARR,
    RONIN,
    SONARR,
    UNREACHABLE,
    bound,
    changed,
    condition,
    deletion,
    entry,
    files_of,
    finishing,
    library,
    listing,
    reason,
    reference,
    sent,
    torrent,
    world,
)

FILES = ConditionType.FILES_ABSENT
FOLDER = "/data/movies/"


def look(state: DeletionState, seen: World) -> Plan:
    return plan_deletion(state, seen, POLICY)


def gone(
    listings: Mapping[str, FolderListing],
    *entries: Entry,
    torrents: Iterable[Torrent] = (),
    options: Options | None = None,
    recycle_bin: str = "",
    late: timedelta = timedelta(0),
) -> tuple[DeletionState, World]:
    """HEAT as it is after its torrent and its entry were deleted, with what the library lists then."""
    state, seen = bound(
        deletion(options=options),
        world(torrents=[torrent(1)], radarr=library(entry(7, monitored=False)), references=[reference(1, 1, 7)]),
    )
    state = sent(state, TargetKind.ENTRY, TargetKind.TORRENT)
    state = replace(state, targets=tuple(replace(t, absent_since=START) for t in state.targets))
    after = world(radarr=library(*entries, listings=listings, recycle_bin=recycle_bin), torrents=torrents)
    return state, replace(
        seen, libraries={**seen.libraries, **after.libraries}, torrents=after.torrents, now=START + late
    )


EMPTY_DISK = {FOLDER: listing("Other"), "/data/torrents/Release.1/": listing(), "/data/torrents/": listing("Other")}


def test_files_are_absent_when_listings_that_show_other_things_lack_them() -> None:
    state, seen = gone(EMPTY_DISK)
    found = condition(look(state, seen), FILES)
    assert (found.status, found.reason) == (Status.TRUE, Reason.ABSENT)


def test_a_recycle_bin_is_named() -> None:
    state, seen = gone(EMPTY_DISK, recycle_bin="/data/.bin")
    assert "moved to the recycle bin /data/.bin" in condition(look(state, seen), FILES).message


def test_files_are_not_observable_when_the_folders_above_are_empty_too() -> None:
    state, seen = gone({FOLDER: listing(), "/data/": listing()})
    plan = look(state, seen)
    found = condition(plan, FILES)
    assert (found.status, found.reason) == (Status.UNKNOWN, Reason.NOT_OBSERVABLE)
    assert found.is_settled, "what nobody can show does not block"


def test_files_still_on_disk_are_held_after_a_quarter_of_an_hour_until_a_person_accepts() -> None:
    left = {**EMPTY_DISK, FOLDER: listing("Title 7", "Other")}
    state, seen = gone(left, late=timedelta(minutes=14))
    assert reason(look(state, seen), FILES) is Reason.REMOVING
    state, seen = gone(left, late=timedelta(minutes=15))
    plan = look(state, seen)
    assert reason(plan, FILES) is Reason.FILES_LEFT_BEHIND
    assert "/data/movies/Title 7" in condition(plan, FILES).message
    accepted = changed(state, approved=frozenset({Reason.FILES_LEFT_BEHIND}))
    assert reason(look(accepted, seen), FILES) is Reason.ACCEPTED_BY_PERSON


def test_files_of_a_title_that_went_long_after_its_torrents_have_only_begun_to_go() -> None:
    left = {**EMPTY_DISK, FOLDER: listing("Title 7", "Other")}
    state, seen = gone(left, late=timedelta(hours=2))
    just_seen_gone = tuple(replace(t, absent_since=None) if t.kind is TargetKind.ENTRY else t for t in state.targets)
    plan = look(replace(state, targets=just_seen_gone), seen)
    assert reason(plan, ConditionType.ENTRY_ABSENT) is Reason.ABSENT
    assert reason(plan, FILES) is Reason.REMOVING


def test_a_torrents_data_is_looked_for_as_the_library_sees_it() -> None:
    left = {**EMPTY_DISK, "/data/torrents/Release.1/": listing(files=["Release.1.mkv"])}
    state, seen = gone(left)
    assert reason(look(state, seen), FILES) is Reason.REMOVING


def test_data_that_a_torrent_of_a_new_grab_put_in_the_same_place_is_not_left_behind() -> None:
    left = {**EMPTY_DISK, "/data/torrents/Release.1/": listing(files=["Release.1.mkv"])}
    state, seen = gone(left, torrents=[torrent(9, "Release.1")], late=timedelta(hours=1))
    assert reason(look(state, seen), FILES) is Reason.ABSENT


def test_a_folder_that_another_title_uses_now_is_not_waited_for() -> None:
    left = {**EMPTY_DISK, FOLDER: listing("Title 7", "Other")}
    state, seen = gone(left, entry(8, RONIN, path="/data/movies/Title 7"), late=timedelta(hours=1))
    assert reason(look(state, seen), FILES) is Reason.ABSENT


def test_files_come_after_the_entry() -> None:
    state, seen = bound(deletion(), world(radarr=library(entry(7))))
    assert reason(look(state, seen), FILES) is Reason.AFTER_ENTRY


def test_files_that_were_to_be_kept_are_kept() -> None:
    state, seen = gone({}, options=Options(delete_files=False))
    assert reason(look(state, seen), FILES) is Reason.FILES_KEPT


def test_a_library_that_cannot_be_asked_leaves_the_files_unknown() -> None:
    state, seen = gone(EMPTY_DISK)
    plan = look(state, replace(seen, libraries={**seen.libraries, RADARR: UNREACHABLE}))
    assert condition(plan, FILES).status is Status.UNKNOWN
    assert reason(plan, FILES) is Reason.UNREACHABLE


def test_a_title_without_any_known_path_is_not_observable() -> None:
    state, seen = bound(deletion(), world())
    assert reason(look(state, seen), FILES) is Reason.NOT_OBSERVABLE


def test_the_old_file_of_a_title_wanted_again_is_not_mistaken_for_the_fresh_one() -> None:
    """The fresh copy has the same name, so that what lies there now is what the library lists now."""
    state, seen = bound(deletion(), world(radarr=library(entry(7))))
    state = changed(finishing(sent(state, TargetKind.ENTRY)), searched=state.deletion.units)
    state = replace(state, targets=tuple(replace(t, absent_since=START) for t in state.targets))
    fresh = entry(7, files=(EntryFile(2007, "/data/movies/Title 7/movie.mkv", 1),))
    imported = reference(9, 9, 7)
    listings = {"/data/movies/Title 7/": listing(files=["movie.mkv"]), FOLDER: listing("Title 7")}
    after = replace(
        seen,
        libraries={**seen.libraries, **world(radarr=library(fresh, listings=listings)).libraries},
        references=(imported,),
        now=START + timedelta(hours=1),
    )
    after_import = replace(after, references=(replace(imported, kind=imported.kind.IMPORT),))
    assert reason(look(state, after_import), FILES) in {Reason.ABSENT, Reason.NOT_OBSERVABLE}


def test_only_so_many_files_of_a_torrent_are_looked_up() -> None:
    pack = torrent(1)
    names = [f"Release.1/{n}.mkv" for n in range(MOST_FILES + 20)]
    state, seen = bound(
        deletion(),
        world(
            torrents=[pack],
            files={pack.id: files_of(pack, *names)},
            radarr=library(entry(7, monitored=False)),
            references=[reference(1, 1, 7)],
        ),
    )
    state = sent(state)
    folders = folders_of(state, RADARR, seen_libraries(seen)[RADARR])
    assert set(folders) == {FOLDER, "/data/", "/data/torrents/Release.1/", "/data/torrents/"}


def test_the_folder_of_an_emptied_series_is_listed_before_its_end_is_seen() -> None:
    options = Options(remove_empty_series=True)
    series = entry(5, LOST, seasons={1: False}, monitored=False, file_count=0)
    state, _ = bound(deletion(LOST, seasons=[1], options=options), world(sonarr=library(series, app="Sonarr")))
    gone = library(app="Sonarr")
    assert "/data/tv/" not in folders_of(state, SONARR, gone)
    assert "/data/tv/" in folders_of(sent(state, TargetKind.ENTRY), SONARR, gone)
