"""The main job, shown on a household that the demo makes up: a movie and a series go everywhere, and one comes back.

The demo starts the service as a process of its own and talks to it by its public HTTP only, like any dashboard.
"""

import asyncio
import contextlib
import json
import secrets
import signal
import sys
import tempfile
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.table import Table

from reconciler.clients._http import Http
from reconciler.model import InstanceName, Phase
from reconciler.observed import MediaStatus
from reconciler.simulators.arr_releases import Release
from reconciler.simulators.household import Household
from reconciler.simulators.service_process import ServiceProcess


@dataclass(frozen=True, slots=True)
class Wish:
    """A title that is to go. `word` is in the name of everything that belongs to it and of nothing else."""

    media_type: Literal["movie", "tv"]
    tmdb_id: int
    title: str
    year: int
    word: str
    tvdb_id: int | None = None
    seasons: tuple[int, ...] = ()

    def body(self) -> dict[str, object]:
        """What a dashboard sends."""
        known = {"tvdb_id": self.tvdb_id} if self.tvdb_id else {}
        return {
            "media_type": self.media_type, "tmdb_id": self.tmdb_id, "title": self.title, "year": self.year, **known
        }  # fmt: skip


MOVIE = Wish("movie", 10331, "Night of the Living Dead", 1968, "Night")
SERIES = Wish("tv", 1930, "The Beverly Hillbillies", 1962, "Beverly", tvdb_id=71471, seasons=(1, 2))
PATIENCE_SECONDS = 90.0

_SETTLED = {Phase.CONVERGED, Phase.CANCELLED}


@dataclass(slots=True)
class Told:
    """One deletion as the service told it: what was asked, what it says now, and what it cost."""

    asked: Wish
    id: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    calls: int = 0

    @property
    def phase(self) -> str:
        return str(self.detail.get("phase", Phase.PENDING.value))


class Demo:
    """One run over one household and one service."""

    def __init__(self, house: Household, service: ServiceProcess, secret: str, console: Console) -> None:
        self._house = house
        self._service = service
        self._console = console
        headers = {"Authorization": f"Bearer {secret}"}
        self._http = Http(InstanceName("reconciler"), service.url, headers=headers)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def ready(self) -> None:
        """Wait until the service has read every history once."""

        async def is_complete() -> bool:
            status = await self._get("/status")
            coverages = [u["coverage"] for u in status["upstreams"] if u["coverage"] is not None]
            return len(coverages) == 2 and all(c["complete"] for c in coverages)

        await self._house.until(is_complete, "the histories to be read", seconds=PATIENCE_SECONDS)

    async def delete(self, wish: Wish) -> Told:
        """Send the webhook a dashboard would send, and follow the deletion until it has ended."""
        calls = await self._calls()
        begun = self._house.clock.monotonic()
        reply = await self._http.send("POST", "/webhooks/dashboard", operation="webhook", body=wish.body())
        told = Told(wish, str(reply.json()["deletions"][0]["id"]))
        with Live(self._table(told), console=self._console, refresh_per_second=8, transient=False) as live:
            while self._house.clock.monotonic() - begun < PATIENCE_SECONDS:
                told.detail = await self._get(f"/deletions/{told.id}")
                told.seconds = round(self._house.clock.monotonic() - begun, 2)
                live.update(self._table(told))
                if told.phase in _SETTLED:
                    break
                await asyncio.sleep(0.1)
        told.calls = await self._calls() - calls
        return told

    async def request_again(self) -> dict[str, Any]:
        """Request the movie again in Jellyseerr and see that it is downloaded afresh."""
        before = await self._house.torrents()
        tmdb_id = MOVIE.tmdb_id
        jellyseerr = Http(
            InstanceName("jellyseerr"), self._house.seerr_url, headers={"X-Api-Key": self._house.seerr_key}
        )
        async with jellyseerr:
            body = {"mediaType": "movie", "mediaId": tmdb_id}
            await jellyseerr.send("POST", "/api/v1/request", operation="request", body=body)

        def has_file() -> bool:
            return any(
                m.tmdb_id == tmdb_id and self._house.radarr.file_of(m) for m in self._house.radarr.titles.values()
            )

        error = ""
        try:
            await self._house.until(has_file, "the movie to be downloaded again", seconds=PATIENCE_SECONDS)
        except TimeoutError as late:
            error = str(late)
        after = await self._house.torrents()
        return {
            "downloaded_afresh": not error,
            "new_torrents": sorted(name for id_, name in after.items() if id_ not in before),
            "error": error or None,
        }

    async def _get(self, path: str) -> Any:
        return (await self._http.send("GET", path, operation="read")).json()

    async def _calls(self) -> int:
        """Count the calls the service made to upstreams so far, from its metrics."""
        text = (await self._http.send("GET", "/metrics", operation="metrics")).text
        lines = (line for line in text.splitlines() if line.startswith("reconciler_upstream_calls_total{"))
        return int(sum(float(line.rpartition(" ")[2]) for line in lines))

    def _table(self, told: Told) -> Table:
        title = f"{told.asked.title} ({told.asked.year}): {told.phase}, {told.seconds:.1f} s"
        table = Table(title=title, title_justify="left", expand=True)
        for name in ("condition", "at", "is", "reason", "seen"):
            table.add_column(name, overflow="fold")
        for row in told.detail.get("conditions", ()):
            colour = {"True": "green", "False": "yellow"}.get(row["status"], "dim")
            table.add_row(row["type"], row["instance"], f"[{colour}]{row['status']}[/]", row["reason"], row["message"])
        return table


