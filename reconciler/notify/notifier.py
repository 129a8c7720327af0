"""Tells people, from the database: what is worth telling is noted there, and how far each messenger was told.

A message that was taken by a crash between sending and writing that down is sent again; none is lost. One that was
taken after nobody waited for its answer any more counts as sent, as soon as that is known.
"""

import asyncio
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.backoff import backoff
from reconciler.clock import Clock
from reconciler.model import DeletionId, DeletionState, Notice, Occasion
from reconciler.notify.messengers import PATIENCE, Messenger
from reconciler.notify.wording import MOST_LINES, Message, Wording
from reconciler.ports import Lease, MessengerState, NoticeStore
from reconciler.telemetry import Metrics, get_logger

TOO_OLD = timedelta(days=1)
"""A convergence that could not be told for so long is news no more. What still waits for a person always is."""

AT_ONCE = 2000
"""How many notices one message is made of at most."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """What one messenger has still to be told, what is given up, and up to which number all is considered then."""

    notices: tuple[Notice, ...]
    dropped: tuple[int, ...]
    last: int


class Notifier:
    """Sends what is pending, at most one message per messenger and interval. Only who holds the lease may call it."""

    def __init__(
        self,
        store: NoticeStore,
        messengers: Sequence[Messenger],
        wording: Wording,
        clock: Clock,
        *,
        tell: Collection[Occasion],
        interval: timedelta,
        stalled_after: timedelta,
        metrics: Metrics | None = None,
        rng: random.Random | None = None,
        patience: timedelta = PATIENCE,
    ) -> None:
        self._store = store
        self._messengers = tuple(messengers)
        self._wording = wording
        self._clock = clock
        self._tell = frozenset(tell)
        self._interval = interval
        self._stalled_after = stalled_after
        self._metrics = metrics
        self._rng = rng or random.SystemRandom()
        self._patience = patience
        self._epoch: int | None = None
        self._on_the_way: dict[int, int] = {}  # by messenger, the last notice of the message that it has not answered
        self._given_up: dict[int, int] = {}  # by messenger, the last notice that was: what stays pending may be older
        self._log = get_logger()

    async def run(self, lease: Lease) -> timedelta | None:
        """Note what is new and send it where the time has come; return after what time something is due.

        `None`: nothing is left to send. Raises `StoreError`; what was sent meanwhile may be sent again then.
        """
        now = self._clock.now()
        if lease.epoch != self._epoch:
            await self._store.settle_messengers(lease, [m.kind for m in self._messengers], now)
            self._epoch = lease.epoch
        if not self._messengers:
            return None
        await self._store.note(lease, now, stalled_before=now - self._stalled_after, converged_since=now - TOO_OLD)
        states = {state.position: state for state in await self._store.messengers()}
        served = await asyncio.gather(
            *(self._serve(lease, messenger, states[messenger.position]) for messenger in self._messengers),
            return_exceptions=True,
        )
        for one in served:
            if isinstance(one, BaseException):
                raise one
        return min((one for one in served if isinstance(one, timedelta)), default=None)

    async def _serve(self, lease: Lease, messenger: Messenger, state: MessengerState) -> timedelta | None:
        """Send one messenger what it has not been told, if its time has come; return when to look again."""
        state = await self._hear_late(lease, messenger, state)
        now = self._clock.now()
        pending = await self._pending(state, now)
        if pending.dropped:
            self._log.warning("notices dropped", messenger=messenger.name, notices=len(pending.dropped))
            self._count("dropped", len(pending.dropped))
            self._given_up[messenger.position] = pending.dropped[-1]
            if pending.notices:
                state = replace(state, last_notice=pending.notices[0].number - 1)
                await self._store.save_messenger(lease, state)
        if not pending.notices:
            idle = replace(_well(state), last_notice=pending.last)
            if idle != state:  # what it did not take is over, so nothing is known against it any more
                await self._store.save_messenger(lease, idle)
            return None
        wait = self._wait(state, now)
        if wait is not None:
            return wait
        named = await self._states(pending.notices)
        message = self._wording.message(pending.notices, named, now, room=messenger.room)
        error = await self._send(messenger, message, pending.last)
        after = self._after(messenger, state, error, pending.last)
        await self._store.save_messenger(lease, after)
        return self._wait(after, self._clock.now()) if error else None

    async def _send(self, messenger: Messenger, message: Message, last: int) -> str:
        """Send a message about all up to notice `last`, and remember it until it is answered."""
        if not messenger.is_busy:
            self._on_the_way[messenger.position] = last
        error = await messenger.send(message, within=self._patience)
        if not messenger.is_busy:
            self._on_the_way.pop(messenger.position, None)
        return error

    async def _hear_late(self, lease: Lease, messenger: Messenger, state: MessengerState) -> MessengerState:
        """Return the state with what became of a message that was not answered in time."""
        said = messenger.late_answer()
        last = self._on_the_way.pop(messenger.position, None) if said is not None else None
        if last is None:
            return state
        after = replace(state, last_error=said or "")
        if not said:
            after = self._after(messenger, state, "", max(last, state.last_notice))
        await self._store.save_messenger(lease, after)
        return after

    async def _pending(self, state: MessengerState, now: datetime) -> _Pending:
        """Return what is still to be told: not what nobody wants to know, what has passed, or what is too old."""
        found = await self._store.notices_after(state.last_notice, AT_ONCE)
        wanted = [notice for notice in found if notice.occasion in self._tell and not notice.is_moot]
        fresh = tuple(notice for notice in wanted if not _is_too_old(notice, now))
        given_up = self._given_up.get(state.position, 0)
        dropped = tuple(n.number for n in wanted if _is_too_old(n, now) and n.number > given_up)
        return _Pending(fresh, dropped, found[-1].number if found else state.last_notice)

    async def _states(self, notices: Sequence[Notice]) -> dict[DeletionId, DeletionState]:
        """Return the deletions that a message can name; it names the urgent ones first."""
        ids: set[DeletionId] = set()
        for occasion in Occasion:
            ids |= set(list(dict.fromkeys(n.deletion for n in notices if n.occasion is occasion))[:MOST_LINES])
        return {state.deletion.id: state for state in await self._store.deletions_among(ids)}

    def _wait(self, state: MessengerState, now: datetime) -> timedelta | None:
        """Return how long this messenger is to be left alone, `None` if its time has come."""
        until = state.next_try_at
        if until is None and state.sent_at is not None:
            until = state.sent_at + self._interval
        if until is None or until <= now:
            return None
        wait = until - now
        return wait if wait <= max(self._interval, timedelta(hours=1)) else None  # longer only if a clock was put back

    def _after(self, messenger: Messenger, state: MessengerState, error: str, last: int) -> MessengerState:
        now = self._clock.now()
        if error:
            self._count("failed")
            if state.failing_since is None:
                self._log.warning("notifications fail", messenger=messenger.name, error=error)
            attempt = state.attempt + 1
            return replace(
                state,
                failing_since=state.failing_since or now,
                attempt=attempt,
                next_try_at=now + backoff(attempt, self._rng),
                last_error=error,
            )
        self._count("sent")
        if state.failing_since is not None:
            seconds = round((now - state.failing_since).total_seconds(), 3)
            self._log.info("notifications work again", messenger=messenger.name, seconds=seconds)
        return replace(_well(state), last_notice=last, sent_at=now)

    def _count(self, outcome: str, count: int = 1) -> None:
        if self._metrics is not None:
            self._metrics.notification(outcome, count)


def _well(state: MessengerState) -> MessengerState:
    return replace(state, failing_since=None, attempt=0, next_try_at=None, last_error="")


def _is_too_old(notice: Notice, now: datetime) -> bool:
    return notice.occasion is Occasion.CONVERGED and notice.at <= now - TOO_OLD
