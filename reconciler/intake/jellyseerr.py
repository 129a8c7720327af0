"""Jellyseerr, Seerr and Overseerr: what a notification means (upstreams.md section 1).

Operators edit the template: objects may be `null`, missing or full of empty strings, ids are strings, keys may be flat
and constants may be added. Only `notification_type` decides what happens; nothing else in the payload can outweigh it.
"""

import re
from collections.abc import Iterable, Mapping

from reconciler.intake.command import command_text, is_command
from reconciler.intake.extra import affected_seasons, requested_seasons
from reconciler.intake.jellyseerr_keys import ISSUE_KEYS, REQUEST_KEYS, TMDB_KEYS, TVDB_KEYS, TYPE_KEYS
from reconciler.intake.loose import mapping, number, text, title_and_year
from reconciler.intake.redact import redact_known, redact_text
from reconciler.model import (
    NEVER_DELETING_NOTIFICATIONS,
    WANTED_NOTIFICATIONS,
    DeletionRequest,
    Hints,
    IssueCommand,
    Media,
    MediaKind,
    Source,
)
from reconciler.ports import Heard, Understood

DECLINED = "MEDIA_DECLINED"
TEST = "TEST_NOTIFICATION"

_KINDS = {"movie": MediaKind.MOVIE, "tv": MediaKind.SERIES}
_NAME_KEYS = ("requestedBy_username", "notifyuser_username", "requested_by")
# How Jellyseerr words its own events (upstreams.md 1.5). A template whose type is a constant would turn each of these
# into a deletion; so such words can only prevent one.
_NATIVE_EVENT = re.compile(
    r"request (automatically )?(approved|declined|failed)|now available|^new .*request$|\bissue\b"
)
_ISSUE_EVENTS = {
    "ISSUE_CREATED": re.compile(r"^new .*issue reported$"),
    "ISSUE_COMMENT": re.compile(r"^new comment on .*issue$"),
}
"""The types that may order a deletion, and how Jellyseerr words their events."""
_CONSTANT_TYPE = "its event speaks of something else; notification_type must not be a constant"


def parse_jellyseerr(payload: object, *, delete_on: frozenset[str], command_phrase: str | None = None) -> Understood:
    """Return what a notification means. Never raises.

    `delete_on` are the types that ask for a deletion. An issue or a comment that begins with `command_phrase` orders
    one, which counts for nothing until Jellyseerr has said who wrote it; without a phrase no issue orders anything.
    """
    if not isinstance(payload, dict):
        return Understood(Heard.IGNORED, reason="the payload is no JSON object")
    event = text(payload.get("notification_type"), 100) or ""
    if not event:
        return Understood(
            Heard.IGNORED, reason="the payload has no notification_type; keep that key in the webhook's template"
        )
    if event == TEST:
        return Understood(Heard.TEST, event=event)
    if event in WANTED_NOTIFICATIONS:
        about = _media(payload)
        return Understood(Heard.WANT, event=event, about=about if isinstance(about, Media) else None)
    if event in _ISSUE_EVENTS and command_phrase:
        return _command(event, payload, command_phrase)
    if event in NEVER_DELETING_NOTIFICATIONS:
        return _ignored(event, "issues and comments ask for nothing")
    if event not in delete_on:
        return _ignored(event, "this notification type is not in delete_on")
    if event != DECLINED and _NATIVE_EVENT.search(_words(payload)):
        return _ignored(event, _CONSTANT_TYPE)
    return _deletion(event, payload)


def _deletion(event: str, payload: Mapping[str, object]) -> Understood:
    media = _media(payload)
    if isinstance(media, str):
        return _ignored(event, media)
    title, year = title_and_year(payload.get("subject"))
    request = mapping(payload.get("request"))
    is_decline = event == DECLINED
    # Only a decline is about a request that must stay: deleting it would undo the decline.
    request_id = next(iter(_numbers((request, payload), REQUEST_KEYS)), None) if is_decline else None
    seasons = requested_seasons(payload, media.kind)
    if isinstance(seasons, str):
        return _ignored(event, seasons)
    if is_decline and media.kind is MediaKind.SERIES and seasons is None and request_id is None:
        # What was declined may be one season, and nothing else could tell which.
        return _ignored(event, "it names neither its seasons nor its request; keep extra and request in the template")
    wish = DeletionRequest(
        media=media,
        title=redact_known(title),
        year=year,
        source=Source.JELLYSEERR,
        requested_by=_name((request, payload)),
        hints=Hints(request_id=request_id),
        inferred=is_decline,
        seasons=seasons,
        because=_declined(request_id) if is_decline else "",
    )
    return Understood(Heard.DELETE, deletions=(wish,), event=event)


