"""The payload templates that senders are given, and what of them is needed here (upstreams.md 1.4 and 6.1)."""

import json
from collections.abc import Iterable, Mapping


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

_NEEDED_OF_JELLYSEERR: Mapping[str, tuple[str, ...]] = {
    "notification_type": (),
    "event": (),
    "subject": (),
    "message": (),
    "{{media}}": ("media_type", "tmdbId", "tvdbId"),
    "{{request}}": ("request_id",),
    "{{issue}}": ("issue_id",),
    "{{comment}}": ("comment_message",),
    "{{extra}}": (),
}

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


def lacking_in_jellyseerr(template: str) -> tuple[str, ...]:
    """Return what a template of Jellyseerr lacks of what is needed here; what it has beyond that does no harm."""
    try:
        written = json.loads(template)
    except (ValueError, RecursionError):
        written = None
    if not isinstance(written, dict):
        return tuple(key.strip("{}") for key in _NEEDED_OF_JELLYSEERR)
    lacking: list[str] = []
    for key, inner in _NEEDED_OF_JELLYSEERR.items():
        meant, there = _JELLYSEERR[key], written.get(key)
        name = key.strip("{}")
        if key not in written or (isinstance(meant, str) and there != meant):
            lacking.append(name)
        elif isinstance(meant, dict):
            given = there if isinstance(there, dict) else {}
            lacking += [f"{name}.{one}" for one in inner if given.get(one) != meant[one]]
    return tuple(lacking)
