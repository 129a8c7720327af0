"""The command line, against the real web application over an in-memory transport."""

import json
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from reconciler.cli import service
from reconciler.cli.exits import EXIT_CODES_HELP
from reconciler.clients._http import Http
from reconciler.config import Settings
from reconciler.errors import ConfigError, StoreError
from reconciler.model import (
    DeletionId,
    DeletionState,
    Event,
    InstanceName,
    Media,
    MediaKind,
    Options,
    Phase,
    SettledAs,
    Source,
    Target,
    TargetKind,
    Unit,
    UpstreamKind,
)
from reconciler.ports import (
    Accepted,
    AcceptedDeletion,
    CheckResult,
    IngestResult,
    Overview,
    PassRecord,
    PlannedStep,
    PlanPreview,
    UpstreamHealth,
)
from reconciler.reasons import Reason
from reconciler.words import plain, size_in_words
from tests.unit.conftest import Run
from tests.unit.web.fakes import (
    API_TOKEN,
    NOW,
    UNKNOWN_ID,
    World,
    condition,
    database_down,
    id_of,
    movie,
    settings,
    settled,
)


def show_of(seasons: set[int], **changes: object) -> DeletionState:
    """Return an unsettled deletion of seasons; `changes` are attributes of the deletion."""
    media = Media(MediaKind.SERIES, tvdb_id=81189)
    return movie(1, **{"media": media, "title": "A Show", "year": 2008, "seasons": frozenset(seasons), **changes})


def fake_module(monkeypatch: pytest.MonkeyPatch, name: str, **members: object) -> None:
    module = ModuleType(name)
    for member, value in members.items():
        setattr(module, member, value)
    monkeypatch.setitem(sys.modules, name, module)


# --- asking the service --------------------------------------------------------------------------------------------


def test_status_prints_the_verdict_and_every_upstream(world: World, run: Run) -> None:
    world.store.shown = Overview(by_phase={Phase.CONVERGING: 2})
    result = run("status")
    assert result.exit_code == 0
    assert "2 converging" in result.stdout
    assert all(kind.value in result.stdout for kind in UpstreamKind)


def test_status_says_who_still_uses_a_previous_secret(world: World, run: Run) -> None:
    world.settings = settings(previous_api_token=SecretStr("the-api-token-before"))
    said = run("status", token="the-api-token-before").stdout
    assert "the previous API token is still accepted (used by cli)" in said
    assert "previous_api_token is accepted; last used by: cli 2026-03-04" in said
    assert "the-api-token-before" not in said


def test_status_as_json_is_one_document(world: World, run: Run) -> None:
    result = run("status", "--json")
    assert json.loads(result.stdout)["verdict"] == "All clear"


def test_an_address_with_a_root_path_reaches_the_service_under_it(world: World, run: Run) -> None:
    world.settings = settings(root_path="/tools/reconciler")
    deletion = world.store.add(movie())
    for url in ("http://127.0.0.1:8585/tools/reconciler", "http://127.0.0.1:8585/tools/reconciler/"):
        assert run("status", "--url", url).exit_code == 0
        assert json.loads(run("show", deletion, "--json", RECONCILER_URL=url).stdout)["url"].startswith("/tools/")
    assert run("status", "--url", "http://127.0.0.1:8585/other").exit_code == 1


def test_list_sends_its_filters(world: World, run: Run) -> None:
    world.store.add(movie())
    result = run("list", "--media", "movie", "--tmdb", "603", "--limit", "1", "--search", "film", "--open")
    assert result.exit_code == 0
    assert "A Film (1999)" in result.stdout
    [(where, _, limit)] = world.store.asked
    assert (where.tmdb_id, where.text, where.settled, limit) == (603, "film", False, 1)
    assert run("list", "--phase", "held", "--open").exit_code == 2


def test_list_says_where_the_next_page_begins(world: World, run: Run) -> None:
    world.store.add(movie(1))
    world.store.add(movie(2))
    result = run("list", "--limit", "1")
    assert "--cursor more" in result.stderr


def test_an_empty_list_says_so(world: World, run: Run) -> None:
    assert "No deletions." in run("list").stdout