async def _seed(house: Household) -> None:
    """Make a small library: what will be deleted, and what must not be touched."""
    database = house.seerr.database
    for wish in (MOVIE, SERIES):
        database.know(
            wish.media_type, wish.tmdb_id, wish.title, year=wish.year, tvdb_id=wish.tvdb_id, seasons=wish.seasons
        )
        row = database.add_media(
            wish.media_type,
            wish.tmdb_id,
            tvdb_id=wish.tvdb_id,
            status=MediaStatus.AVAILABLE,
            seasons=wish.seasons,
        )
        database.add_request(row, requested_by=database.add_user("sam"), seasons=wish.seasons)
    kept = database.add_media("movie", 653, status=MediaStatus.AVAILABLE)
    database.add_request(kept)
    movie = house.radarr.add_movie(10331, "Night of the Living Dead", 1968)
    other_movie = house.radarr.add_movie(653, "Nosferatu", 1922)
    series = house.sonarr.add_series(71471, "The Beverly Hillbillies", 1962, tmdb_id=1930, seasons={1: 3, 2: 2})
    other_series = house.sonarr.add_series(72158, "One Step Beyond", 1959, tmdb_id=2001, seasons={1: 2})
    first = house.movie_release(10331, "Night.of.the.Living.Dead.1968.720p.WEB-DL", quality="WEBDL-720p")
    better = house.movie_release(10331, "Night.of.the.Living.Dead.1968.1080p.BluRay", quality="Bluray-1080p")
    house.indexer.add(better)
    await asyncio.gather(
        _seed_movies(house, movie, other_movie, first, better), _seed_series(house, series, other_series)
    )
    await house.add_unrelated_torrent("debian-live.iso")


async def _seed_movies(house: Household, movie: int, other: int, first: Release, better: Release) -> None:
    await house.get_movie(movie, first, better)
    await house.get_movie(other, house.movie_release(653, "Nosferatu.1922.1080p.BluRay"))


async def _seed_series(house: Household, series: int, other: int) -> None:
    await house.get_series(
        series,
        house.season_release(71471, "The.Beverly.Hillbillies.S01.1080p", 1, 3),
        house.episode_release(71471, "The.Beverly.Hillbillies.S02E01.1080p", 2, 1),
        house.episode_release(71471, "The.Beverly.Hillbillies.S02E02.1080p", 2, 2),
    )
    await house.get_series(other, house.season_release(72158, "One.Step.Beyond.S01.1080p", 1, 2))


def _is_ours(name: str) -> bool:
    return any(wish.word in name for wish in (MOVIE, SERIES))


async def _left(house: Household) -> dict[str, list[str]]:
    """Say what every upstream still has of what was deleted."""
    wanted = {("movie", MOVIE.tmdb_id), ("tv", SERIES.tmdb_id)}
    return {
        "qbittorrent": sorted(n for n in (await house.torrents()).values() if _is_ours(n)),
        "radarr": sorted(m.name for m in house.radarr.titles.values() if m.tmdb_id == MOVIE.tmdb_id),
        "sonarr": sorted(s.name for s in house.sonarr.titles.values() if s.tvdb_id == SERIES.tvdb_id),
        "jellyseerr": sorted(
            f"{m.media_type} {m.tmdb_id}"
            for m in house.seerr.database.media.values()
            if (m.media_type, m.tmdb_id) in wanted
        ),
    }


async def _everything_else(house: Household) -> dict[str, str]:
    """Return the state of all that nobody asked to delete: files, torrents, titles, records and requests."""
    found = {f"file {path}": digest for path, digest in house.files().items()}
    found |= {f"torrent {name}": id_ for id_, name in (await house.torrents()).items()}
    for library, titles in (("radarr", house.radarr.titles), ("sonarr", house.sonarr.titles)):
        found |= {f"{library} {t.name}": f"{t.id} {t.added} {t.monitored}" for t in titles.values()}
    wanted = {(wish.media_type, wish.tmdb_id) for wish in (MOVIE, SERIES)}
    database = house.seerr.database
    for row in database.media.values():
        if (row.media_type, row.tmdb_id) not in wanted:
            requests = sorted(r.id for r in database.requests_of(row))
            found[f"jellyseerr {row.media_type} {row.tmdb_id}"] = f"{row.normal.status} {row.uhd.status} {requests}"
    return {what: state for what, state in found.items() if not _is_ours(what)}


