"""The right to reconcile: one process has it at a time, keeps it by renewing it, and stops when it runs out.

How long a lease is in force is measured by the database's own clock on its side, and from before the renewal was sent
on ours: clocks of two hosts are never compared, and we believe ourselves the holder for less time than the database.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from reconciler.clock import Clock
from reconciler.errors import LeaseLost
from reconciler.ports import Lease, PassStore

LEASE = timedelta(seconds=10)
"""How long a lease lasts without renewal: another process takes over this long after a crash."""

RENEWED_AFTER = timedelta(seconds=3)
"""How old a lease may be when something is begun that needs it."""

_OTHER = "another process reconciles now"


class LeaseKeeper:
    """Holds the right to reconcile for one process. An HTTP call cannot be fenced, so `guard` cuts it off."""

    def __init__(self, store: PassStore, holder: str, clock: Clock) -> None:
        self._store = store
        self._holder = holder
        self._clock = clock
        self._lease: Lease | None = None
        self._asked = (clock.monotonic(), clock.now())
        self._asking = asyncio.Lock()
        self._limits: set[asyncio.Timeout] = set()

    @property
    def is_held(self) -> bool:
        return self._lease is not None and (self._age() < LEASE or not self._store.is_shared)

    @property
    def current(self) -> Lease | None:
        """Return the lease as long as it is in force, without asking for it."""
        return self._lease if self.is_held else None

    @property
    def holder(self) -> str:
        """Return the name of this process."""
        return self._holder

    async def take(self) -> Lease | None:
        """Take or renew the lease; `None` while another process holds it."""
        async with self._asking:
            asked = (self._clock.monotonic(), self._clock.now())
            before = self._lease
            if before is not None and await self._store.renew_lease(before, LEASE):
                self._asked = asked
                self._move_limits(LEASE - self._age())
                return before
            self._lease = await self._store.acquire_lease(self._holder, LEASE)
            self._asked = asked
            self._move_limits(timedelta(0))
            return self._lease

    async def keep(self) -> bool:
        """Renew the lease in time if it is ours, or take it if nobody has it; return whether it became ours."""
        if self.is_held:
            if self._age() >= RENEWED_AFTER:
                await self.take()
            return False
        return await self._store.lease_holder() is None and await self.take() is not None

    async def prove(self, lease: Lease) -> None:
        """Make sure that the lease is in force and fresh; raises `LeaseLost` if it went to somebody else."""
        current = self._lease
        if current is not None and current.epoch == lease.epoch and self._age() >= RENEWED_AFTER:
            current = await self.take()
        if current is None or current.epoch != lease.epoch:
            raise LeaseLost(_OTHER)

    @asynccontextmanager
    async def guard(self, lease: Lease) -> AsyncIterator[None]:
        """Cut off what runs inside as soon as the lease is lost, or ran out because it could not be renewed.

        Raises `LeaseLost` then. Whatever was under way ends as in a crash: a call that was sent may still arrive, and
        nothing follows it. Where no other process can take the lease there is nothing to cut off.
        """
        if not self._store.is_shared:
            yield
            return
        limit = asyncio.timeout(max(0.0, (LEASE - self._age()).total_seconds()))
        try:
            async with limit:
                self._limits.add(limit)
                try:
                    await self.prove(lease)
                    yield
                finally:
                    self._limits.discard(limit)
        except Exception as error:  # whatever a cut-off turns into: a rollback may find its connection gone
            if not limit.expired():
                raise
            is_other = self._lease is None or self._lease.epoch != lease.epoch
            raise LeaseLost(_OTHER if is_other else "the lease could not be renewed in time") from error

    async def release(self) -> None:
        """Give the lease back, so that another process can go on at once."""
        async with self._asking:
            if self._lease is not None:
                await self._store.release_lease(self._lease)
                self._lease = None

    def _age(self) -> timedelta:
        """Return how long ago the lease was asked for; a machine that was suspended shows it by its wall clock only."""
        monotonic, now = self._asked
        return max(timedelta(seconds=self._clock.monotonic() - monotonic), self._clock.now() - now)

    def _move_limits(self, left: timedelta) -> None:
        at = asyncio.get_running_loop().time() + max(0.0, left.total_seconds())
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(at)
