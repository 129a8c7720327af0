"""The part of the database that telling people needs."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from reconciler.model import DeletionId, DeletionState, Notice
from reconciler.ports.records import Lease, MessengerState


class NoticeStore(Protocol):
    """Notices and messengers. Writes raise `LeaseLost` if the lease's epoch is over."""

    async def settle_messengers(self, lease: Lease, kinds: Sequence[str], now: datetime) -> None:
        """Know exactly these messengers, in the order of the configuration; what fails is tried again at once.

        A new one is told what comes from now on, also beside older ones. One of another kind in the place of an older
        goes on where that stood, but has not failed yet. Without any, it is forgotten what they were told: what ends
        until there are some again is nobody's news, and what waits then is.
        """

    async def messengers(self) -> tuple[MessengerState, ...]:
        """Return them in the order of the configuration."""

    async def save_messenger(self, lease: Lease, state: MessengerState) -> None:
        """Replace what is known of one that is known."""

    async def note(self, lease: Lease, now: datetime, *, stalled_before: datetime, converged_since: datetime) -> None:
        """Note, once per occurrence, who is held, who has not come further since, and who converged.

        A hold that cannot be seen while an upstream is out is the same hold afterwards. What converged before there was
        any messenger is not noted.
        """

    async def notices_after(self, number: int, limit: int) -> tuple[Notice, ...]:
        """Return what was noted after this one, oldest first."""

    async def deletions_among(self, ids: Collection[DeletionId]) -> tuple[DeletionState, ...]:
        """Return those of the deletions that there are."""
