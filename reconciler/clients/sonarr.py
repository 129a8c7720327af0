"""Sonarr over API v3, as Sonarr v4 serves it (upstreams.md 3)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

from reconciler.clients._http import READ_TIMEOUT, CallObserver, Transport, ignore_calls
from reconciler.clients.arr import Arr, open_http
from reconciler.clients.arr_rows import Row
from reconciler.clock import Clock
from reconciler.errors import Rejected, Unintelligible
from reconciler.model import InstanceName, Media, MediaKind, Monitoring, UpstreamKind
from reconciler.observed import Entry


class Sonarr(Arr):
    """One Sonarr instance; a `reconciler.ports.LibraryClient`."""

    app: ClassVar[str] = "Sonarr"
    upstream_kind: ClassVar[UpstreamKind] = UpstreamKind.SONARR
    titles: ClassVar[str] = "series"
    files: ClassVar[str] = "episodefile"
    title_id: ClassVar[str] = "seriesId"
    title_ids: ClassVar[str] = "seriesIds"
    file_ids: ClassVar[str] = "episodeFileIds"
    exclude: ClassVar[str] = "addImportListExclusion"

    async def restore_monitoring(self, entry_id: int, prior: Monitoring) -> None:
        """Put the complete object back with only flags switched on: Sonarr reads missing fields as defaults."""
        row = await self._title(entry_id)
        if row is None:
            raise Rejected(self.instance, f"knows no series {entry_id} to monitor again", status=404)
        wanted = {number for number, is_monitored in prior.seasons if is_monitored}
        seasons = [
            {**season.data, "monitored": season.flag("monitored") or _season_number(self.instance, season) in wanted}
            for season in row.rows("seasons")
        ]
        changed = {**row.data, "monitored": row.flag("monitored") or prior.monitored, "seasons": seasons}
        if row.maybe("monitorNewItems") == "none" and prior.new_items == "all":
            changed["monitorNewItems"] = "all"
        await self._http.send("PUT", f"/series/{entry_id}", operation="restore_monitoring", body=changed)

    def _entry(self, row: Row, labels: Mapping[int, str]) -> Entry:
        statistics = row.inner("statistics")  # missing as long as a series has no episodes
        return Entry(
            id=row.id(),
            media=Media(MediaKind.SERIES, tmdb_id=row.known("tmdbId"), tvdb_id=row.known("tvdbId")),
            title=row.text("title"),
            year=row.known("year"),
            path=row.text("path"),
            added=row.text("added"),
            monitoring=Monitoring(
                row.flag("monitored"),
                tuple((_season_number(self.instance, s), s.flag("monitored")) for s in row.rows("seasons")),
                row.maybe("monitorNewItems"),
            ),
            file_count=statistics.number("episodeFileCount") if statistics else 0,
            size=statistics.number("sizeOnDisk") if statistics else 0,
            tags=self._tags(row, labels),
            files=None,
        )

    def _search_command(self, entry_id: int) -> Mapping[str, object]:
        return {"name": "SeriesSearch", "seriesId": entry_id}

    def _history_params(self) -> Mapping[str, str]:
        return {"includeEpisode": "true"}

    def _place(self, row: Row) -> tuple[int | None, int | None]:
        """Without the episode object (its episode is gone) the row still counts, for the series as a whole."""
        episode = row.inner("episode")
        if episode is None:
            return None, None
        season, number = episode.data.get("seasonNumber"), episode.data.get("episodeNumber")
        return (season if isinstance(season, int) else None, number if isinstance(number, int) else None)


def _season_number(instance: InstanceName, season: Row) -> int:
    number = season.data.get("seasonNumber")  # 0 is the season of specials
    if not isinstance(number, int):
        raise Unintelligible(instance, "answered a season without a usable seasonNumber")
    return number


def connect(
    instance: InstanceName,
    url: str,
    api_key: str,
    *,
    observer: CallObserver = ignore_calls,
    clock: Clock | None = None,
    transport: Transport | None = None,
    timeout: timedelta = READ_TIMEOUT,
) -> Sonarr:
    """Return a client for the Sonarr at `url` (as a person opens it, without `/api/v3`).

    `timeout` bounds every call except deletes, which may take `DELETE_TIMEOUT`.
    """
    return Sonarr(open_http(instance, url, api_key, observer, clock, transport, timeout))
