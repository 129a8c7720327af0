"""The payload templates that senders are given, and what of them is needed here (upstreams.md 1.4 and 6.1)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.intake.jellyseerr_keys import ISSUE_KEYS, REQUEST_KEYS, TMDB_KEYS, TVDB_KEYS, TYPE_KEYS
from reconciler.intake.loose import mapping


def _same(names: Iterable[str]) -> dict[str, str]:
    """Return keys that are named like their variables."""
    return {name: f"{{{{{name}}}}}" for name in names}


def _person(prefix: str) -> tuple[str, ...]:
    names = ("email", "username", "avatar", "settings_discordId", "settings_telegramChatId")
    return tuple(f"{prefix}_{name}" for name in names)


_JELLYSEERR: Mapping[str, object] = {
    **_same(("notification_type", "event", "subject", "message", "image")),
    "{{media}}": {
        "media_type": "{{media_type}}",
        "tmdbId": "{{media_tmdbid}}",
        "tvdbId": "{{media_tvdbid}}",
        "status": "{{media_status}}",
        "status4k": "{{media_status4k}}",
    },
    "{{request}}": _same(("request_id", *_person("requestedBy"))),
    "{{issue}}": _same(("issue_id", "issue_type", "issue_status", *_person("reportedBy"))),
    "{{comment}}": _same(("comment_message", *_person("commentedBy"))),
    "{{extra}}": [],
}


@dataclass(frozen=True, slots=True)
class _Needed:
    """A variable that must arrive, and where it is looked for: in an object, beside it too if `anywhere`."""

    name: str
    variable: str
    keys: tuple[str, ...]
    inside: str = ""
    anywhere: bool = False


def _of(section: str, name: str, variable: str, keys: tuple[str, ...]) -> _Needed:
    return _Needed(f"{section}.{name}", variable, keys, section, anywhere=True)


_NEEDED_OF_JELLYSEERR = (
    *(_Needed(name, name, (name,)) for name in ("notification_type", "event", "subject")),
    _of("media", "media_type", "media_type", TYPE_KEYS),
    _of("media", "tmdbId", "media_tmdbid", TMDB_KEYS),
    _of("media", "tvdbId", "media_tvdbid", TVDB_KEYS),
    _of("request", "request_id", "request_id", REQUEST_KEYS),
)
_NEEDED_FOR_COMMANDS = (
    _Needed("message", "message", ("message",)),
    _of("issue", "issue_id", "issue_id", ISSUE_KEYS),
    _Needed("comment.comment_message", "comment_message", ("comment_message",), "comment"),
)
_EXTRA = "{{extra}}"

_JELLYFIN = _same(
    (
        "NotificationType",
        "ItemType",
        "Name",
        "Year",
        "SeasonNumber",
        "EpisodeNumber",
        "Provider_tmdb",
        "Provider_tvdb",
    )
)

JELLYSEERR_TEMPLATE = json.dumps(_JELLYSEERR, indent=4)
"""Jellyseerr's own default, which "Reset to Default" brings back."""

JELLYFIN_TEMPLATE = json.dumps(_JELLYFIN, indent=2)

DASHBOARD_EXAMPLE = json.dumps(
    {"media_type": "movie", "tmdb_id": 10331, "title": "Night of the Living Dead", "requested_by": "sam"}, indent=2
)


def lacking_in_jellyseerr(template: str, *, commands: bool = True) -> tuple[str, ...]:
    """Return what a template of Jellyseerr lacks of what `parse_jellyseerr` needs; what it has beyond does no harm.

    What only commands in issues need is needed where there are `commands`.
    """
    needed = (*_NEEDED_OF_JELLYSEERR, *(_NEEDED_FOR_COMMANDS if commands else ()))
    try:
        written = mapping(json.loads(template))
    except (ValueError, RecursionError):
        written = mapping(None)
    lacking = [one.name for one in needed if not _has(written, one)]
    return (*lacking, *(() if _EXTRA in written else ("extra",)))


def _has(written: Mapping[str, object], needed: _Needed) -> bool:
    """Tell whether a variable will arrive. Something else at one of its places would contradict it."""
    places = [written]
    if needed.inside:
        # {{media}} is an object that is there where the event has one; a plain one is always there
        inner = mapping(written.get(f"{{{{{needed.inside}}}}}", written.get(needed.inside)))
        places = [inner, *([written] if needed.anywhere else [])]
    given = [place[key] for place in places for key in needed.keys if key in place]
    return bool(given) and all(value == f"{{{{{needed.variable}}}}}" for value in given)
