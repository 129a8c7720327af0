"""The right to reconcile: held by one process at a time, and proved before each destructive call."""

from datetime import timedelta

from reconciler.clock import Clock
from reconciler.errors import LeaseLost
from reconciler.ports import Lease, PassStore

LONGEST_CALL = timedelta(seconds=130)
"""Longer than any client's timeout: what the lease must still have before a destructive call."""

SHORT_LEASE = timedelta(seconds=15)
"""What the lease has otherwise, so that another process takes over soon after a crash."""


class LeaseKeeper:
    """Holds the right to reconcile for one process, and proves it before each destructive call."""

    def __init__(self, store: PassStore, holder: str, clock: Clock) -> None:
        self._store = store
        self._holder = holder
        self._clock = clock
        self._lease: Lease | None = None

    @property
    def is_held(self) -> bool:
        return self._lease is not None and self._lease.expires_at > self._clock.now()

    async def take(self, ttl: timedelta = SHORT_LEASE) -> Lease | None:
        """Take or renew the lease; `None` while another process holds it."""
        self._lease = await self._store.acquire_lease(self._holder, ttl, self._clock.now())
        return self._lease

    async def ensure(self, lease: Lease, at_least: timedelta) -> None:
        """Make sure the lease outlives a call of that length; raises `LeaseLost` if it went to somebody else."""
        current = self._lease
        if current is not None and current.epoch == lease.epoch:
            if current.expires_at - self._clock.now() >= at_least:
                return
            current = await self.take(at_least + SHORT_LEASE)
        if current is None or current.epoch != lease.epoch:
            raise LeaseLost("another process reconciles now")

    async def renew(self, lease: Lease) -> Lease:
        """Renew a lease in force; raises `LeaseLost` if it went to somebody else."""
        renewed = await self.take()
        if renewed is None or renewed.epoch != lease.epoch:
            raise LeaseLost("another process reconciles now")
        return renewed

    async def release(self) -> None:
        """Give the lease back, so that another process can go on at once."""
        if self._lease is not None:
            await self._store.release_lease(self._lease)
            self._lease = None
