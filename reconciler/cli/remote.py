"""Commands that ask the running service."""

import getpass
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

import typer

from reconciler.cli.exits import Refused
from reconciler.cli.options import (
    DEFAULT_URL,
    IdArgument,
    JsonOption,
    TokenOption,
    UrlOption,
    YesOption,
    service_at,
)
from reconciler.cli.render import (
    label_of,
    plain,
    say,
    show_deletion,
    show_deletions,
    show_json,
    show_needs,
    show_plan,
    show_status,
)
from reconciler.model import Phase, Source


class MediaType(StrEnum):
    MOVIE = "movie"
    TV = "tv"


def status(url: UrlOption = DEFAULT_URL, token: TokenOption = None, as_json: JsonOption = False) -> None:
    """Show whether all is well: the verdict, the upstreams, the last and the next pass."""
    document = service_at(url, token).get("/status")
    if as_json:
        show_json(document)
    else:
        show_status(document)


def list_deletions(
    phase: Annotated[Phase | None, typer.Option(help="Only those in this phase.")] = None,
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
    given = {
        "phase": phase and phase.value,
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
    document = service_at(url, token).get(_path(deletion))
    if as_json:
        show_json(document)
    else:
        show_deletion(document)


def plan(
    deletion: IdArgument, url: UrlOption = DEFAULT_URL, token: TokenOption = None, as_json: JsonOption = False
) -> None:
    """Show what the next pass would do to one deletion. Looks at the upstreams; sends nothing."""
    document = service_at(url, token).get(_path(deletion, "/plan"))
    if as_json:
        show_json(document)
    else:
        show_plan(document)


def delete(
    media_type: Annotated[MediaType, typer.Argument(metavar="movie|tv", help="What it is.", show_default=False)],
    tmdb: Annotated[int | None, typer.Option(min=1, help="Its TMDB id.")] = None,
    tvdb: Annotated[int | None, typer.Option(min=1, help="Its TVDB id (series).")] = None,
    title: Annotated[str | None, typer.Option(help="Its title, for people to read; never used to find it.")] = None,
    year: Annotated[int | None, typer.Option(min=1870, max=2200, help="Its year, likewise.")] = None,
    no_files: Annotated[bool, typer.Option("--no-files", help="Keep the files.")] = False,
    qbit_hash: Annotated[
        list[str] | None, typer.Option("--hash", help="The info hash of one of its torrents; may be repeated.")
    ] = None,
    yes: YesOption = False,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for one movie or series to go everywhere: torrents, library entry, files and request record."""
    if tmdb is None and tvdb is None:
        raise typer.BadParameter("give --tmdb or --tvdb: titles are never used to find something to delete")
    wish: dict[str, Any] = {
        "media_type": media_type.value,
        "tmdb_id": tmdb,
        "tvdb_id": tvdb,
        "title": title,
        "year": year,
        "qbit_hashes": qbit_hash,
        "requested_by": _user(),
    }
    wish = {name: value for name, value in wish.items() if value} | {"delete_files": not no_files}
    ids = ", ".join(f"{name} {number}" for name, number in (("tmdb", tmdb), ("tvdb", tvdb)) if number)
    files = "Its files are kept" if no_files else "Its files are deleted and cannot be brought back"
    what = f"{title or 'This title'} ({media_type.value}, {ids})"
    say(f"{what} goes from the torrent client, the library and the request list. {files}.")
    _ask("Delete it?", yes)
    document = service_at(url, token).post("/deletions", wish)
    if as_json:
        show_json(document)
        return
    for accepted in document["deletions"]:
        say(f"{plain(accepted['outcome'])}: reconciler show {plain(accepted['id'])}")


def approve(
    deletion: IdArgument,
    yes: YesOption = False,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a held deletion go on in spite of what holds it."""
    service = service_at(url, token)
    current = service.get(_path(deletion))
    lifted = [need for need in current["needs"] if need["approvable"]]
    if "approve" not in current["decisions"]:
        raise Refused(f"{label_of(current)} is {current['phase']}; nothing here can be lifted by an approval.")
    say(f"{label_of(current)} goes on although:")
    show_needs(lifted, to_stderr=True)
    _ask("Approve?", yes)
    _decided(service.post(_path(deletion, "/approve")), as_json=as_json)


def cancel(
    deletion: IdArgument,
    yes: YesOption = False,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a deletion: nothing more of it is deleted. What is gone already stays gone."""
    service = service_at(url, token)
    current = service.get(_path(deletion))
    if "cancel" not in current["decisions"]:
        raise Refused(f"{label_of(current)} is {current['phase']}; there is nothing to cancel.")
    gone = "Something was destroyed already and stays so." if current["destroyed_at"] else "Nothing was destroyed yet."
    say(f"Nothing more of {label_of(current)} is deleted, and its monitoring is put back. {gone}")
    _ask("Cancel it?", yes)
    _decided(service.post(_path(deletion, "/cancel")), as_json=as_json)


def retry(
    deletion: IdArgument, url: UrlOption = DEFAULT_URL, token: TokenOption = None, as_json: JsonOption = False
) -> None:
    """Try again at once, also what was refused."""
    _decided(service_at(url, token).post(_path(deletion, "/retry")), as_json=as_json)


def _decided(document: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(document)
        return
    lifted = f" (lifted: {', '.join(document['lifted'])})" if document["lifted"] else ""
    say(f"{document['decision']}: written down{lifted}.")


def _ask(question: str, yes: bool) -> None:
    if not yes:
        typer.confirm(question, abort=True, err=True)


def _path(deletion: str, action: str = "") -> str:
    return f"/deletions/{quote(deletion, safe='')}{action}"


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for this user id, as in many containers
        return None
