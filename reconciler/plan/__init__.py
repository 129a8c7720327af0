"""The planner: desired state and one round's evidence in, actions and conditions out. Pure, and in a fixed order."""

from collections.abc import Sequence
from dataclasses import replace

from reconciler.model import DeletionState
from reconciler.plan.actions import Plan, RestoreMonitoring, is_destructive
from reconciler.plan.deletion import plan_deletion
from reconciler.plan.world import Policy, World
from reconciler.reasons import Reason


def plan_all(states: Sequence[DeletionState], world: World, policy: Policy) -> tuple[Plan, ...]:
    """Plan one round for all due deletions, oldest first, and trip the breaker where too many turn destructive."""
    plans: list[Plan] = []
    turning = world.destructive_recently
    for state in sorted(states, key=lambda s: (s.deletion.requested_at, s.deletion.id)):
        plan = plan_deletion(state, world, policy)
        deletion = state.deletion
        begins = deletion.destroyed_at is None and _leads_to_deletion(plan)
        is_over = deletion.breaker_tripped_at is not None or turning >= policy.breaker_limit
        if begins and is_over and Reason.BREAKER_OPEN not in deletion.approved:
            plans.append(_tripped(plan, turning, policy))
            continue
        turning += begins
        plans.append(plan)
    return tuple(plans)


def _leads_to_deletion(plan: Plan) -> bool:
    """Tell whether the actions lead towards a deletion (the freeze does); giving monitoring back never counts."""
    return any(not isinstance(action, RestoreMonitoring) for action in plan.actions)


def _tripped(plan: Plan, turning: int, policy: Policy) -> Plan:
    text = (
        f"{turning} deletions turned destructive within the window, the limit is {policy.breaker_limit}; "
        "look at them, then approve"
    )
    conditions = list(plan.conditions)
    index = next(i for i, c in enumerate(conditions) if not c.is_settled)
    conditions[index] = replace(conditions[index], reason=Reason.BREAKER_OPEN, message=text)
    return replace(plan, conditions=tuple(conditions), actions=(), frozen=False, trip_breaker=True)


__all__ = ["Plan", "Policy", "World", "is_destructive", "plan_all", "plan_deletion"]
