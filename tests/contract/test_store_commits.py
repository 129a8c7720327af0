"""Acknowledged means committed: group commit, trouble inside it, readers beside it, and kill -9 right after it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest

from reconciler.errors import StoreError
from reconciler.model import Media, MediaKind, Phase, Source
from reconciler.ports import DeletionFilter, Heard, Receipt, Store, Understood
from reconciler.store import migrate, open_store
from reconciler.store.database import Connection, Database, fetch_one
from reconciler.store.group_commit import GroupCommit
from reconciler.store.postgres import PostgresDatabase
from reconciler.store.sqlite import SqliteDatabase
from tests.support.store import INSTANCES, MATRIX, START, StillClock, ask, ask_one, reference, wish


class Counting:
    """A database that counts its write transactions and can be told to fail at commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.writes = 0
        self.fails = False

    @property
    def dialect(self) -> str:
        return self._database.dialect

    @property
    def is_shared(self) -> bool:
        return self._database.is_shared

    async def time(self, connection: Connection) -> datetime | None:
        return await self._database.time(connection)

    def read(self) -> AbstractAsyncContextManager[Connection]:
        return self._database.read()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Connection]:
        self.writes += 1
        async with self._database.write() as connection:
            yield connection
            if self.fails:
                raise StoreError("the disk is full")

    def aside(self) -> AbstractAsyncContextManager[Connection]:
        return self._database.aside()

    async def close(self) -> None:
        await self._database.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Counting]:
    await migrate(database_url)
    opened: Database = await (SqliteDatabase if database_url.startswith("sqlite") else PostgresDatabase).opened(
        database_url
    )
    try:
        yield Counting(opened)
    finally:
        await opened.close()


async def keep(connection: Connection, number: int) -> int:
    """Store a number; a negative one violates a constraint, as any bad item may."""
    await connection.execute(
        """
        INSERT INTO passes (started_at, finished_at, deletions, rounds, calls, error)
        VALUES (:now, :now, :number, 0, 0, :error)
        """,
        {"now": START, "number": number, "error": None if number < 0 else ""},
    )
    return number


async def kept(database: Counting) -> set[int]:
    async with database.read() as connection:
        return {row["deletions"] for row in await connection.fetch_all("SELECT deletions FROM passes")}


async def test_everything_that_waits_is_committed_in_one_transaction(database: Counting) -> None:
    intake = GroupCommit(database, keep)
    results = await asyncio.gather(*(intake.submit(n) for n in range(150)))
    assert results == list(range(150))
    assert database.writes == 1
    assert await kept(database) == set(range(150))
    await intake.close()


async def test_a_batch_has_a_limit(database: Counting) -> None:
    intake = GroupCommit(database, keep, batch=40)
    await asyncio.gather(*(intake.submit(n) for n in range(100)))
    assert database.writes == 3
    await intake.close()


async def test_a_bad_item_fails_alone(database: Counting) -> None:
    intake = GroupCommit(database, keep)
    results = await asyncio.gather(*(intake.submit(n) for n in (1, -2, 3)), return_exceptions=True)
    assert (results[0], results[2]) == (1, 3)
    assert isinstance(results[1], StoreError)
    assert await kept(database) == {1, 3}
    assert database.writes == 1
    await intake.close()


async def test_an_item_that_breaks_in_our_own_code_fails_alone_and_leaves_nothing(database: Counting) -> None:
    async def keep_then_break(connection: Connection, number: int) -> int:
        await keep(connection, number)
        return 10 // number

    intake = GroupCommit(database, keep_then_break)
    results = await asyncio.gather(*(intake.submit(n) for n in (1, 0, 5)), return_exceptions=True)
    assert [str(r) for r in results] == ["10", "integer division or modulo by zero", "2"]
    assert isinstance(results[1], StoreError)
    assert await kept(database) == {1, 5}
    await intake.close()


async def test_when_the_commit_fails_nobody_is_acknowledged(database: Counting) -> None:
    intake = GroupCommit(database, keep)
    database.fails = True
    results = await asyncio.gather(*(intake.submit(n) for n in range(5)), return_exceptions=True)
    assert all(isinstance(r, StoreError) for r in results)
    assert await kept(database) == set()
    database.fails = False
    assert await intake.submit(7) == 7
    await intake.close()


async def test_a_waiter_that_gives_up_does_not_disturb_the_others(database: Counting) -> None:
    intake = GroupCommit(database, keep)
    waiting = [asyncio.create_task(intake.submit(n)) for n in range(10)]
    await asyncio.sleep(0)
    waiting[3].cancel()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[3], asyncio.CancelledError)
    assert [r for n, r in enumerate(results) if n != 3] == [n for n in range(10) if n != 3]
    assert await kept(database) >= {n for n in range(10) if n != 3}
    assert await intake.submit(11) == 11
    await intake.close()


async def test_closing_commits_what_waits_and_refuses_what_comes_later(database: Counting) -> None:
    intake = GroupCommit(database, keep)
    waiting = [asyncio.create_task(intake.submit(n)) for n in range(5)]
    await asyncio.sleep(0)
    await intake.close()
    assert await asyncio.gather(*waiting) == list(range(5))
    with pytest.raises(StoreError, match="closed"):
        await intake.submit(9)
    await intake.close()


async def test_more_than_fit_into_the_queue_are_all_served(database: Counting) -> None:
    intake = GroupCommit(database, keep)
    await asyncio.gather(*(intake.submit(n) for n in range(1500)))
    assert len(await kept(database)) == 1500
    await intake.close()


