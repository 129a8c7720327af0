"""Several processes share one PostgreSQL: any may die, freeze or be asked, and nothing is lost or done twice."""

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg

from reconciler.clock import SystemClock
from reconciler.store.migrations import known_migrations
from tests.support.e2e import Shelved, open_stage
from tests.support.e2e_postgres import RestartablePostgres
from tests.support.e2e_replicas import Replicas, open_replicas
from tests.support.postgres import PostgresServer

TAKEOVER_SECONDS = 15


async def ask_everywhere(replicas: Replicas, movies: list[Shelved]) -> list[str]:
    """Ask for each title twice, at two different processes, and return the ids."""

    async def ask(number: int, movie: Shelved) -> str:
        ids = []
        for process in (replicas.all[number % len(replicas.all)], replicas.all[(number + 1) % len(replicas.all)]):
            async with replicas.at(process) as http:
                answer = await http.post("/webhooks/dashboard", json=movie.wish)
            assert answer.status_code == 202, answer.text
            ids.append(str(answer.json()["deletions"][0]["id"]))
        assert len(set(ids)) == 1
        return ids[0]

    return list(await asyncio.gather(*(ask(number, movie) for number, movie in enumerate(movies))))


async def test_a_leader_that_is_killed_during_a_pass_is_replaced_and_nothing_is_lost_or_doubled(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    url = postgres_server.url(await postgres_server.create_database())
    async with open_replicas(tmp_path, url, 3) as replicas:
        stage = replicas.stage
        movies = list(await asyncio.gather(*(stage.movie() for _ in range(12))))
        stays = await stage.movie()
        before = await stage.snapshot(*movies)
        leader = await replicas.until_led(replicas.all, seconds=TAKEOVER_SECONDS)
        ids = await ask_everywhere(replicas, movies)
        await stage.wait(lambda: stage.movie_row(movies[0]) is None, "the pass to be under way")

        await leader.kill()
        clock = SystemClock()
        killed_at = clock.monotonic()
        others = [process for process in replicas.all if process is not leader]
        heir = await replicas.until_led(others, seconds=TAKEOVER_SECONDS)
        print(f"taken over {clock.monotonic() - killed_at:.1f} s after a kill")

        for process in others:
            shown = await replicas.get(process, "/deletions?limit=200")
            assert sorted(d["id"] for d in shown["deletions"]) == sorted(ids)
        async with replicas.at(heir) as http:
            stage.http = http
            for deletion in ids:
                await stage.until_phase(deletion, "converged")
            for movie in movies:
                assert await stage.left_of(movie) == []
            assert await stage.left_of(stays) != []
            assert await stage.snapshot(*movies) == before


async def rows_of(url: str, query: str) -> list[tuple[Any, ...]]:
    server = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await server.fetch(query)]
    finally:
        await server.close()


