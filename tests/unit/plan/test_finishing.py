"""Wanted again after something was destroyed: only the old copy goes, and a fresh one comes."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.model import (
    ConditionType,
    DeletionState,
    Monitoring,
    Options,
    ReferenceKind,
    TargetKind,
    Unit,
)
from reconciler.observed import Entry, EntryFile, Library, PathMapping, Torrent
from reconciler.plan import Plan, Policy, plan_deletion
from reconciler.plan.actions import DeleteFiles, RestoreMonitoring, Search
from reconciler.plan.world import World
from reconciler.reasons import Reason
from tests.support.clocks import START
from tests.support.worlds import (
    LOST,
    POLICY,
    RADARR,
    RADARR_4K,
    SONARR,
    WITH_4K,
    bound,
    changed,
    deletion,
    destroyed,
    entry,
    finishing,
    hash_of,
    library,
    queue_item,
    reason,
    reference,
    sent,
    torrent,
    world,
)

ENTRY = ConditionType.ENTRY_ABSENT


def look(state: DeletionState, seen: World, policy: Policy = POLICY) -> Plan:
    return plan_deletion(state, seen, policy)


def in_radarr(seen: World, found: Library) -> World:
    return replace(seen, libraries={**seen.libraries, **world(radarr=found).libraries, SONARR: seen.libraries[SONARR]})


def case(
    *others: Entry,
    mine: Entry | None = None,
    torrents: Iterable[Torrent] = (),
    options: Options | None = None,
    mappings: Iterable[PathMapping] = (),
) -> tuple[DeletionState, World]:
    """A bound and frozen deletion of HEAT as entry 7, whose torrents are gone."""
    own = mine or entry(7, monitored=False)
    return bound(deletion(options=options), world(torrents=torrents, radarr=library(own, *others, mappings=mappings)))


# --- finishing the old copy ---


def being_finished(
    mine: Entry, *, torrents: Iterable[Torrent] = (), seen: World | None = None
) -> tuple[DeletionState, World]:
    state, world_ = bound(deletion(), seen or world(torrents=torrents, radarr=library(mine)))
    return destroyed(finishing(state)), world_


def test_finishing_deletes_the_bound_files_and_keeps_the_title() -> None:
    state, seen = being_finished(entry(7))
    (action,) = look(state, seen).actions
    assert isinstance(action, DeleteFiles)
    assert (action.entry_id, action.file_ids, action.paths) == (7, (1007,), ("/data/movies/Title 7/movie.mkv",))


def test_finishing_then_gives_back_the_monitoring_and_then_searches_once() -> None:
    state, seen = being_finished(entry(7))
    frozen = in_radarr(seen, library(entry(7, monitored=False, files=())))
    (restore,) = look(state, frozen).actions
    assert isinstance(restore, RestoreMonitoring)
    assert restore.prior == Monitoring(True)
    thawed = in_radarr(seen, library(entry(7, files=())))
    plan = look(state, thawed)
    assert [type(a) for a in plan.actions] == [Search]
    done = look(changed(state, searched=frozenset({Unit(RADARR)})), thawed)
    assert done.actions == ()
    assert reason(done, ENTRY) is Reason.WANTED_AGAIN


def test_every_library_gets_a_search_of_its_own() -> None:
    hd, uhd = entry(7, files=()), entry(3, path="/data/4k/Title 3")
    seen = world(radarr=library(entry(7)), libraries={RADARR_4K: library(uhd)}, policy=WITH_4K)
    state, seen = bound(deletion(instances=[RADARR, RADARR_4K]), seen, WITH_4K)
    state = destroyed(finishing(state))
    first = with_both(seen, library(hd), library(uhd))
    assert [(type(a), a.instance) for a in look(state, first, WITH_4K).actions] == [
        (Search, RADARR),
        (DeleteFiles, RADARR_4K),
    ]
    state = changed(state, searched=frozenset({Unit(RADARR)}))
    fetching = library(hd, queue=[queue_item(1, 7, hash_of(99))])
    plan = look(state, with_both(seen, fetching, library(replace(uhd, files=(), file_count=0))), WITH_4K)
    assert [(type(a), a.instance) for a in plan.actions] == [(Search, RADARR_4K)]
    assert plan.settle is None
    state = changed(state, searched=state.deletion.units)
    assert look(state, with_both(seen, fetching, library(replace(uhd, files=()))), WITH_4K).actions == ()


def with_both(seen: World, hd: Library, uhd: Library) -> World:
    return replace(seen, libraries=world(radarr=hd, libraries={RADARR_4K: uhd}).libraries)


def test_every_season_gets_a_search_of_its_own() -> None:
    series = entry(5, LOST, seasons={1: True, 2: True}, file_count=0)
    home = library(series, entry_files={5: ()}, app="Sonarr")
    state, seen = bound(deletion(LOST, seasons=[1, 2]), world(sonarr=home))
    state = destroyed(finishing(state))
    both = look(state, seen).actions
    assert [a.season for a in both if isinstance(a, Search)] == [1, 2]
    state = changed(state, searched=frozenset({Unit(SONARR, 1)}))
    (action,) = look(state, seen).actions
    assert isinstance(action, Search)
    assert action.season == 2


def test_finishing_does_not_monitor_what_was_not_monitored_before() -> None:
    state, seen = being_finished(entry(7, monitored=False))
    plan = look(state, in_radarr(seen, library(entry(7, monitored=False, files=()))))
    assert [type(a) for a in plan.actions] == [Search]


def test_what_the_queue_still_shows_of_a_removed_torrent_does_not_stop_the_search() -> None:
    before = world(torrents=[torrent(1)], radarr=library(entry(7)), references=[reference(1, 1, 7)])
    state, seen = being_finished(entry(7), seen=before)
    stale = in_radarr(seen, library(entry(7, files=()), queue=[queue_item(1, 7, hash_of(1).upper())]))
    gone = replace(stale, torrents=world(torrents=[]).torrents)
    assert [type(a) for a in look(state, gone).actions] == [Search]


@pytest.mark.parametrize("what", ["queue", "file"])
def test_finishing_does_not_search_while_a_fresh_copy_comes_or_is_there(what: str) -> None:
    state, seen = being_finished(entry(7))
    fresh = (EntryFile(2000, "/data/movies/Title 7/fresh.mkv", 1),)
    found = (
        library(entry(7, files=()), queue=[queue_item(1, 7, hash_of(9))])
        if what == "queue"
        else library(entry(7, files=fresh))
    )
    plan = look(state, in_radarr(seen, found))
    assert plan.actions == ()
    assert reason(plan, ENTRY) is Reason.WANTED_AGAIN


def test_finishing_never_deletes_a_file_that_a_later_import_may_have_put_there() -> None:
    """The old copy and the new copy share their names: an import replaces a file under the same path."""
    state, seen = being_finished(entry(7))
    imported = reference(9, 9, 7, kind=ReferenceKind.IMPORT)
    after = replace(seen, references=(*seen.references, imported))
    plan = look(state, after)
    assert not any(isinstance(a, DeleteFiles) for a in plan.actions)


def test_finishing_never_deletes_a_new_file_at_the_old_path_that_no_history_tells_of() -> None:
    """A person may have copied it there, or it was imported after the history was read: only its id is new."""
    state, seen = being_finished(entry(7))
    new = EntryFile(2007, "/data/movies/Title 7/movie.mkv", 5000)
    plan = look(state, in_radarr(seen, library(entry(7, files=(new,)))))
    assert plan.actions == ()
    assert reason(plan, ENTRY) is Reason.WANTED_AGAIN


def test_finishing_deletes_the_bound_files_of_a_series_and_leaves_new_ones_at_their_paths() -> None:
    first, second = (EntryFile(n, f"/data/tv/Title 7/e{n}.mkv", 1, 1) for n in (1, 2))
    state, seen = bound(
        deletion(LOST), world(sonarr=library(entry(7, LOST), entry_files={7: (first, second)}, app="Sonarr"))
    )
    again = library(entry(7, LOST), entry_files={7: (replace(first, id=3), second)}, app="Sonarr")
    after = replace(seen, libraries={**seen.libraries, **world(sonarr=again).libraries})
    (action,) = look(destroyed(finishing(state)), after).actions
    assert isinstance(action, DeleteFiles)
    assert (action.file_ids, action.paths) == ((2,), (second.path,))


def test_finishing_leaves_all_files_if_their_ids_were_not_bound() -> None:
    """Older versions bound paths only."""
    state, seen = being_finished(entry(7))
    unknown = replace(state, targets=tuple(replace(t, file_ids=()) for t in state.targets))
    plan = look(unknown, seen)
    assert plan.actions == ()
    assert reason(plan, ENTRY) is Reason.WANTED_AGAIN


def test_finishing_never_deletes_a_file_that_a_torrent_of_the_new_request_seeds() -> None:
    state, seen = being_finished(entry(7))
    fresh = replace(seen, torrents=world(torrents=[torrent(9, "Title 7", save_path="/data/movies")]).torrents)
    plan = look(state, fresh)
    assert not any(isinstance(a, DeleteFiles) for a in plan.actions)


def test_finishing_leaves_a_new_entry_alone() -> None:
    state, seen = being_finished(entry(7))
    plan = look(state, in_radarr(seen, library(entry(12))))
    assert plan.actions == ()
    assert reason(plan, ENTRY) is Reason.WANTED_AGAIN


def test_finishing_keeps_the_files_that_were_to_be_kept() -> None:
    state, seen = bound(deletion(options=Options(delete_files=False)), world(radarr=library(entry(7))))
    state = destroyed(finishing(state))
    plan = look(state, seen)
    assert plan.actions == ()


def test_finishing_a_series_waits_until_its_files_were_read() -> None:
    state, seen = bound(
        deletion(LOST),
        world(sonarr=library(entry(7, LOST), entry_files={7: (EntryFile(1, "/data/tv/Title 7/e1.mkv", 1, 1),)})),
    )
    state = destroyed(finishing(state))
    unread = replace(seen, libraries={**seen.libraries, **world(sonarr=library(entry(7, LOST))).libraries})
    plan = look(state, unread)
    assert plan.actions == ()
    assert reason(plan, ENTRY) is Reason.NOT_LOOKED_YET
    (action,) = look(state, seen).actions
    assert isinstance(action, DeleteFiles)
    assert action.file_ids == (1,)


def test_finishing_asks_again_only_after_a_while() -> None:
    state, seen = being_finished(entry(7))
    asked = sent(state, TargetKind.ENTRY)
    assert look(asked, seen).actions == ()
    assert look(asked, replace(seen, now=START + timedelta(seconds=10))).actions != ()
