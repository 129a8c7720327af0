"""A simulated Sonarr (upstreams.md 3 and 4): what concerns series and episodes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from starlette.types import ASGIApp

from reconciler.model import Media
from reconciler.simulators import arr_disk as disk
from reconciler.simulators.arr import Episodes
from reconciler.simulators.arr_endpoints import build_app
from reconciler.simulators.arr_http import Refused, compact, invalid, rows_missing
from reconciler.simulators.arr_releases import Release
from reconciler.simulators.arr_state import (
    Command,
    Followed,
    HistoryRow,
    MediaFile,
    Part,
    file_json,
    webhook_file,
    webhook_release,
)
from reconciler.simulators.faults import Faults
from reconciler.simulators.sonarr_episodes import episode_routes
from reconciler.simulators.sonarr_library import SonarrLibrary
from reconciler.simulators.sonarr_state import (
    Episode,
    Series,
    episode_json,
    named_episodes,
    season_folder,
    series_json,
    webhook_episodes,
    webhook_series,
)


class SonarrSimulator(SonarrLibrary):
    """One Sonarr; `app` serves it, `faults` makes it fail.

    `catalog` is what TheTVDB knows: per series the number of episodes by season. Series that are added over HTTP get
    their episodes from it, or else from the releases that the indexer has for them.
    """

    app_name: ClassVar[str] = "Sonarr"
    resource: ClassVar[str] = "series"
    file_resource: ClassVar[str] = "episodefile"
    title_key: ClassVar[str] = "seriesId"
    titles_key: ClassVar[str] = "seriesIds"
    file_ids_key: ClassVar[str] = "episodeFileIds"
    filter_key: ClassVar[str] = "tvdbId"
    exclusions_path: ClassVar[str] = "importlistexclusion"
    exclude_flag: ClassVar[str] = "addImportListExclusion"
    category_field: ClassVar[str] = "tvCategory"
    unknown_flag: ClassVar[str] = "includeUnknownSeriesItems"
    history_numbers: ClassVar[dict[str, int]] = {
        "grabbed": 1,
        "seriesFolderImported": 2,
        "downloadFolderImported": 3,
        "downloadFailed": 4,
        "episodeFileDeleted": 5,
        "episodeFileRenamed": 6,
        "downloadIgnored": 7,
    }
    file_deleted_event: ClassVar[str] = "episodeFileDeleted"
    delete_event: ClassVar[str] = "SeriesDelete"
    search_commands: ClassVar[frozenset[str]] = frozenset({"SeriesSearch", "SeasonSearch"})
    empty_bulk_status: ClassVar[int] = 500
    default_version: ClassVar[str] = "4.0.19.2979"
    aborts_bulk_on_nested: ClassVar[bool] = False

    def __init__(self, root: Path, **options: Any) -> None:
        """`options` are those of `ArrSimulator`."""
        super().__init__(root, **options)
        self.faults = Faults(build_app(self, episode_routes(self.titles, self.episodes, self.monitor_seasons)))

    @property
    def app(self) -> ASGIApp:
        return self.faults

    # --- what ArrSimulator asks for --------------------------------------------------------------------------------

    def media_of(self, title: Series) -> Media:
        return title.media

    def matches(self, title: Series, external_id: int) -> bool:
        return title.tvdb_id == external_id

    def wanted(
        self, title: Series, offers: Sequence[Release], source: str, within: Episodes | None
    ) -> Sequence[Release]:
        """In order, each offer that brings a monitored episode without a file that no earlier one brings."""
        missing = {
            (e.season, e.number)
            for e in self.episodes_of(title.id)
            if e.monitored and not e.file_id and (title.monitored or source == "UserInvokedSearch")
        }
        if within is not None:
            missing &= within
        chosen: list[Release] = []
        for offer in offers:
            if missing & set(offer.episodes):
                chosen.append(offer)
                missing -= set(offer.episodes)
        return chosen

    def searched(self, command: Command) -> list[tuple[int, Episodes | None]]:
        series_id = int(command.body.get("seriesid") or 0)
        if command.name not in self.search_commands or not series_id:
            return []
        if command.name == "SeriesSearch":
            return [(series_id, None)]
        season = int(command.body.get("seasonnumber") or 0)  # left out, it is the season of specials
        return [(series_id, frozenset((e.season, e.number) for e in self.episodes_of(series_id) if e.season == season))]

    def bring_in(
        self, title: Series, item: Followed, sources: Sequence[Path]
    ) -> list[tuple[dict[str, Any], dict[str, bool]]]:
        imported: list[tuple[MediaFile, list[Episode]]] = []
        payloads: list[tuple[dict[str, Any], dict[str, bool]]] = []
        for source, episodes in self._sort_out(item, sources):
            old = [self.files[id_] for id_ in sorted({e.file_id for e in episodes}) if id_ in self.files]
            replaced = [webhook_file(file, title.path, recycled=self.replace_file(file)) for file in old]
            target = season_folder(title, episodes[0].season) / source.name
            disk.bring_in(source, target)
            file = self.add_file(title, target, episodes, item.quality, item.title)
            imported.append((file, episodes))
            for episode in episodes:
                self.add_history_row(
                    title.id,
                    "downloadFolderImported",
                    download_id=item.download_id or None,
                    source_title=item.title,
                    quality=item.quality,
                    episode_id=episode.id,
                    data=self.import_data(item, file, source),
                )
            payload = {
                **self._import_payload(title, item, episodes),
                "episodeFile": {**webhook_file(file, title.path), "sourcePath": str(source)},
                "isUpgrade": bool(replaced),
                **({"deletedFiles": replaced} if replaced else {}),
            }
            payloads.append((payload, {"per_file": True}))
        if imported:
            payloads.append((self._complete_payload(title, item, imported, sources), {"complete": True}))
        return payloads

    def webhook_subject(self, title: Series, parts: Sequence[Part]) -> dict[str, Any]:
        episodes = [self.episodes[part.episode_id] for part in parts if part.episode_id in self.episodes]
        return {"series": webhook_series(title, self.labels(title)), "episodes": webhook_episodes(episodes)}

    def deleted_payload(self, title: Series, size: int, delete_files: bool) -> dict[str, Any]:
        series = webhook_series(title, self.labels(title))
        return {**self.envelope("SeriesDelete"), "series": series, "deletedFiles": delete_files}

    def file_deleted_payload(self, title: Series, file: MediaFile) -> dict[str, Any]:
        episodes = [episode for episode in self.episodes_of(title.id) if episode.file_id == file.id]
        return {
            **self.envelope("EpisodeFileDelete"),
            "series": webhook_series(title, self.labels(title)),
            "episodes": webhook_episodes(episodes),
            "episodeFile": webhook_file(file, title.path),
            "deleteReason": "manual",
        }

    def exclusion_of(self, title: Series) -> dict[str, Any]:
        return {"tvdbId": title.tvdb_id, "title": title.name}

    def unknown_title(self, title_id: int) -> Refused:
        """Sonarr says so with the database layer's words (upstreams.md 3.4)."""
        return rows_missing(1, 0)

    async def after_added(self, title: Series, options: dict[str, Any]) -> None:
        payload = {**self.envelope("SeriesAdd"), "series": webhook_series(title, self.labels(title))}
        await self.connections.send(payload, tags=title.tags)
        if options.get("searchForMissingEpisodes"):
            await self.search(title.id, "Search")

    def test_payload(self) -> dict[str, Any]:
        series = {"id": 1, "title": "Test Title", "path": "C:\\testpath", "tvdbId": 1234, "tags": ["test-tag"]}
        episode = {"id": 123, "episodeNumber": 1, "seasonNumber": 1, "title": "Test title"}
        return {**self.envelope("Test"), "series": series, "episodes": [episode]}

    def create(self, body: dict[str, Any]) -> Series:
        tvdb_id, root = int(body.get("tvdbid") or 0), body.get("rootfolderpath")
        problems: list[tuple[str, str, object]] = []
        if not root and not body.get("path"):
            problems.append(("Path", "'Path' must not be empty.", None))
        if not tvdb_id:
            problems.append(("TvdbId", "'Tvdb Id' must be greater than '0'.", tvdb_id))
        if not body.get("qualityprofileid"):
            problems.append(("QualityProfileId", "'Quality Profile Id' must be greater than '0'.", 0))
        if any(series.tvdb_id == tvdb_id for series in self.titles.values()):
            problems.append(("TvdbId", "This series has already been added", tvdb_id))
        if problems:
            raise invalid(problems)
        name = str(body.get("title") or f"Series {tvdb_id}")
        monitored = bool(body.get("monitored"))
        asked = {int(s["seasonNumber"]): bool(s.get("monitored")) for s in body.get("seasons") or []}
        series = Series(
            id=self.new_id("title"),
            name=name,
            year=int(body.get("year") or 0),
            path=Path(body["path"]) if body.get("path") else Path(str(root)) / name,
            added=self.now_text(),
            monitored=monitored,
            tags=set(body.get("tags") or []),
            quality_profile_id=int(body["qualityprofileid"]),
            tvdb_id=tvdb_id,
            tmdb_id=int(body.get("tmdbid") or 0),
            new_items=str(body.get("monitornewitems") or "all"),
        )
        known = {(season, n) for season, count in self.catalog.get(tvdb_id, {}).items() for n in range(1, count + 1)}
        pairs = known or {pair for release in self.indexer.find(series.media) for pair in release.episodes}
        for season in {season for season, _ in pairs} | set(asked):
            series.seasons[season] = asked.get(season, monitored)
        self.add_episodes(series, pairs)
        return series

    def update(self, title: Series, body: dict[str, Any]) -> None:
        """Take the complete object: what is missing becomes its default; a season's flag goes to its episodes."""
        if not body.get("path"):
            raise invalid([("Path", "'Path' must not be empty.", None)])
        title.path = Path(body["path"])
        title.monitored = bool(body.get("monitored"))
        title.tags = set(body.get("tags") or [])
        title.new_items = str(body.get("monitornewitems") or "all")
        self.monitor_seasons(title, body.get("seasons") or [])

    def title_json(self, title: Series) -> dict[str, Any]:
        return series_json(title, self.root_of(title.path), self.episodes_of(title.id), self.files_of(title.id))

    def media_file_json(self, file: MediaFile) -> dict[str, Any]:
        return file_json(file, self.titles[file.title_id].path, "seriesId")

    def queue_rows(self, *, include_unknown: bool, query_flags: frozenset[str] = frozenset()) -> list[dict[str, Any]]:
        rows = super().queue_rows(include_unknown=include_unknown)
        if "includeEpisode" not in query_flags:
            return rows
        return [
            {**row, "episode": episode_json(self.episodes[row["episodeId"]])}
            if row.get("episodeId") in self.episodes
            else row
            for row in rows
        ]

    def history_json(self, row: HistoryRow, query_flags: frozenset[str]) -> dict[str, Any]:
        answer = super().history_json(row, query_flags)
        if row.episode_id is not None:
            answer["episodeId"] = row.episode_id
            if "includeEpisode" in query_flags and row.episode_id in self.episodes:
                answer["episode"] = episode_json(self.episodes[row.episode_id])
        return answer

    # --- private ---------------------------------------------------------------------------------------------------

    def _sort_out(self, item: Followed, sources: Sequence[Path]) -> list[tuple[Path, list[Episode]]]:
        """Find out which file holds which episodes; a single file whose name says nothing holds them all."""
        parts = [self.episodes[part.episode_id] for part in item.parts if part.episode_id in self.episodes]
        sorted_out = []
        for source in sources:
            named = named_episodes(source)
            episodes = [e for e in parts if (e.season, e.number) in named] if named or len(sources) > 1 else parts
            if episodes:
                sorted_out.append((source, episodes))
        return sorted_out

    def _import_payload(self, title: Series, item: Followed, episodes: Sequence[Episode]) -> dict[str, Any]:
        return compact(
            {
                **self.envelope("Download"),
                "series": webhook_series(title, self.labels(title)),
                "episodes": webhook_episodes(episodes),
                "downloadClient": item.client or None,
                "downloadClientType": "qBittorrent" if item.client else None,
                "downloadId": item.download_id or None,
                "release": None if item.release is None else webhook_release(item.release),
            }
        )

    def _complete_payload(
        self,
        title: Series,
        item: Followed,
        imported: Sequence[tuple[MediaFile, list[Episode]]],
        sources: Sequence[Path],
    ) -> dict[str, Any]:
        """The "On Import Complete" variant: one `Download` for the whole torrent (upstreams.md 4.2)."""
        episodes = [episode for _, found in imported for episode in found]
        return {
            **self._import_payload(title, item, episodes),
            "episodeFiles": [webhook_file(file, title.path) for file, _ in imported],
            "fileCount": len(imported),
            "sourcePath": item.output_path or str(sources[0]),
            "destinationPath": str(imported[0][0].path.parent),
        }
