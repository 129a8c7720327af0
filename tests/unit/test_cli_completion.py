"""Completion in the shell: what is offered, that it stays silent when it cannot know, and a real bash that asks."""

import asyncio
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reconciler.cli.completion import Shell, harmless
from reconciler.model import Phase, Source
from reconciler.reasons import Reason
from reconciler.simulators.server import serve
from tests.unit.conftest import Run
from tests.unit.web.fakes import API_TOKEN, World, condition, database_down, id_of, movie, settled

HOSTILE = "A';$(touch owned)`id`\"\\[b]: \x1b[2J\nFilm)"


def offered(run: Run, *words: str, shell: str = "zsh", **env: str) -> str:
    line = " ".join(["reconciler", *words])
    result = run(_RECONCILER_COMPLETE=f"complete_{shell}", _TYPER_COMPLETE_ARGS=line, **env)
    assert result.stderr == ""
    return result.stdout


def test_phases_and_sources_are_offered(run: Run) -> None:
    assert re.findall(r'"(\w+)"', offered(run, "list", "--phase", "")) == [phase.value for phase in Phase]
    assert re.findall(r'"(\w+)"', offered(run, "list", "--source", "")) == [source.value for source in Source]
    assert re.findall(r'"(\w+)"', offered(run, "completion", "")) == [shell.value for shell in Shell]


@pytest.mark.parametrize(
    ("command", "numbers"),
    [
        ("show", [1, 2, 3]),
        ("tail", [1, 2, 3]),
        ("plan", [1, 2, 3]),
        ("cancel", [1, 2]),
        ("retry", [1, 2]),
        ("approve", [1]),
    ],
)
def test_the_ids_that_a_command_can_do_something_with_are_offered(
    world: World, run: Run, command: str, numbers: list[int]
) -> None:
    world.store.add(replace(movie(1), conditions=(condition(Reason.BREAKER_OPEN),)))
    world.store.add(movie(2))
    world.store.add(settled(movie(3)))
    said = offered(run, command, "")
    assert re.findall(r'"([0-9a-f-]{36})"', said) == [id_of(number) for number in numbers]
    assert '"held A Film 1999"' in said
    assert re.findall(r'"([0-9a-f-]{36})"', offered(run, command, id_of(1))) == [id_of(1)]


def test_a_title_is_offered_as_words_only_as_zsh_evaluates_them(world: World, run: Run) -> None:
    world.store.add(movie(1, title=HOSTILE))
    assert offered(run, "show", "") == (
        f"""_arguments '*: :(("{id_of(1)}":"pending A touch owned id b 2J Film 1999"))'\n"""
    )
    assert offered(run, "show", "", shell="fish", _TYPER_COMPLETE_FISH_ACTION="get-args").split("\t")[0] == id_of(1)
    assert harmless("Amélie: 天空の城 (2001)") == "Amélie 天空の城 2001"


def test_who_cannot_be_asked_offers_nothing_and_says_nothing(world: World, run: Run, tmp_path: Path) -> None:
    world.store.add(movie(1))
    assert offered(run, "show", "", RECONCILER_API_TOKEN="wrong") == "_files\n"
    missing = str(tmp_path / "none")
    assert offered(run, "show", "", RECONCILER_API_TOKEN="", RECONCILER_API_TOKEN_FILE=missing) == "_files\n"
    world.store.broken = database_down()
    assert offered(run, "show", "") == "_files\n"


@pytest.mark.parametrize("shell", Shell)
def test_the_script_is_printed_and_begins_with_what_it_is(run: Run, shell: Shell) -> None:
    result = run("completion", shell.value)
    assert result.exit_code == 0
    assert result.stdout.startswith({"zsh": "#compdef reconciler\n", "fish": "complete "}.get(shell, "_reconciler"))


ASK = """
source <(reconciler completion bash)
COMP_WORDS=(reconciler approve ""); COMP_CWORD=2
_reconciler_completion reconciler
printf '%s\\n' "${COMPREPLY[@]}"
"""


async def test_a_real_bash_completes_the_ids_of_the_running_service() -> None:
    world = World()
    world.store.add(replace(movie(1, title=HOSTILE), conditions=(condition(Reason.BREAKER_OPEN),)))
    world.store.add(movie(2))
    with capture_logs():
        async with serve(world.app()) as url:
            bash = await asyncio.create_subprocess_exec(
                *("bash", "--norc", "-c", ASK),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={
                    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                    "RECONCILER_URL": url,
                    "RECONCILER_API_TOKEN": API_TOKEN,
                },
            )
            out, err = await bash.communicate()
    assert (out.decode(), err.decode()) == (f"{id_of(1)}\n", "")


def test_the_command_line_starts_without_what_only_the_service_needs() -> None:
    """Every completion starts it anew, and a person waits."""
    names = "import reconciler.cli, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", names], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"apscheduler", "asyncpg", "databases", "pydantic", "sqlalchemy", "starlette", "structlog", "yaml"}
    assert heavy.isdisjoint(loaded)