def test_show_prints_conditions_targets_timeline_and_needs(world: World, run: Run) -> None:
    target = Target(TargetKind.TORRENT, InstanceName("qbittorrent"), "a" * 40, name="A.Film")
    deletion = world.store.add(replace(movie(), targets=(target,), conditions=(condition(Reason.BREAKER_OPEN),)))
    world.store.timeline[deletion] = (Event("Bound", "1 torrent", NOW),)
    result = run("show", deletion)
    assert result.exit_code == 0
    for word in ("A Film (1999)", "BreakerOpen", "a" * 40, "1 torrent", "approve this one"):
        assert word in result.stdout


def test_show_of_an_unknown_deletion_is_a_negative_answer(world: World, run: Run) -> None:
    result = run("show", UNKNOWN_ID)
    assert result.exit_code == 1
    assert "no such deletion" in result.stderr
    assert result.stdout == ""


def test_an_id_cannot_leave_its_place_in_the_address(world: World, run: Run) -> None:
    assert run("show", "../status").exit_code == 1


def plan_of(deletion: DeletionId | None) -> PlanPreview:
    qbittorrent = InstanceName("qbittorrent")
    many = tuple(f"/d/A.Show.S01/e{number}.mkv" for number in range(1, 9))
    return PlanPreview(
        deletion,
        steps=(
            PlannedStep("RemoveTorrent", qbittorrent, "A.Show.S01", "with its data", 3 * 1024**3, many),
            PlannedStep("DeleteEntry", InstanceName("sonarr"), "A Show", paths=("/tv/A Show",)),
        ),
        conditions=(condition(Reason.PRESENT),),
        targets=(Target(TargetKind.TORRENT, qbittorrent, "a" * 40),),
        ends_as=Phase.CONVERGED,
        notes=("observe mode",),
    )


def test_plan_prints_every_step_in_order_with_what_goes_and_how_it_ends(world: World, run: Run) -> None:
    world.preview = plan_of
    result = run("plan", id_of(1))
    assert result.exit_code == 0
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert lines[:14] == [
        "  1. RemoveTorrent at qbittorrent: A.Show.S01 (3.0 GiB)",
        "      with its data",
        *(f"      /d/A.Show.S01/e{number}.mkv" for number in range(1, 6)),
        "      and 3 more",
        "  2. DeleteEntry at sonarr: A Show",
        "      /tv/A Show",
        "Together 2 steps, 3.0 GiB, 9 paths.",
        "If every upstream does as it is told, the deletion is then converged.",
        "observe mode",
        lines[13],
    ]
    assert "a" * 40 in result.stdout
    assert "Present" in result.stdout


def test_a_plan_of_nothing_says_so_and_where_that_leads(world: World, run: Run) -> None:
    world.preview = lambda deletion: PlanPreview(deletion, ends_as=Phase.HELD)
    shown = run("plan", id_of(1)).stdout
    assert "Nothing would be sent." in shown
    assert "then held" in shown


def test_a_plan_as_json_is_one_document(world: World, run: Run) -> None:
    world.preview = plan_of
    assert json.loads(run("plan", id_of(1), "--json").stdout)["steps"][1]["number"] == 2


def test_a_plan_cannot_drive_the_terminal(world: World, run: Run) -> None:
    step = PlannedStep("RemoveTorrent", InstanceName("q"), "\x1b[2Jx", "\x1b[2Jy", 1, ("/d/\x1b[2Jz\u202e",))
    world.preview = lambda deletion: PlanPreview(deletion, (step,), notes=("\x1b[2Jn",))
    shown = run("plan", id_of(1)).stdout
    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown


def test_json_is_readable_and_cannot_drive_the_terminal(world: World, run: Run) -> None:
    title = "\u00c9t\u00e9 \x9b2J\x7f\u202e\u2028\U000e0001 \N{PILE OF POO}"
    world.store.add(movie(1, title=title))
    shown = run("show", id_of(1), "--json").stdout
    assert "\u00c9t\u00e9 \\u009b2J\\u007f\\u202e\\u2028\\udb40\\udc01 \N{PILE OF POO}" in shown
    assert json.loads(shown)["title"] == title


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536 * 1024, "1.5 MiB"),
        (5 * 1024**4, "5.0 TiB"),
        (3 * 1024**6, "3072.0 PiB"),
    ],
)
def test_sizes_are_told_in_the_unit_that_keeps_them_short(size: int, words: str) -> None:
    assert size_in_words(size) == words


