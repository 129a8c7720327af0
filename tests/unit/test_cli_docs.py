"""`docs/cli.md` is what the commands are: every one of them, its options and its exit codes."""

import re

import pytest
import typer
from typer.core import TyperArgument

from reconciler.cli import app
from reconciler.cli.exits import ExitCode
from reconciler.cli.options import DEFAULT_URL
from tests.support.pages import Row, read, rows_of, section
from tests.unit.conftest import Run

PAGE = "docs/cli.md"
COMMANDS = dict(typer.main.get_group(app).commands)
WITHOUT_JSON = {"serve", "completion"}


def told() -> dict[str, str]:
    """Return what the page says of each command."""
    found = re.findall(
        r"^### `reconciler ([\w-]+)[^`\n]*`\n(.*?)(?=^##|\Z)", read(PAGE), flags=re.MULTILINE | re.DOTALL
    )
    return dict(found)


def options_of(command: str) -> set[str]:
    return {option for one in COMMANDS[command].params for option in one.opts if option.startswith("-")}


def spelt_in(rows: list[Row]) -> set[str]:
    """Return the options in the first cells."""
    return {option for row in rows for option in re.findall(r"`(-[\w-]+)`", row[0])}


def test_every_command_is_told_in_the_form_in_which_it_is_called() -> None:
    assert told().keys() == COMMANDS.keys()
    for name, command in COMMANDS.items():
        arguments = [str(one.metavar) for one in command.params if isinstance(one, TyperArgument)]
        assert f"### `{' '.join(['reconciler', name, *arguments])}`\n" in read(PAGE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_told_and_no_other(name: str) -> None:
    shared = spelt_in(rows_of(section(PAGE, "Shared options")))
    assert spelt_in(rows_of(told()[name])) == options_of(name) - shared


def test_the_shared_options_are_those_of_the_commands_that_the_page_names() -> None:
    asks = {name for name in COMMANDS if "--url" in options_of(name)}
    meant = {
        "all": set(COMMANDS),
        "all but `serve` and `completion`": set(COMMANDS) - WITHOUT_JSON,
        "those that ask the service, `connect` too": asks,
    }
    for row in rows_of(section(PAGE, "Shared options")):
        named = meant.get(row[1]) or set(re.findall(r"`([\w-]+)`", row[1]))
        for option in spelt_in([row]):
            assert option == "--help" or {name for name in COMMANDS if option in options_of(name)} == named, option
    assert DEFAULT_URL in section(PAGE, "Shared options")


def test_every_exit_code_is_told() -> None:
    listed = [row[0] for row in rows_of(section(PAGE, "Exit codes"))]
    assert listed == [str(code.value) for code in ExitCode]
    named = {int(code) for text in told().values() for code in re.findall(r"\bwith (\d)\b", text)}
    assert named <= {code.value for code in ExitCode}


def test_the_version_is_told(run: Run) -> None:
    result = run("--version")
    assert result.exit_code == 0
    assert re.fullmatch(r"reconciler \d+\.\d+\.\d+\S*\n", result.stdout)
