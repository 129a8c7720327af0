"""Sonarr over API v3, as Sonarr v4 serves it (upstreams.md 3)."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import ClassVar

from reconciler.clients._http import READ_TIMEOUT, CallObserver, Transport, ignore_calls
from reconciler.clients._rows import Row
from reconciler.clients.arr import Arr, open_http
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

    async def unmonitor_seasons(self, seasons: Mapping[int, Collection[int]]) -> None:
        """All or none: raises `Rejected` with status 500 when one of the series is unknown.

        Sonarr hands the flag to the episodes of a season only when it changes (upstreams.md 3.7).
        """
        changes = [
            {"id": entry_id, "seasons": [{"seasonNumber": n, "monitored": False} for n in sorted(set(numbers))]}
            for entry_id, numbers in sorted(seasons.items())
            if numbers
        ]
        if changes:
            await self._send_about_titles("POST", "/seasonpass", "unmonitor_seasons", {"series": changes})

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

    def _search_command(self, entry_id: int, season: int | None) -> Mapping[str, object]:
        if season is None:
            return {"name": "SeriesSearch", "seriesId": entry_id}
        return {"name": "SeasonSearch", "seriesId": entry_id, "seasonNumber": season}

    def _row_params(self) -> Mapping[str, str]:
        return {"includeEpisode": "true"}

    def _place(self, row: Row) -> tuple[int | None, int | None]:
        """Without the episode object (its episode is gone) the row still counts, for the series as a whole."""
        episode = row.inner("episode")
        if episode is None:
            return row.ordinal("seasonNumber"), None
        season = row.ordinal("seasonNumber")
        return episode.ordinal("seasonNumber") if season is None else season, episode.ordinal("episodeNumber")


def _season_number(instance: InstanceName, season: Row) -> int:
    number = season.ordinal("seasonNumber")
    if number is None:
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
    secrets: Sequence[str] = (),
) -> Sonarr:
    """Return a client for the Sonarr at `url` (as a person opens it, without `/api/v3`).

    `timeout` bounds every call except deletes, which may take `DELETE_TIMEOUT`. `secrets` are words that bodies carry.
    """
    return Sonarr(open_http(instance, url, api_key, observer, clock, transport, timeout, secrets))
