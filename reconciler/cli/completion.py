"""Completion in the shell: the script for it, and the ids of deletions, which only the running service knows."""

import asyncio
import contextlib
import io
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import typer
from typer.completion import get_completion_inspect_parameters, shell_complete

from reconciler.cli.render import label_of
from reconciler.cli.service import URL_VARIABLE, Connection, token_from
from reconciler.errors import ReconcilerError
from reconciler.model import Phase

PROGRAM = "reconciler"
_VARIABLE = "_RECONCILER_COMPLETE"
_PATIENCE = timedelta(seconds=1)
"""Nobody waits longer for a completion, and without one nothing is lost."""

_MOST = 200
_LABEL_LENGTH = 60
_ONLY = {
    "approve": frozenset({Phase.HELD}),
    "bind": frozenset(Phase) - {Phase.CONVERGED, Phase.CANCELLED},
    "cancel": frozenset(Phase) - {Phase.CONVERGED, Phase.CANCELLED},
    "retry": frozenset(Phase) - {Phase.CONVERGED, Phase.CANCELLED},
}
"""Which deletions a command can do something with, where that is not all."""


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    context: typer.Context,
    shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish", help="Which shell.", show_default=False)],
) -> None:
    """Print the script that lets a shell complete commands, options, phases, sources and the ids of deletions."""
    script = io.StringIO()
    with contextlib.redirect_stdout(script):
        shell_complete(context.find_root().command, {}, PROGRAM, _VARIABLE, f"source_{shell.value}")
    sys.stdout.write(script.getvalue().strip() + "\n")  # zsh looks for what it is in the first line


def answer_shells() -> None:
    """Make the command line answer shells that ask for completions; their questions come in the environment."""
    get_completion_inspect_parameters()


def complete_id(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the ids that begin so, with what they are about. Nothing if the service does not say it quickly."""
    url = context.params.get("url") or os.environ.get(URL_VARIABLE)
    wanted = _ONLY.get(str(context.info_name), frozenset(Phase))
    try:
        token = context.params.get("token") or token_from(os.environ)
        page = asyncio.run(_newest(str(url), token))
        return list(_offered(page, wanted, incomplete))
    except (ReconcilerError, LookupError, TypeError):  # what answers there may be anything
        return []


async def _newest(url: str, token: str | None) -> Mapping[str, Any]:
    async with Connection(url, token) as connection:
        return await connection.get("/deletions", {"limit": _MOST}, timeout=_PATIENCE)


def _offered(page: Mapping[str, Any], wanted: frozenset[Phase], incomplete: str) -> Iterator[tuple[str, str]]:
    for one in page["deletions"]:
        if one["phase"] in wanted and _is_id(one["id"]) and one["id"].startswith(incomplete.lower()):
            yield one["id"], f"{one['phase']} {harmless(label_of(one))}"


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def harmless(title: str) -> str:
    """Return a title as words: zsh evaluates what completes it, and a title is what somebody else wrote."""
    words = "".join(c if c.isalnum() else " " for c in title).split()
    return " ".join(words)[:_LABEL_LENGTH]
