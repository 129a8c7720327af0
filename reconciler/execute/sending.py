"""What all steps share: every call is announced, proved to be ours to make, and its trouble translated."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from reconciler.clock import Clock
from reconciler.errors import Overtaken, Rejected, Unreachable, UpstreamError
from reconciler.lease import LeaseKeeper
from reconciler.model import ConditionType, DeletionId, Event, InstanceName
from reconciler.plan.actions import Action, Announce, is_destructive, targets_of
from reconciler.ports import Lease, PassStore
from reconciler.reasons import Reason
from reconciler.telemetry import get_logger, working_on
from reconciler.upstreams import reason_of

A = TypeVar("A", bound=Action)


@dataclass(frozen=True, slots=True)
class Failure:
    """An action that was refused or not answered, in the form in which a condition shows it."""

    deletion: DeletionId
    type: ConditionType
    instance: InstanceName
    reason: Reason
    message: str
    retry_after: timedelta | None = None


class Sending:
    """The calls of one round at a time; `begin` says until when what was observed may be acted on."""

    def __init__(self, store: PassStore, keeper: LeaseKeeper, clock: Clock, *, is_stopping: Callable[[], bool]) -> None:
        self._store = store
        self._keeper = keeper
        self._clock = clock
        self._is_stopping = is_stopping
        self._until = clock.now()
        self._log = get_logger()

    def begin(self, until: datetime) -> None:
        self._until = until

    def is_over(self) -> bool:
        """Tell whether nothing more may be sent in this round."""
        return self._is_stopping() or self._clock.now() >= self._until

    async def prove(self, lease: Lease) -> None:
        """Make sure that the lease is still ours; raises `LeaseLost`."""
        await self._keeper.prove(lease)

    async def announce(self, lease: Lease, actions: Sequence[Action], text: Callable[[Action], str]) -> None:
        """Store what is about to be sent, then prove the lease.

        Raises `Overtaken` when a person has cancelled one of the deletions meanwhile.
        """
        now = self._clock.now()
        sent: dict[DeletionId, list[int]] = {}
        events: dict[DeletionId, list[Event]] = {}
        for action in actions:
            sent.setdefault(action.deletion, []).extend(targets_of(action))
            events.setdefault(action.deletion, []).append(Event(type(action).__name__, text(action)))
        kind = type(actions[0]).__name__
        if is_destructive(actions[0]) or isinstance(actions[0], Announce):
            await self._store.mark_sent(lease, sent, now, kind=kind, destructive=is_destructive(actions[0]))
        else:
            await self._store.mark_sent(lease, dict.fromkeys(sent, ()), now, kind=kind, destructive=False)
        await self._store.add_events(lease, events, now)
        await self.prove(lease)

    def failed(self, error: UpstreamError, actions: Iterable[Action], type_: ConditionType) -> list[Failure]:
        return [
            Failure(a.deletion, type_, a.instance, reason_of(error), str(error), error.retry_after) for a in actions
        ]

    async def each(
        self, actions: Iterable[A], type_: ConditionType, call: Callable[[A], Awaitable[None]]
    ) -> list[Failure]:
        """Make one call per action; one that fails does not stop the others."""
        failures: list[Failure] = []
        for action in actions:
            if self.is_over():
                break
            with working_on([action.deletion]):
                try:
                    await call(action)
                except UpstreamError as error:
                    failures += self.failed(error, [action], type_)
                except Overtaken as cancelled:
                    self._log.info("not sent", kind=type(action).__name__, reason=str(cancelled))
        return failures

    async def bulk(
        self,
        actions: Sequence[A],
        type_: ConditionType,
        together: Callable[[Sequence[A]], Awaitable[None]],
        one: Callable[[A], Awaitable[None]],
    ) -> list[Failure]:
        """Make one bulk call, and single calls for what it refused."""
        if not actions:
            return []
        if len(actions) > 1:
            try:
                await together(actions)
            except (Rejected, Unreachable) as error:
                if error.status is None:
                    return self.failed(error, actions, type_)
            except UpstreamError as error:
                return self.failed(error, actions, type_)
            else:
                return []
        return await self.each(actions, type_, one)
