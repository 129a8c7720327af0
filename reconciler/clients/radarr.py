"""Radarr over API v3 (upstreams.md 3)."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import ClassVar

from reconciler.clients._http import READ_TIMEOUT, CallObserver, Transport, ignore_calls
from reconciler.clients._rows import Row
from reconciler.clients.arr import Arr, entry_file, open_http
from reconciler.clock import Clock
from reconciler.errors import Rejected
from reconciler.model import InstanceName, Media, MediaKind, Monitoring, UpstreamKind
from reconciler.observed import Entry, EntryFile


class Radarr(Arr):
    """One Radarr instance; a `reconciler.ports.LibraryClient`."""

    app: ClassVar[str] = "Radarr"
    upstream_kind: ClassVar[UpstreamKind] = UpstreamKind.RADARR
    titles: ClassVar[str] = "movie"
    files: ClassVar[str] = "moviefile"
    title_id: ClassVar[str] = "movieId"
    title_ids: ClassVar[str] = "movieIds"
    file_ids: ClassVar[str] = "movieFileIds"
    exclude: ClassVar[str] = "addImportExclusion"

    async def restore_monitoring(self, entry_id: int, prior: Monitoring) -> None:
        await self._edit([entry_id], {"monitored": prior.monitored}, "restore_monitoring")

    def _entry(self, row: Row, labels: Mapping[int, str]) -> Entry:
        statistics = row.inner("statistics")
        counted = statistics.number("movieFileCount") if statistics else 0
        file = row.inner("movieFile")
        has_file = file is not None or row.data.get("hasFile") is True
        return Entry(
            id=row.id(),
            media=Media(MediaKind.MOVIE, tmdb_id=row.known("tmdbId")),
            title=row.text("title"),
            year=row.known("year"),
            path=row.text("path"),
            added=row.text("added"),
            monitoring=Monitoring(row.flag("monitored")),
            file_count=max(counted, int(has_file)),
            size=row.number("sizeOnDisk") or (statistics.number("sizeOnDisk") if statistics else 0),
            tags=self._tags(row, labels),
            files=_files(file, has_file=has_file or counted > 0),
        )

    def _search_command(self, entry_id: int, season: int | None) -> Mapping[str, object]:
        if season is not None:
            raise Rejected(self.instance, "has no seasons to search for")
        return {"name": "MoviesSearch", "movieIds": [entry_id]}


def _files(file: Row | None, *, has_file: bool) -> tuple[EntryFile, ...] | None:
    if file is not None:
        return (entry_file(file),)
    return None if has_file else ()


def connect(
    instance: InstanceName,
    url: str,
    api_key: str,
    *,
    observer: CallObserver = ignore_calls,
    clock: Clock | None = None,
    transport: Transport | None = None,
    timeout: timedelta = READ_TIMEOUT,
    secrets: Sequence[str] = (),
) -> Radarr:
    """Return a client for the Radarr at `url` (as a person opens it, without `/api/v3`).

    `timeout` bounds every call except deletes, which may take `DELETE_TIMEOUT`. `secrets` are words that bodies carry.
    """
    return Radarr(open_http(instance, url, api_key, observer, clock, transport, timeout, secrets))
