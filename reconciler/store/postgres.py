"""PostgreSQL: a pool of connections, shared by several replicas."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg
from databases import Database as Connector

from reconciler.errors import StoreError
from reconciler.store.database import Connection, Row, Value, Values, as_utc, clean_text, refuse_closed

POOL_SIZE = 8
CONNECT_SECONDS = 10.0
STATEMENT_SECONDS = 30.0

WRITE_TURN = 7_206_541_320_318_412_849
"""The advisory lock that every write takes first. Any number of our own will do."""

_LIMITS = """
SET LOCAL lock_timeout = '10s';
SET LOCAL idle_in_transaction_session_timeout = '8s'; -- a frozen replica must not keep the others from writing
"""
_BEGIN_WRITE = f"{_LIMITS} SELECT pg_advisory_xact_lock({WRITE_TURN})"
"""What a write begins with, in one round trip. Nothing is set for a session: behind a pooler it is shared by many."""

_CACHE = "statement_cache_size"

_PARAMETER = re.compile(r"(\bIN )?:([a-z_][a-z0-9_]*)")


class PostgresConnection:
    """The raw connection inside a transaction."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    async def fetch_all(self, sql: str, values: Values | None = None) -> Sequence[Row]:
        text, names = _spelt(sql)
        with _translated():
            return list(await self._raw.fetch(text, *_arguments(names, values or {})))

    async def execute(self, sql: str, values: Values | None = None) -> None:
        text, names = _spelt(sql)
        with _translated():
            await self._raw.execute(text, *_arguments(names, values or {}))

    async def execute_many(self, sql: str, rows: Iterable[Values]) -> None:
        text, names = _spelt(sql)
        with _translated():
            await self._raw.executemany(text, [_arguments(names, row) for row in rows])

    async def run_script(self, script: str) -> None:
        with _translated():
            await self._raw.execute(script)


class PostgresDatabase:
    """One database on a server."""

    dialect = "postgres"
    is_shared = True

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._writing = asyncio.Lock()
        self._is_closed = False

    @classmethod
    async def opened(cls, url: str) -> Self:
        """Connect, and make sure that a commit is on the server's disk when it returns."""
        with _translated("the PostgreSQL server cannot be used"):
            connector = Connector(
                url,
                dsn=_dsn(url),
                min_size=1,
                max_size=POOL_SIZE,
                timeout=CONNECT_SECONDS,
                command_timeout=STATEMENT_SECONDS,
                server_settings={"application_name": "deletion-reconciler"},
                **_driver_options(url),
            )
            await connector.connect()
        database = cls(connector)
        try:
            async with database.read() as connection:
                await check_durability(connection)
        except BaseException:
            await database.close()
            raise
        return database

    async def time(self, connection: Connection) -> datetime:
        (row,) = await connection.fetch_all("SELECT clock_timestamp() AS now")
        return as_utc(row["now"])

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        refuse_closed(self._is_closed)
        with _translated():
            async with self._connector.connection() as held:
                raw = held.raw_connection
                async with raw.transaction(isolation="repeatable_read", readonly=True):
                    yield PostgresConnection(raw)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Connection]:
        async with self._writing:  # one waiting connection per process, the others stay free for reading
            refuse_closed(self._is_closed)
            with _translated():
                async with self._connector.connection() as held:
                    raw = held.raw_connection
                    async with raw.transaction():
                        await raw.execute(_BEGIN_WRITE)
                        yield PostgresConnection(raw)

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[Connection]:
        refuse_closed(self._is_closed)
        with _translated():
            async with self._connector.connection() as held:
                raw = held.raw_connection
                async with raw.transaction():
                    await raw.execute(_LIMITS)
                    yield PostgresConnection(raw)

    async def close(self) -> None:
        self._is_closed = True
        with _translated():
            await self._connector.disconnect()


async def check_durability(connection: Connection) -> None:
    """Raise `StoreError` unless a commit waits for the disk."""
    (fsync,) = await connection.fetch_all("SELECT current_setting('fsync') AS setting")
    (commit,) = await connection.fetch_all("SELECT current_setting('synchronous_commit') AS setting")
    if fsync["setting"] != "on":
        raise StoreError("PostgreSQL runs with fsync = off and may lose what was acknowledged; set fsync = on")
    if commit["setting"] == "off":
        raise StoreError(
            "PostgreSQL runs with synchronous_commit = off and may lose what was acknowledged; "
            "set synchronous_commit = on for this database or user"
        )


def _dsn(url: str) -> str:
    """Return the URL for the driver, which honours options that `databases` drops without a word (`sslmode`)."""
    parts = urlsplit(url)
    query = [(k, v) for k, v in parse_qsl(parts.query) if k not in {"min_size", "max_size", "ssl", _CACHE}]
    return parts._replace(scheme="postgresql", query=urlencode(query)).geturl()


def _driver_options(url: str) -> dict[str, Any]:
    """Return what the URL says to the driver itself: `statement_cache_size=0` for a pooler in transaction mode.

    Raises `StoreError` when it is no number.
    """
    sizes = [value for key, value in parse_qsl(urlsplit(url).query) if key == _CACHE]
    if not sizes:
        return {}
    if not sizes[-1].isdecimal():
        raise StoreError(f"{_CACHE} in the database URL must be a whole number, such as 0")
    return {_CACHE: int(sizes[-1])}


@contextmanager
def _translated(doing: str = "the database failed") -> Iterator[None]:
    """Turn the driver's errors into `StoreError`: refused, gone, slow, or a value that does not fit."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, OverflowError) as error:
        text = str(error).splitlines()  # without the DETAIL line, which quotes rows
        raise StoreError(f"{doing}: {text[0] if text else type(error).__name__}") from error


@lru_cache(maxsize=256)
def _spelt(sql: str) -> tuple[str, tuple[str, ...]]:
    """Return the statement with `$1` for `:name`, and the names in order."""
    names: dict[str, int] = {}

    def place(match: re.Match[str]) -> str:
        number = names.setdefault(match[2], len(names) + 1)
        return f"= ANY(${number})" if match[1] else f"${number}"

    return _PARAMETER.sub(place, sql), tuple(names)


def _arguments(names: tuple[str, ...], values: Values) -> list[object]:
    return [_encode(values[name]) for name in names]


def _encode(value: Value) -> object:
    match value:
        case str():
            return clean_text(value)
        case datetime():
            return as_utc(value)
        case None | int() | float():
            return value
        case _:
            return list(value)
