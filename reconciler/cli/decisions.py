"""Commands by which a person decides about deletions that the running service has."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from reconciler.cli.completion import complete_id
from reconciler.cli.exits import Refused
from reconciler.cli.options import (
    DEFAULT_URL,
    IdArgument,
    JsonOption,
    TokenOption,
    UrlOption,
    YesOption,
    ask,
    service_at,
)
from reconciler.cli.render import label_of, say, show_json, show_needs
from reconciler.cli.service import Service, path_of
from reconciler.reasons import Reason

_NAMED = 10
_WRITTEN = {
    "approve": "The approval is written down",
    "attribute": "It is written down that they belong to it",
    "cancel": "The cancellation is written down",
    "retry": "It is tried again at once",
}
_PAGE = 200


def approve(
    deletion: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="The deletion's id.", show_default=False, autocompletion=complete_id),
    ] = None,
    all_breaker: Annotated[
        bool, typer.Option("--all-breaker", help="Instead of one: let all go on that the breaker holds.")
    ] = False,
    yes: YesOption = False,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a held deletion go on in spite of what holds it, or all that the breaker holds."""
    if (deletion is None) != all_breaker:
        raise typer.BadParameter("give either the ID of one deletion or --all-breaker")
    service = service_at(url, token)
    if deletion is None:
        _release_breaker(service, yes=yes, as_json=as_json)
    else:
        _approve(service, deletion, yes=yes, as_json=as_json)


def bind(
    deletion: IdArgument,
    torrents: Annotated[
        list[str],
        typer.Option(
            "--torrent", metavar="HASH", help="The info hash of a torrent; may be repeated.", show_default=False
        ),
    ],
    yes: YesOption = False,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which torrents belong to a deletion, where no history tells. They are deleted with it."""
    service = service_at(url, token)
    current = service.get(path_of(deletion))
    if current["settled"]:
        raise Refused(f"{label_of(current)} is {current['phase']}; nothing can be bound to it.")
    say(f"With {label_of(current)} these torrents go too, unless the history gives them to something else:")
    for torrent in torrents:
        say(f"  {torrent}")
    ask("Bind them?", yes)
    document = service.post(path_of(deletion, "/attribute"), {"hashes": torrents})
    _decided(document, as_json=as_json)
    for torrent in document["unlisted"]:
        say(f"No qBittorrent listed {torrent} when last looked at; if it should be there, check the hash.")


def cancel(
    deletion: IdArgument,
    yes: YesOption = False,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a deletion: nothing more of it is deleted. What is gone already stays gone."""
    service = service_at(url, token)
    current = service.get(path_of(deletion))
    if "cancel" not in current["decisions"]:
        raise Refused(f"{label_of(current)} is {current['phase']}; there is nothing to cancel.")
    gone = "Something was destroyed already and stays so." if current["destroyed_at"] else "Nothing was destroyed yet."
    say(f"Nothing more of {label_of(current)} is deleted, and its monitoring is put back. {gone}")
    ask("Cancel it?", yes)
    _decided(service.post(path_of(deletion, "/cancel")), as_json=as_json)


def retry(
    deletion: IdArgument, url: UrlOption = DEFAULT_URL, token: TokenOption = None, as_json: JsonOption = False
) -> None:
    """Try again at once, also what was refused."""
    _decided(service_at(url, token).post(path_of(deletion, "/retry")), as_json=as_json)


def _approve(service: Service, deletion: str, *, yes: bool, as_json: bool) -> None:
    current = service.get(path_of(deletion))
    lifted = [need for need in current["needs"] if need["approvable"]]
    if "approve" not in current["decisions"]:
        raise Refused(f"{label_of(current)} is {current['phase']}; nothing here can be lifted by an approval.")
    say(f"{label_of(current)} goes on although:")
    show_needs(lifted, to_stderr=True)
    ask("Approve?", yes)
    _decided(service.post(path_of(deletion, "/approve"), params={"shown": current["shown"]}), as_json=as_json)


def _release_breaker(service: Service, *, yes: bool, as_json: bool) -> None:
    held = _held_by_breaker(service)
    if not held:
        raise Refused("The breaker holds nothing.")
    say(f"The breaker holds {_deletions(len(held))}:")
    for one in held[:_NAMED]:
        say(f"  {label_of(one)}")
    if len(held) > _NAMED:
        say(f"  and {len(held) - _NAMED} more")
    ask("Let all of them go on?", yes)
    shown = hashlib.sha256("".join(f"{id_}\n" for id_ in sorted(one["id"] for one in held)).encode()).hexdigest()
    document = service.post("/breaker/release", params={"shown": shown})
    if as_json:
        show_json(document)
    else:
        say(f"{_deletions(len(document['released']))} released.")


def _held_by_breaker(service: Service) -> list[Mapping[str, Any]]:
    """Return every deletion that the breaker holds, the newest first."""
    held: list[Mapping[str, Any]] = []
    cursor: str | None = None
    while True:
        params = {"phase": "held", "limit": _PAGE} | ({"cursor": cursor} if cursor else {})
        page = service.get("/deletions", params)
        held += [
            one
            for one in page["deletions"]
            if any(condition["reason"] == Reason.BREAKER_OPEN for condition in one["conditions"])
        ]
        cursor = page["next_cursor"]
        if cursor is None:
            return held


def _deletions(count: int) -> str:
    return f"{count} deletion{'' if count == 1 else 's'}"


def _decided(document: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(document)
        return
    lifted = f" It lifts {', '.join(document['lifted'])}." if document["lifted"] else ""
    say(f"{_WRITTEN[document['decision']]}.{lifted} See: reconciler show {document['id']}")