def test_seasons_are_told_with_the_title_wherever_it_stands(world: World, run: Run) -> None:
    world.store.add(show_of({2, 0, 10}))
    for command in (("list",), ("show", id_of(1))):
        assert "A Show (2008), seasons 0, 2, 10" in run(*command).stdout
    world.store.add(show_of({7}, title=None))
    assert "tv tvdb 81189, season 7" in run("list").stdout


def test_a_wish_without_a_title_is_told_by_the_one_that_the_library_had(world: World, run: Run) -> None:
    targets = (
        Target(TargetKind.TORRENT, InstanceName("qbittorrent"), "a" * 40, name="a.film.1080p"),
        Target(TargetKind.ENTRY, InstanceName("radarr"), "7", name="A Film"),
    )
    held = replace(movie(1, title=None, year=None), targets=targets, conditions=(condition(Reason.BREAKER_OPEN),))
    world.store.add(held)
    assert run("show", id_of(1)).stdout.startswith("A Film  ")
    assert "A Film  " in run("list").stdout
    world.store.shown = Overview(by_phase={Phase.HELD: 1})
    assert run("status").stdout.startswith("1 needs you: A Film")


@pytest.mark.parametrize(
    ("changes", "origin"),
    [
        ({}, "asked 2026-03-04 05:06:07Z through dashboard by ann"),
        ({"requested_by": None}, "asked 2026-03-04 05:06:07Z through dashboard"),
        ({"source": Source.RADARR, "requested_by": None}, "deleted in radarr, known since 2026-03-04 05:06:07Z"),
        ({"source": Source.RESYNC, "inferred": True}, "found 2026-03-04 05:06:07Z by polling"),
        (
            {"source": Source.JELLYSEERR, "inferred": True},
            "concluded 2026-03-04 05:06:07Z from jellyseerr, which names ann",
        ),
    ],
)
def test_show_says_who_asked_or_that_nobody_did(
    world: World, run: Run, changes: dict[str, object], origin: str
) -> None:
    world.store.add(movie(1, **changes))
    assert run("show", id_of(1)).stdout.splitlines()[1] == f"movie tmdb 603, {origin}"


def test_list_does_not_say_that_who_was_declined_asked(world: World, run: Run) -> None:
    world.store.add(movie(1, source=Source.JELLYSEERR, inferred=True))
    shown = run("list").stdout
    assert "jellyseerr" in shown
    assert "ann" not in shown


def test_show_tells_where_with_which_options_and_from_when(world: World, run: Run) -> None:
    world.store.add(movie(1))
    assert run("show", id_of(1)).stdout.splitlines()[2:3] == ["in radarr"]
    options = Options(delete_files=False, add_exclusion=True, blocklist=True, remove_empty_series=True)
    both = frozenset({InstanceName("sonarr"), InstanceName("sonarr-4k")})
    world.store.add(show_of({1}, options=options, instances=both, not_before=NOW + timedelta(hours=1)))
    narrowed, begins = run("show", id_of(1)).stdout.splitlines()[2:4]
    assert narrowed.split("; ") == [
        "in sonarr, sonarr-4k",
        "its files are kept",
        "kept from import lists",
        "its releases are blocklisted",
        "the series goes with its last season",
    ]
    assert begins == "nothing begins before 2026-03-04 06:06:07Z"


def test_show_tells_what_was_wanted_again(world: World, run: Run) -> None:
    sonarr = InstanceName("sonarr")
    wanted = {"withdrawn": frozenset({Unit(sonarr, 2)}), "finishing": frozenset({Unit(sonarr, 1)})}
    world.store.add(show_of({1, 2}, **wanted))
    shown = run("show", id_of(1)).stdout
    assert "not covered any more: season 2 in sonarr" in shown
    assert "only finished: season 1 in sonarr" in shown


def test_show_tells_how_it_ended_and_what_is_not_gone(world: World, run: Run) -> None:
    pack = condition(Reason.SHARED_WITH_WANTED, "'Pack' stays")
    world.store.add(settled(replace(movie(), conditions=(pack,))))
    shown = run("show", id_of(1)).stdout
    assert "done, but not proven gone everywhere: torrents at qbittorrent: 'Pack' stays" in " ".join(shown.split())


