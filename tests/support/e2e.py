"""A stage for whole-product tests: a household, the service as a subprocess, and somebody who talks to it over HTTP."""

import contextlib
import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from reconciler.model import Media, MediaKind, TorrentId
from reconciler.observed import MediaStatus, RequestStatus
from reconciler.simulators.arr_releases import Release
from reconciler.simulators.household import API_KEY, Extra, Household
from reconciler.simulators.loopback import loopback_client
from reconciler.simulators.radarr import Movie as MovieRow
from reconciler.simulators.radarr import RadarrSimulator
from reconciler.simulators.service_process import ServiceProcess
from reconciler.simulators.sonarr import SonarrSimulator
from reconciler.simulators.sonarr_state import Series as SeriesRow
from tests.support.e2e_gate import Gate, Relay, gate_to, relay_to
from tests.support.e2e_shown import Json, told

SECRET = "a-secret-for-whole-product-tests"
PATIENCE_SECONDS = 60.0
_BUSY = {"checkingUP", "checkingDL", "checkingResumeData", "moving", "metaDL", "downloading", "stalledDL", "allocating"}


@dataclass(frozen=True, slots=True)
class Shelved:
    """A title that the household has: in Radarr or Sonarr, with torrents, files and a request.

    `word` is in the name of everything that belongs to it and of nothing else.
    """

    media_type: str
    word: str
    tmdb_id: int
    tvdb_id: int | None
    entry_id: int
    releases: tuple[Release, ...]
    request_id: int | None

    @property
    def torrents(self) -> frozenset[TorrentId]:
        return frozenset(release.meta.torrent_id for release in self.releases)

    @property
    def wish(self) -> Json:
        """What a dashboard sends to have it deleted."""
        ids = {"tmdb_id": self.tmdb_id, "tvdb_id": self.tvdb_id}
        known = {name: number for name, number in ids.items() if number is not None}
        return {"media_type": self.media_type, "title": self.word, "year": 1950, "requested_by": "a test", **known}