async def test_a_cancelled_transaction_leaves_nothing_and_the_next_one_works(database: Counting) -> None:
    entered = asyncio.Event()

    async def write_and_wait() -> None:
        async with database.write() as connection:
            await keep(connection, 1)
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write_and_wait())
    await entered.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with database.write() as connection:
        await keep(connection, 2)
    assert await kept(database) == {2}


async def test_readers_see_the_last_commit_while_a_write_is_open(database: Counting) -> None:
    async with database.write() as connection:
        await keep(connection, 1)
    async with database.write() as connection:
        await keep(connection, 2)
        async with asyncio.timeout(5):
            seen = await asyncio.gather(*(asyncio.create_task(kept(database)) for _ in range(12)))
    assert seen == [{1}] * 12
    assert await kept(database) == {1, 2}


async def test_one_reader_has_one_unchanging_view(database: Counting) -> None:
    async with database.read() as view:
        await view.fetch_all("SELECT * FROM passes")

        async def write() -> None:
            async with database.write() as connection:
                await keep(connection, 1)

        await asyncio.create_task(write())
        assert await view.fetch_all("SELECT * FROM passes") == []
    assert await kept(database) == {1}


async def test_a_reader_cannot_write(database: Counting) -> None:
    with pytest.raises(StoreError):
        async with database.read() as connection:
            await keep(connection, 1)
    assert await kept(database) == set()


async def test_writers_take_turns_so_that_read_then_write_is_safe(database: Counting) -> None:
    async def add_one() -> None:
        async with database.write() as connection:
            row = await fetch_one(connection, "SELECT last_number FROM ledger_sequence")
            assert row is not None
            await asyncio.sleep(0)
            await connection.execute("UPDATE ledger_sequence SET last_number = :n", {"n": row["last_number"] + 1})

    await asyncio.gather(*(add_one() for _ in range(30)))
    async with database.read() as connection:
        assert await fetch_one(connection, "SELECT last_number FROM ledger_sequence") is not None
        (row,) = await connection.fetch_all("SELECT last_number FROM ledger_sequence")
    assert row["last_number"] == 30


async def test_naive_times_are_refused(store: Store) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - the mistake under test
    with pytest.raises(StoreError):
        await ask(store, wish(not_before=naive))


async def test_one_item_too_large_for_a_column_does_not_fail_its_neighbour(store: Store) -> None:
    huge = Media(MediaKind.MOVIE, tmdb_id=10**30)
    results = await asyncio.gather(ask_one(store, wish(huge)), ask_one(store, wish(MATRIX)), return_exceptions=True)
    assert isinstance(results[0], StoreError)
    assert not isinstance(results[1], BaseException)
    assert (await store.overview()).by_phase[Phase.PENDING] == 1


async def test_two_replicas_make_one_deletion_of_one_wish(database_url: str, clock: StillClock) -> None:
    if database_url.startswith("sqlite"):
        store = await open_store(database_url, clock=clock)
        replicas = [store, store]
    else:
        replicas = [await open_store(database_url, clock=clock) for _ in range(2)]
    accepted = await asyncio.gather(*(ask_one(replicas[n % 2]) for n in range(40)))
    assert len({a.id for a in accepted}) == 1
    page = await replicas[0].deletions(DeletionFilter(), cursor=None, limit=10)
    assert len(page.deletions) == 1
    for store in set(replicas):
        await store.close()


async def test_numbers_are_seen_in_the_order_in_which_they_were_given(database_url: str, clock: StillClock) -> None:
    """A position once read never covers a reference that was not there to be read."""
    store = await open_store(database_url, clock=clock)
    is_done = False

    async def write() -> None:
        nonlocal is_done
        for entry in range(60):
            await store.ingest(
                Receipt(Source.RADARR, None, START, "{}"),
                Understood(Heard.REFERENCE, references=(reference(entry_id=entry),)),
                instances=INSTANCES,
            )
        is_done = True

    async def watch() -> None:
        while not is_done:
            position = await store.ledger_position()
            numbers = [r.number for r in await store.references_of_media([MATRIX])]
            assert numbers[:position] == list(range(1, position + 1))

    await asyncio.gather(write(), watch())
    assert await store.ledger_position() == 60
    await store.close()


KILLED = """
import asyncio, os, sys
from reconciler.store import open_store
from tests.support.store import StillClock, ask_one, wish
from reconciler.model import Media, MediaKind

async def main():
    store = await open_store(sys.argv[1], clock=StillClock())
    for number in range(1, 1000):
        accepted = await ask_one(store, wish(Media(MediaKind.MOVIE, tmdb_id=number)))
        os.write(1, f"{accepted.id}\\n".encode())

asyncio.run(main())
"""


async def test_kill_9_right_after_an_acknowledgement_loses_nothing(tmp_path: Path, clock: StillClock) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    root = Path(__file__).parents[2]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, url, cwd=root, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)}
    )
    assert process.stdout is not None
    acknowledged = [(await process.stdout.readline()).decode().strip() for _ in range(25)]
    process.send_signal(signal.SIGKILL)
    acknowledged += [line for line in (await process.stdout.read()).decode().splitlines() if len(line) == 36]
    await process.wait()
    store = await open_store(url, clock=clock)
    page = await store.deletions(DeletionFilter(), cursor=None, limit=2000)
    assert {s.deletion.id for s in page.deletions} >= set(acknowledged)
    assert len(acknowledged) >= 25
    await store.close()
