"""The releases of a household: real files where its web seed serves them, and torrents of them."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from reconciler.model import Media, MediaKind
from reconciler.simulators.arr_releases import Release
from reconciler.simulators.torrentfile import BLOCK, make_torrent

EPISODE_BYTES = 48 * 1024
MOVIE_BYTES = 96 * 1024


class ReleaseMaker:
    """Makes releases below `releases`, which is served at `seed_url`."""

    def __init__(self, releases: Path) -> None:
        self.releases = releases
        self.seed_url = ""

    def make_release(
        self,
        name: str,
        media: Media,
        files: Mapping[str, int],
        *,
        episodes: tuple[tuple[int, int], ...] = (),
        quality: str = "WEBDL-1080p",
        source: str = "",
        private: bool = False,
        trackers: Sequence[str] = (),
    ) -> Release:
        """Write a release's files where the web seed serves them and make its torrent.

        `files` maps names to sizes in bytes; one file named like the release makes a single-file torrent.
        """
        path = self.releases / name
        if list(files) == [name]:
            path.write_bytes(_content(name, files[name]))
        else:
            for file, size in files.items():
                target = path / file
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(_content(f"{name}/{file}", size))
        torrent = make_torrent(path, web_seeds=(self.seed_url,), source=source, private=private, trackers=trackers)
        return Release(name, media, torrent.data, episodes=episodes, quality=quality)

    def movie_release(
        self,
        tmdb_id: int,
        name: str,
        *,
        quality: str = "WEBDL-1080p",
        source: str = "",
        private: bool = False,
        trackers: Sequence[str] = (),
    ) -> Release:
        """Make a release of a movie: a folder with the movie and an information file."""
        return self.make_release(
            name,
            Media(MediaKind.MOVIE, tmdb_id=tmdb_id),
            {f"{name}.mkv": MOVIE_BYTES, f"{name}.nfo": 300},
            quality=quality,
            source=source,
            private=private,
            trackers=trackers,
        )

    def collection_release(self, name: str, movies: Mapping[int, str]) -> tuple[Release, ...]:
        """Make one torrent of several movies, given by TMDB id and file name without suffix, and a release per movie.

        The releases share the torrent, as their history rows would share its hash. Only one of them can be grabbed:
        to the download client the others are duplicates.
        """
        files = {f"{file}.mkv": MOVIE_BYTES for file in movies.values()}
        pack = self.make_release(name, Media(MediaKind.MOVIE), files)
        return tuple(Release(name, Media(MediaKind.MOVIE, tmdb_id=tmdb_id), pack.torrent) for tmdb_id in movies)

    def season_release(self, tvdb_id: int, name: str, season: int, episodes: int) -> Release:
        """Make a season pack; `name` holds the season as `.S01`, each file its episode as `.S01E01`."""
        numbers = tuple((season, number) for number in range(1, episodes + 1))
        mark = f".S{season:02}"
        files = {f"{name.replace(mark, f'{mark}E{number:02}')}.mkv": EPISODE_BYTES for _, number in numbers}
        return self.make_release(name, Media(MediaKind.SERIES, tvdb_id=tvdb_id), files, episodes=numbers)

    def pack_release(self, tvdb_id: int, name: str, seasons: Mapping[int, int]) -> Release:
        """Make a pack of whole seasons, given as the number of episodes by season; each season has a folder."""
        files = {
            (season, number): f"Season {season}/{name}.S{season:02}E{number:02}.mkv"
            for season, count in seasons.items()
            for number in range(1, count + 1)
        }
        sizes = dict.fromkeys(files.values(), EPISODE_BYTES)
        return self.make_release(name, Media(MediaKind.SERIES, tvdb_id=tvdb_id), sizes, episodes=tuple(files))

    def episode_release(self, tvdb_id: int, name: str, season: int, episode: int) -> Release:
        """Make a release of one episode: a single file."""
        media = Media(MediaKind.SERIES, tvdb_id=tvdb_id)
        return self.make_release(f"{name}.mkv", media, {f"{name}.mkv": EPISODE_BYTES}, episodes=((season, episode),))

    def cross_seed(self, release: Release, *, private: bool = True, trackers: Sequence[str] = ()) -> Release:
        """Make the torrent that another tracker has of a release: the same files under another hash."""
        torrent = make_torrent(
            self.releases / release.meta.name,
            web_seeds=(self.seed_url,),
            source="another tracker",
            private=private,
            trackers=trackers,
            piece_length=2 * BLOCK,
        )
        return Release(release.title, release.media, torrent.data, release.episodes, release.quality)


def _content(name: str, size: int) -> bytes:
    """Return bytes that differ from file to file and are the same in every run."""
    block = hashlib.sha512(name.encode()).digest()
    return (block * (size // len(block) + 1))[:size]