def test_titles_cannot_drive_the_terminal(world: World, run: Run) -> None:
    world.store.add(movie(title="\x1b[2J[bold]x[/bold]\r\n\u202egnp"))
    result = run("list")
    assert "\x1b[2J" not in result.stdout
    assert "\u202e" not in result.stdout
    assert "[bold]x[/bold]" in result.stdout


def test_plain_text_is_one_short_line() -> None:
    assert plain("a\nb\x07") == "a\ufffdb\ufffd"
    assert plain(None) == "–"
    assert len(plain("x" * 10_000)) == 200


# --- deciding ------------------------------------------------------------------------------------------------------


def test_delete_says_what_will_happen_and_asks(world: World, run: Run) -> None:
    result = run("delete", "movie", "--tmdb", "603", "--title", "A Film", typed="n\n")
    assert result.exit_code == 1
    assert "A Film (movie, tmdb 603) goes from the torrent client" in result.stderr
    assert "cannot be brought back" in result.stderr
    assert not world.store.written


def test_delete_sends_the_wish_when_confirmed(world: World, run: Run) -> None:
    result = run("delete", "tv", "--tvdb", "81189", "--no-files", "--hash", "A" * 40, typed="y\n")
    assert result.exit_code == 0
    assert "Its files are kept" in result.stderr
    [(_, understood)] = world.store.written
    [wish] = understood.deletions
    assert (wish.media.tvdb_id, wish.options.delete_files, wish.source) == (81189, False, Source.CLI)
    assert wish.hints.hashes == ("a" * 40,)
    assert wish.requested_by


def test_delete_of_seasons_sends_everything_that_narrows_it(world: World, run: Run) -> None:
    args = ["--tvdb", "81189", "--title", "A Show", "--season", "2", "--season", "0", "--instance", "sonarr"]
    options = ["--not-before", "2027-01-01T00:00:00Z", "--add-exclusion", "--blocklist", "--remove-empty-series"]
    result = run("delete", "tv", *args, *options, typed="y\n")
    assert result.exit_code == 0
    words = "A Show (tv, tvdb 81189), seasons 0, 2 go from the torrent client and the library, only in sonarr."
    assert words in result.stderr
    assert "The series goes with its last season." in result.stderr
    assert "Nothing begins before 2027-01-01T00:00:00Z." in result.stderr
    [wish] = world.store.written[0][1].deletions
    assert (wish.seasons, wish.instances) == (frozenset({0, 2}), frozenset({"sonarr"}))
    assert wish.options == Options(add_exclusion=True, blocklist=True, remove_empty_series=True)
    assert wish.not_before is not None


def test_however_long_a_title_is_the_warning_is_seen(world: World, run: Run) -> None:
    result = run("delete", "movie", "--tmdb", "603", "--title", "x" * 400, typed="n\n")
    assert "cannot be brought back." in result.stderr


def test_delete_of_seasons_leaves_the_series_unless_told_otherwise(world: World, run: Run) -> None:
    assert "The series itself stays." in run("delete", "tv", "--tvdb", "5", "--season", "1", typed="n\n").stderr


def test_a_dry_run_asks_nothing_and_shows_the_plan(world: World, run: Run) -> None:
    world.dry_plan = lambda _: plan_of(None)
    result = run("delete", "tv", "--tvdb", "81189", "--season", "1", "--dry-run")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "1. RemoveTorrent at qbittorrent" in result.stdout
    assert [(wish.source, wish.seasons) for wish in world.planned] == [(Source.CLI, frozenset({1}))]
    assert not world.store.written
    shown = run("delete", "tv", "--tvdb", "81189", "--dry-run", "--json").stdout
    assert json.loads(shown)["plans"][0]["deletion"] is None


@pytest.mark.parametrize("option", ["--blocklist", "--remove-empty-series"])
def test_what_is_for_seasons_only_is_refused_without_them(world: World, run: Run, option: str) -> None:
    result = run("delete", "tv", "--tvdb", "81189", option, "--yes")
    assert result.exit_code == 5
    assert "is for seasons only" in result.stderr


