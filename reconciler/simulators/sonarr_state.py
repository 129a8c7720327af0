"""Series and episodes as a simulated Sonarr remembers them, and how they look as JSON (upstreams.md 3.3)."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.model import Media, MediaKind
from reconciler.simulators.arr_http import compact
from reconciler.simulators.arr_state import LANGUAGES, MediaFile, Title

_EPISODES = re.compile(r"S(\d{1,4})((?:E\d{1,4})+)", re.IGNORECASE)


@dataclass(slots=True)
class Series(Title):
    """`seasons` says which seasons are monitored, by number."""

    tvdb_id: int = 0
    tmdb_id: int = 0
    seasons: dict[int, bool] = field(default_factory=dict)
    new_items: str = "all"

    @property
    def media(self) -> Media:
        return Media(MediaKind.SERIES, tmdb_id=self.tmdb_id or None, tvdb_id=self.tvdb_id or None)


@dataclass(slots=True)
class Episode:
    id: int
    series_id: int
    season: int
    number: int
    monitored: bool = True
    file_id: int = 0

    @property
    def name(self) -> str:
        return f"Episode {self.number}"


def named_episodes(path: Path) -> tuple[tuple[int, int], ...]:
    """Return the (season, episode) pairs that a file name spells, as in `Show.S01E01E02.mkv`."""
    match = _EPISODES.search(path.name)
    if match is None:
        return ()
    return tuple((int(match[1]), int(number)) for number in re.findall(r"\d+", match[2]))


def season_folder(series: Series, season: int) -> Path:
    return series.path / ("Specials" if season == 0 else f"Season {season}")


def series_json(
    series: Series, root: str, episodes: Collection[Episode], files: Collection[MediaFile]
) -> dict[str, Any]:
    return compact(
        {
            "id": series.id,
            "title": series.name,
            "sortTitle": series.name.lower(),
            "status": "ended",
            "ended": True,
            "overview": "An invented series.",
            "images": [],
            "seasons": [
                {
                    "seasonNumber": number,
                    "monitored": monitored,
                    "statistics": _statistics(
                        [e for e in episodes if e.season == number], [f for f in files if f.season == number]
                    ),
                }
                for number, monitored in sorted(series.seasons.items())
            ],
            "year": series.year,
            "path": str(series.path),
            "qualityProfileId": series.quality_profile_id,
            "seasonFolder": True,
            "monitored": series.monitored,
            "monitorNewItems": series.new_items,
            "useSceneNumbering": False,
            "runtime": 45,
            "tvdbId": series.tvdb_id,
            "tvRageId": 0,
            "tvMazeId": 0,
            "tmdbId": series.tmdb_id,
            "seriesType": "standard",
            "cleanTitle": series.slug.replace("-", ""),
            "titleSlug": series.slug,
            "rootFolderPath": root,
            "genres": [],
            "tags": sorted(series.tags),
            "added": series.added,
            "ratings": {"votes": 0, "value": 0},
            "languageProfileId": 1,
            # a series without episodes has no statistics
            "statistics": {"seasonCount": len(series.seasons), **_statistics(episodes, files)} if episodes else None,
        }
    )


def episode_json(episode: Episode) -> dict[str, Any]:
    return {
        "id": episode.id,
        "seriesId": episode.series_id,
        "tvdbId": 0,
        "episodeFileId": episode.file_id,
        "seasonNumber": episode.season,
        "episodeNumber": episode.number,
        "title": episode.name,
        "runtime": 45,
        "hasFile": bool(episode.file_id),
        "monitored": episode.monitored,
        "unverifiedSceneNumbering": False,
    }


def webhook_series(series: Series, labels: Sequence[str]) -> dict[str, Any]:
    return {
        "id": series.id,
        "title": series.name,
        "titleSlug": series.slug,
        "path": str(series.path),
        "tvdbId": series.tvdb_id,
        "tvMazeId": 0,
        "tmdbId": series.tmdb_id,
        "imdbId": "",
        "type": "standard",
        "year": series.year,
        "genres": [],
        "images": [],
        "tags": list(labels),
        "originalLanguage": LANGUAGES[0],
    }


def webhook_episodes(episodes: Iterable[Episode]) -> list[dict[str, Any]]:
    return [
        {
            "id": episode.id,
            "episodeNumber": episode.number,
            "seasonNumber": episode.season,
            "title": episode.name,
            "seriesId": episode.series_id,
            "tvdbId": 0,
        }
        for episode in episodes
    ]


def _statistics(episodes: Collection[Episode], files: Collection[MediaFile]) -> dict[str, Any]:
    with_file = sum(1 for episode in episodes if episode.file_id)
    counted = sum(1 for episode in episodes if episode.file_id or episode.monitored)
    return {
        "episodeFileCount": with_file,
        "episodeCount": counted,
        "totalEpisodeCount": len(episodes),
        "sizeOnDisk": sum(file.size for file in files),
        "releaseGroups": [],
        "percentOfEpisodes": 100.0 * with_file / counted if counted else 0.0,
    }
