"""Jellyfin's webhook plugin: what `ItemDeleted` means (upstreams.md 6.1).

It is sent for everything that leaves the library, also when a disk is not mounted or a file is moved: a hint, and never
more than an inferred wish. The template is the operator's, so keys are found in any case.
"""

from collections.abc import Mapping

from reconciler.intake.loose import number, text
from reconciler.intake.redact import redact_known
from reconciler.model import DeletionRequest, Media, MediaKind, Source
from reconciler.ports import Heard, Understood

_ITEM_DELETED = "itemdeleted"
_KINDS = {"movie": MediaKind.MOVIE, "series": MediaKind.SERIES}
_PARTS = frozenset({"season", "episode"})


def parse_jellyfin(payload: object, *, deletes: bool, needs_approval: bool) -> Understood:
    """Return what a notification means. No JSON value makes it raise.

    `deletes` tells whether an item that left the library is a wish at all, `needs_approval` whether a person must agree
    to each.
    """
    if not isinstance(payload, dict):
        return Understood(Heard.IGNORED, reason="the payload is no JSON object")
    event = _text(payload, "NotificationType", 100) or ""
    if not event:
        return Understood(Heard.IGNORED, reason="the payload has no NotificationType; keep it in the template")
    if event.lower().startswith("test"):
        return Understood(Heard.TEST, event=event)
    if event.lower() != _ITEM_DELETED:
        return _ignored(event, "only an item that left the library is listened to")
    if not deletes:
        return _ignored(event, "on_item_deleted is ignore")
    media = _media(payload)
    if isinstance(media, str):
        return _ignored(event, media)
    wish = DeletionRequest(
        media=media,
        title=redact_known(_text(payload, "Name")),
        year=next(iter(_numbers(payload, "Year")), None),
        source=Source.JELLYFIN,
        inferred=True,
        needs_approval=needs_approval,
        because="it left Jellyfin's library",
    )
    return Understood(Heard.DELETE, deletions=(wish,), event=event)


def _media(payload: Mapping[str, object]) -> Media | str:
    """Return the one title that left the library, or why it cannot be told."""
    types = {kind.lower() for value in _values(payload, "ItemType") if (kind := text(value, 20))}
    numbers = [value for key in ("SeasonNumber", "EpisodeNumber") for value in _values(payload, key)]
    is_part = any(text(value) is not None or number(value, 0) is not None for value in numbers)
    if types & _PARTS or is_part:
        return "the ids of a season or an episode are not those of its series, so it cannot be identified"
    if len(types) != 1 or not types <= set(_KINDS):
        return "its ItemType is neither Movie nor Series"
    kind = _KINDS[types.pop()]
    tmdb_ids = set(_numbers(payload, "Provider_tmdb"))
    tvdb_ids = set(_numbers(payload, "Provider_tvdb")) if kind is MediaKind.SERIES else set()
    if max(len(tmdb_ids), len(tvdb_ids)) > 1:
        return "it names more than one title"
    if not tmdb_ids and not tvdb_ids:
        return "it carries no usable TMDB or TVDB id"
    return Media(kind, next(iter(tmdb_ids), None), next(iter(tvdb_ids), None))


def _values(payload: Mapping[str, object], key: str) -> list[object]:
    """Return what is under a key, however it is spelt."""
    return [value for name, value in payload.items() if name.lower() == key.lower()]


def _text(payload: Mapping[str, object], key: str, limit: int = 500) -> str | None:
    return next((found for value in _values(payload, key) if (found := text(value, limit))), None)


def _numbers(payload: Mapping[str, object], key: str) -> list[int]:
    return [found for value in _values(payload, key) if (found := number(value)) is not None]


def _ignored(event: str, why: str) -> Understood:
    return Understood(Heard.IGNORED, event=event, reason=f"{event}: {why}")