def test_delete_with_yes_and_json_asks_nothing_and_prints_one_document(world: World, run: Run) -> None:
    result = run("delete", "movie", "--tmdb", "603", "--yes", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["deletions"][0]["id"] == id_of(1)


def test_delete_by_title_alone_is_wrong_usage(world: World, run: Run) -> None:
    result = run("delete", "movie", "--title", "A Film", "--yes")
    assert result.exit_code == 2
    assert not world.store.written


def test_delete_that_the_service_refuses_names_the_fields(world: World, run: Run) -> None:
    result = run("delete", "movie", "--tvdb", "5", "--yes")
    assert result.exit_code == 5
    assert "tmdb_id" in result.stderr


def test_delete_of_what_is_under_way_with_other_options_names_it(world: World, run: Run) -> None:
    world.store.answer = IngestResult((AcceptedDeletion(Accepted.CONFLICT, id_of(7)),))
    result = run("delete", "movie", "--tmdb", "603", "--no-files", "--yes")
    assert result.exit_code == 5
    assert f"It is {id_of(7)}. Cancel it first" in result.stderr


def test_approve_shows_what_it_lifts_and_asks(world: World, run: Run) -> None:
    world.store.add(replace(movie(), conditions=(condition(Reason.PROTECTED, "tagged keep"),)))
    asked = run("approve", id_of(1), typed="n\n")
    assert asked.exit_code == 1
    assert "Protected at qbittorrent: tagged keep" in asked.stderr
    assert not world.store.decided
    approved = run("approve", id_of(1), "--yes", "--json")
    assert json.loads(approved.stdout)["lifted"] == ["Protected"]
    assert world.store.decided == [("approve", id_of(1), "cli")]


def test_approve_of_what_cannot_be_lifted_is_refused(world: World, run: Run) -> None:
    world.store.add(replace(movie(), conditions=(condition(Reason.SHARED_FOLDER),)))
    assert run("approve", id_of(1), "--yes").exit_code == 5
    assert not world.store.decided


def test_approve_of_all_that_the_breaker_holds_shows_how_many_and_asks(world: World, run: Run) -> None:
    for number in range(1, 13):
        world.store.add(replace(movie(number), conditions=(condition(Reason.BREAKER_OPEN),)))
    world.store.add(replace(movie(13, title="Another"), conditions=(condition(Reason.PROTECTED),)))
    asked = run("approve", "--all-breaker", typed="n\n")
    assert asked.exit_code == 1
    assert "The breaker holds 12 deletions" in asked.stderr
    assert asked.stderr.count("A Film (1999)") == 10
    assert "and 2 more" in asked.stderr
    assert "Another" not in asked.stderr
    assert not world.store.decided
    released = run("approve", "--all-breaker", "--yes")
    assert "12 deletions released." in released.stderr
    assert world.store.decided == [("release", id_of(number), "cli") for number in range(1, 13)]
    document = json.loads(run("approve", "--all-breaker", "--yes", "--json").stdout)
    assert document == {"released": [id_of(number) for number in range(1, 13)]}


def test_seasons_of_a_movie_are_wrong_usage_before_anybody_is_asked(world: World, run: Run) -> None:
    result = run("delete", "movie", "--tmdb", "949", "--season", "1")
    assert result.exit_code == 2
    assert "--season is for series" in result.stderr


def test_approve_of_all_when_the_breaker_holds_nothing_is_refused(world: World, run: Run) -> None:
    result = run("approve", "--all-breaker", "--yes")
    assert result.exit_code == 5
    assert "holds nothing" in result.stderr


@pytest.mark.parametrize("args", [["approve"], ["approve", UNKNOWN_ID, "--all-breaker"], ["bind", UNKNOWN_ID]])
def test_a_decision_about_nothing_or_about_two_things_is_wrong_usage(world: World, run: Run, args: list[str]) -> None:
    assert run(*args, "--yes").exit_code == 2
    assert not world.store.decided


def test_bind_names_the_torrents_and_asks(world: World, run: Run) -> None:
    world.store.add(movie())
    args = ["bind", id_of(1), "--torrent", "A" * 40, "--torrent", "b" * 64]
    asked = run(*args, typed="n\n")
    assert asked.exit_code == 1
    assert "With A Film (1999) these torrents go too" in asked.stderr
    assert "A" * 40 in asked.stderr
    assert not world.store.decided
    world.store.listed = frozenset({"a" * 40})
    bound = run(*args, "--yes")
    assert bound.exit_code == 0
    assert world.store.decided == [(f"attribute {'a' * 40} {'b' * 64}", id_of(1), "cli")]
    assert f"It is written down that they belong to it. See: reconciler show {id_of(1)}" in bound.stderr
    assert f"No qBittorrent listed {'b' * 64} when last looked at" in bound.stderr
    assert f"listed {'a' * 40}" not in bound.stderr


def test_bind_of_what_is_no_hash_is_refused(world: World, run: Run) -> None:
    world.store.add(movie())
    result = run("bind", id_of(1), "--torrent", "all", "--yes")
    assert result.exit_code == 5
    assert "hashes[0]: must be an info hash" in result.stderr
    assert not world.store.decided


def test_nothing_is_bound_to_what_has_ended(world: World, run: Run) -> None:
    world.store.add(settled(movie()))
    assert run("bind", id_of(1), "--torrent", "a" * 40, "--yes").exit_code == 5
    assert not world.store.decided


@pytest.mark.parametrize(
    ("destroyed_at", "words"), [(None, "Nothing was destroyed yet"), (NOW, "was destroyed already")]
)
def test_cancel_says_whether_something_is_gone_already(
    world: World, run: Run, destroyed_at: object, words: str
) -> None:
    world.store.add(movie(destroyed_at=destroyed_at))
    assert words in run("cancel", id_of(1), typed="n\n").stderr
    assert not world.store.decided
    assert run("cancel", id_of(1), typed="y\n").exit_code == 0
    assert world.store.decided == [("cancel", id_of(1), "cli")]


def test_cancel_of_what_has_ended_is_refused_without_asking(world: World, run: Run) -> None:
    world.store.add(settled(movie()))
    result = run("cancel", id_of(1))
    assert result.exit_code == 5
    assert "nothing to cancel" in result.stderr
    assert not world.store.decided


def test_ids_are_whole_also_in_a_narrow_terminal(world: World, run: Run) -> None:
    world.store.add(movie(title="A rather long title of a film"))
    shown = run("list", COLUMNS="80").stdout
    assert id_of(1) in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_who_asked_and_when_is_whole_also_in_a_narrow_terminal(world: World, run: Run) -> None:
    world.store.add(movie(title="A rather long title of a film", requested_by="somebody"))
    lines = run("list", COLUMNS="80").stdout.splitlines()
    start = lines[0].index("asked")
    asked = "".join(line[start:].strip() for line in lines[1:])
    assert asked == "2026-03-0405:06:07Zsomebody"
    titles = " ".join(line[lines[0].index("title") : lines[0].index("media")].strip() for line in lines[1:])
    assert titles.split() == ["A", "rather", "long", "title", "of", "a", "film", "(1999)"]


def test_what_an_upstream_last_said_is_shown_in_full(world: World, run: Run) -> None:
    message = "radarr: answers with a redirect; its URL needs the application's URL base"
    health = UpstreamHealth(InstanceName("radarr"), UpstreamKind.RADARR, False, NOW, last_error=message)
    world.store.shown = Overview(upstreams=(health,), last_pass=PassRecord(NOW, NOW + timedelta(seconds=2), 1, 1, 7))
    shown = run("status", COLUMNS="80").stdout
    assert message in shown
    assert "last pass 2026-03-04 05:06:09Z: 2.0 s, 7 calls, 1 deletions" in shown


def test_retry_asks_nothing(world: World, run: Run) -> None:
    world.store.add(movie())
    assert run("retry", id_of(1)).exit_code == 0
    assert world.store.decided == [("retry", id_of(1), "cli")]


def test_a_decision_about_what_is_settled_is_refused(world: World, run: Run) -> None:
    world.store.add(settled(movie()))
    assert run("retry", id_of(1)).exit_code == 5


# --- following ------------------------------------------------------------------------------------------------------


def test_one_that_is_settled_is_told_at_once(world: World, run: Run) -> None:
    for number, as_, code in ((1, SettledAs.CONVERGED, 0), (2, SettledAs.CANCELLED, 1)):
        deletion = world.store.add(settled(movie(number), as_))
        world.store.timeline[deletion] = (
            Event("Received", "asked", NOW, number=1),
            Event("Bound", "all", NOW, number=2),
        )
        result = run("tail", deletion, "--last", "1", "--timeout", "0")
        assert result.exit_code == code
        assert result.stdout == "2026-03-04 05:06:07Z Bound: all\n"
    assert run("tail", UNKNOWN_ID).exit_code == 1


@pytest.mark.parametrize("args", [["--last", "1", "--since", "2"], ["--timeout", "5"], ["--last", "-1"]])
def test_options_that_contradict_each_other_are_wrong_usage(run: Run, args: list[str]) -> None:
    assert run("tail", *args).exit_code == 2


# --- trouble -------------------------------------------------------------------------------------------------------


def test_a_missing_token_is_refused_and_says_where_to_put_it(world: World, run: Run) -> None:
    result = run("status", token=None)
    assert result.exit_code == 5
    assert "RECONCILER_API_TOKEN" in result.stderr


def test_the_token_may_lie_in_a_file(world: World, run: Run, tmp_path: Path) -> None:
    named = tmp_path / "token"
    named.write_text(API_TOKEN + "\n")
    assert run("status", token=None, RECONCILER_API_TOKEN_FILE=str(named)).exit_code == 0
    assert run("status", token=None, RECONCILER_API_TOKEN_FILE=str(tmp_path / "none")).exit_code == 3


def test_the_token_of_the_command_line_outweighs_the_environment(world: World, run: Run) -> None:
    assert run("status", "--token", "wrong").exit_code == 5


def test_a_service_without_its_database_counts_as_unreachable(world: World, run: Run) -> None:
    world.store.broken = database_down()
    result = run("status")
    assert result.exit_code == 4
    assert "database does not answer" in result.stderr


def test_nobody_listening_is_unreachable(run: Run) -> None:
    result = run("status", "--url", "http://me:hunter2@127.0.0.1:1")
    assert result.exit_code == 4
    words = "cannot be reached (it refused the connection) at http://127.0.0.1:1; is it running?"
    assert words in result.stderr
    assert "--url or RECONCILER_URL" in result.stderr
    assert "hunter2" not in result.stderr


def test_another_program_at_the_address_is_no_answer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(url: str, token: str | None) -> Http:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, html="<p>hello</p>"))
        return Http(InstanceName("reconciler"), url, transport=transport)

    monkeypatch.setattr(service, "connect", connect)
    assert run("status").exit_code == 4


