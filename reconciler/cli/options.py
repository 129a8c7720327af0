"""The options that several commands share."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.completion import complete_id
from reconciler.cli.service import TOKEN_FILE_VARIABLE, TOKEN_VARIABLE, URL_VARIABLE, Service, token_from

if TYPE_CHECKING:
    from reconciler.config import Settings


class MediaType(StrEnum):
    MOVIE = "movie"
    TV = "tv"


DEFAULT_URL = "http://127.0.0.1:8585"

UrlOption = Annotated[str, typer.Option("--url", envvar=URL_VARIABLE, help="Where the service answers.")]
TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token",
        help=f"The API token; by default {TOKEN_VARIABLE}, or the file that {TOKEN_FILE_VARIABLE} names.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="The YAML file; by default the one that RECONCILER_CONFIG names.", dir_okay=False),
]
IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The deletion's id.", show_default=False, autocompletion=complete_id)
]


def ask(question: str, yes: bool) -> None:
    """Go on only if the person agrees, now or by `--yes`."""
    if not yes:
        typer.confirm(question, abort=True, err=True)


def service_at(url: str, token: str | None) -> Service:
    return Service(url, token or token_from(os.environ))


def settings_from(path: Path | None) -> "Settings":
    """Read the configuration of the service; where the command line finds it is not part of that."""
    from reconciler.config import load_settings  # noqa: PLC0415 - commands that only speak HTTP start without it

    environ = {name: value for name, value in os.environ.items() if name != URL_VARIABLE}
    return load_settings(environ, path)
