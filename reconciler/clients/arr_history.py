"""Reading the histories of Radarr and Sonarr (upstreams.md 3.5 and 9.4)."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from reconciler.clients._rows import Row
from reconciler.errors import Unintelligible
from reconciler.model import DownloadProtocol, InstanceName, NewReference, ReferenceKind
from reconciler.observed import HistoryPage

Place = Callable[[Row], tuple[int | None, int | None]]
"""Tells the season and the episode of a history row."""

PROTOCOLS = {
    "1": DownloadProtocol.USENET,
    "usenet": DownloadProtocol.USENET,
    "2": DownloadProtocol.TORRENT,
    "torrent": DownloadProtocol.TORRENT,
}

_KINDS = {"grabbed": ReferenceKind.GRAB, "downloadFolderImported": ReferenceKind.IMPORT}
_PERSON_SOURCES = frozenset({"interactivesearch", "userinvokedsearch"})
_BYTES = re.compile(r"[1-9][0-9]{0,17}")


def history_page_of(
    instance: InstanceName, rows: Sequence[Row], *, total: int, title_id: str, place: Place
) -> HistoryPage:
    """Read the rows of one answer; `title_id` is how they name their title."""
    newest = max(rows, key=Row.id, default=None)  # the last one written, whatever the clock said then
    return HistoryPage(
        references=tuple(_reference(instance, row, title_id, place) for row in rows if row.text("eventType") in _KINDS),
        rows=len(rows),
        total=total,
        newest_id=0 if newest is None else newest.id(),
        newest_date=None if newest is None else _date(instance, newest),
    )


def _date(instance: InstanceName, row: Row) -> str:
    date = row.text("date")
    try:
        datetime.fromisoformat(date)
    except ValueError as error:
        raise Unintelligible(instance, "answered a history row whose date is none") from error
    return date


def _reference(instance: InstanceName, row: Row, title_id: str, place: Place) -> NewReference:
    """Read a grab or an import.

    The media stays open, for the observer to fill in by entry id: the ids in a row's `data` are what the indexer
    claimed of the release, not the title it was grabbed for. So is the size of a grab; that of an import is its file's.
    """
    said = row.inner("data")
    data = {name.lower(): value for name, value in said.data.items()} if said else {}
    kind = _KINDS[row.text("eventType")]
    season, episode = place(row)
    return NewReference(
        instance=instance,
        kind=kind,
        entry_id=row.id(title_id),
        media=None,
        raw_hash=row.maybe("downloadId") or data.get("torrentinfohash") or None,
        season=season,
        episode=episode,
        client=data.get("downloadclientname") or data.get("downloadclient") or None,
        protocol=PROTOCOLS.get(str(data.get("protocol", "")).lower(), DownloadProtocol.UNKNOWN),
        by_person=str(data.get("releasesource", "")).lower() in _PERSON_SOURCES,
        history_id=row.id(),
        at=row.text("date"),
        source_title=row.maybe("sourceTitle"),
        size=_size(data.get("size")) if kind is ReferenceKind.IMPORT else None,
    )


def _size(text: object) -> int | None:
    """Return how many bytes a text spells; anything odd, or a file without content, identifies nothing."""
    return int(text) if isinstance(text, str) and _BYTES.fullmatch(text) else None