def _touched(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return everything else that is gone, different or new."""
    return sorted(what for what in {*before, *after} if before.get(what) != after.get(what))


def run_demo(*, once: bool, as_json: bool, directory: Path | None = None) -> int:
    """Run the demo; 0 only if everything converged and nothing else was touched."""
    console = Console(stderr=as_json, quiet=as_json)
    try:
        return asyncio.run(_until_ended(_run(once, as_json, directory, console)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 0 if not once else 1


async def _until_ended(story: Coroutine[Any, Any, int]) -> int:
    """Run the story; being told to end ends its programs too and removes what it made."""
    task = asyncio.ensure_future(story)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


@contextlib.contextmanager
def _folder(directory: Path | None) -> Iterator[Path]:
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="reconciler-demo-") as made:
        yield Path(made)


async def _run(once: bool, as_json: bool, directory: Path | None, console: Console) -> int:
    with _folder(directory) as folder:
        return await _run_in(folder, once, as_json, console)


async def _run_in(folder: Path, once: bool, as_json: bool, console: Console) -> int:
    async with Household(folder) as house:
        which = f"the real qBittorrent {house.torrent_version}" if house.is_real else "its simulator"
        console.print(Panel(f"qBittorrent is {which}; Radarr, Sonarr and Jellyseerr are simulators.", title="demo"))
        console.print("Filling the library: every torrent is really downloaded …")
        await _seed(house)
        secret = secrets.token_urlsafe(24)
        environment = {
            **house.environment(),
            "DATABASE_URL": f"sqlite:///{folder / 'reconciler.db'}",
            "RECONCILER_WEBHOOK_SECRET": secret,
            "RECONCILER_API_TOKEN": secret,
        }
        async with ServiceProcess(environment, folder / "reconciler.log") as service:
            house.tell(service.url, secret)
            demo = Demo(house, service, secret, console)
            try:
                return await _tell_story(demo, house, service, secret, console, once=once, as_json=as_json)
            finally:
                await demo.aclose()


async def _tell_story(
    demo: Demo, house: Household, service: ServiceProcess, secret: str, console: Console, *, once: bool, as_json: bool
) -> int:
    await demo.ready()
    before = await _everything_else(house)
    told = [await demo.delete(MOVIE), await demo.delete(SERIES)]
    left = await _left(house)
    on_disk = sorted(path for path in house.files() if _is_ours(path))
    touched = _touched(before, await _everything_else(house))
    again = await demo.request_again()
    is_good = (
        all(t.phase == Phase.CONVERGED for t in told)
        and not any(left.values())
        and not on_disk
        and not touched
        and bool(again["downloaded_afresh"])
        and not _touched(before, await _everything_else(house))
    )
    document = {
        "converged": is_good,
        "torrent_client": {"real": house.is_real, "version": house.torrent_version},
        "deletions": [_summary(t) for t in told],
        "left_at_upstreams": left,
        "files_left_on_disk": on_disk,
        "anything_else_touched": touched,
        "requested_again": again,
    }
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        _show(console, document)
    if not once:
        console.print(f"\nThe service goes on: open {service.url}/ and sign in with {secret}", soft_wrap=True)
        console.print("Ctrl-C ends it and removes everything.")
        await asyncio.Event().wait()
    return 0 if is_good else 1


def _summary(told: Told) -> dict[str, Any]:
    return {
        "id": told.id,
        "media": told.asked.body(),
        "phase": told.phase,
        "seconds_to_converge": told.seconds,
        "upstream_calls": told.calls,
        "conditions": [
            {k: c[k] for k in ("type", "instance", "status", "reason", "message")}
            for c in told.detail.get("conditions", ())
        ],
    }


def _show(console: Console, document: Mapping[str, Any]) -> None:
    evidence = Table(title="Evidence, read from each upstream afterwards", title_justify="left", expand=True)
    evidence.add_column("where")
    evidence.add_column("what is left")
    for name, rows in document["left_at_upstreams"].items():
        evidence.add_row(name, ", ".join(rows) or "[green]nothing[/]")
    evidence.add_row("disk", ", ".join(document["files_left_on_disk"]) or "[green]nothing[/]")
    evidence.add_row("anything else touched", ", ".join(document["anything_else_touched"]) or "[green]nothing[/]")
    console.print(evidence)
    again = document["requested_again"]
    if again["downloaded_afresh"]:
        console.print(f"Requested again: [green]downloaded afresh[/] as {', '.join(again['new_torrents'])}")
    else:
        console.print(f"Requested again: [red]{again['error']}[/]")