def test_the_connection_carries_the_token_and_says_who_asks() -> None:
    http = service.connect("http://127.0.0.1:8585/", "a-token")
    assert http.base_url == "http://127.0.0.1:8585"
    assert http._client.headers["authorization"] == "Bearer a-token"
    assert http._client.headers["reconciler-client"] == "cli"


def test_help_names_every_command_and_exit_code(run: Run) -> None:
    result = run("--help")
    assert result.exit_code == 0
    local, remote = (
        {"serve", "demo", "migrate", "backup", "check"},
        {"status", "list", "show", "plan", "delete", "approve"},
    )
    for command in local | remote | {"bind", "cancel", "retry"}:
        assert command in result.stdout
    assert EXIT_CODES_HELP[:40] in result.stdout
    assert [code for code in range(6) if f"{code} " not in EXIT_CODES_HELP] == []


@pytest.mark.parametrize("args", [["nonsense"], ["show"], ["list", "--phase", "done"], ["delete", "music"]])
def test_wrong_usage_is_2(run: Run, args: list[str]) -> None:
    assert run(*args).exit_code == 2


# --- run here ------------------------------------------------------------------------------------------------------


def test_serve_hands_the_settings_over_and_ends_as_the_service_did(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Settings] = []

    def serve(settings: Settings) -> int:
        seen.append(settings)
        return 0

    fake_module(monkeypatch, "reconciler.main", serve=serve)
    result = run("serve", token=None, RECONCILER_PORT="9999", RECONCILER_URL="http://elsewhere")
    assert result.exit_code == 0
    assert seen[0].port == 9999


