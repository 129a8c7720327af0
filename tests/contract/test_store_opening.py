"""Opening and migrating: durable, alone on a file, and never a schema that this program does not know."""

import asyncio
import re
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from reconciler.errors import StoreError
from reconciler.store import migrate, open_store
from reconciler.store.database import Connection, Database
from reconciler.store.migrations import Migration, bring_up_to_date, known_migrations, newest_version
from reconciler.store.postgres import PostgresDatabase
from reconciler.store.sqlite import SqliteDatabase, check_durability, database_path
from tests.support.postgres import PostgresServer
from tests.support.store import START, StillClock, created

NEWEST = newest_version("sqlite")


@asynccontextmanager
async def database_at(url: str) -> AsyncIterator[Database]:
    database: Database = await (SqliteDatabase if url.startswith("sqlite") else PostgresDatabase).opened(url)
    try:
        yield database
    finally:
        await database.close()


async def schema_of(connection: Connection, dialect: str) -> list[str]:
    """Everything the schema says, as sorted text."""
    if dialect == "sqlite":
        rows = await connection.fetch_all("SELECT sql AS text FROM sqlite_master WHERE sql IS NOT NULL")
    else:
        rows = await connection.fetch_all(
            """
            SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default) AS text
            FROM information_schema.columns WHERE table_schema = 'public'
            UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
            UNION ALL SELECT concat_ws(' ', CAST(conrelid AS regclass), conname, pg_get_constraintdef(oid))
            FROM pg_constraint WHERE connamespace = CAST('public' AS regnamespace)
            """
        )
    return sorted(str(row["text"]) for row in rows)


async def test_migrating_twice_does_nothing_the_second_time(empty_database_url: str) -> None:
    assert await migrate(empty_database_url) == (0, NEWEST)
    assert await migrate(empty_database_url) == (NEWEST, NEWEST)


async def test_a_database_migrated_step_by_step_equals_a_fresh_one(empty_database_url: str) -> None:
    async with database_at(empty_database_url) as database:
        migrations = known_migrations(database.dialect)
        schemas = []
        for steps in (range(1, len(migrations) + 1), [len(migrations)]):
            for number in steps:
                await bring_up_to_date(database, migrations[:number], START)
            async with database.read() as connection:
                schemas.append(await schema_of(connection, database.dialect))
            await start_over(database)
    stepwise, at_once = schemas
    assert stepwise == at_once
    assert any("deletions_due" in text for text in at_once)


