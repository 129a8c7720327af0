"""What Jellyseerr's `extra` says of seasons (upstreams.md 1.5): `[{"name": "Requested Seasons", "value": "1, 2"}]`.

It narrows a deletion. So what is there and cannot be read is never taken for "the whole series": the functions return
the seasons, or `None` when nothing is said of them, or in words why the event cannot be used.
"""

from collections.abc import Mapping

from reconciler.intake.loose import mapping, season_number, text
from reconciler.model import MediaKind

_REQUESTED = "Requested Seasons"
_AFFECTED = "Affected Season"
_EPISODE = "Affected Episode"


def requested_seasons(payload: Mapping[str, object], kind: MediaKind) -> frozenset[int] | str | None:
    """Return the seasons that a request was for."""
    return _seasons(_fields(payload), _REQUESTED, kind)


def affected_seasons(payload: Mapping[str, object], kind: MediaKind) -> frozenset[int] | str | None:
    """Return the season that an issue is about."""
    fields = _fields(payload)
    if _EPISODE.lower() in {name for name, _ in fields or ()}:
        return "an episode alone is not deleted"
    seasons = _seasons(fields, _AFFECTED, kind)
    return _unusable(_AFFECTED) if isinstance(seasons, frozenset) and len(seasons) != 1 else seasons


def _seasons(fields: list[tuple[str, object]] | None, named: str, kind: MediaKind) -> frozenset[int] | str | None:
    if fields is None:
        return "its extra cannot be read, and it may name seasons" if kind is MediaKind.SERIES else None
    values = [value for name, value in fields if name == named.lower()]
    if not values:
        return None
    if kind is MediaKind.MOVIE:
        return "it names seasons of a movie"
    parts = values[0].split(",") if isinstance(values[0], str) else values[:1]
    seasons = [season_number(part) for part in parts]
    known = frozenset(season for season in seasons if season is not None)
    return known if len(values) == 1 and len(known) == len(seasons) else _unusable(named)


def _fields(payload: Mapping[str, object]) -> list[tuple[str, object]] | None:
    """Return (name in lower case, value) of everything in `extra`, or `None` when that cannot be read.

    `null`, missing and empty mean the same: nothing.
    """
    extra = payload.get("extra") or []
    fields = [mapping(field) for field in extra] if isinstance(extra, list) else [mapping(None)]
    named = [(name.lower(), field.get("value")) for field in fields if (name := text(field.get("name")))]
    return named if len(named) == len(fields) else None


def _unusable(named: str) -> str:
    return f"its {named} cannot be read, and without them it would cover the whole series"