def test_serve_reads_the_file_it_is_given(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Settings] = []

    def serve(settings: Settings) -> int:
        seen.append(settings)
        return 0

    fake_module(monkeypatch, "reconciler.main", serve=serve)
    file = tmp_path / "reconciler.yaml"
    file.write_text("port: 9998\n")
    assert run("serve", "--config", str(file), token=None).exit_code == 0
    assert seen[0].port == 9998


def test_a_configuration_that_cannot_be_used_lists_every_problem(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_module(monkeypatch, "reconciler.main", serve=lambda _: 0)
    result = run("serve", token=None, RECONCILER_PORT="many", RECONCILER_MODE="maybe")
    assert result.exit_code == 3
    assert result.stderr.count("\n  - ") == 2
    assert "RECONCILER_PORT" in result.stderr
    assert "RECONCILER_MODE" in result.stderr


@pytest.mark.parametrize(
    ("versions", "words"), [((0, 4), "at version 4, it was at 0."), ((4, 4), "at version 4 already.")]
)
def test_migrate_says_which_version_the_schema_has(
    run: Run, monkeypatch: pytest.MonkeyPatch, versions: tuple[int, int], words: str
) -> None:
    async def migrate(_: Settings) -> tuple[int, int]:
        return versions

    fake_module(monkeypatch, "reconciler.errands", migrate=migrate)
    result = run("migrate", token=None)
    assert (result.exit_code, result.stdout) == (0, "")
    assert words in result.stderr
    as_json = json.loads(run("migrate", "--json", token=None).stdout)
    assert as_json == {"schema_version": versions[1], "before": versions[0]}


def test_migrate_without_the_database_is_unreachable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def migrate(_: Settings) -> tuple[int, int]:
        raise StoreError("cannot connect")

    fake_module(monkeypatch, "reconciler.errands", migrate=migrate)
    assert run("migrate", token=None).exit_code == 4


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 1)])
def test_check_shows_what_to_fix_and_its_exit_code_says_whether_all_is_well(
    run: Run, monkeypatch: pytest.MonkeyPatch, ok: bool, code: int
) -> None:
    results = [
        CheckResult(InstanceName("radarr"), UpstreamKind.RADARR, True, "Radarr", "6.0.4", "answers"),
        CheckResult(
            InstanceName("qbittorrent"), UpstreamKind.QBITTORRENT, ok, message="refused us", fix="correct the password"
        ),
    ]

    async def check(_: Settings) -> list[CheckResult]:
        return results

    fake_module(monkeypatch, "reconciler.errands", check=check)
    shown = run("check", token=None)
    assert shown.exit_code == code
    assert "Radarr 6.0.4" in shown.stdout
    assert "correct the password" in shown.stdout
    document = json.loads(run("check", "--json", token=None).stdout)
    assert document["ok"] is ok
    assert document["upstreams"][1]["fix"] == "correct the password"


