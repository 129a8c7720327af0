"""Torrents that no history names: who is asked about, and what a person can say."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from reconciler.model import ConditionType, DeletionState, LibraryRow, Reference, ReferenceKind
from reconciler.observed import Seen, Torrent, TorrentFile
from reconciler.plan import Plan, World, plan_deletion
from reconciler.plan.attribution import candidates_for, candidates_to_read, known_sizes
from reconciler.plan.bind import coverage_of
from reconciler.plan.world import Torrents
from reconciler.reasons import Reason
from tests.support.clocks import START
from tests.support.worlds import (
    HEAT,
    LOST,
    POLICY,
    RADARR,
    RONIN,
    SONARR,
    bound,
    changed,
    condition,
    current_ledger,
    deletion,
    entry,
    hash_of,
    library,
    reason,
    reference,
    torrent,
    torrent_id,
    world,
)

TORRENTS = ConditionType.TORRENTS_ABSENT
BY_HAND = reference(1, None, 7, kind=ReferenceKind.IMPORT, size=4321)


def of_size(number: int, size: int) -> tuple[Torrent, tuple[TorrentFile, ...]]:
    return torrent(number, size=size), (TorrentFile(f"Release.{number}/film.mkv", size),)


def home(*rows: Reference, sizes: Iterable[int] = (4321,), gap: bool = False, live: bool = True, **more: Any) -> World:
    """HEAT as entry 7 (if it is still there), and strangers with files of these sizes."""
    torrents = [of_size(number, size) for number, size in enumerate(sizes, start=1)]
    ledger = {RADARR: current_ledger(RADARR, gap=gap)}
    return world(
        torrents=[t for t, _ in torrents],
        files={t.id: files for t, files in torrents},
        radarr=library(entry(7, monitored=False)) if live else library(),
        references=rows,
        ledger=ledger,
        **more,
    )


def look(state: DeletionState, seen: World) -> Plan:
    return plan_deletion(state, seen, POLICY)


def verdict(seen: World, **more: Any) -> tuple[Reason, str]:
    state, seen = bound(deletion(**more), seen)
    plan = look(state, seen)
    return reason(plan, TORRENTS), condition(plan, TORRENTS).message


def torrents_of(seen: World) -> Torrents:
    assert isinstance(seen.torrents, Seen)
    return seen.torrents.data


# --- imports without a hash ---


def test_an_import_by_hand_with_a_torrent_of_the_same_size_asks_a_person() -> None:
    why, text = verdict(home(BY_HAND))
    assert why is Reason.UNATTRIBUTED_TORRENT
    assert f"Release.1 [{torrent_id(1)}]" in text


def test_an_import_by_hand_without_any_torrent_of_its_size_asks_nobody() -> None:
    why, _ = verdict(home(BY_HAND, sizes=[9999]))
    assert why is Reason.NO_TORRENT_KNOWN


def test_a_torrent_that_belongs_to_something_else_is_no_candidate() -> None:
    why, _ = verdict(home(BY_HAND, reference(2, 1, 8, RONIN)))
    assert why is Reason.NO_TORRENT_KNOWN


def test_what_a_person_said_about_it_is_enough() -> None:
    why, _ = verdict(home(BY_HAND), approved=[Reason.UNATTRIBUTED_TORRENT])
    assert why is Reason.ACCEPTED_BY_PERSON


def test_nothing_is_destroyed_while_a_person_is_asked() -> None:
    state, seen = bound(deletion(), home(BY_HAND))
    assert look(state, seen).actions == ()


def test_a_hash_that_a_person_binds_answers_the_question() -> None:
    state, seen = bound(deletion(), home(BY_HAND))
    told = changed(state, hints=replace(state.deletion.hints, hashes=(hash_of(1),)))
    told, seen = bound(told, seen)
    assert [getattr(a, "torrent", None) for a in look(told, seen).actions] == [torrent_id(1)]


# --- gaps ---


def test_after_a_gap_candidates_by_the_last_snapshots_sizes_are_named() -> None:
    row = LibraryRow(RADARR, 7, HEAT, "Heat", 1995, "/data/movies/Heat", "2023", 4321, ("/x.mkv",), (4321,))
    why, text = verdict(home(sizes=[9999, 4321], gap=True, live=False, library_rows=[row]))
    assert why is Reason.UNATTRIBUTED_TORRENT
    assert "a file of the same size is in: Release.2" in text


def test_after_a_gap_a_title_that_was_never_there_is_asked_about_as_long_as_there_are_strangers() -> None:
    assert verdict(home(gap=True, live=False))[0] is Reason.UNATTRIBUTED_TORRENT
    assert verdict(home(gap=True, live=False, sizes=()))[0] is Reason.NO_TORRENT_KNOWN


# --- sizes ---


def test_sizes_are_known_from_imports_and_snapshots_of_what_is_covered_whole() -> None:
    row = LibraryRow(SONARR, 5, LOST, "Lost", 2004, "/tv", "2023", 1, ("/a", "/b"), (10, 20))
    rows = [
        reference(1, None, 5, LOST, season=1, size=30, kind=ReferenceKind.IMPORT),
        reference(2, None, 5, LOST, season=2, size=40, kind=ReferenceKind.IMPORT),
    ]
    seen = world(library_rows=[row], references=rows)
    whole, season = deletion(LOST), deletion(LOST, seasons=[1])
    assert known_sizes(whole, seen, coverage_of(whole, seen, LOST)) == {10, 20, 30, 40}
    assert known_sizes(season, seen, coverage_of(season, seen, LOST)) == {30}


def test_only_strangers_that_are_large_enough_are_read() -> None:
    seen = home(BY_HAND, sizes=[100, 4321, 9999])
    data = torrents_of(seen)
    unread = Torrents(data.by_key)
    state = deletion()
    coverage = coverage_of(state, seen, HEAT)
    assert {k.id for k in candidates_to_read(state, seen, coverage, unread)} == {torrent_id(2), torrent_id(3)}
    assert candidates_to_read(state, seen, coverage, data) == frozenset()
    assert [t.id for t in candidates_for(state, seen, coverage, data)] == [torrent_id(2)]


def test_without_any_known_size_no_file_list_is_read() -> None:
    seen = replace(home(), now=START)
    state = deletion()
    unread = Torrents(torrents_of(seen).by_key)
    assert candidates_to_read(state, seen, coverage_of(state, seen, HEAT), unread) == frozenset()
