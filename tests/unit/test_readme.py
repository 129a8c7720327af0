"""The README's examples are taken by the code, and its set-up steps are those that the code understands."""

import json
import re
from pathlib import Path

import pytest
import yaml
from starlette.routing import Route
from typer.testing import CliRunner

from reconciler.cli import app
from reconciler.cli.exits import ExitCode
from reconciler.config import Settings, load_settings
from reconciler.intake import InvalidPayload, parse_arr, parse_dashboard, parse_jellyfin, parse_jellyseerr
from reconciler.model import InstanceName, MediaKind, Phase, UpstreamKind
from reconciler.ports import Heard
from reconciler.web.schemas import (
    AcceptedListOut,
    AcceptedOut,
    CoverageOut,
    LastPassOut,
    LoopOut,
    StatusOut,
    UpstreamOut,
)
from tests.support.pages import ROOT, blocks, code, prose, read, rows_of, section
from tests.unit.web.fakes import World

FIXTURES = ROOT / "tests" / "fixtures" / "webhooks"

# --- the examples of the README ------------------------------------------------------------------------------------


def test_the_variables_of_the_readme_are_a_configuration() -> None:
    (block,) = blocks("README.md", "ini")
    environment = dict(line.split("=", 1) for line in block.splitlines())
    settings = load_settings(environment)
    assert all(settings.library_instances(kind) for kind in MediaKind)
    assert settings.qbittorrent
    assert settings.jellyseerr
    assert settings.jellyfin
    assert load_settings({**environment, "RECONCILER_HOST": "0.0.0.0"}).host == "0.0.0.0", "as in the image"


def with_secrets(text: str, folder: Path) -> Path:
    """Write the YAML, and a file for every secret it takes from one."""
    for name in re.findall(r"/run/secrets/(\w+)", text):
        (folder / name).write_text("a-secret-of-this-test")
    path = folder / "config.yaml"
    path.write_text(text.replace("/run/secrets", str(folder)))
    return path


def yaml_settings(page: str, folder: Path) -> list[Settings]:
    return [load_settings({}, with_secrets(block, folder)) for block in blocks(page, "yaml")]


@pytest.mark.parametrize("page", ["README.md", "docs/configuration.md"])
def test_the_first_yaml_of_a_page_is_a_whole_configuration(page: str, tmp_path: Path) -> None:
    settings, *_ = yaml_settings(page, tmp_path)
    assert settings.webhook_secret is not None
    assert [r.api_key.get_secret_value() for r in settings.radarr] == ["a-secret-of-this-test"]


def test_the_other_yaml_of_the_readme_is_taken_too_and_is_about_what_it_says(tmp_path: Path) -> None:
    _, seeding, instances = yaml_settings("README.md", tmp_path)
    assert seeding.seeding.private_min_hours == 336
    assert [rule.min_ratio for rule in seeding.seeding.rules] == [1, 2]
    assert [r.name for r in instances.radarr if r.is_4k] == ["radarr-4k"]
    assert [(q.name, q.download_clients) for q in instances.qbittorrent] == [
        ("main", frozenset()),
        ("seedbox", {"Seedbox"}),
    ]


def test_declines_can_be_turned_off_as_the_readme_says(tmp_path: Path) -> None:
    assert "`delete_on: []`" in read("README.md")
    path = tmp_path / "config.yaml"
    path.write_text("jellyseerr: {url: 'http://jellyseerr:5055', api_key: key, delete_on: []}")
    (jellyseerr,) = load_settings({}, path).jellyseerr
    declined = json.loads((FIXTURES / "jellyseerr-media-declined.json").read_text())
    assert parse_jellyseerr(declined, delete_on=jellyseerr.delete_on).heard is Heard.IGNORED


def test_the_body_of_the_curl_example_is_understood_and_shows_every_field() -> None:
    (command,) = [block for block in blocks("README.md", "sh") if "/webhooks/dashboard" in block]
    body = json.loads(command.partition("--data '")[2].rpartition("'")[0])
    movie, series = parse_dashboard(body)
    assert (movie.media.kind, series.media.kind) == (MediaKind.MOVIE, MediaKind.SERIES)
    assert movie.hints.hashes
    assert series.hints.hashes
    shown = {key for wish in body["deletions"] for key in wish}
    assert shown == fields_of("Asking for a deletion")


def fields_of(title: str) -> set[str]:
    """Return the fields in the table of a section of `docs/api.md`."""
    return {name for row in rows_of(section("docs/api.md", title)) for name in re.findall(r"`(\w+)`", row[0])}