def _declined(request_id: int | None) -> str:
    return "a request was declined" if request_id is None else f"request {request_id} was declined"


def _command(event: str, payload: Mapping[str, object], phrase: str) -> Understood:
    """Understand an issue or a comment. Who is named in it is not who ordered it: names prove nothing."""
    if _NATIVE_EVENT.search(_words(payload)) and not _ISSUE_EVENTS[event].search(_words(payload)):
        return _ignored(event, _CONSTANT_TYPE)
    is_comment = event == "ISSUE_COMMENT"  # its `message` is still that of the issue
    said = mapping(payload.get("comment")).get("comment_message") if is_comment else payload.get("message")
    if not is_command(said, phrase):
        return _ignored(event, "it does not begin with the command phrase")
    issue_ids = set(_numbers((mapping(payload.get("issue")), payload), ISSUE_KEYS))
    if len(issue_ids) != 1:
        return _ignored(event, "it carries no usable issue_id, so nobody could be asked who ordered this")
    media = _media(payload)
    if isinstance(media, str):
        return _ignored(event, media)
    seasons = affected_seasons(payload, media.kind)
    if isinstance(seasons, str):
        return _ignored(event, seasons)
    title, year = title_and_year(payload.get("subject"))
    issue_id = issue_ids.pop()
    wish = DeletionRequest(
        media=media,
        title=redact_known(title),
        year=year,
        source=Source.JELLYSEERR,
        hints=Hints(command=IssueCommand(issue_id, command_text(said))),
        seasons=seasons,
        because=f"issue {issue_id} in Jellyseerr orders it",
    )
    return Understood(Heard.DELETE, deletions=(wish,), event=event)


def _words(payload: Mapping[str, object]) -> str:
    """Return how Jellyseerr words the event, in lower case."""
    return (text(payload.get("event")) or "").lower()


def _media(payload: Mapping[str, object]) -> Media | str:
    """Return the one title that the payload names, or why it names none."""
    places = (mapping(payload.get("media")), payload)
    types = {kind for kind in _texts(places, TYPE_KEYS) if kind in _KINDS}
    tmdb_ids = set(_numbers(places, TMDB_KEYS))
    tvdb_ids = set(_numbers(places, TVDB_KEYS))
    if max(len(types), len(tmdb_ids), len(tvdb_ids)) > 1:
        return "it names more than one title"
    if not types:
        return "its media_type is neither movie nor tv"
    kind = _KINDS[types.pop()]
    tmdb_id = tmdb_ids.pop() if tmdb_ids else None
    tvdb_id = tvdb_ids.pop() if tvdb_ids and kind is MediaKind.SERIES else None
    if tmdb_id is None and tvdb_id is None:
        return "it carries no usable TMDB or TVDB id"
    return Media(kind, tmdb_id, tvdb_id)


def _name(places: Iterable[Mapping[str, object]]) -> str | None:
    """Return the display name of who asked; a name that is an e-mail address is dropped."""
    for name in (text(place.get(key), 200) for place in places for key in _NAME_KEYS):
        if name:
            return name if redact_text(name) == name else None
    return None


def _numbers(places: Iterable[Mapping[str, object]], keys: Iterable[str]) -> list[int]:
    found = (number(place.get(key)) for place in places for key in keys)
    return [value for value in found if value is not None]


def _texts(places: Iterable[Mapping[str, object]], keys: Iterable[str]) -> list[str]:
    found = (text(place.get(key), 20) for place in places for key in keys)
    return [value.lower() for value in found if value]


def _ignored(event: str, why: str) -> Understood:
    return Understood(Heard.IGNORED, event=event, reason=f"{event}: {why}")
