"""Radarr and Sonarr: what a Connect webhook means (upstreams.md section 4).

`eventType` alone decides: a test looks like a grab, and `deletedFiles` is a boolean in one event and a list in
another. Whatever arrives is answered 2xx, so nothing here is an error; what is of no use is ignored with its reason.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from reconciler.intake.loose import mapping, number, text
from reconciler.intake.redact import redact_known
from reconciler.model import (
    DeletionRequest,
    DownloadProtocol,
    Hints,
    InstanceName,
    ManualAdd,
    Media,
    MediaKind,
    NewReference,
    ReferenceKind,
    Source,
    UpstreamKind,
)
from reconciler.ports import Heard, Understood

_TORRENT_CLIENTS = frozenset(
    {
        "aria2",
        "deluge",
        "flood",
        "freeboxdownload",
        "hadouken",
        "qbittorrent",
        "rqbit",
        "rtorrent",
        "torrentblackhole",
        "torrentdownloadstation",
        "transmission",
        "tribler",
        "utorrent",
        "vuze",
    }
)
_USENET_CLIENTS = frozenset({"nzbget", "nzbvortex", "pneumatic", "sabnzbd", "usenetblackhole", "usenetdownloadstation"})
_FILE_LEVEL = "a file-level delete is never a wish to delete the title"
_IGNORED = {
    "Rename": "a rename changes no wish",
    "MovieFileDelete": _FILE_LEVEL,
    "EpisodeFileDelete": _FILE_LEVEL,
    "Health": "health is not our subject",
    "HealthRestored": "health is not our subject",
    "ApplicationUpdate": "an update changes no wish",
    "ManualInteractionRequired": "nothing was imported yet",
}


@dataclass(frozen=True, slots=True)
class _Sender:
    """What differs between the two programs."""

    kind: UpstreamKind
    instance: InstanceName
    title_key: str
    media_kind: MediaKind
    source: Source


def parse_arr(kind: UpstreamKind, payload: object, *, instance: InstanceName, delete_without_files: bool) -> Understood:
    """Return what a webhook of the Radarr or Sonarr called `instance` means. No JSON value makes it raise.

    `delete_without_files` tells whether a title's delete that kept the files is a wish too.
    """
    sender = _sender(kind, instance)
    if not isinstance(payload, dict):
        return Understood(Heard.IGNORED, reason="the payload is no JSON object")
    event = text(payload.get("eventType"), 100) or ""
    movies = kind is UpstreamKind.RADARR
    match event:
        case "":
            return Understood(Heard.IGNORED, reason="the payload has no eventType")
        case "Test":
            return Understood(Heard.TEST, event=event)
        case "Grab":
            return _references(sender, event, payload, ReferenceKind.GRAB)
        case "Download":
            return _references(sender, event, payload, ReferenceKind.IMPORT)
        case "MovieAdded" if movies:
            return _added(sender, event, payload)
        case "SeriesAdd" if not movies:  # it carries no method: it may be an import list's doing
            return Understood(Heard.WANT, event=event, about=_media(sender, payload))
        case "MovieDelete" | "SeriesDelete" if movies == (event == "MovieDelete"):
            return _deletion(sender, event, payload, delete_without_files=delete_without_files)
        case _:
            return _ignored(event, _IGNORED.get(event, f"{kind.value} is not known to send this"))


def sent_by(payload: object) -> str | None:
    """Return what the Radarr or Sonarr that sent this calls itself, or `None` if it does not say."""
    return text(mapping(payload).get("instanceName"), 100)


def oversized(kind: UpstreamKind) -> Understood:
    """Return how a body too large to read is recorded."""
    return Understood(Heard.OVERSIZED, reason=f"too large to read; the next history sync of {kind.value} makes it good")


def _sender(kind: UpstreamKind, instance: InstanceName) -> _Sender:
    if kind is UpstreamKind.RADARR:
        return _Sender(kind, instance, "movie", MediaKind.MOVIE, Source.RADARR)
    if kind is UpstreamKind.SONARR:
        return _Sender(kind, instance, "series", MediaKind.SERIES, Source.SONARR)
    raise ValueError(f"{kind.value} sends no Connect webhooks")


def _references(sender: _Sender, event: str, payload: Mapping[str, object], kind: ReferenceKind) -> Understood:
    """Understand a grab or an import: one reference per episode, and for a movie one.

    Sonarr tells an import per file and, in a second shape, per download; both name their episodes alike.
    """
    title = _title(sender, payload)
    entry_id = number(title.get("id"))
    if entry_id is None:
        return _ignored(event, f"it carries no usable {sender.title_key}.id")
    media = _media(sender, payload)
    release = mapping(payload.get("release"))
    references = (
        NewReference(
            instance=sender.instance,
            kind=kind,
            entry_id=entry_id,
            media=media,
            raw_hash=text(payload.get("downloadId")),
            season=season,
            episode=episode,
            client=text(payload.get("downloadClient")),
            protocol=_protocol(payload.get("downloadClientType")),
            source_title=text(release.get("releaseTitle")),
        )
        for season, episode in _episodes(sender, payload)
    )
    return Understood(Heard.REFERENCE, references=tuple(references), event=event)


def _episodes(sender: _Sender, payload: Mapping[str, object]) -> Iterable[tuple[int | None, int | None]]:
    """Return each (season, episode) once, in the order sent; specials are season 0."""
    listed = payload.get("episodes")
    if sender.media_kind is MediaKind.MOVIE or not isinstance(listed, list):
        return [(None, None)]
    numbers = [
        (number(mapping(episode).get("seasonNumber"), 0), number(mapping(episode).get("episodeNumber"), 0))
        for episode in listed
    ]
    known = [pair for pair in numbers if pair != (None, None)]
    return dict.fromkeys(known) or [(None, None)]


def _added(sender: _Sender, event: str, payload: Mapping[str, object]) -> Understood:
    """Understand an added movie: a person's doing counts as a want of its own, a list's only wakes the check."""
    entry_id = number(_title(sender, payload).get("id"))
    media = _media(sender, payload)
    by_hand = text(payload.get("addMethod")) == "manual"
    if not by_hand or entry_id is None or media is None:
        return Understood(Heard.WANT, event=event, about=media)
    return Understood(Heard.WANT, manual_add=ManualAdd(sender.instance, entry_id, media), event=event)


def _deletion(sender: _Sender, event: str, payload: Mapping[str, object], *, delete_without_files: bool) -> Understood:
    """Understand a title's delete; it covers the sending instance only."""
    title = _title(sender, payload)
    entry_id = number(title.get("id"))
    entry = (sender.instance, entry_id) if entry_id is not None else None
    if payload.get("deletedFiles") is not True and delete_without_files is not True:
        ignored = _ignored(event, "the files were kept, and delete_without_files is ignore")
        return replace(ignored, kept_entry=entry)
    media = _media(sender, payload)
    if media is None:
        return _ignored(event, "it carries no usable TMDB or TVDB id")
    movies = sender.media_kind is MediaKind.MOVIE
    wish = DeletionRequest(
        media=media,
        title=redact_known(text(title.get("title"))),
        year=number(title.get("year")),
        source=sender.source,
        instances=frozenset({sender.instance}),
        hints=Hints(radarr_id=entry_id if movies else None, sonarr_id=None if movies else entry_id),
    )
    return Understood(Heard.DELETE, deletions=(wish,), internal_entry=entry, event=event)


def _title(sender: _Sender, payload: Mapping[str, object]) -> Mapping[str, object]:
    return mapping(payload.get(sender.title_key))


def _media(sender: _Sender, payload: Mapping[str, object]) -> Media | None:
    """Return the title's identity, or `None` without a usable id."""
    title = _title(sender, payload)
    tmdb_id = number(title.get("tmdbId"))
    tvdb_id = number(title.get("tvdbId")) if sender.media_kind is MediaKind.SERIES else None
    if tmdb_id is None and tvdb_id is None:
        return None
    return Media(sender.media_kind, tmdb_id, tvdb_id)


def _protocol(client_type: object) -> DownloadProtocol:
    """Return how a download client of this type downloads (upstreams.md 4.2)."""
    name = (text(client_type) or "").lower()
    if name in _TORRENT_CLIENTS:
        return DownloadProtocol.TORRENT
    return DownloadProtocol.USENET if name in _USENET_CLIENTS else DownloadProtocol.UNKNOWN


def _ignored(event: str, why: str) -> Understood:
    return Understood(Heard.IGNORED, event=event, reason=f"{event}: {why}")
