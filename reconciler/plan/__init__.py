"""The planner: desired state and one round's evidence in, actions and conditions out. Pure, and in a fixed order."""

from collections.abc import Sequence
from dataclasses import replace

from reconciler.model import Deletion, DeletionState, TargetKind
from reconciler.plan.actions import Plan, RestoreMonitoring, is_destructive
from reconciler.plan.calling_off import newly_called_off
from reconciler.plan.deletion import plan_deletion
from reconciler.plan.policy import Policy
from reconciler.plan.world import World
from reconciler.reasons import Effect, Reason, effect_of

_BEFORE = "it was held by the breaker before"


def plan_all(states: Sequence[DeletionState], world: World, policy: Policy) -> tuple[Plan, ...]:
    """Plan one round for all due deletions, oldest first, and trip the breaker where too many turn destructive.

    What several deletions released goes only if none of them is called off. So if this very round shows that one of
    them is (somebody wants its title again, it is held, the breaker stops it), the round is planned once more, with
    that known to the others.
    """
    plans = _plan_once(states, world, policy)
    called_off = newly_called_off(states, plans, world, policy)
    if not called_off:
        return plans
    return _plan_once(states, replace(world, releasers={**world.releasers, **called_off}), policy)


def _plan_once(states: Sequence[DeletionState], world: World, policy: Policy) -> tuple[Plan, ...]:
    plans: list[Plan] = []
    breaker = _Breaker(world, policy)
    for state in sorted(states, key=lambda s: (s.deletion.requested_at, s.deletion.id)):
        plan = plan_deletion(state, world, policy)
        begins = state.deletion.destroyed_at is None and _leads_to_deletion(plan)
        plans.append(breaker.checked(plan, state) if begins else _still_tripped(plan, state))
    return tuple(plans)


def _leads_to_deletion(plan: Plan) -> bool:
    """Tell whether the actions lead towards a deletion (the freeze does); giving monitoring back never counts."""
    return any(not isinstance(action, RestoreMonitoring) for action in plan.actions)


def _still_tripped(plan: Plan, state: DeletionState) -> Plan:
    """Keep what the breaker has tripped held while nothing could be done anyway: a window that is closed, or an
    upstream that is out, is not what it waits for, and must not take it from whoever is to decide.
    """
    deletion = state.deletion
    if Reason.BREAKER_OPEN in deletion.approved:
        return plan
    is_waiting = plan.settle is None and not plan.actions and any(not c.is_settled for c in plan.conditions)
    is_stopped = deletion.cancel_requested_at is not None or deletion.destroyed_at is not None
    if deletion.breaker_tripped_at is None or deletion.settled_as is not None or is_stopped or not is_waiting:
        return plan
    if any(effect_of(condition.reason) is Effect.HOLD for condition in plan.conditions):
        return plan
    return _tripped(plan, _BEFORE)


class _Breaker:
    """Counts the deletions that turn destructive, and the bytes they are about."""

    def __init__(self, world: World, policy: Policy) -> None:
        self._turning = world.destructive_recently
        self._size = world.destructive_size
        self._policy = policy

    def checked(self, plan: Plan, state: DeletionState) -> Plan:
        """Return the plan of a deletion that begins, or one that is held because it would be too much."""
        size = size_of(state)
        over = self._over(state.deletion, size)
        if over is not None and Reason.BREAKER_OPEN not in state.deletion.approved:
            return _tripped(plan, over)
        self._turning += 1
        self._size += size
        return plan

    def _over(self, deletion: Deletion, size: int) -> str | None:
        most = self._policy.breaker_size
        if self._turning >= self._policy.breaker_limit:
            limit = self._policy.breaker_limit
            return f"{self._turning} deletions turned destructive within the window, the limit is {limit}"
        if most is not None and self._size + size > most:
            gone, more = _told(self._size), _told(size)
            return f"{gone} went within the window and this would be {more} more, the limit is {_told(most)}"
        return _BEFORE if deletion.breaker_tripped_at is not None else None


def size_of(state: DeletionState) -> int:
    """Return how many bytes a deletion is about.

    Its torrents and its library copy are usually one file on disk, so that the larger of the two counts. A series of
    which seasons go stays.
    """
    torrents = sum(t.size for kind in (TargetKind.TORRENT, TargetKind.CROSS_SEED) for t in state.targets_of(kind))
    files = sum(t.size for t in state.targets_of(TargetKind.FILE))
    if state.deletion.seasons is None:
        files += sum(t.size for t in state.targets_of(TargetKind.ENTRY))
    return max(torrents, files)


def _told(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


def _tripped(plan: Plan, over: str) -> Plan:
    conditions = list(plan.conditions)
    index = next(i for i, c in enumerate(conditions) if not c.is_settled)
    conditions[index] = replace(
        conditions[index], reason=Reason.BREAKER_OPEN, message=f"{over}; look at them, then approve"
    )
    return replace(plan, conditions=tuple(conditions), actions=(), frozen=False, trip_breaker=True)


__all__ = ["Plan", "Policy", "World", "is_destructive", "plan_all", "plan_deletion", "size_of"]