async def test_a_leader_that_was_frozen_during_a_call_finds_that_it_was_replaced_and_commits_nothing(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    url = postgres_server.url(await postgres_server.create_database())
    # Radarr would wait long for a frozen receiver of its webhooks, so nobody listens
    async with open_replicas(tmp_path, url, 2, relayed=["radarr"], listens=False) as replicas:
        stage = replicas.stage
        movies = list(await asyncio.gather(*(stage.movie() for _ in range(4))))
        before = await stage.snapshot(*movies)
        leader = await replicas.until_led(replicas.all, seconds=TAKEOVER_SECONDS)
        (other,) = [process for process in replicas.all if process is not leader]
        (old,) = await rows_of(url, "SELECT epoch FROM leases")
        frozen = asyncio.Event()

        async def freeze_after_a_delete(method: str, path: str) -> None:
            if method == "DELETE" and "/movie" in path and not frozen.is_set():
                leader.freeze()
                frozen.set()

        stage.relays["radarr"].after = freeze_after_a_delete
        ids = await ask_everywhere(replicas, movies)
        await asyncio.wait_for(frozen.wait(), 60)
        clock = SystemClock()
        frozen_at = clock.monotonic()
        try:
            await replicas.until_led([other], seconds=TAKEOVER_SECONDS)
            print(f"taken over {clock.monotonic() - frozen_at:.1f} s after a freeze")
            async with replicas.at(other) as http:
                stage.http = http
                for deletion in ids:
                    await stage.until_phase(deletion, "converged")
        finally:
            leader.thaw()
        await stage.wait(lambda: "lease lost during a pass" in leader.tail(500), "the frozen one to notice")
        shown = await replicas.get(leader, "/status")
        assert (shown["loop"]["lease_held"], shown["counts"]["converged"]) == (False, len(movies))
        epochs = await rows_of(url, "SELECT epoch FROM actions ORDER BY number")
        assert epochs[0] == old
        assert all(earlier <= later for earlier, later in pairwise(epochs))
        for movie in movies:
            assert await stage.left_of(movie) == []
        assert await stage.snapshot(*movies) == before


async def test_every_process_takes_wishes_and_answers_alike_and_an_orderly_stop_hands_over_at_once(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    url = postgres_server.url(await postgres_server.create_database())
    async with open_replicas(tmp_path, url, 2) as replicas:
        stage = replicas.stage
        movie, later, last = await asyncio.gather(*(stage.movie() for _ in range(3)))
        leader = await replicas.until_led(replicas.all, seconds=TAKEOVER_SECONDS)
        (other,) = [process for process in replicas.all if process is not leader]
        async with replicas.at(other) as http:
            stage.http = http
            waiting = await stage.delete(later.wish | {"not_before": "2100-01-01T00:00:00Z"})
            plans = [await replicas.get(process, f"/deletions/{waiting}/plan") for process in replicas.all]
            assert plans[0]["steps"] == plans[1]["steps"]
            assert plans[0]["steps"]
            converged = await stage.delete(movie)
            await stage.until_phase(converged, "converged")  # the leader noticed, although it was not told
            timeline = [event["number"] for event in (await stage.show(converged))["timeline"]]
            heard = await replicas.streamed(leader, after=timeline[0] - 1, until=timeline[2])
            heard += await replicas.streamed(other, after=heard[-1], until=timeline[-1])
            assert [number for number in heard if number in timeline] == timeline

            shown = {process: await replicas.get(process, "/status") for process in replicas.all}
            told = [{k: v for k, v in s.items() if k not in {"now", "loop"}} for s in shown.values()]
            assert told[0] == told[1]
            assert [s["loop"]["lease_held"] for s in shown.values()].count(True) == 1
            assert len({s["loop"]["leader"] for s in shown.values()}) == 1
            assert shown[other]["loop"]["next_pass_at"] is None

            assert await leader.stop() == 0, leader.tail()
            await replicas.until_led([other], seconds=5)
            await stage.until_phase(await stage.delete(last), "converged")
            assert (await stage.show(waiting))["phase"] == "waiting"


async def test_ten_processes_that_start_at_once_on_an_empty_database_all_serve_and_one_leads(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    url = postgres_server.url(await postgres_server.create_database())
    async with open_stage(tmp_path, real_torrents=False, database_url=url, is_started=False) as stage:
        crowd = [stage.service.twin(tmp_path / f"process-{number}.log") for number in range(10)]
        try:
            await asyncio.gather(*(process.start() for process in crowd))
            replicas = Replicas(stage, crowd)
            leader = await replicas.until_led(crowd, seconds=TAKEOVER_SECONDS)
            loops = [(await replicas.get(process, "/status"))["loop"] for process in crowd]
            assert {loop["leader"] for loop in loops} == {loops[crowd.index(leader)]["process"]}
            assert [loop["lease_held"] for loop in loops].count(True) == 1
            versions = await rows_of(url, "SELECT version FROM schema_migrations ORDER BY version")
            assert versions == [(migration.version,) for migration in known_migrations("postgres")]
        finally:
            await asyncio.gather(*(process.kill() for process in crowd))


async def test_processes_that_start_at_once_on_the_schema_before_finish_what_is_pending(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    url = postgres_server.url(await postgres_server.create_database())
    async with open_stage(tmp_path, real_torrents=False, database_url=url, is_started=False) as stage:
        movie, kept = await asyncio.gather(stage.movie(), stage.movie())
        before = await stage.snapshot(movie)
        pending = await at_the_schema_before(url, movie)
        twin = stage.service.twin(tmp_path / "twin.log")
        try:
            await asyncio.gather(stage.service.start(), twin.start())
            await stage.until_phase(pending, "converged")
            assert await stage.left_of(movie) == []
            assert await stage.left_of(kept) != []
            assert await stage.snapshot(movie) == before

            # and what these two do when the next version comes
            await rows_of(url, "INSERT INTO schema_migrations VALUES (9999, 'of a newer program', now())")
            replicas = Replicas(stage, [stage.service, twin])
            for process in replicas.all:
                async with replicas.at(process) as http:
                    assert (await http.get("/readyz")).status_code == 503
                    answer = await http.post("/webhooks/dashboard", json=kept.wish)
                    assert answer.status_code == 202, answer.text

            async def is_given_up() -> bool:
                return await replicas.leader(replicas.all) is None

            await stage.wait(is_given_up, "both to stop reconciling")
            assert await stage.left_of(kept) != []
        finally:
            await twin.kill()


async def at_the_schema_before(url: str, movie: Shelved) -> str:
    """Bring a database to the last schema but one, with a deletion that was asked for and not begun."""
    *earlier, _newest = known_migrations("postgres")
    deletion = "01936d5e-0000-7000-8000-000000000001"
    server = await asyncpg.connect(url)
    try:
        await server.execute(
            "CREATE TABLE schema_migrations "
            "(version bigint PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL)"
        )
        for migration in earlier:
            await server.execute(migration.script)
            await server.execute(
                "INSERT INTO schema_migrations VALUES ($1, $2, now())", migration.version, migration.name
            )
        await server.execute(
            """
            INSERT INTO deletions (id, media_kind, tmdb_id, title, source, requested_at, coverage_key, delete_files,
                add_exclusion, inferred, hints, next_due_at)
            VALUES ($1, 'movie', $2, $3, 'dashboard', now(), $4, TRUE, FALSE, FALSE,
                '{"hashes":[],"radarr_id":null,"sonarr_id":null,"jellyseerr_id":null,"request_id":null}', now())
            """,
            deletion,
            movie.tmdb_id,
            movie.word,
            f"movie:{movie.tmdb_id}",
        )
        await server.execute("INSERT INTO covered_instances (deletion, instance) VALUES ($1, 'radarr')", deletion)
    finally:
        await server.close()
    return deletion


async def test_a_database_that_restarts_under_load_loses_nothing_that_was_acknowledged(
    tmp_path: Path, own_postgres: RestartablePostgres
) -> None:
    url = own_postgres.url(await own_postgres.create_database())
    async with open_replicas(tmp_path, url, 2) as replicas:
        stage = replicas.stage
        movies = list(await asyncio.gather(*(stage.movie() for _ in range(20))))
        before = await stage.snapshot(*movies)
        acknowledged: set[str] = set()

        async def insist(number: int, movie: Shelved) -> None:
            """Ask until it is acknowledged, as a careful sender does."""
            async with replicas.at(replicas.all[number % 2]) as http:
                while True:
                    answer = await http.post("/webhooks/dashboard", json=movie.wish)
                    if answer.status_code == 202:
                        acknowledged.add(str(answer.json()["deletions"][0]["id"]))
                        return
                    assert answer.status_code == 503, answer.text
                    await asyncio.sleep(0.1)

        async def all_at_intervals() -> None:
            asking = []
            for number, movie in enumerate(movies):
                asking.append(asyncio.create_task(insist(number, movie)))
                await asyncio.sleep(0.1)
            await asyncio.gather(*asking)

        load = asyncio.create_task(all_at_intervals())
        await stage.wait(lambda: len(acknowledged) >= 5, "a part of the wishes to be taken")
        await asyncio.to_thread(own_postgres.crash)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(own_postgres.resume)
        await load
        await replicas.until_led(replicas.all, seconds=30)
        assert {d["id"] for d in await stage.all_deletions()} == acknowledged
        assert len(acknowledged) == len(movies)
        for deletion in acknowledged:
            await stage.until_phase(deletion, "converged")
        assert await stage.snapshot(*movies) == before
