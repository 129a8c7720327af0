"""A database that says when it begins to fail and when it works again."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Protocol

from reconciler.errors import LeaseLost, Overtaken, StoreError
from reconciler.store.database import Connection, Database


class Watch(Protocol):
    """Who is told. Both are called again and again; only changes are news."""

    def failed(self, error: Exception) -> None: ...

    def works(self) -> None: ...


class WatchedDatabase:
    """`Database` around another. A database that cannot be written works only when it was written again."""

    def __init__(self, database: Database, watch: Watch) -> None:
        self._database = database
        self._watch = watch
        self._failing: set[str] = set()
        self._is_closing = False

    @property
    def dialect(self) -> str:
        return self._database.dialect

    @property
    def is_shared(self) -> bool:
        return self._database.is_shared

    async def time(self, connection: Connection) -> datetime | None:
        return await self._database.time(connection)

    def read(self) -> AbstractAsyncContextManager[Connection]:
        return self._watched("read", self._database.read())

    def write(self) -> AbstractAsyncContextManager[Connection]:
        return self._watched("write", self._database.write())

    def aside(self) -> AbstractAsyncContextManager[Connection]:
        return self._watched("write", self._database.aside())

    async def close(self) -> None:
        self._is_closing = True
        await self._database.close()

    @asynccontextmanager
    async def _watched(self, kind: str, opening: AbstractAsyncContextManager[Connection]) -> AsyncIterator[Connection]:
        try:
            async with opening as connection:
                yield connection
        except (LeaseLost, Overtaken):
            raise
        except StoreError as error:
            if not self._is_closing:
                self._failing.add(kind)
                self._watch.failed(error)
            raise
        if kind in self._failing:
            self._failing.remove(kind)
            if not self._failing:
                self._watch.works()
