"""Trying messengers from the command line, and refusing to start with one that cannot be used."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from reconciler import main
from reconciler.cli import app
from reconciler.config import NotificationsSettings, Settings
from reconciler.errors import ConfigError
from tests.support.sink import PASSWORD, Sink, sink_server


@pytest.fixture
def sink() -> Iterator[Sink]:
    with sink_server() as running:
        yield running


def notify_test(*options: str, urls: str = "") -> Result:
    return CliRunner().invoke(app, ["notify-test", *options], env={"RECONCILER_NOTIFICATIONS_URLS": urls})


def test_the_command_says_of_each_messenger_whether_it_took_the_message(sink: Sink) -> None:
    nobody = f"json://127.0.0.1:1/{PASSWORD}"
    both = f"{sink.url.get_secret_value()} {nobody}"
    shown = notify_test(urls=both)
    assert shown.exit_code == 1
    assert "taken" in shown.stdout
    assert "it cannot be reached" in shown.stdout
    assert PASSWORD not in shown.output
    document = json.loads(notify_test("--json", urls=both).stdout)
    assert document == {
        "ok": False,
        "messengers": [
            {"position": 1, "kind": "json", "ok": True, "error": ""},
            {"position": 2, "kind": "json", "ok": False, "error": "it cannot be reached"},
        ],
    }
    assert notify_test(urls=sink.url.get_secret_value()).exit_code == 0
    assert sink.titles == ["Deletion reconciler: a test"] * 3


def test_with_nobody_to_tell_the_command_says_what_to_set() -> None:
    result = notify_test()
    assert (result.exit_code, result.stdout) == (1, "")
    assert "RECONCILER_NOTIFICATIONS_URLS" in result.stderr
    assert json.loads(notify_test("--json").stdout) == {"ok": False, "messengers": []}


def test_an_address_that_cannot_be_used_is_a_problem_of_the_configuration() -> None:
    result = notify_test(urls=f"nosuch://{PASSWORD}")
    assert result.exit_code == 3
    assert "notifications.urls: address 1 (nosuch) cannot be used" in " ".join(result.stderr.split())
    assert PASSWORD not in result.output


async def test_without_apprise_nothing_starts_that_is_to_tell_somebody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    telling = NotificationsSettings(urls=(SecretStr("ntfy://127.0.0.1/topic"),))
    settings = Settings(database_url=f"sqlite:///{tmp_path}/none.db", notifications=telling)
    for starting in (main.build, main.check):
        with pytest.raises(ConfigError, match="pip install"):
            await starting(settings)
    assert not (tmp_path / "none.db").exists()
    service = await main.build(settings.model_copy(update={"notifications": NotificationsSettings()}))
    await service.aclose()


def test_links_lead_where_people_open_the_pages_and_not_where_upstreams_send() -> None:
    internal = Settings(public_url="http://reconciler:8585")
    assert main.wording_of(internal).page_url is None
    pages = internal.model_copy(update={"page_url": "https://deletions.example"})
    assert main.wording_of(pages).page_url == "https://deletions.example"