INSTANCES = {MediaKind.MOVIE: [InstanceName("radarr-4k")], MediaKind.SERIES: [InstanceName("sonarr")]}
MOVIE = {"media_type": "movie", "tmdb_id": 10331}
SERIES = {"media_type": "tv", "tvdb_id": 71471}


def test_every_further_field_has_an_example_that_is_taken() -> None:
    cells = [code(row[0]) for row in rows_of(section("README.md", "Set up the webhooks")) if row[0].startswith('`"')]
    examples = [json.loads(f"{{{cell}}}") for cell in cells]
    shown = {key for example in examples for key in example}
    assert shown == fields_of("Less than everything, later, or in another way") | {"delete_files"}
    for cell, example in zip(cells, examples, strict=True):
        row = next(row for row in rows_of(read("README.md")) if code(row[0]) == cell)
        of_seasons = {"seasons": [3]} if "with `seasons` only" in row[1] else {}
        (wish,) = parse_dashboard(
            (SERIES if of_seasons or "seasons" in example else MOVIE) | of_seasons | example, instances=INSTANCES
        )
        assert wish.media.kind is (MediaKind.MOVIE if wish.seasons is None else MediaKind.SERIES)


@pytest.mark.parametrize("option", ["blocklist", "remove_empty_series"])
def test_what_is_said_to_be_with_seasons_only_is_refused_without(option: str) -> None:
    with pytest.raises(InvalidPayload, match=option):
        parse_dashboard({**SERIES, option: True})


def test_the_answers_in_the_readme_have_the_fields_of_real_ones() -> None:
    _template, accepted, status = (json.loads(block) for block in blocks("README.md", "json"))
    assert accepted.keys() == AcceptedListOut.model_fields.keys()
    assert all(one.keys() == AcceptedOut.model_fields.keys() for one in accepted["deletions"])
    AcceptedListOut.model_validate(accepted)
    assert status.keys() <= StatusOut.model_fields.keys()
    assert status["counts"].keys() == {phase.value for phase in Phase}
    assert status["last_pass"].keys() <= LastPassOut.model_fields.keys()
    assert status["loop"].keys() <= LoopOut.model_fields.keys()
    for upstream in status["upstreams"]:
        assert upstream.keys() <= UpstreamOut.model_fields.keys()
        assert upstream["coverage"].keys() <= CoverageOut.model_fields.keys()


def test_the_values_that_the_helm_command_sets_exist() -> None:
    (command,) = [block for block in blocks("README.md", "sh") if "helm install" in block]
    values = yaml.safe_load(read("helm/values.yaml"))
    named = re.findall(r"--set (\S+?)=", command)
    assert named
    for path in named:
        *parents, last = path.split(".")
        place = values
        for part in parents:
            place = place[part]
        assert last in place or last in Settings.model_fields, path


# --- webhooks ------------------------------------------------------------------------------------------------------


def test_the_readme_sets_up_every_webhook_and_no_other() -> None:
    routes = {r.path for r in World().app().routes if isinstance(r, Route) and r.path.startswith("/webhooks/")}
    named = set(re.findall(r"/webhooks/\w+", read("README.md")))
    assert named == {path for path in routes if "{" not in path}


NOTIFICATIONS = {
    "Request Pending Approval": "jellyseerr-media-pending.json",
    "Request Automatically Approved": "jellyseerr-media-auto-approved.json",
    "Request Approved": "jellyseerr-media-approved.json",
    "Request Declined": "jellyseerr-media-declined.json",
    "Request Available": "jellyseerr-media-available.json",
    "Request Processing Failed": "jellyseerr-media-failed.json",
}
"""What Jellyseerr calls its notification types, and what each sends."""


def test_the_notification_types_to_tick_are_those_that_are_understood() -> None:
    setup = section("README.md", "Set up the webhooks")
    (ticked,) = [row[1] for row in rows_of(setup) if row[0] == "Notification Types"]
    assert ticked.split(", ") == list(NOTIFICATIONS)
    for fixture in NOTIFICATIONS.values():
        payload = json.loads((FIXTURES / fixture).read_text())
        assert parse_jellyseerr(payload, delete_on=frozenset({"MEDIA_DECLINED"})).heard is not Heard.IGNORED


COMMANDS_IN_ISSUES = {
    "Issue Reported": "jellyseerr-issue-created-command-season.json",
    "Issue Comment": "jellyseerr-issue-comment-command.json",
}
"""The notification types that an order in an issue needs, and what each sends."""


