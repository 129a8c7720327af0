"""SQLite: one long-lived writer and a few long-lived readers on one file, in one process.

`databases` opens a connection per acquire, which loses PRAGMAs, and begins deferred, which deadlocks writers
(upstreams.md 9.3). So each of its `Database` objects here holds exactly one connection for good, a connection class
sets the PRAGMAs, and transactions are begun on the raw connection.
"""

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Self

import aiosqlite
from databases import Database as Connector
from databases import DatabaseURL

from reconciler.errors import StoreError
from reconciler.store.database import Connection, Row, Value, Values, as_utc, clean_text, refuse_closed
from reconciler.store.process_lock import ProcessLock

READERS = 4
BUSY_SECONDS = 5.0
OLDEST_SQLITE = (3, 37, 0)  # STRICT tables

_SEQUENCE = re.compile(r"\bIN :([a-z_]+)")


class _Connection(sqlite3.Connection):
    """A connection that is durable from its first statement on."""

    pragmas: ClassVar[tuple[str, ...]] = (
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "PRAGMA fullfsync = ON",  # macOS: fsync alone does not reach the disk there
        "PRAGMA foreign_keys = ON",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.row_factory = sqlite3.Row
        try:
            for pragma in self.pragmas:
                self.execute(pragma).close()
        except sqlite3.Error:
            self.close()
            raise


class _ReadingConnection(_Connection):
    pragmas = ("PRAGMA query_only = ON",)


class SqliteConnection:
    """The raw connection inside a transaction."""

    def __init__(self, raw: aiosqlite.Connection) -> None:
        self._raw = raw

    async def fetch_all(self, sql: str, values: Values | None = None) -> Sequence[Row]:
        with _translated():
            return [dict(row) for row in await self._raw.execute_fetchall(_spelt(sql), _encoded(values or {}))]

    async def execute(self, sql: str, values: Values | None = None) -> None:
        with _translated():
            await self._raw.execute_fetchall(_spelt(sql), _encoded(values or {}))

    async def execute_many(self, sql: str, rows: Iterable[Values]) -> None:
        with _translated():
            cursor = await self._raw.executemany(_spelt(sql), [_encoded(row) for row in rows])
            await cursor.close()

    async def run_script(self, script: str) -> None:
        statement = ""
        for piece in script.split(";")[:-1]:
            statement += f"{piece};"
            if sqlite3.complete_statement(statement):
                await self.execute(statement)
                statement = ""


class _Held:
    """One `databases` connection kept open for good."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._connection = connector.connection()

    @classmethod
    async def opened(cls, url: str, factory: type[sqlite3.Connection]) -> Self:
        connector = Connector(url, factory=factory, timeout=BUSY_SECONDS)
        await connector.connect()
        held = cls(connector)
        await held._connection.__aenter__()
        return held

    @property
    def raw(self) -> aiosqlite.Connection:
        raw: aiosqlite.Connection = self._connection.raw_connection
        return raw

    async def close(self) -> None:
        await self._connection.__aexit__()
        await self._connector.disconnect()


class SqliteDatabase:
    """One file, opened by this process alone."""

    dialect = "sqlite"
    is_shared = False

    def __init__(self, url: str, lock: ProcessLock, writer: _Held) -> None:
        self._url = url
        self._lock = lock
        self._writer = writer
        self._writing = asyncio.Lock()
        self._reading = asyncio.Semaphore(READERS)
        self._idle: list[_Held] = []
        self._opened: list[_Held] = [writer]
        self._is_closed = False

    @classmethod
    async def opened(cls, url: str) -> Self:
        """Lock the file, open the writer and make sure that a commit is on the disk when it returns."""
        _check_version(sqlite3.sqlite_version_info)
        path = database_path(url)
        lock = ProcessLock.taken(path)
        try:
            with _translated(f"the database {path} cannot be opened"):
                await asyncio.to_thread(_try_to_open, path)
                writer = await _Held.opened(url, _Connection)
        except BaseException:
            lock.release()
            raise
        database = cls(url, lock, writer)
        try:
            await check_durability(SqliteConnection(writer.raw))
        except BaseException:
            await database.close()
            raise
        return database

    async def time(self, _connection: Connection) -> None:
        return None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        async with self._reading:
            refuse_closed(self._is_closed)
            with _translated():
                held = self._idle.pop() if self._idle else await self._new_reader()
            try:
                async with _transaction(held.raw, "BEGIN"):
                    yield SqliteConnection(held.raw)
            finally:
                self._idle.append(held)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Connection]:
        async with self._writing:
            refuse_closed(self._is_closed)
            async with _transaction(self._writer.raw, "BEGIN IMMEDIATE"):
                yield SqliteConnection(self._writer.raw)

    def aside(self) -> AbstractAsyncContextManager[Connection]:
        return self.write()

    async def close(self) -> None:
        """Let whoever is at it finish, then close; repeating it does nothing."""
        self._is_closed = True
        async with AsyncExitStack() as everyone:
            everyone.callback(self._lock.release)
            await everyone.enter_async_context(self._writing)
            for _ in range(READERS):
                await everyone.enter_async_context(self._reading)
            while self._opened:
                await self._opened.pop().close()

    async def _new_reader(self) -> _Held:
        reader = await _Held.opened(self._url, _ReadingConnection)
        self._opened.append(reader)
        return reader


@asynccontextmanager
async def _transaction(raw: aiosqlite.Connection, begin: str) -> AsyncIterator[None]:
    """Commit at the end, or roll back.

    The connection's thread works its calls off in order, so a statement, a commit or a rollback whose waiter was
    cancelled is through before the next transaction begins.
    """
    try:
        with _translated():
            await raw.execute_fetchall(begin)
        yield
        with _translated():
            await raw.commit()
    except BaseException:
        with _translated():
            await raw.rollback()  # does nothing when the transaction has already ended
        raise


async def check_durability(connection: Connection) -> None:
    """Raise `StoreError` unless a commit waits for the disk."""
    (mode,) = await connection.fetch_all("PRAGMA journal_mode")
    (level,) = await connection.fetch_all("PRAGMA synchronous")
    if mode["journal_mode"] != "wal":
        raise StoreError(
            f"SQLite's journal mode is {mode['journal_mode']!r}, not 'wal': put the database file on a local disk "
            "(WAL does not work on network file systems), or use PostgreSQL"
        )
    if level["synchronous"] != 2:
        raise StoreError(
            f"SQLite's synchronous level is {level['synchronous']}, not 2 (FULL): "
            "use an SQLite library that was built without a fixed lower level"
        )


def database_path(url: str) -> Path:
    """Return the file an SQLite URL names; raises `StoreError` when it names none."""
    parsed = DatabaseURL(url)
    name = parsed.database
    if not name or name == ":memory:" or name.startswith("file:"):
        raise StoreError("a database in memory loses what was acknowledged; name a file, as in sqlite:////data/log.db")
    if parsed.options:
        raise StoreError("the SQLite URL takes no options after '?'; write sqlite:////data/log.db")
    path = Path(name)
    if not path.absolute().parent.is_dir():
        raise StoreError(f"the folder {path.absolute().parent} does not exist; create it or mount its volume")
    return path


def _try_to_open(path: Path) -> None:
    """Open the file once without aiosqlite, whose thread outlives a failed opening by a moment."""
    sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, factory=_Connection).close()


def _check_version(version: tuple[int, ...]) -> None:
    if version < OLDEST_SQLITE:
        have, need = (".".join(map(str, v)) for v in (version, OLDEST_SQLITE))
        raise StoreError(f"this Python carries SQLite {have}, at least {need} is needed; use a newer Python")


@contextmanager
def _translated(doing: str = "the database failed") -> Iterator[None]:
    """Turn the driver's errors into `StoreError`: refused, full, locked, closed, or a value that does not fit."""
    try:
        yield
    except (sqlite3.Error, OverflowError, ValueError) as error:
        raise StoreError(f"{doing}: {error}") from error


@lru_cache(maxsize=256)
def _spelt(sql: str) -> str:
    return _SEQUENCE.sub(r"IN (SELECT value FROM json_each(:\1))", sql)


def _encoded(values: Values) -> Mapping[str, object]:
    return {name: _encode(value) for name, value in values.items()}


def _encode(value: Value) -> object:
    match value:
        case str():
            return clean_text(value)
        case datetime():
            return as_utc(value).isoformat(timespec="microseconds").replace("+00:00", "Z")
        case None | int() | float():
            return value
        case _:
            return json.dumps(list(value))
