"""Titles for whole-product tests that are downloaded for real: packs, and copies in HD and 4K at two qBittorrents."""

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.observed import MediaStatus, RequestStatus
from reconciler.simulators.sonarr_state import Series
from tests.support.e2e import Shelved, Stage

SEASONS: Mapping[int, int] = {1: 2, 2: 2, 3: 2}
"""How many episodes each season of a series has."""


async def series_in_packs(stage: Stage) -> Shelved:
    """Put a series of three seasons on the shelf: first a pack of all, then a better season 1 and better episodes of 3.

    So the library's season 2 is all that still comes from the pack; its releases are the pack, season 1 and the two
    episodes of season 3.
    """
    house = stage.house
    word, number = stage.new("Saga")
    tvdb_id, tmdb_id = 70000 + number, 8000 + number
    entry = house.sonarr.add_series(tvdb_id, word, 1950, tmdb_id=tmdb_id, seasons=SEASONS)
    releases = (
        house.pack_release(tvdb_id, f"{word}.S01-S03.720p", SEASONS),
        house.season_release(tvdb_id, f"{word}.S01.1080p", 1, SEASONS[1]),
        house.episode_release(tvdb_id, f"{word}.S03E01.1080p", 3, 1),
        house.episode_release(tvdb_id, f"{word}.S03E02.1080p", 3, 2),
    )
    await house.get_series(entry, *releases)
    database = house.seerr.database
    database.know("tv", tmdb_id, word, year=1950, tvdb_id=tvdb_id, seasons=SEASONS)
    row = database.add_media("tv", tmdb_id, tvdb_id=tvdb_id, status=MediaStatus.AVAILABLE, seasons=SEASONS)
    request = database.add_request(row, status=RequestStatus.COMPLETED, seasons=SEASONS)
    return Shelved("tv", word, tmdb_id, tvdb_id, entry, releases, request.id)


async def movie_by_hand(stage: Stage) -> Shelved:
    """Put a movie on the shelf whose file was imported by hand: no history names its torrent."""
    movie = await stage.movie(torrents=0)
    house = stage.house
    release = house.movie_release(movie.tmdb_id, f"{movie.word}.by.hand")
    await house.add_torrent(release, house.downloads / "by-hand")
    (path,) = [house.downloads / "by-hand" / name for name in release.files if name.endswith(".mkv")]
    await house.radarr.import_by_hand(movie.entry_id, [path])
    return Shelved("movie", movie.word, movie.tmdb_id, None, movie.entry_id, (release,), movie.request_id)


async def movies_in_one_torrent(stage: Stage, count: int) -> tuple[Shelved, ...]:
    """Put movies on the shelf that came in one torrent, each with a request of its own."""
    house, database = stage.house, stage.house.seerr.database
    names = [stage.new("Part") for _ in range(count)]
    releases = house.collection_release(f"Collection.of.{names[0][0]}", {5000 + n: word for word, n in names})
    await house.add_torrent(releases[0], house.downloads / "radarr", category="radarr")
    movies: list[Shelved] = []
    for (word, number), release in zip(names, releases, strict=True):
        tmdb_id = 5000 + number
        entry = house.radarr.add_movie(tmdb_id, word, 1950)
        stage.remember(house.radarr, entry, release, (None,))
        (path,) = [name for name in release.files if name.endswith(f"{word}.mkv")]
        house.radarr.add_movie_file(entry, house.downloads / "radarr" / path)
        database.know("movie", tmdb_id, word, year=1950)
        row = database.add_media("movie", tmdb_id, status=MediaStatus.AVAILABLE)
        request = database.add_request(row, status=RequestStatus.COMPLETED)
        movies.append(Shelved("movie", word, tmdb_id, None, entry, (release,), request.id))
    return tuple(movies)


@dataclass(frozen=True, slots=True)
class Twice:
    """A movie that the household has twice: `hd` at the first qBittorrent, `uhd` at the second."""

    hd: Shelved
    uhd: Shelved


async def movie_twice(stage: Stage, *, has_4k_file: bool = True) -> Twice:
    """Put a movie on the shelf in HD and in 4K, each with its own request; the record in Jellyseerr is one."""
    house, (word, number) = stage.house, stage.new("Double")
    tmdb_id = 5000 + number
    hd_entry = house.radarr.add_movie(tmdb_id, word, 1950)
    uhd_entry = house.radarr_4k.add_movie(tmdb_id, word, 1950)
    hd = house.movie_release(tmdb_id, f"{word}.1950.1080p")
    await house.get_movie(hd_entry, hd)
    uhd = (house.movie_release(tmdb_id, f"{word}.1950.2160p", quality="WEBDL-2160p"),) if has_4k_file else ()
    await house.get_movie(uhd_entry, *uhd, radarr=house.radarr_4k)
    database = house.seerr.database
    database.know("movie", tmdb_id, word, year=1950)
    status = MediaStatus.AVAILABLE if has_4k_file else MediaStatus.PROCESSING
    row = database.add_media("movie", tmdb_id, status=MediaStatus.AVAILABLE, status_4k=status)
    row.uhd.service_id, row.uhd.external_service_id = 1, uhd_entry
    first = database.add_request(row, status=RequestStatus.COMPLETED)
    second = database.add_request(
        row, status=RequestStatus.COMPLETED if has_4k_file else RequestStatus.APPROVED, is_4k=True, server_id=1
    )
    return Twice(
        Shelved("movie", word, tmdb_id, None, hd_entry, (hd,), first.id),
        Shelved("movie", word, tmdb_id, None, uhd_entry, uhd, second.id),
    )


def seasons_on_disk(stage: Stage, series: Series) -> set[int]:
    """Return the seasons of which the library has files that are really there."""
    return {
        file.season
        for file in stage.house.sonarr.files_of(series.id)
        if file.season is not None and file.path.is_file()
    }
