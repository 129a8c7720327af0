"""One round: observe, plan, record, execute; and when each deletion is looked at next."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.backoff import delay_after
from reconciler.clock import Clock
from reconciler.execute import Executor, Failure
from reconciler.model import (
    Condition,
    ConditionType,
    DeletionId,
    DeletionState,
    InstanceName,
    SettledAs,
    Status,
)
from reconciler.observe import Observer
from reconciler.plan import Plan, Policy, plan_all
from reconciler.plan.foresee import Foreseen, foresee
from reconciler.plan.world import World
from reconciler.ports import Lease, PassStore, Verdict
from reconciler.reasons import Effect, Reason, effect_of
from reconciler.telemetry import Metrics, get_logger

WATCH_STEPS = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=5), timedelta(minutes=15))
"""How soon after convergence, and how often from then on, a watched deletion is looked at again."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a round did: whether anything was bound, changed or sent, and whether a history must be read first."""

    is_changed: bool
    waits_for_ledger: bool


class Rounds:
    """Runs rounds over the deletions that it is given."""

    def __init__(
        self,
        store: PassStore,
        observer: Observer,
        executor: Executor,
        policy: Policy,
        clock: Clock,
        rng: random.Random,
        *,
        breaker_window: timedelta,
        metrics: Metrics | None,
    ) -> None:
        self._store = store
        self._observer = observer
        self._executor = executor
        self._policy = policy
        self._clock = clock
        self._rng = rng
        self._breaker_window = breaker_window
        self._metrics = metrics
        self._log = get_logger()

    async def run(self, lease: Lease, states: Sequence[DeletionState]) -> Done:
        """Observe, plan, record and execute once. Raises `LeaseLost` before anything is sent without the lease."""
        now = self._clock.now()
        recently = await self._store.became_destructive_since(now - self._breaker_window)
        world = await self._observer.observe(lease, states, recently)
        # beside the loop: with thousands of titles it takes seconds, and webhooks and the lease cannot wait
        plans = {p.deletion: p for p in await asyncio.to_thread(self._plan, states, world)}
        by_id = {s.deletion.id: s for s in states}
        for plan in plans.values():
            if plan.bind is not None:
                await self._store.bind(lease, plan.bind)
        unplanned = [self._unplanned(s, world.now) for s in states if s.deletion.id not in plans]
        planned = [self._verdict(by_id[p.deletion], p, world) for p in plans.values()]
        shown = [replace(v, conditions=_until_it_went(by_id[v.deletion], plans[v.deletion])) for v in planned]
        await self._store.record(lease, [*shown, *unplanned])
        self._tell(by_id, plans)
        actions = [a for p in plans.values() for a in p.actions]
        if actions:
            done = await self._executor.execute(lease, actions, world.now, world.position)
            failed = {failure.deletion for failure in done.failures}
            went_on = {v.deletion for v in shown if v.conditions != plans[v.deletion].conditions} - failed
            before = {v.deletion: v.conditions for v in shown if v.deletion in failed}
            accepted = [
                replace(
                    self._verdict(by_id[d], plans[d], world),
                    conditions=before.get(d, plans[d].conditions),
                    searched=frozenset(unit for deletion, unit in done.searched if deletion == d),
                    blocklisted=d in done.blocklisted,
                    unreleased=(),
                    events=(),
                )
                for d in sorted({deletion for deletion, _ in done.searched} | done.blocklisted | went_on)
            ]
            await self._record_outcome(lease, by_id, plans, done.failures, accepted)
        is_waiting = any(c.reason is Reason.LEDGER_INCOMPLETE for p in plans.values() for c in p.conditions)
        return Done(bool(actions) or any(_has_changed(p) for p in plans.values()), waits_for_ledger=is_waiting)

    def _plan(self, states: Sequence[DeletionState], world: World) -> tuple[Plan, ...]:
        """Plan all; a deletion that cannot be planned is left out and logged, so that it does not stop the others."""
        try:
            return plan_all(states, world, self._policy)
        except Exception:  # noqa: BLE001 - one bad item must not stop the rest; it is logged with its traceback
            good = [s for s in states if self._can_be_planned(s, world)]
            return plan_all(good, world, self._policy)

    def _can_be_planned(self, state: DeletionState, world: World) -> bool:
        try:
            plan_all([state], world, self._policy)
        except Exception:  # noqa: BLE001 - the offender is named and left out, the others go on
            self._log.exception("a deletion could not be planned", deletion_id=state.deletion.id)
            return False
        return True

    def _unplanned(self, state: DeletionState, now: datetime) -> Verdict:
        """Hold what could not be planned, visibly, and try again with the patience of a hold."""
        open_ = [c for c in state.conditions if not c.is_settled]
        if not open_ and state.deletion.settled_at is None:
            open_ = list(state.conditions[:1])  # all else is proven, yet this one has not ended: somebody must see it
        if not state.conditions:
            clients, libraries = self._policy.torrent_clients, self._policy.libraries
            type_ = ConditionType.TORRENTS_ABSENT if clients else ConditionType.ENTRY_ABSENT
            first = min(clients or libraries, default=InstanceName("reconciler"))
            open_ = [Condition(type_, first, Status.UNKNOWN, Reason.NOT_LOOKED_YET, "")]
        words = "what to do next could not be worked out; the log names this deletion"
        held = tuple(replace(c, status=Status.UNKNOWN, reason=Reason.PLANNING_FAILED, message=words) for c in open_)
        settled = tuple(c for c in state.conditions if c not in open_)
        attempt = state.deletion.attempt + 1
        wait = delay_after(Reason.PLANNING_FAILED, attempt, self._rng)
        return Verdict(state.deletion.id, (*settled, *held), now, now + wait, attempt)

    def _verdict(self, state: DeletionState, plan: Plan, world: World) -> Verdict:
        moved = _changed(state.conditions, plan.conditions)
        attempt = 0 if moved else state.deletion.attempt + 1
        settled_as = plan.settle[0] if plan.settle else None
        return Verdict(
            deletion=plan.deletion,
            conditions=plan.conditions,
            at=world.now,
            next_due_at=self._next_due(state, plan, attempt, world.now),
            attempt=0 if settled_as else attempt,
            absent=plan.absent,
            present=plan.present,
            settle=plan.settle,
            watch_until=plan.watch_until,
            reopen=plan.reopen,
            withdrawn=plan.withdrawn,
            finishing=plan.finishing,
            unreleased=plan.unreleased,
            trip_breaker=plan.trip_breaker,
            frozen=plan.frozen,
            events=plan.events,
        )

    def _next_due(self, state: DeletionState, plan: Plan, attempt: int, now: datetime) -> datetime | None:
        if plan.due_at is not None:
            return plan.due_at
        if plan.settle is not None:
            return now + WATCH_STEPS[0] if plan.settle[0] is SettledAs.CONVERGED else None
        if _has_changed(plan):
            return now
        if state.deletion.settled_as is not None:
            return now + WATCH_STEPS[min(attempt, len(WATCH_STEPS) - 1)]
        if plan.actions:
            return now if attempt <= 1 else now + self._delay(plan.conditions, attempt)
        return now + self._delay(plan.conditions, attempt)

    def _delay(self, conditions: Sequence[Condition], attempt: int) -> timedelta:
        """Return the shortest wait that any open condition asks for, but never less than a hold's if one holds."""
        unsettled = [c for c in conditions if not c.is_settled]
        decisive = [c for c in unsettled if effect_of(c.reason) is Effect.HOLD]
        decisive = decisive or [c for c in unsettled if effect_of(c.reason) is Effect.WAIT] or unsettled
        return min((delay_after(c.reason, attempt, self._rng) for c in decisive), default=timedelta(seconds=1))

    async def _record_outcome(
        self,
        lease: Lease,
        states: dict[DeletionId, DeletionState],
        plans: dict[DeletionId, Plan],
        failures: Sequence[Failure],
        accepted: Sequence[Verdict],
    ) -> None:
        """Show what was refused or not answered on the condition it concerns, and wait before trying again.

        A search counts once it was accepted, because the title would otherwise never be fetched again; so does a
        blocklisting.
        """
        now = self._clock.now()
        verdicts = list(accepted)
        for deletion in sorted({f.deletion for f in failures}):
            own = [f for f in failures if f.deletion == deletion]
            conditions = plans[deletion].conditions
            for failure in own:
                conditions = tuple(_shown(c, failure) for c in conditions)
            attempt = states[deletion].deletion.attempt + 1
            wait = max(f.retry_after or delay_after(f.reason, attempt, self._rng) for f in own)
            verdicts.append(Verdict(deletion, conditions, now, now + wait, attempt))
        if verdicts:
            await self._store.record(lease, verdicts)

    def _tell(self, states: dict[DeletionId, DeletionState], plans: dict[DeletionId, Plan]) -> None:
        for plan in plans.values():
            if plan.settle is None:
                continue
            deletion = states[plan.deletion].deletion
            took = self._clock.now() - deletion.requested_at
            self._log.info(
                plan.settle[0].value,
                deletion_id=plan.deletion,
                title=deletion.label,
                reason=plan.settle[1],
                seconds=round(took.total_seconds(), 3),
            )
            if self._metrics is not None and plan.settle[0] is SettledAs.CONVERGED:
                self._metrics.converged(took.total_seconds())

    async def foresee(self, lease: Lease | None, states: Sequence[DeletionState]) -> tuple[Foreseen, ...]:
        """Plan deletions to their end, each for itself, from one fresh reading, recording and sending nothing.

        Their ids differ, also of those that are not in the log. Without the lease the ledger is taken as it was last
        read by whoever has it.
        """
        self._observer.begin_pass()
        recently = await self._store.became_destructive_since(self._clock.now() - self._breaker_window)
        world = await self._observer.observe(lease, states, recently, to_the_end=True)
        return await asyncio.to_thread(
            lambda: tuple(foresee(s, _alone(s, states, world), self._policy) for s in states)
        )


