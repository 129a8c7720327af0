"""A foreseen deletion in words: what each step is about, how large that is and where it lies."""

from dataclasses import replace

import pytest

from reconciler.model import DeletionState, Monitoring, Options, Phase, TargetKind
from reconciler.observed import MediaStatus
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
from reconciler.plan.foresee import Foreseen, foresee
from reconciler.plan.world import World
from reconciler.ports import PlannedStep
from reconciler.preview import preview_of
from reconciler.reasons import Reason
from tests.support.worlds import (
    HEAT,
    LOST,
    POLICY,
    QBITTORRENT,
    RADARR,
    SEERR,
    SONARR,
    board_of,
    bound,
    deletion,
    deletion_id,
    entry,
    library,
    record,
    reference,
    request,
    torrent,
    torrent_id,
    world,
)

ME = deletion_id()


def home() -> World:
    return world(
        radarr=library(entry(7, title="Heat")),
        torrents=[torrent(1)],
        references=[reference(1, 1, 7)],
        board=board_of(record(4, status=MediaStatus.AVAILABLE), request(5, 4)),
    )


def previewed(state: DeletionState) -> list[PlannedStep]:
    return list(preview_of(state, foresee(state, home(), POLICY), deletion=ME).steps)


def test_every_step_says_what_goes_how_large_it_is_and_where_it_lies() -> None:
    assert previewed(deletion()) == [
        PlannedStep("Unmonitor", RADARR, "Heat", "stop looking for it"),
        PlannedStep(
            "RemoveTorrent",
            QBITTORRENT,
            "Release.1",
            "0000000000, with its data",
            1000,
            ("/data/torrents/Release.1/Release.1.mkv",),
        ),
        PlannedStep("DeleteEntry", RADARR, "Heat", "with its folder", 1000, ("/data/movies/Title 7",)),
        PlannedStep("DeleteRecord", SEERR, "record 4", "with its 1 request; the title can be requested again"),
    ]


def test_what_stays_has_neither_size_nor_path() -> None:
    _, remove, delete, _ = previewed(deletion(options=Options(delete_files=False, add_exclusion=True)))
    assert (remove.size, remove.paths) == (0, ())
    assert remove.detail == "0000000000, without its data: the files were to be kept"
    assert (delete.size, delete.paths) == (0, ())
    assert delete.detail == "its files stay, and import lists may not add it again"


def test_what_is_not_bound_yet_is_said_to_be_decided_later() -> None:
    later = "nothing is bound yet: what is bound is decided when it begins"
    state = deletion()
    preview = preview_of(state, foresee(state, home(), POLICY), deletion=None)
    assert preview.deletion is None
    assert preview.notes == (later,)
    assert preview.ends_as is Phase.CONVERGED
    state, seen = bound(state, home())
    assert later not in preview_of(state, foresee(state, seen, POLICY), deletion=ME).notes


def test_the_conditions_and_targets_are_those_of_now_and_no_target_was_sent_for() -> None:
    state = deletion()
    preview = preview_of(state, foresee(state, home(), POLICY), deletion=ME)
    assert Reason.NOT_LOOKED_YET not in {c.reason for c in preview.conditions}
    assert [t.kind.value for t in preview.targets] == ["entry", "torrent", "record", "request"]
    assert {(t.sent_at, t.absent_since) for t in preview.targets} == {(None, None)}


@pytest.mark.parametrize(
    ("action", "step"),
    [
        (
            UnmonitorSeasons(ME, SONARR, 1, 5, (1, 3)),
            PlannedStep("UnmonitorSeasons", SONARR, "Heat", "stop looking for season 1, 3"),
        ),
        (Unmonitor(ME, RADARR, 1, 7), PlannedStep("Unmonitor", RADARR, "Heat", "stop looking for it")),
        (Blocklist(ME, SONARR, 1, (1, 2)), PlannedStep("Blocklist", SONARR, "Heat", "2 releases")),
        (
            EndDownloads(ME, RADARR, 1, (3,), ("Heat.1995",)),
            PlannedStep("EndDownloads", RADARR, "Heat", "end its downloads: Heat.1995"),
        ),
        (
            RemoveTorrent(ME, QBITTORRENT, 99, torrent_id(9), (), "Nine", 50, delete_files=True, path="/data/Nine"),
            PlannedStep("RemoveTorrent", QBITTORRENT, "Nine", "0000000000, with its data", 50, ("/data/Nine",)),
        ),
        (
            DeleteEntry(ME, RADARR, 99, 9, HEAT, "", "/data/Nine", delete_files=True, add_exclusion=False),
            PlannedStep("DeleteEntry", RADARR, "", "with its folder", 0, ("/data/Nine",)),
        ),
        (
            DeleteFiles(ME, SONARR, 1, 5, LOST, "", (1, 2), ("/a", "/b"), size=20),
            PlannedStep("DeleteFiles", SONARR, "Heat", "2 files", 20, ("/a", "/b")),
        ),
        (
            RestoreMonitoring(ME, RADARR, 1, 7, HEAT, "", Monitoring(True)),
            PlannedStep("RestoreMonitoring", RADARR, "Heat", "look for it again, as before"),
        ),
        (Search(ME, RADARR, 1, 7), PlannedStep("Search", RADARR, "Heat", "one search for a fresh copy")),
        (
            Search(ME, SONARR, 1, 5, 2),
            PlannedStep("Search", SONARR, "Heat", "one search for a fresh copy of season 2"),
        ),
        (
            Announce(ME, SEERR, 1, (1,), ("/data/Heat",)),
            PlannedStep("Announce", SEERR, "Heat", "tell it to look again", paths=("/data/Heat",)),
        ),
        (DeleteRequest(ME, SEERR, 4, 5, ""), PlannedStep("DeleteRequest", SEERR, "request 5", "bob")),
        (
            DeleteRecord(ME, SEERR, 3, 4, HEAT, "", frozenset({5, 6})),
            PlannedStep("DeleteRecord", SEERR, "record 4", "with its 2 requests; the title can be requested again"),
        ),
        (
            ResetVariant(ME, SEERR, 3, 4, HEAT, "", is_4k=True),
            PlannedStep("ResetVariant", SEERR, "record 4", "set its 4K copy to unknown"),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_kind_of_step_has_words(action: Action, step: PlannedStep) -> None:
    state, seen = bound(deletion(), home())
    foreseen = replace(foresee(state, seen, POLICY), actions=(action,), targets=state.targets)
    assert isinstance(foreseen, Foreseen)
    assert preview_of(state, foreseen, deletion=ME).steps == (step,)


def test_a_cross_seed_is_called_so() -> None:
    state, seen = bound(deletion(), home())
    (number,) = (t.number for t in state.targets if t.kind is TargetKind.TORRENT)
    cross = tuple(replace(t, kind=TargetKind.CROSS_SEED) if t.number == number else t for t in state.targets)
    foreseen = replace(foresee(state, seen, POLICY), targets=cross)
    assert [s.detail for s in preview_of(state, foreseen, deletion=ME).steps if s.action == "RemoveTorrent"] == [
        "cross-seed 0000000000, with its data"
    ]