@pytest.mark.parametrize("title", COMMANDS_IN_ISSUES)
def test_an_order_in_an_issue_is_set_up_as_the_readme_says(title: str) -> None:
    assert title in section("README.md", "Set up the webhooks")
    (phrase,) = re.findall(r"`JELLYSEERR_COMMAND_PHRASE=(\S+)`", read("README.md"))
    settings = load_settings(
        {
            "JELLYSEERR_URL": "http://jellyseerr:5055",
            "JELLYSEERR_API_KEY": "key",
            "JELLYSEERR_COMMAND_PHRASE": phrase,
        }
    )
    payload = json.loads((FIXTURES / COMMANDS_IN_ISSUES[title]).read_text())
    (jellyseerr,) = settings.jellyseerr
    heard = [
        parse_jellyseerr(payload, delete_on=frozenset(), command_phrase=phrase).heard
        for phrase in (jellyseerr.command_phrase, None)
    ]
    assert heard == [Heard.DELETE, Heard.IGNORED]


@pytest.mark.parametrize("page", ["README.md", "docs/api.md"])
def test_the_template_for_jellyfin_tells_what_left_its_library(page: str) -> None:
    (template,) = [block for block in blocks(page, "json") if "NotificationType" in block]
    known = json.loads((FIXTURES / "jellyfin-item-deleted-movie.json").read_text())
    sent = re.sub(r"\{\{(\w+)\}\}", lambda variable: str(known.get(variable.group(1), "")), template)
    (wish,) = parse_jellyfin(json.loads(sent), deletes=True, needs_approval=True).deletions
    assert (wish.media.tmdb_id, wish.title, wish.year) == (533514, known["Name"], known["Year"])
    assert (wish.inferred, wish.needs_approval) == (True, True)


TRIGGERS = {
    UpstreamKind.RADARR: {
        "On Grab": "radarr-grab.json",
        "On File Import": "radarr-import.json",
        "On File Upgrade": "radarr-import-upgrade.json",
        "On Movie Added": "radarr-movie-added.json",
        "On Movie Delete": "radarr-movie-delete.json",
    },
    UpstreamKind.SONARR: {
        "On Grab": "sonarr-grab.json",
        "On File Import": "sonarr-import.json",
        "On File Upgrade": "sonarr-import.json",
        "On Import Complete": "sonarr-import-complete.json",
        "On Series Add": "sonarr-series-add.json",
        "On Series Delete": "sonarr-series-delete.json",
    },
}
"""What Radarr and Sonarr call their triggers, and what each sends."""


@pytest.mark.parametrize("kind", TRIGGERS)
def test_the_triggers_to_tick_are_those_that_are_understood(kind: UpstreamKind) -> None:
    setup = " ".join(section("README.md", "Set up the webhooks").split())
    assert [trigger for trigger in TRIGGERS[kind] if trigger not in setup] == []
    for fixture in TRIGGERS[kind].values():
        payload = json.loads((FIXTURES / fixture).read_text())
        understood = parse_arr(kind, payload, instance=InstanceName(kind.value), delete_without_files=False)
        assert understood.heard is not Heard.IGNORED, fixture


@pytest.mark.parametrize(
    "sentence",
    [
        "A delete made in Jellyseerr sends no webhook at all",
        "Deleted data cannot be brought back.",
        "Without `webhook_secret` and `api_token` it refuses to listen on anything but loopback.",
    ],
)
def test_the_readme_says_plainly_what_people_must_know(sentence: str) -> None:
    assert sentence in prose("README.md")


# --- commands ------------------------------------------------------------------------------------------------------

COMMANDS = {str(command.name) for command in app.registered_commands}


def test_the_readme_lists_every_command() -> None:
    listed = [code(row[0]).split()[1] for row in rows_of(read("README.md")) if code(row[0]).startswith("reconciler ")]
    assert sorted(listed) == sorted(COMMANDS)


def test_the_readme_names_only_options_that_exist() -> None:
    known = {
        option
        for command in app.registered_commands
        for option in re.findall(r"--[a-z][a-z-]+", _help_of(str(command.name)))
    }
    named = {
        option
        for spelt in re.findall(r"(?:`|^)(?:reconciler |--|approve )[^`\n]*", read("README.md"), flags=re.MULTILINE)
        for option in re.findall(r"--[a-z][a-z-]+", spelt)
    }
    assert {"--season", "--instance", "--dry-run", "--all-breaker", "--torrent"} <= named
    assert named - known == set()


def _help_of(command: str) -> str:
    return CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "400", "NO_COLOR": "1"}).output


def test_the_readme_lists_every_exit_code() -> None:
    listed = [row[0] for row in rows_of(section("README.md", "See what it does")) if row[0].isdigit()]
    assert listed == [str(code.value) for code in ExitCode]


def test_the_readme_has_the_two_commands() -> None:
    assert {"make demo\n", "make test\n"} <= set(blocks("README.md", "sh"))


def test_the_readme_stays_short() -> None:
    assert len(read("README.md").splitlines()) <= 470
