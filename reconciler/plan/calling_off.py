"""Which open deletions are called off by what this round shows: others must not take what these have released."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from reconciler.model import DeletionId, DeletionState, SettledAs
from reconciler.plan.actions import Plan, RestoreMonitoring
from reconciler.plan.bind import coverage_of, resolve
from reconciler.plan.policy import Policy
from reconciler.plan.wants import find_wants, wanted_units
from reconciler.plan.world import World, may_be_called_off
from reconciler.reasons import Effect, effect_of


def newly_called_off(
    states: Sequence[DeletionState], plans: Iterable[Plan], world: World, policy: Policy
) -> dict[DeletionId, DeletionState]:
    """Return the deletions that the others do not know yet to be called off, as they must see them.

    Wants are looked at even where the plan does nothing about them yet, or there is none as it is not due: while the
    monitoring of what is wanted cannot be given back, nobody else may take it either.
    """
    known = world.releasers
    by_id = {s.deletion.id: s for s in states}
    off = {p.deletion for p in plans if p.deletion in known and _is_called_off(p, by_id[p.deletion])}
    off |= {
        id_
        for id_, state in known.items()
        if state.deletion.settled_at is None and _is_wanted(by_id.get(id_, state), world, policy)
    }
    return {id_: _called_off(known[id_], world) for id_ in sorted(off) if not may_be_called_off(known[id_], world.now)}


def _is_called_off(plan: Plan, state: DeletionState) -> bool:
    if state.deletion.settled_at is not None:
        return False
    ends = plan.settle is not None and plan.settle[0] is SettledAs.CANCELLED
    gives_back = bool(plan.withdrawn or plan.finishing) or any(isinstance(a, RestoreMonitoring) for a in plan.actions)
    return ends or gives_back or any(effect_of(c.reason) is Effect.HOLD for c in plan.conditions)


def _is_wanted(state: DeletionState, world: World, policy: Policy) -> bool:
    """Tell whether somebody wants any part of it that is not only being finished for that very reason."""
    coverage = coverage_of(state, world, resolve(state.deletion, world))
    wants = find_wants(state.deletion, world, policy, coverage)
    return bool(wanted_units(wants) - state.deletion.finishing) or (bool(wants) and not coverage.units)


def _called_off(state: DeletionState, world: World) -> DeletionState:
    return replace(state, deletion=replace(state.deletion, cancel_requested_at=world.now))
