"""Jellyfin: told once what went, looked at until it lists it no more, and only then the request goes."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.model import ConditionType, DeletionState, InstanceName, Media, Options, Target, TargetKind, Unit
from reconciler.observed import AppInfo, Entry, Library, MediaItem, MediaServer, Seen, Unseen
from reconciler.plan import Plan, Policy, World, plan_deletion
from reconciler.plan.actions import Announce, DeleteRecord
from reconciler.plan.refresh import ANNOUNCE_AGAIN
from reconciler.reasons import Reason
from tests.support.clocks import START
from tests.support.worlds import (
    HEAT,
    LOST,
    POLICY,
    RADARR,
    RADARR_4K,
    SONARR,
    UNREACHABLE,
    WITH_4K,
    applied,
    board_of,
    bound,
    changed,
    deletion,
    entry,
    episode,
    library,
    reason,
    record,
    request,
    sent,
    world,
)

REFRESHED, REQUEST = ConditionType.LIBRARY_REFRESHED, ConditionType.REQUEST_CLEARED
JELLYFIN = InstanceName("jellyfin")
WITH_JELLYFIN = replace(POLICY, media_server=JELLYFIN)
BOTH_KINDS = replace(WITH_4K, media_server=JELLYFIN)
FOLDER = "/data/movies/Title 7"
FILM = MediaItem("a", HEAT, "Heat", f"{FOLDER}/heat.mkv")


def server(*items: MediaItem) -> Seen[MediaServer]:
    return Seen(MediaServer(AppInfo("Jellyfin Server", "10.11"), items), START)


def gone(
    *items: MediaItem, policy: Policy = WITH_JELLYFIN, options: Options | None = None
) -> tuple[DeletionState, World]:
    """HEAT, whose entry has been deleted, while Jellyfin still lists these items."""
    seen = world(radarr=library(entry(7, monitored=False)), board=board_of(record(4), request(5, 4)))
    state, seen = bound(deletion(options=options), replace(seen, media_server=server(*items)), policy)
    seen = replace(seen, libraries={**seen.libraries, **world(radarr=library()).libraries})
    return sent(state, TargetKind.ENTRY), seen


def look(state: DeletionState, seen: World, policy: Policy = WITH_JELLYFIN) -> Plan:
    return plan_deletion(state, seen, policy)


def told(state: DeletionState, seen: World, policy: Policy = WITH_JELLYFIN) -> tuple[DeletionState, Plan]:
    """Bind what Jellyfin lists, and return the plan that tells it."""
    plan = look(state, seen, policy)
    assert plan.bind is not None
    state = applied(state, plan.bind)
    return state, look(state, seen, policy)


# --- order ---


def test_what_it_lists_is_bound_and_it_is_told_the_path_once_the_files_are_gone() -> None:
    state, plan = told(*gone(FILM))
    (announce,) = plan.actions
    assert isinstance(announce, Announce)
    assert announce.paths == (FOLDER,)
    assert reason(plan, REFRESHED) is Reason.STILL_LISTED
    assert [t.external_id for t in state.targets_of(TargetKind.ITEM)] == ["a"]


def test_it_is_not_told_before_the_title_is_gone() -> None:
    seen = world(radarr=library(entry(7, monitored=False)))
    state, seen = bound(deletion(), replace(seen, media_server=server(FILM)), WITH_JELLYFIN)
    plan = look(state, seen)
    assert reason(plan, REFRESHED) is Reason.AFTER_ENTRY
    assert not any(isinstance(a, Announce) for a in plan.actions)


def test_the_request_waits_until_it_lists_the_title_no_more() -> None:
    state, seen = gone(FILM)
    state, plan = told(state, seen)
    assert reason(plan, REQUEST) is Reason.AFTER_ENTRY
    plan = look(state, replace(seen, media_server=server()))
    assert reason(plan, REFRESHED) is Reason.ABSENT
    assert [type(a) for a in plan.actions] == [DeleteRecord]


def test_it_is_told_again_only_after_a_while() -> None:
    state, seen = gone(FILM)
    state, _ = told(state, seen)
    state = sent(state, TargetKind.ITEM)
    for waited, again in ((ANNOUNCE_AGAIN - timedelta(seconds=1), False), (ANNOUNCE_AGAIN, True)):
        plan = look(state, replace(seen, now=START + waited))
        assert any(isinstance(a, Announce) for a in plan.actions) is again
        assert reason(plan, REFRESHED) is Reason.STILL_LISTED


def test_a_person_may_accept_that_it_goes_on_listing_it() -> None:
    state, seen = gone(FILM)
    plan = look(changed(state, approved=frozenset({Reason.STILL_LISTED})), seen)
    assert reason(plan, REFRESHED) is Reason.ACCEPTED_BY_PERSON
    assert [type(a) for a in plan.actions] == [DeleteRecord]


@pytest.mark.parametrize("server_seen", [UNREACHABLE, Unseen(Reason.NOT_LOOKED_YET, "not looked yet")])
def test_the_request_waits_while_it_cannot_be_seen(server_seen: Unseen) -> None:
    state, seen = gone()
    plan = look(state, replace(seen, media_server=server_seen))
    assert plan.actions == ()
    assert reason(plan, REFRESHED) is server_seen.reason


def test_kept_files_stay_listed() -> None:
    state, seen = gone(FILM, options=Options(delete_files=False))
    assert reason(look(state, seen), REFRESHED) is Reason.FILES_KEPT


def test_its_own_paths_are_used() -> None:
    policy = replace(WITH_JELLYFIN, media_server_paths=(("/data", "/mnt"), ("/data/movies", "/films/")))
    _, plan = told(*gone(replace(FILM, path="/films/Title 7/heat.mkv"), policy=policy), policy)
    assert [a.paths for a in plan.actions if isinstance(a, Announce)] == [("/films/Title 7",)]


# --- whose item ---


def other_titles(*items: MediaItem) -> Reason:
    state, seen = gone(*items)
    return reason(look(state, seen), REFRESHED)


def test_other_titles_and_kinds_do_not_count() -> None:
    assert LOST.tmdb_id is not None
    other = replace(FILM, media=replace(HEAT, tmdb_id=1))
    series = MediaItem("b", Media(LOST.kind, tmdb_id=HEAT.tmdb_id, tvdb_id=None), "Heat", "/data/tv/Heat")
    assert other_titles(other, series) is Reason.ABSENT


def two_variants(*items: MediaItem, uhd: Library) -> tuple[DeletionState, World]:
    seen = world(radarr=library(entry(7, monitored=False)), libraries={RADARR_4K: uhd})
    state, seen = bound(deletion(), replace(seen, media_server=server(*items)), BOTH_KINDS)
    seen = replace(seen, libraries={**seen.libraries, **world(radarr=library(), libraries={RADARR_4K: uhd}).libraries})
    return sent(state, TargetKind.ENTRY), seen


@pytest.mark.parametrize("path", ["/data/movies-4k/Heat/heat.mkv", "/uhd/Heat.mkv", ""])
def test_the_item_of_another_variant_does_not_count(path: str) -> None:
    uhd = library(entry(3, path="/uhd"))
    state, seen = two_variants(replace(FILM, path=path), uhd=uhd)
    assert reason(look(state, seen, BOTH_KINDS), REFRESHED) is Reason.ABSENT


def test_an_item_without_a_path_counts_if_no_other_library_has_the_title() -> None:
    state, seen = two_variants(replace(FILM, path=""), uhd=library())
    assert reason(look(state, seen, BOTH_KINDS), REFRESHED) is Reason.STILL_LISTED


def test_the_item_of_a_variant_that_is_wanted_again_does_not_count() -> None:
    hd, uhd = entry(7, path="/hd/Heat"), entry(3, path="/uhd/Heat", monitored=False)
    items = (MediaItem("a", HEAT, "Heat", "/hd/Heat/heat.mkv"),)
    seen = world(radarr=library(hd), libraries={RADARR_4K: library(uhd)})
    both = deletion(instances=[RADARR, RADARR_4K])
    state, seen = bound(both, replace(seen, media_server=server(*items)), BOTH_KINDS)
    state = changed(sent(state, TargetKind.ENTRY), finishing=frozenset({Unit(RADARR)}))
    fresh = replace(hd, files=())
    seen = replace(seen, libraries=world(radarr=library(fresh), libraries={RADARR_4K: library()}).libraries)
    state = changed(state, searched=frozenset({Unit(RADARR)}))
    assert reason(look(state, seen, BOTH_KINDS), REFRESHED) is Reason.ABSENT


# --- seasons ---

SERIES_FOLDER = "/data/tv/Title 5"


def item(id_: str, season: int | None, path: str) -> MediaItem:
    return MediaItem(id_, LOST, f"Lost {season}", path, season)


SERIES = item("s", None, SERIES_FOLDER)
FIRST = item("s1", 1, f"{SERIES_FOLDER}/Season 1")
SECOND = item("s2", 2, f"{SERIES_FOLDER}/Season 2")


def season_gone(
    *items: MediaItem, left: Entry | None, seasons: Iterable[int] = (1,), options: Options | None = None
) -> tuple[DeletionState, World]:
    """Seasons of LOST whose files are gone; `left` is what Sonarr still has."""
    series = entry(5, LOST, seasons={1: False, 2: False}, file_count=2)
    sonarr = library(series, entry_files={5: (episode(1, 1), episode(1, 2))}, app="Sonarr")
    state, seen = bound(
        deletion(LOST, seasons=seasons, options=options),
        replace(world(sonarr=sonarr), media_server=server(*items)),
        WITH_JELLYFIN,
    )
    after = library(*([left] if left else []), entry_files={5: ()}, app="Sonarr")
    return sent(state), replace(seen, libraries=world(sonarr=after).libraries)


STAYS = entry(5, LOST, seasons={1: False, 2: False}, file_count=0)


def test_of_a_season_only_its_own_item_counts_and_its_folder_is_told() -> None:
    _, plan = told(*season_gone(SERIES, FIRST, SECOND, left=STAYS))
    assert [a.paths for a in plan.actions if isinstance(a, Announce)] == [(FIRST.path,)]
    state, seen = season_gone(SERIES, SECOND, left=STAYS)
    assert reason(look(state, seen), REFRESHED) is Reason.ABSENT


def test_a_season_that_goes_on_being_listed_empty_does_not_keep_the_deletion_open() -> None:
    state, seen = season_gone(SERIES, FIRST, left=STAYS)
    state, _ = told(state, seen)
    plan = look(sent(state, TargetKind.ITEM), replace(seen, now=START + ANNOUNCE_AGAIN))
    assert reason(plan, REFRESHED) is Reason.NOT_OBSERVABLE


def test_a_series_that_went_with_its_last_season_counts_as_a_whole() -> None:
    state, seen = season_gone(SERIES, FIRST, left=None, options=Options(remove_empty_series=True))
    state = replace(state, targets=tuple(_absent(t) for t in state.targets))
    state, plan = told(state, seen)
    assert sorted(t.external_id for t in state.targets_of(TargetKind.ITEM)) == ["s", "s1"]
    assert SERIES_FOLDER in {p for a in plan.actions if isinstance(a, Announce) for p in a.paths}


def _absent(target: Target) -> Target:
    return replace(target, absent_since=START) if target.kind in {TargetKind.ENTRY, TargetKind.FILE} else target


def test_the_item_of_a_season_that_is_wanted_again_does_not_count() -> None:
    state, seen = season_gone(SERIES, FIRST, SECOND, left=STAYS, seasons=(1, 2))
    state = changed(state, finishing=frozenset({Unit(SONARR, 2)}), searched=frozenset({Unit(SONARR, 2)}))
    state, _ = told(state, seen)
    assert [t.external_id for t in state.targets_of(TargetKind.ITEM)] == ["s1"]


def test_without_any_library_what_was_asked_for_is_all_there_is_to_go_by() -> None:
    policy = replace(WITH_JELLYFIN, libraries={}, torrent_clients={})
    seen = replace(world(torrents=None), libraries={}, ledger={}, media_server=server(SERIES, FIRST, SECOND))
    for seasons, expected in ((None, Reason.STILL_LISTED), ([1], Reason.STILL_LISTED), ([3], Reason.ABSENT)):
        state, _ = bound(deletion(LOST, instances=[], seasons=seasons), seen, policy)
        assert reason(look(state, seen, policy), REFRESHED) is expected
