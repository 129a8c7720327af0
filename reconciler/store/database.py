"""The seam between our statements and the two drivers.

Statements are the same text for both databases: named parameters `:name`, and `x IN :names` for a sequence. A write is
one transaction, and only one write runs at a time in a database, on PostgreSQL too: what a statement read cannot
change under it, and numbers are committed in the order in which they were given.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

from reconciler.errors import StoreError

Value = str | int | float | datetime | Sequence[str] | Sequence[int] | None
Values = Mapping[str, Value]

Row = Mapping[str, Any]
"""A row as a driver gives it, by column name."""


class Connection(Protocol):
    """One connection inside a transaction. Every method raises `StoreError` when the database refuses."""

    async def fetch_all(self, sql: str, values: Values | None = None) -> Sequence[Row]: ...

    async def execute(self, sql: str, values: Values | None = None) -> None: ...

    async def execute_many(self, sql: str, rows: Iterable[Values]) -> None:
        """Run one statement for many rows in one go of the raw driver."""

    async def run_script(self, script: str) -> None:
        """Run the statements of a migration inside the open transaction."""


class Database(Protocol):
    """A database that was opened and found durable."""

    @property
    def dialect(self) -> str:
        """Return the name of the folder under `sql/`."""

    @property
    def is_shared(self) -> bool:
        """Tell whether other processes may use it at the same time."""

    async def time(self, connection: Connection) -> datetime | None:
        """Return the server's time now; `None` where there is no server, and so nobody to differ from."""

    def read(self) -> AbstractAsyncContextManager[Connection]:
        """Open one unchanging view for reading. It never waits for a write."""

    def write(self) -> AbstractAsyncContextManager[Connection]:
        """Open one transaction: committed and fsynced when the block ends, undone when it raises."""

    def aside(self) -> AbstractAsyncContextManager[Connection]:
        """Open a transaction for one statement on one row, which waits for no other write where that is possible."""

    async def close(self) -> None: ...


class TransactionLost(StoreError):
    """The transaction as a whole is gone, not only the statement that failed."""


@asynccontextmanager
async def savepoint(connection: Connection) -> AsyncIterator[None]:
    """Undo only this block when it raises; `TransactionLost` if that is impossible."""
    await connection.execute("SAVEPOINT one_item")
    try:
        yield
    except BaseException as error:
        try:
            await connection.execute("ROLLBACK TO SAVEPOINT one_item")
            await connection.execute("RELEASE SAVEPOINT one_item")
        except StoreError as lost:
            raise TransactionLost(str(error) or str(lost)) from error
        raise
    await connection.execute("RELEASE SAVEPOINT one_item")


async def fetch_one(connection: Connection, sql: str, values: Values | None = None) -> Row | None:
    """Return the first row, or `None`."""
    rows = await connection.fetch_all(sql, values)
    return rows[0] if rows else None


def refuse_closed(is_closed: bool) -> None:
    """Raise `StoreError` when the database was closed."""
    if is_closed:
        raise StoreError("the database is closed")


def clean_text(text: str) -> str:
    """Return `text` without what a database cannot hold: NUL characters and halves of surrogate pairs."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def as_utc(moment: datetime) -> datetime:
    """Return an aware time in UTC; a naive one is a mistake of the caller."""
    if moment.tzinfo is None:
        raise ValueError("times in the database are aware")
    return moment.astimezone(UTC)