def _alone(state: DeletionState, states: Sequence[DeletionState], world: World) -> World:
    """Return the world as it is for one of several that are only looked at: the others have released nothing."""
    asked = {s.deletion.id for s in states} - {state.deletion.id}
    return replace(world, releasers={id_: s for id_, s in world.releasers.items() if id_ not in asked})


def _has_changed(plan: Plan) -> bool:
    """Tell whether a plan changes what the next round starts from, although nothing is sent."""
    return plan.bind is not None or plan.reopen or bool(plan.withdrawn or plan.finishing)


def _changed(before: Sequence[Condition], after: Sequence[Condition]) -> bool:
    """Tell whether a step was made; some steps follow each other under one reason and differ in words only."""
    return {_step(c) for c in before} != {_step(c) for c in after}


def _step(condition: Condition) -> tuple[str, ...]:
    words = condition.message if effect_of(condition.reason) is Effect.PROGRESS else ""
    return condition.type, condition.instance, condition.status, condition.reason, words


_OF_CALLS = frozenset(
    {Reason.UNREACHABLE, Reason.THROTTLED, Reason.UNAUTHORIZED, Reason.REJECTED, Reason.UNINTELLIGIBLE}
)
"""What a call can fail by."""


def _until_it_went(state: DeletionState, plan: Plan) -> tuple[Condition, ...]:
    """Return what is shown while the actions are sent: what failed last stays so until it went, or fails again.

    Otherwise a call that is refused for days would seem to come further at every attempt.
    """
    if not plan.actions:
        return plan.conditions
    failed = {(c.type, c.instance): c for c in state.conditions if c.reason in _OF_CALLS}
    return tuple(
        failed.get((c.type, c.instance), c) if effect_of(c.reason) is Effect.PROGRESS else c for c in plan.conditions
    )


def _shown(condition: Condition, failure: Failure) -> Condition:
    if condition.type is not failure.type or condition.instance != failure.instance:
        return condition
    return replace(condition, status=Status.UNKNOWN, reason=failure.reason, message=failure.message)
