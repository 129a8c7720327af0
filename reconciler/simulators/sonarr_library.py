"""The series, episodes and episode files of a simulated Sonarr, and how tests and the demo put them there."""

import itertools
from abc import ABC
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reconciler.simulators import arr_disk as disk
from reconciler.simulators.arr import ArrSimulator, Episodes
from reconciler.simulators.arr_releases import Release
from reconciler.simulators.arr_state import HistoryRow, MediaFile, Part
from reconciler.simulators.sonarr_state import Episode, Series, named_episodes, season_folder


class SonarrLibrary(ArrSimulator[Series], ABC):
    """What a Sonarr keeps; `SonarrSimulator` adds how it answers, searches and imports."""

    def __init__(self, root: Path, **options: Any) -> None:
        """`options` are those of `ArrSimulator`."""
        super().__init__(root, **options)
        self.catalog: dict[int, Mapping[int, int]] = {}
        self.episodes: dict[int, Episode] = {}
        self._ids["episode"] = itertools.count(101)

    # --- seeding ---------------------------------------------------------------------------------------------------

    def add_series(
        self,
        tvdb_id: int,
        name: str,
        year: int,
        *,
        tmdb_id: int = 0,
        seasons: Mapping[int, int] | None = None,
        path: Path | None = None,
        monitored: bool = True,
        tags: Sequence[str] = (),
    ) -> int:
        """Add a series without HTTP and return its id; `seasons` are numbers of episodes by season."""
        counts = {1: 2} if seasons is None else seasons
        series = Series(
            id=self.new_id("title"),
            name=name,
            year=year,
            path=path or self.root / name,
            added=self.now_text(),
            monitored=monitored,
            tags={self.tag(label) for label in tags},
            tvdb_id=tvdb_id,
            tmdb_id=tmdb_id,
            seasons=dict.fromkeys(counts, monitored),
        )
        self.add_episodes(series, {(season, n) for season, count in counts.items() for n in range(1, count + 1)})
        self.titles[series.id] = series
        return series.id

    def add_episode_file(
        self,
        series_id: int,
        season: int,
        numbers: Sequence[int],
        content: bytes | Path = b"an episode",
        *,
        name: str = "",
        quality: str = "WEBDL-1080p",
    ) -> MediaFile:
        """Give episodes their file: new bytes, or a hard link to a file that exists."""
        series = self.titles[series_id]
        spelt = "".join(f"E{number:02}" for number in numbers)
        target = season_folder(series, season) / (name or f"{series.name}.S{season:02}{spelt}.mkv")
        if isinstance(content, Path):
            disk.bring_in(content, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        episodes = [e for e in self.episodes_of(series_id) if e.season == season and e.number in numbers]
        return self.add_file(series, target, episodes, quality, target.stem)

    async def add_series_from_pack(self, name: str, year: int, pack: Release, **options: Any) -> int:
        """Add a series with the seasons that a pack has, and grab it: one download for all of them.

        `options` are those of `add_series`.
        """
        seasons: dict[int, int] = {}
        for season, number in pack.episodes:
            seasons[season] = max(number, seasons.get(season, 0))
        series_id = self.add_series(pack.media.tvdb_id or 0, name, year, seasons=seasons, **options)
        if not await self.grab(series_id, pack):
            raise RuntimeError(f"{pack.title!r} was not taken by the download client")
        return series_id

    def episodes_of(self, series_id: int) -> list[Episode]:
        return [episode for episode in self.episodes.values() if episode.series_id == series_id]

    def episode(self, series_id: int, season: int, number: int) -> Episode:
        return next(e for e in self.episodes_of(series_id) if (e.season, e.number) == (season, number))

    # --- what ArrSimulator asks for --------------------------------------------------------------------------------

    def season_of(self, row: HistoryRow) -> int | None:
        episode = self.episodes.get(row.episode_id or 0)
        return None if episode is None else episode.season

    def parts_of(self, title: Series, episodes: Sequence[tuple[int, int]]) -> tuple[Part, ...]:
        return tuple(
            Part(episode.id, episode.season)
            for episode in self.episodes_of(title.id)
            if (episode.season, episode.number) in episodes
        )

    def episodes_named_by(self, rows: Sequence[HistoryRow]) -> Episodes | None:
        found = [self.episodes[row.episode_id] for row in rows if row.episode_id in self.episodes]
        return frozenset((episode.season, episode.number) for episode in found)

    def episodes_in(self, files: Sequence[Path]) -> Sequence[tuple[int, int]]:
        return [pair for file in files for pair in named_episodes(file)]

    def forget(self, title: Series) -> None:
        for episode in self.episodes_of(title.id):
            del self.episodes[episode.id]

    def forget_file(self, file: MediaFile) -> None:
        for episode in self.episodes_of(file.title_id):
            if episode.file_id == file.id:
                episode.file_id = 0

    # --- rows -----------------------------------------------------------------------------------------------------

    def monitor_seasons(self, series: Series, seasons: Sequence[Mapping[str, Any]]) -> None:
        """Set the flags of seasons; one that changes goes to all its episodes, an unknown season is ignored."""
        for season in seasons:
            number, monitored = int(season["seasonNumber"]), bool(season.get("monitored"))
            if series.seasons.get(number, monitored) == monitored:
                continue
            series.seasons[number] = monitored
            for episode in self.episodes_of(series.id):
                if episode.season == number:
                    episode.monitored = monitored

    def add_episodes(self, series: Series, pairs: set[tuple[int, int]]) -> None:
        for season, number in sorted(pairs):
            id_ = self.new_id("episode")
            self.episodes[id_] = Episode(id_, series.id, season, number, monitored=series.seasons.get(season, False))

    def add_file(
        self, series: Series, path: Path, episodes: Sequence[Episode], quality: str, scene_name: str
    ) -> MediaFile:
        file = MediaFile(
            id=self.new_id("file"),
            title_id=series.id,
            path=path,
            size=path.stat().st_size,
            added=self.now_text(),
            quality=quality,
            scene_name=scene_name,
            season=episodes[0].season,
            episode_ids=tuple(episode.id for episode in episodes),
        )
        self.files[file.id] = file
        for episode in episodes:
            episode.file_id = file.id
        return file
