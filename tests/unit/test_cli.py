"""The command line, against the real web application over an in-memory transport."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from reconciler.cli import app, service
from reconciler.cli.exits import EXIT_CODES_HELP
from reconciler.cli.render import plain
from reconciler.clients._http import Http
from reconciler.config import Settings
from reconciler.errors import ConfigError, StoreError
from reconciler.model import DeletionId, Event, InstanceName, Phase, Source, Target, TargetKind, UpstreamKind
from reconciler.ports import CheckResult, Overview, PassRecord, PlanPreview, UpstreamHealth
from reconciler.reasons import Reason
from tests.unit.web.fakes import (
    API_TOKEN,
    NOW,
    UNKNOWN_ID,
    World,
    condition,
    database_down,
    id_of,
    movie,
    settled,
)

Run = Callable[..., Result]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The service that the command line reaches; its log lines stay out of the command line's output."""
    world = World()
    for name in ("RECONCILER_URL", "RECONCILER_API_TOKEN", "RECONCILER_API_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)

    def connect(url: str, token: str | None) -> Http:
        headers = {"Reconciler-Client": "cli", "Authorization": f"Bearer {token}"}
        transport = world.client()._transport
        return Http(InstanceName("reconciler"), url, headers=headers, transport=transport)

    monkeypatch.setattr(service, "connect", connect)
    with capture_logs():
        yield world


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line with the API token set, in a wide terminal."""
    monkeypatch.setenv("COLUMNS", "300")

    def call(*args: str, typed: str | None = None, token: str | None = API_TOKEN, **env: str) -> Result:
        environ = {**({"RECONCILER_API_TOKEN": token} if token else {}), **env}
        return CliRunner().invoke(app, list(args), input=typed, env=environ)

    return call


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


def test_status_as_json_is_one_document(world: World, run: Run) -> None:
    result = run("status", "--json")
    assert json.loads(result.stdout)["verdict"] == "All clear"


def test_list_sends_its_filters(world: World, run: Run) -> None:
    world.store.add(movie())
    result = run("list", "--media", "movie", "--tmdb", "603", "--limit", "1")
    assert result.exit_code == 0
    assert "A Film (1999)" in result.stdout
    [(where, _, limit)] = world.store.asked
    assert (where.tmdb_id, limit) == (603, 1)


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


def test_plan_prints_actions_and_notes(world: World, run: Run) -> None:
    def preview(deletion: DeletionId) -> PlanPreview:
        return PlanPreview(deletion, ("remove 1 torrent",), (), ("observe mode",))

    world.preview = preview
    result = run("plan", id_of(1))
    assert "remove 1 torrent" in result.stdout
    assert "observe mode" in result.stdout


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
    world.store.add(replace(movie(), conditions=(condition(Reason.SHARED_WITH_WANTED),)))
    assert run("approve", id_of(1), "--yes").exit_code == 5
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
    local, remote = {"serve", "demo", "migrate", "check"}, {"status", "list", "show", "plan", "delete", "approve"}
    for command in local | remote | {"cancel", "retry"}:
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

    fake_module(monkeypatch, "reconciler.main", migrate=migrate)
    result = run("migrate", token=None)
    assert (result.exit_code, result.stdout) == (0, "")
    assert words in result.stderr


def test_migrate_without_the_database_is_unreachable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def migrate(_: Settings) -> tuple[int, int]:
        raise StoreError("cannot connect")

    fake_module(monkeypatch, "reconciler.main", migrate=migrate)
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

    fake_module(monkeypatch, "reconciler.main", check=check)
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

    fake_module(monkeypatch, "reconciler.main", check=check)
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