async def start_over(database: Database) -> None:
    """Make the database empty again."""
    async with database.write() as connection:
        if database.dialect == "postgres":
            await connection.run_script("DROP SCHEMA public CASCADE; CREATE SCHEMA public;")
            return
        await connection.execute("PRAGMA defer_foreign_keys = ON")
        rows = await connection.fetch_all(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
        for row in rows:
            await connection.execute(f"DROP TABLE {row['name']}")


async def test_ten_at_once_on_an_empty_postgresql_all_open(postgres_server: PostgresServer) -> None:
    url = postgres_server.url(await postgres_server.create_database())
    stores = await asyncio.gather(*(open_store(url, clock=StillClock()) for _ in range(10)))
    assert all([await store.ready() for store in stores])
    applied = await postgres_server.run("SELECT version FROM schema_migrations", url.rpartition("/")[2])
    assert [row["version"] for row in applied] == list(range(1, NEWEST + 1))
    for store in stores:
        await store.close()


async def test_a_failed_migration_leaves_nothing_behind(empty_database_url: str) -> None:
    async with database_at(empty_database_url) as database:
        first = known_migrations(database.dialect)[0]
        broken = Migration(2, "0002_broken", "CREATE TABLE half (a integer); CREATE TABLE half (a integer);")
        with pytest.raises(StoreError, match="half"):
            await bring_up_to_date(database, [first, broken], START)
        assert await bring_up_to_date(database, [first], START) == (1, 1)
        async with database.read() as connection:
            assert not [text for text in await schema_of(connection, database.dialect) if "half" in text]


async def test_a_database_newer_than_the_program_is_refused(database_url: str, clock: StillClock) -> None:
    await migrate(database_url)
    async with database_at(database_url) as database, database.write() as connection:
        await connection.execute(
            "INSERT INTO schema_migrations (version, name, applied_at) VALUES (9999, 'later', :now)", {"now": START}
        )
    for opening in (migrate(database_url), open_store(database_url, clock=clock, migrate=False)):
        with pytest.raises(StoreError, match=r"version 9999.*upgrade the program"):
            await opening


async def test_without_migrating_an_empty_database_is_refused_with_the_command_to_run(
    empty_database_url: str, clock: StillClock
) -> None:
    with pytest.raises(StoreError, match="reconciler migrate"):
        await open_store(empty_database_url, clock=clock, migrate=False)
    await migrate(empty_database_url)
    store = await open_store(empty_database_url, clock=clock, migrate=False)
    assert await store.ready()
    await store.close()


async def test_a_newer_program_makes_this_one_not_ready(database_url: str, clock: StillClock) -> None:
    store = await open_store(database_url, clock=clock)
    async with store._database.write() as connection:  # type: ignore[attr-defined]  # stands in for the newer program
        await connection.execute(
            "INSERT INTO schema_migrations (version, name, applied_at) VALUES (9999, 'later', :now)", {"now": START}
        )
    assert not await store.ready()
    await store.close()


async def test_both_databases_have_the_same_tables_and_columns(tmp_path: Path, postgres_server: PostgresServer) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    name = await postgres_server.create_database()
    await migrate(url)
    await migrate(postgres_server.url(name))
    with sqlite3.connect(tmp_path / "store.db") as file:
        mine = file.execute(
            """
            SELECT m.name, c.name, c."notnull" OR c.pk > 0 FROM sqlite_master m, pragma_table_info(m.name) c
            WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'
            """
        ).fetchall()
    file.close()
    theirs = await postgres_server.run(
        """
        SELECT table_name, column_name, (is_nullable = 'NO')::int FROM information_schema.columns
        WHERE table_schema = 'public'
        """,
        name,
    )
    assert sorted(mine) == sorted(tuple(row) for row in theirs)


async def test_both_databases_have_the_same_indexes(tmp_path: Path, postgres_server: PostgresServer) -> None:
    def indexes(dialect: str) -> set[str]:
        script = "\n".join(migration.script for migration in known_migrations(dialect))
        return set(re.findall(r"CREATE (?:UNIQUE )?INDEX [^;]+;", script))

    assert indexes("sqlite") == indexes("postgres")


# --- durability ----------------------------------------------------------------------------------------------------


async def test_sqlite_waits_for_the_disk_and_checks_foreign_keys(tmp_path: Path) -> None:
    database = await SqliteDatabase.opened(f"sqlite:///{tmp_path}/store.db")
    async with database.write() as connection:
        await check_durability(connection)
        (keys,) = await connection.fetch_all("PRAGMA foreign_keys")
    assert keys["foreign_keys"] == 1
    await database.close()


@pytest.mark.parametrize(
    ("weakened", "complaint"),
    [({"synchronous": 1}, "not 2"), ({"journal_mode": "delete"}, "local disk")],
)
async def test_an_sqlite_that_does_not_wait_for_the_disk_is_refused(
    weakened: dict[str, object], complaint: str
) -> None:
    answers: dict[str, object] = {"journal_mode": "wal", "synchronous": 2} | weakened

    class Weak:
        async def fetch_all(self, sql: str, values: object = None) -> list[dict[str, object]]:
            name = sql.removeprefix("PRAGMA ")
            return [{name: answers[name]}]

    with pytest.raises(StoreError, match=complaint):
        await check_durability(Weak())  # type: ignore[arg-type]  # only `fetch_all` is asked


async def test_a_postgresql_that_does_not_wait_for_the_disk_is_refused(
    postgres_server: PostgresServer, clock: StillClock
) -> None:
    name = await postgres_server.create_database()
    await postgres_server.run(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    with pytest.raises(StoreError, match="set synchronous_commit = on"):
        await open_store(postgres_server.url(name), clock=clock)


# --- one process per file ------------------------------------------------------------------------------------------


async def test_a_second_opening_of_one_sqlite_file_is_refused(tmp_path: Path, clock: StillClock) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    store = await open_store(url, clock=clock)
    for opening in (open_store(url, clock=clock), migrate(url)):
        with pytest.raises(StoreError, match="in use by process"):
            await opening
    await created(store)
    await store.close()
    assert await migrate(url) == (NEWEST, NEWEST)


async def test_another_process_on_one_sqlite_file_is_refused_also_through_a_link(
    tmp_path: Path, clock: StillClock
) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/store.db", clock=clock)
    (tmp_path / "link.db").symlink_to(tmp_path / "store.db")
    program = f"import asyncio, reconciler.store as s; asyncio.run(s.migrate('sqlite:///{tmp_path}/link.db'))"
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "in use by process" in done.stderr
    await store.close()


# --- URLs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("mysql://x/y", "must start with"),
        ("", "must start with"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite:////nowhere/at/all/store.db", "does not exist"),
        ("sqlite:///store.db?mode=ro", "takes no options"),
        ("postgresql://u:secret@127.0.0.1:1/db", "cannot be used"),
    ],
)
async def test_a_database_that_cannot_be_opened_is_refused_without_telling_its_password(
    url: str, complaint: str, clock: StillClock
) -> None:
    with pytest.raises(StoreError, match=complaint) as caught:
        await open_store(url, clock=clock)
    assert "secret" not in str(caught.value)


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path, clock: StillClock) -> None:
    (tmp_path / "store.db").write_text("this is a shopping list, not a database" * 100)
    with pytest.raises(StoreError, match="not a database"):
        await open_store(f"sqlite:///{tmp_path}/store.db", clock=clock)


def test_three_slashes_are_relative_and_four_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert database_path("sqlite:///store.db") == Path("store.db")
    assert database_path(f"sqlite:///{tmp_path}/store.db") == tmp_path / "store.db"


async def test_the_short_scheme_and_driver_options_of_postgresql_are_taken(
    postgres_server: PostgresServer, clock: StillClock
) -> None:
    url = postgres_server.url(await postgres_server.create_database())
    store = await open_store(url.replace("postgresql:", "postgres:") + "?sslmode=disable&max_size=2", clock=clock)
    assert await store.ready()
    await store.close()
    with pytest.raises(StoreError):  # this server has no TLS, and asking for it must not be ignored
        await open_store(f"{url}?sslmode=require", clock=clock)
