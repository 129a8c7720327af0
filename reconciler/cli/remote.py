"""Commands that ask the running service and change nothing."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from reconciler.cli.exits import ExitCode
from reconciler.cli.live import Screen, Snapshots
from reconciler.cli.options import DEFAULT_URL, IdArgument, JsonOption, MediaType, TokenOption, UrlOption, service_at
from reconciler.cli.plans import show_plan
from reconciler.cli.render import show_deletion, show_deletions, show_json, show_status
from reconciler.cli.service import Service, path_of
from reconciler.cli.staying import stay
from reconciler.cli.watching import Watcher
from reconciler.clock import SystemClock
from reconciler.model import Phase, Source


def status(
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Stay, and show every change; with --json one document per line.")
    ] = False,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show whether all is well: the verdict, the upstreams, the last and the next pass."""
    service = service_at(url, token)
    if watch:
        raise typer.Exit(stay(_watch(service, as_json=as_json), interrupted=ExitCode.OK))
    document = service.get("/status")
    if as_json:
        show_json(document)
    else:
        show_status(document)


def list_deletions(
    search: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Only those whose title, year, seasons or asker have each of these words, or whose id or info hash "
            "begins so.",
        ),
    ] = None,
    phase: Annotated[Phase | None, typer.Option(help="Only those in this phase.")] = None,
    is_open: Annotated[bool, typer.Option("--open", help="Only those that have not ended.")] = False,
    media: Annotated[MediaType | None, typer.Option(help="Only movies or only series.")] = None,
    source: Annotated[Source | None, typer.Option(help="Only those asked for by this sender.")] = None,
    tmdb: Annotated[int | None, typer.Option(min=1, help="Only those of this TMDB id.")] = None,
    tvdb: Annotated[int | None, typer.Option(min=1, help="Only those of this TVDB id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many at most.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """List deletions, the newest first."""
    if phase is not None and is_open:
        raise typer.BadParameter("give either --phase or --open")
    given = {
        "q": search,
        "phase": "open" if is_open else phase and phase.value,
        "media": media and media.value,
        "source": source and source.value,
        "tmdb_id": tmdb,
        "tvdb_id": tvdb,
        "limit": limit,
        "cursor": cursor,
    }
    params = {name: value for name, value in given.items() if value is not None}
    page = service_at(url, token).get("/deletions", params)
    if as_json:
        show_json(page)
    else:
        show_deletions(page)


def show(
    deletion: IdArgument, url: UrlOption = DEFAULT_URL, token: TokenOption = None, as_json: JsonOption = False
) -> None:
    """Show everything known about one deletion: conditions, what was bound, the timeline, what is needed."""
    document = service_at(url, token).get(path_of(deletion))
    if as_json:
        show_json(document)
    else:
        show_deletion(document)


def plan(
    deletion: IdArgument, url: UrlOption = DEFAULT_URL, token: TokenOption = None, as_json: JsonOption = False
) -> None:
    """Show everything that would be done for one deletion, in order. Looks at the upstreams; sends nothing."""
    document = service_at(url, token).get(path_of(deletion, "/plan"))
    if as_json:
        show_json(document)
    else:
        show_plan(document)


async def _watch(service: Service, *, as_json: bool) -> int:
    clock = SystemClock()
    fills_terminal = not as_json and sys.stdout.isatty() and not Console().is_dumb_terminal
    async with service.connection() as connection:
        with Screen(clock) if fills_terminal else Snapshots(as_json=as_json) as display:
            await Watcher(connection, clock, display).run()
    return ExitCode.OK