@dataclass
class Stage:
    """Everything a test needs. Titles get numbers and names of their own, so that tests can share a stage."""

    house: Household
    service: ServiceProcess
    http: httpx.AsyncClient
    relays: dict[str, Relay] = field(default_factory=dict)
    gates: dict[str, Gate] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    # --- the library -----------------------------------------------------------------------------------------------

    def new(self, prefix: str) -> tuple[str, int]:
        """Return a word and a number that no other title has."""
        number = next(self._numbers)
        return f"{prefix}{number:03}", number

    @property
    def libraries(self) -> tuple[RadarrSimulator | SonarrSimulator, ...]:
        """Every Radarr and Sonarr."""
        house = self.house
        more = [house.radarr_4k] if Extra.RADARR_4K in house.extras else []
        return (house.radarr, house.sonarr, *more, *([house.sonarr_4k] if Extra.SONARR_4K in house.extras else []))

    async def movie(
        self,
        *,
        torrents: int = 1,
        is_requested: bool = True,
        is_imported: bool = True,
        monitored: bool = True,
        tags: Sequence[str] = (),
        name: str = "",
        year: int = 1950,
    ) -> Shelved:
        """Put a movie on the shelf; all torrents but the last are leftovers of upgrades."""
        word, number = self.new("Feature")
        tmdb_id, word = 5000 + number, name or word
        entry = self.house.radarr.add_movie(tmdb_id, word, year, monitored=monitored, tags=tags)
        dotted = f"{word}.{year}".replace(" ", ".")
        releases = tuple(self.house.movie_release(tmdb_id, f"{dotted}.v{n}.1080p") for n in range(1, torrents + 1))
        await self._download(releases, "radarr")
        for release in releases:
            self.remember(self.house.radarr, entry, release, (None,))
        if releases and is_imported:
            self.house.radarr.add_movie_file(entry, self._media_of(releases[-1], "radarr")[0])
        request_id = self._request("movie", tmdb_id, None, word) if is_requested else None
        return Shelved("movie", word, tmdb_id, None, entry, releases, request_id)

    async def series(self, *, is_requested: bool = True, name: str = "", year: int = 1950) -> Shelved:
        """Put a series on the shelf: its first season as a pack of two episodes, its second as two single episodes."""
        word, number = self.new("Serial")
        tvdb_id, tmdb_id, word = 70000 + number, 8000 + number, name or word
        sonarr = self.house.sonarr
        entry = sonarr.add_series(tvdb_id, word, year, tmdb_id=tmdb_id, seasons={1: 2, 2: 2})
        dotted = word.replace(" ", ".")
        releases = (
            self.house.season_release(tvdb_id, f"{dotted}.S01.1080p", 1, 2),
            self.house.episode_release(tvdb_id, f"{dotted}.S02E01.1080p", 2, 1),
            self.house.episode_release(tvdb_id, f"{dotted}.S02E02.1080p", 2, 2),
        )
        await self._download(releases, "tv-sonarr")
        for release in releases:
            episodes = [sonarr.episode(entry, season, n).id for season, n in release.episodes]
            self.remember(sonarr, entry, release, episodes)
            for path, (season, n) in zip(self._media_of(release, "tv-sonarr"), release.episodes, strict=True):
                sonarr.add_episode_file(entry, season, [n], path)
        request_id = self._request("tv", tmdb_id, tvdb_id, word) if is_requested else None
        return Shelved("tv", word, tmdb_id, tvdb_id, entry, releases, request_id)

    async def _download(self, releases: Sequence[Release], category: str) -> None:
        """Add torrents whose content is there already: as if they had been downloaded long ago."""
        folder = self.house.downloads / category
        for release in releases:
            source = self.house.releases / release.meta.name
            if source.is_dir():
                shutil.copytree(source, folder / release.meta.name)
            else:
                shutil.copy2(source, folder / release.meta.name)
        for release in releases:
            answer = await self.house.user.add(release.torrent, save_path=folder, category=category, skip_checking=True)
            assert answer.status == 200, f"{release.title} was not taken: {answer.text}"
        wanted = {release.meta.torrent_id for release in releases}

        async def are_seeding() -> bool:
            rows = await self.house.user.rows()
            # a torrent that was added a moment ago may be listed as idle before its progress is known
            return all(id_ in rows and rows[id_]["state"] not in _BUSY and rows[id_]["progress"] == 1 for id_ in wanted)

        await self.house.until(are_seeding, "the torrents to be checked", seconds=PATIENCE_SECONDS)

    def _media_of(self, release: Release, category: str) -> list[Path]:
        return [self.house.downloads / category / name for name in sorted(release.files) if name.endswith(".mkv")]

    @staticmethod
    def remember(
        library: RadarrSimulator | SonarrSimulator, entry: int, release: Release, episodes: Sequence[int | None]
    ) -> None:
        """Write the history of a grab and its import."""
        data = {"downloadClient": "qBittorrent", "downloadClientName": "qBittorrent", "protocol": "2"}
        for event, more in (("grabbed", {"releaseSource": "Rss"}), ("downloadFolderImported", {})):
            for episode in episodes:
                library.add_history_row(
                    entry,
                    event,
                    download_id=release.info_hash.upper(),
                    source_title=release.title,
                    episode_id=episode,
                    data={**data, **more},
                )

    def _request(self, media_type: Any, tmdb_id: int, tvdb_id: int | None, name: str) -> int:
        database = self.house.seerr.database
        seasons = (1, 2) if media_type == "tv" else ()
        database.know(media_type, tmdb_id, name, year=1950, tvdb_id=tvdb_id, seasons=seasons)
        row = database.add_media(media_type, tmdb_id, tvdb_id=tvdb_id, status=MediaStatus.AVAILABLE, seasons=seasons)
        return database.add_request(row, status=RequestStatus.COMPLETED, seasons=seasons).id

    # --- asking ----------------------------------------------------------------------------------------------------

    async def delete(self, wish: Shelved | Mapping[str, Any], **headers: str) -> str:
        """Send the dashboard's webhook and return the deletion's id."""
        body = wish.wish if isinstance(wish, Shelved) else dict(wish)
        answer = await self.http.post("/webhooks/dashboard", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["deletions"][0]["id"])

    async def request_again(self, title: Shelved) -> int:
        """Ask for a title in Jellyseerr, as its owner does, and return the number of the request."""
        body: Json = {"mediaType": title.media_type, "mediaId": title.tmdb_id}
        if title.media_type == "tv":
            body["seasons"] = "all"
        async with self.upstream(self.house.seerr_url) as http:
            answer = await http.post("/api/v1/request", json=body)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    async def decide(self, deletion: str, decision: str) -> httpx.Response:
        return await self.http.post(f"/deletions/{deletion}/{decision}")

    @contextlib.asynccontextmanager
    async def upstream(self, url: str) -> AsyncIterator[httpx.AsyncClient]:
        """Speak with a Radarr, Sonarr or Jellyseerr as a person's browser would."""
        async with loopback_client(base_url=url, headers={"X-Api-Key": API_KEY}) as http:
            yield http

    # --- looking ---------------------------------------------------------------------------------------------------

    async def get(self, path: str, **params: Any) -> Json:
        answer = await self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def show(self, deletion: str) -> Json:
        return await self.get(f"/deletions/{deletion}")

    async def all_deletions(self) -> list[Json]:
        return list((await self.get("/deletions", limit=200))["deletions"])

    async def upstream_status(self, name: str) -> Json:
        return next(dict(row) for row in (await self.get("/status"))["upstreams"] if row["name"] == name)

    async def until(
        self, deletion: str, holds: Callable[[Json], bool], what: str, *, seconds: float = PATIENCE_SECONDS
    ) -> Json:
        """Wait until a deletion shows something, and return it; fails with what it shows instead."""
        shown: Json = {}

        async def look() -> bool:
            nonlocal shown
            shown = await self.show(deletion)
            return holds(shown)

        await self.wait(look, what, seconds=seconds)
        return shown

    async def until_phase(self, deletion: str, phase: str, *, seconds: float = PATIENCE_SECONDS) -> Json:
        return await self.until(deletion, lambda d: bool(d["phase"] == phase), f"phase {phase}", seconds=seconds)

    async def wait(
        self, is_true: Callable[[], bool | Awaitable[bool]], what: str, *, seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Wait until something is true; a failure tells what every deletion shows and the service's last words."""
        try:
            await self.house.until(is_true, what, seconds=seconds)
        except TimeoutError as late:
            with contextlib.suppress(httpx.HTTPError, AssertionError):
                for row in await self.all_deletions():
                    late.add_note(told(await self.show(row["id"])))
            late.add_note(self.service.tail())
            raise

    async def until_torrents_gone(self, title: Shelved) -> None:
        async def are_gone() -> bool:
            return not title.torrents & set(await self.house.torrents())

        await self.wait(are_gone, f"the torrents of {title.word} to go")

    async def until_imported(self, title: Shelved) -> MovieRow:
        """Wait until Radarr has a movie with a file, and return it."""
        return await self.until_imported_afresh(title, 0)

    async def until_imported_afresh(self, title: Shelved, old_file: int) -> MovieRow:
        """Wait until Radarr has a movie with another file than the old one, and return it."""

        def found() -> bool:
            movie = self.movie_row(title)
            file = None if movie is None else self.house.radarr.file_of(movie)
            return file is not None and file.id != old_file

        await self.wait(found, f"{title.word} to be downloaded afresh")
        movie = self.movie_row(title)
        assert movie is not None
        return movie

    def movie_row(self, title: Shelved) -> MovieRow | None:
        return next((m for m in self.house.radarr.titles.values() if m.tmdb_id == title.tmdb_id), None)

    def series_row(self, title: Shelved) -> SeriesRow | None:
        return next((s for s in self.house.sonarr.titles.values() if s.tvdb_id == title.tvdb_id), None)

    async def left_of(self, title: Shelved) -> list[str]:
        """Name everything that any upstream or the disk still has of a title."""
        rows = [row for library in self.libraries for row in library.titles.values()]
        record = self.house.seerr.database.media_of("movie" if title.media_type == "movie" else "tv", title.tmdb_id)
        names = [name for box in self.house.boxes for name in (await self.house.torrents(box)).values()]
        return [
            *(f"torrent {name}" for name in names if title.word in name),
            *(f"entry {row.name}" for row in rows if row.name == title.word),
            *([f"record {record.id}"] if record is not None else []),
            *(f"file {path}" for path in self.house.files() if title.word in path),
        ]

    async def snapshot(self, *without: Shelved) -> "Snapshot":
        """Remember everything that belongs to none of these titles."""
        words = [title.word for title in without]

        def is_theirs(name: str) -> bool:
            return any(word in name for word in words)

        database = self.house.seerr.database
        gone = {(title.media_type, title.tmdb_id) for title in without}
        return Snapshot(
            files={path: digest for path, digest in self.house.files().items() if not is_theirs(path)},
            torrents={
                id_: (str(row["name"]), str(row["save_path"]), float(str(row["progress"])), str(row["added_on"]))
                for box in self.house.boxes
                for id_, row in (await box.user.rows()).items()
                if not is_theirs(str(row["name"]))
            },
            titles={
                (library.instance_name, row.id, row.name, row.added, row.monitored)
                for library in self.libraries
                for row in library.titles.values()
                if not is_theirs(row.name)
            },
            requests={
                (request.id, request.media.id, int(request.status), int(request.media.normal.status))
                for request in database.requests.values()
                if (request.media.media_type, request.media.tmdb_id) not in gone
            },
        )

    async def by_hand(self, name: str) -> None:
        """Add a torrent that is in nobody's history, with its content already there."""
        release = self.house.make_release(name, Media(MediaKind.MOVIE), {name: 40_000})
        (self.house.downloads / "by-hand").mkdir(exist_ok=True)
        await self._download([release], "by-hand")


@dataclass(frozen=True)
class Snapshot:
    """Everything of a household that a test must find unchanged, down to the bytes of its files."""

    files: Mapping[str, str]
    torrents: Mapping[TorrentId, tuple[str, str, float, str]]
    titles: set[tuple[str, int, str, str, bool]]
    requests: set[tuple[int, int, int, int]]


@contextlib.asynccontextmanager
async def open_stage(
    folder: Path,
    *,
    real_torrents: bool = True,
    database_url: str | None = None,
    listens: bool = True,
    is_started: bool = True,
    relayed: Sequence[str] = (),
    gated: Sequence[str] = (),
    extras: Sequence[Extra] = (),
    config: Mapping[str, Any] | None = None,
    **settings: str,
) -> AsyncIterator[Stage]:
    """Open a household and start the service at it; `settings` are further variables of its environment.

    With `listens` every application's webhooks are set up. `is_started` false leaves the start to the test. The
    service reaches the upstreams in `relayed` (by kind) through a relay, and those in `gated` through a gate. A
    household with `extras` is told to the service in a file, and so are the sections in `config`.
    """
    async with (
        Household(folder / "house", real_torrents=real_torrents, extras=extras) as house,
        contextlib.AsyncExitStack() as between,
    ):
        urls = house.environment()
        variables = {kind: f"{kind.upper()}_URL" for kind in (*relayed, *gated)}
        relays = {k: await between.enter_async_context(relay_to(urls[variables[k]])) for k in relayed}
        gates = {k: await between.enter_async_context(gate_to(urls[variables[k]])) for k in gated}
        environment = {
            **urls,
            **{variables[k]: relay.url for k, relay in relays.items()},
            **{variables[k]: gate.url for k, gate in gates.items()},
            "RECONCILER_WEBHOOK_SECRET": SECRET,
            "RECONCILER_API_TOKEN": SECRET,
            "RECONCILER_INTERVAL_SECONDS": "1",
            "DATABASE_URL": database_url or f"sqlite:///{folder}/reconciler.db",
            **settings,
        }
        if extras or config:
            written = folder / "reconciler.yaml"
            written.write_text(yaml.safe_dump({**house.configuration(), **(config or {})}), encoding="utf-8")
            environment["RECONCILER_CONFIG"] = str(written)
        service = ServiceProcess(environment, folder / "service.log")
        headers = {"Authorization": f"Bearer {SECRET}"}
        async with loopback_client(base_url=service.url, headers=headers, timeout=30) as http:
            stage = Stage(house, service, http, relays, gates)
            if listens:
                house.tell(service.url, SECRET)
            try:
                if is_started:
                    await service.start()
                    await until_ready(stage)
                yield stage
            finally:
                await service.kill()


async def until_ready(stage: Stage) -> None:
    """Wait until the service has read every history once."""

    async def is_complete() -> bool:
        status = await stage.get("/status")
        coverages = [row["coverage"] for row in status["upstreams"] if row["coverage"] is not None]
        return len(coverages) == len(stage.libraries) and all(c["complete"] for c in coverages)

    await stage.house.until(is_complete, "the histories to be read", seconds=PATIENCE_SECONDS)
