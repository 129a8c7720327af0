"""Group commit: everything that waits is committed in one transaction, then all of it is acknowledged.

A commit waits for the disk, which takes far longer than the statements in it; sharing one makes a burst of webhooks
as cheap as a single one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from reconciler.errors import StoreError
from reconciler.store.database import Connection, Database, TransactionLost, savepoint

Work = TypeVar("Work")
Result = TypeVar("Result")

BATCH = 200
WAITING = 1000
"""How many items may wait; whoever comes later waits to be allowed to wait."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting(Generic[Work, Result]):
    work: Work
    done: asyncio.Future[Result]


class GroupCommit(Generic[Work, Result]):
    """Applies items one by one inside shared transactions.

    An item that cannot be applied fails alone. When the transaction fails, nobody in it is acknowledged. An item whose
    waiter was cancelled before its batch began is dropped; later it is committed or not, like after a lost answer.
    """

    def __init__(
        self, database: Database, apply: Callable[[Connection, Work], Awaitable[Result]], *, batch: int = BATCH
    ) -> None:
        self._database = database
        self._apply = apply
        self._batch = batch
        self._queue: asyncio.Queue[_Waiting[Work, Result] | None] = asyncio.Queue(WAITING)
        self._closing = False
        self._writer = asyncio.create_task(self._run(), name="group commit")

    async def submit(self, work: Work) -> Result:
        """Return when `work` is committed and fsynced; raises `StoreError` when it is not."""
        if self._closing:
            raise StoreError("the database is being closed")
        waiting: _Waiting[Work, Result] = _Waiting(work, asyncio.get_running_loop().create_future())
        await self._queue.put(waiting)
        if self._writer.done():  # closed while this waited for its place
            raise StoreError("the database is being closed")
        return await waiting.done

    async def close(self) -> None:
        """Commit what waits already, then stop."""
        if not self._closing:
            self._closing = True
            await self._queue.put(None)
        await asyncio.shield(self._writer)

    async def _run(self) -> None:
        while True:
            item = await self._queue.get()
            batch: list[_Waiting[Work, Result]] = []
            while item is not None:
                if not item.done.cancelled():
                    batch.append(item)
                if len(batch) == self._batch or self._queue.empty():
                    break
                item = self._queue.get_nowait()
            if batch:
                await self._commit(batch)
            if item is None:
                self._refuse_the_rest()
                return

    async def _commit(self, batch: Sequence[_Waiting[Work, Result]]) -> None:
        outcomes: list[Result | Exception] = []
        try:
            async with self._database.write() as connection:
                for waiting in batch:
                    outcomes.append(await self._attempt(connection, waiting.work))  # noqa: PERF401 - awaits in order
        except Exception as error:  # noqa: BLE001 - whatever failed, every waiter must hear of it
            outcomes = [_failure(error) for _ in batch]
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if waiting.done.done():
                continue
            if isinstance(outcome, Exception):
                waiting.done.set_exception(outcome)
            else:
                waiting.done.set_result(outcome)

    async def _attempt(self, connection: Connection, work: Work) -> Result | Exception:
        try:
            async with savepoint(connection):
                return await self._apply(connection, work)
        except TransactionLost:
            raise
        except Exception as error:  # noqa: BLE001 - one bad item must not fail its neighbours
            return _failure(error)

    def _refuse_the_rest(self) -> None:
        while not self._queue.empty():
            late = self._queue.get_nowait()
            if late is not None and not late.done.done():
                late.done.set_exception(StoreError("the database is being closed"))


def _failure(error: Exception) -> StoreError:
    """Return an error of its own for one waiter."""
    failure = StoreError(str(error) or type(error).__name__)
    failure.__cause__ = error
    return failure