def test_check_of_nothing_is_a_negative_answer_that_names_the_variables(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(_: Settings) -> list[CheckResult]:
        return []

    fake_module(monkeypatch, "reconciler.errands", check=check)
    result = run("check", token=None)
    assert (result.exit_code, result.stdout) == (1, "")
    for name in ("QBITTORRENT_URL", "RADARR_URL", "SONARR_URL", "JELLYSEERR_URL"):
        assert name in result.stderr
    as_json = run("check", "--json", token=None)
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout) == {"ok": False, "upstreams": []}


def test_demo_hands_its_options_over_and_ends_as_the_demo_did(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: dict[str, Any] = {}

    def run_demo(**options: Any) -> int:
        seen.update(options)
        return 1

    fake_module(monkeypatch, "reconciler.demo", run_demo=run_demo)
    assert run("demo", "--once", "--json", "--directory", str(tmp_path)).exit_code == 1
    assert seen == {"once": True, "as_json": True, "directory": tmp_path}


def test_what_nobody_foresaw_keeps_its_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(_: Settings) -> int:
        raise ZeroDivisionError

    fake_module(monkeypatch, "reconciler.main", serve=serve)
    assert isinstance(run("serve", token=None).exception, ZeroDivisionError)


def test_config_errors_of_the_service_itself_are_listed_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(_: Settings) -> int:
        raise ConfigError(["The port is taken; choose another."])

    fake_module(monkeypatch, "reconciler.main", serve=serve)
    result = run("serve", token=None)
    assert result.exit_code == 3
    assert "The port is taken" in result.stderr
