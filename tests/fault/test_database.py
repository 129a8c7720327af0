"""The database goes away and comes back, the process is told to stop, and a second one is refused."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from reconciler.clock import SystemClock
from reconciler.simulators.loopback import loopback_client
from tests.support.e2e import SECRET, open_stage
from tests.support.e2e_postgres import RestartablePostgres


async def test_while_postgresql_is_out_nothing_is_acknowledged_and_nothing_acknowledged_is_lost(
    tmp_path: Path, own_postgres: RestartablePostgres
) -> None:
    url = own_postgres.url(await own_postgres.create_database())
    async with open_stage(tmp_path, real_torrents=False, database_url=url) as stage:
        before_it, during_it, kept = await asyncio.gather(*(stage.movie(torrents=2) for _ in range(3)))
        before = await stage.snapshot(before_it, during_it)
        stage.house.radarr.faults.fail_next(10_000)  # so that the deletion is still open when the database goes
        deletion = await stage.delete(before_it)

        await asyncio.to_thread(own_postgres.crash)
        answer = await stage.http.post("/webhooks/dashboard", json=during_it.wish)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert answer.json()["type"].endswith("store-unavailable")
        assert (await stage.http.get("/readyz")).status_code == 503
        assert (await stage.http.get("/livez")).status_code == 200
        assert (await stage.http.get("/status")).status_code == 503

        stage.house.radarr.faults.heal()
        await asyncio.to_thread(own_postgres.resume)

        async def is_ready() -> bool:
            return (await stage.http.get("/readyz")).status_code == 200

        await stage.wait(is_ready, "the service to find the database again")
        assert {d["id"] for d in await stage.all_deletions()} == {deletion}
        await stage.until_phase(deletion, "converged")
        repeated = await stage.delete(during_it)
        await stage.until_phase(repeated, "converged")
        assert await stage.left_of(before_it) == []
        assert await stage.left_of(during_it) == []
        assert await stage.left_of(kept) != []
        assert await stage.snapshot(before_it, during_it) == before


async def test_sigterm_during_a_pass_ends_the_service_in_good_order(tmp_path: Path) -> None:
    async with open_stage(tmp_path, real_torrents=False) as stage:
        movies = await asyncio.gather(*(stage.movie() for _ in range(10)))
        before = await stage.snapshot(*movies)
        ids = [await stage.delete(movie) for movie in movies]
        await stage.until(ids[0], lambda d: d["bound_at"] is not None, "a pass to be under way")
        clock = SystemClock()
        began = clock.monotonic()
        assert await stage.service.stop() == 0
        assert clock.monotonic() - began < 10
        assert "Traceback" not in stage.service.tail(500)
        await stage.service.start()
        for deletion in ids:
            await stage.until_phase(deletion, "converged")
        assert await stage.snapshot(*movies) == before


async def test_sigterm_during_a_call_that_hangs_ends_the_service_within_ten_seconds(tmp_path: Path) -> None:
    async with open_stage(tmp_path, real_torrents=False, RECONCILER_SHUTDOWN_SECONDS="2") as stage:
        movie = await stage.movie()
        stage.house.radarr.faults.hang = True
        deletion = await stage.delete(movie)
        clock = SystemClock()
        began = clock.monotonic()
        assert await stage.service.stop() == 0, stage.service.tail()
        assert clock.monotonic() - began < 10
        stage.house.radarr.faults.heal()
        await stage.service.start()
        await stage.until_phase(deletion, "converged")


async def test_a_second_process_on_the_same_sqlite_file_is_refused(tmp_path: Path) -> None:
    async with open_stage(tmp_path, real_torrents=False) as stage:
        second = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "reconciler",
            "serve",
            env={
                "PATH": os.environ["PATH"],
                "DATABASE_URL": f"sqlite:///{tmp_path}/reconciler.db",
                "RECONCILER_PORT": "0",
                "RECONCILER_WEBHOOK_SECRET": SECRET,
                "RECONCILER_API_TOKEN": SECRET,
                **stage.house.environment(),
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(20):
                out, err = await second.communicate()
        except TimeoutError:
            second.send_signal(signal.SIGKILL)
            await second.wait()
            raise
        said = (out + err).decode()
        assert second.returncode == 4, said
        assert "in use by process" in said
        assert "Traceback" not in said
        async with loopback_client() as http:
            assert (await http.get(f"{stage.service.url}/readyz")).status_code == 200
