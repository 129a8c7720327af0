"""The command that asks for a deletion, or only what it would do."""

import getpass
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from reconciler.cli.options import (
    DEFAULT_URL,
    JsonOption,
    MediaType,
    TokenOption,
    UrlOption,
    YesOption,
    ask,
    service_at,
)
from reconciler.cli.plans import show_plan
from reconciler.cli.render import label_of_seasons, say, show_json
from reconciler.words import plain


def delete(
    media_type: Annotated[MediaType, typer.Argument(metavar="movie|tv", help="What it is.", show_default=False)],
    tmdb: Annotated[int | None, typer.Option(min=1, help="Its TMDB id.")] = None,
    tvdb: Annotated[int | None, typer.Option(min=1, help="Its TVDB id (series).")] = None,
    title: Annotated[str | None, typer.Option(help="Its title, for people to read; never used to find it.")] = None,
    year: Annotated[int | None, typer.Option(min=1870, max=2200, help="Its year, likewise.")] = None,
    season: Annotated[
        list[int] | None,
        typer.Option(min=0, max=9999, help="Only this season, 0 for specials; may be repeated. Without: the series."),
    ] = None,
    instance: Annotated[
        list[str] | None,
        typer.Option(help="Only in this Radarr or Sonarr, by its configured name; may be repeated. Without: in all."),
    ] = None,
    not_before: Annotated[
        str | None, typer.Option(metavar="TIME", help="Begin no earlier than 2026-01-31T04:00:00+01:00, for example.")
    ] = None,
    no_files: Annotated[bool, typer.Option("--no-files", help="Keep the files.")] = False,
    add_exclusion: Annotated[
        bool, typer.Option("--add-exclusion", help="Keep import lists from adding the title again.")
    ] = False,
    blocklist: Annotated[
        bool, typer.Option("--blocklist", help="Keep the same releases from being grabbed again (seasons).")
    ] = False,
    remove_empty_series: Annotated[
        bool, typer.Option("--remove-empty-series", help="Let the series go with its last season (seasons).")
    ] = False,
    qbit_hash: Annotated[
        list[str] | None, typer.Option("--hash", help="The info hash of one of its torrents; may be repeated.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be done; nothing is written or sent.")
    ] = False,
    yes: YesOption = False,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for one movie, series or season to go everywhere: torrents, library entry, files and request record."""
    if tmdb is None and tvdb is None:
        raise typer.BadParameter("give --tmdb or --tvdb: titles are never used to find something to delete")
    if season and media_type is MediaType.MOVIE:
        raise typer.BadParameter("--season is for series (tv)")
    given: dict[str, Any] = {
        "media_type": media_type.value,
        "tmdb_id": tmdb,
        "tvdb_id": tvdb,
        "title": title,
        "year": year,
        "seasons": season,
        "instances": instance,
        "not_before": not_before,
        "add_exclusion": add_exclusion,
        "blocklist": blocklist,
        "remove_empty_series": remove_empty_series,
        "qbit_hashes": qbit_hash,
        "requested_by": _user(),
    }
    wish = {name: value for name, value in given.items() if value} | {"delete_files": not no_files}
    service = service_at(url, token)
    if dry_run:
        document = service.post("/deletions", wish, {"dry_run": "true"})
    else:
        for sentence in _in_words(wish):
            say(sentence)
        ask("Delete it?", yes)
        document = service.post("/deletions", wish)
    if as_json:
        show_json(document)
        return
    for plan in document.get("plans", ()):
        show_plan(plan)
    for accepted in document.get("deletions", ()):
        say(f"{plain(accepted['outcome'])}: reconciler show {plain(accepted['id'])}")


def _in_words(wish: Mapping[str, Any]) -> Iterator[str]:
    """Say what is about to be asked for, as a person has to know it before agreeing: one sentence on each line."""
    ids = ", ".join(f"{name} {wish[f'{name}_id']}" for name in ("tmdb", "tvdb") if f"{name}_id" in wish)
    seasons = wish.get("seasons", ())
    what = f"{wish.get('title') or 'This title'} ({wish['media_type']}, {ids}){label_of_seasons(seasons)}"
    only = f", only in {', '.join(wish['instances'])}" if "instances" in wish else ""
    if seasons:
        yield f"{what} {'go' if len(seasons) > 1 else 'goes'} from the torrent client and the library{only}."
        yield f"The series {'goes with its last season' if 'remove_empty_series' in wish else 'itself stays'}."
    else:
        yield f"{what} goes from the torrent client, the library and the request list{only}."
    yield "Its files are deleted and cannot be brought back." if wish["delete_files"] else "Its files are kept."
    if "not_before" in wish:
        yield f"Nothing begins before {wish['not_before']}."


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for this user id, as in many containers
        return None
