"""What a household of some size costs: the service as a process beside simulated upstreams that hold so many titles.

Run `python -m benchmarks.sizing [titles]`. Memory and sizes are what docs/operations.md quotes; times depend
on the machine, and on the simulators beside it.
"""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import httpx

from reconciler.model import Media, MediaKind
from reconciler.simulators.household import Household
from reconciler.simulators.service_process import ServiceProcess
from reconciler.store.backup import back_up

SECRET = "a-secret-of-this-benchmark"
PATIENCE_SECONDS = 1800
MIB = 1024 * 1024


def fill(house: Household, titles: int) -> None:
    """Give every movie a torrent that seeds and a history of two rows."""
    session = house.first.simulated.session if house.first.simulated else None
    assert session is not None
    folder = house.downloads / "radarr"
    folder.mkdir(exist_ok=True)
    for number in range(1, titles + 1):
        name = f"A.Movie.With.A.Name.{number:06}.1999.1080p.WEB-DL.x264-GROUP.mkv"
        release = house.make_release(
            name, Media(MediaKind.MOVIE, tmdb_id=number), {name: 100 + number}
        )  # sizes differ, as they do
        os.link(house.releases / name, folder / name)
        session.add(release.meta, save_path=folder, category="radarr", skip_checking=True)
        entry = house.radarr.add_movie(number, f"A Movie With a Name {number}", 1999)
        house.radarr.add_movie_file(entry, folder / name)
        for event in ("grabbed", "downloadFolderImported"):
            house.radarr.add_history_row(entry, event, download_id=release.info_hash.upper(), source_title=name)


async def main(titles: int, deletions: int = 20) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with Household(folder / "house", real_torrents=False) as house:
            fill(house, titles)
            environment = {
                **house.environment(),
                "RECONCILER_WEBHOOK_SECRET": SECRET,
                "RECONCILER_API_TOKEN": SECRET,
                "RECONCILER_BREAKER_LIMIT": str(deletions),
                "DATABASE_URL": f"sqlite:///{folder}/reconciler.db",
            }
            begun = time.monotonic()
            async with ServiceProcess(environment, folder / "log") as service:
                headers = {"Authorization": f"Bearer {SECRET}"}
                # No connection is kept: the simulators keep this process too busy to see when the service closes one.
                limits = httpx.Limits(max_keepalive_connections=0)
                async with httpx.AsyncClient(
                    base_url=service.url, headers=headers, trust_env=False, timeout=60, limits=limits
                ) as http:
                    await house.until(lambda: _is_read(http), "the histories to be read", seconds=PATIENCE_SECONDS)
                    print(f"{titles} movies and torrents, {2 * titles} rows of history: read in {_since(begun)} s")
                    before = _size(folder, "before")
                    print(f"database: {before / MIB:.1f} MiB, {before // titles} bytes for each title")
                    begun = time.monotonic()
                    await _delete(http, deletions)
                    await house.until(
                        lambda: _has_converged(http, deletions), "the deletions to converge", seconds=PATIENCE_SECONDS
                    )
                    print(f"{deletions} deletions at once: converged in {_since(begun)} s")
                    grown = _size(folder, "after") - before
                    print(f"database: {grown / deletions / 1024:.1f} KiB more for each deletion")
                    peak, now = (_memory(service, key) for key in ("VmHWM", "VmRSS"))
                    print(f"memory: {peak:.0f} MiB at most, {now:.0f} MiB at the end")


async def _delete(http: httpx.AsyncClient, deletions: int) -> None:
    wishes = [{"media_type": "movie", "tmdb_id": n, "title": f"Movie {n}"} for n in range(1, deletions + 1)]
    (await http.post("/webhooks/dashboard", json={"deletions": wishes})).raise_for_status()


async def _is_read(http: httpx.AsyncClient) -> bool:
    status = (await http.get("/status")).json()
    known = [one["coverage"] for one in status["upstreams"] if one["coverage"]]
    return bool(known) and all(coverage["complete"] for coverage in known)


async def _has_converged(http: httpx.AsyncClient, deletions: int) -> bool:
    return bool((await http.get("/status")).json()["counts"]["converged"] == deletions)


def _size(folder: Path, moment: str) -> int:
    """Return the size of a backup: of what there is, and not of the log that waits to be moved into the file."""
    return back_up(f"sqlite:///{folder}/reconciler.db", folder / f"{moment}.db").size


def _memory(service: ServiceProcess, key: str) -> float:
    """Return what Linux says of the process, in MiB."""
    status = Path(f"/proc/{service.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith(f"{key}:")]
    return int(line.split()[1]) / 1024


def _since(begun: float) -> str:
    return f"{time.monotonic() - begun:.0f}"


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
