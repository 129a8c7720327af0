"""Everything that would be done for one deletion, foreseen by planning on and on in a world that does as it is told.

It is the planner itself that plans every step, so that what is foreseen and what is done can only differ where the
world does: somebody acts meanwhile, an upstream refuses, a file stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconciler.model import Condition, ConditionType, DeletionState, Phase, SettledAs, Target, Unit, phase_of
from reconciler.plan import plan_all
from reconciler.plan.actions import Action, Announce, Blocklist, Plan, Search, in_order, is_destructive, targets_of
from reconciler.plan.policy import Policy, SeedingPolicy
from reconciler.plan.world import World
from reconciler.plan.worlds_after import after, with_disks_unknown
from reconciler.ports import Binding
from reconciler.reasons import MEANINGS, Effect, Reason, effect_of

MOST_ROUNDS = 60
"""More rounds than any deletion takes; a plan that does not end by then is shown as far as it goes."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The actions in the order in which they would be sent, and how it would end.

    `conditions` are those of the first judgement, which follows binding. `targets` are bound by the end, and as they
    are now: none of them was sent for. `notes` say what was assumed, in words.
    """

    conditions: tuple[Condition, ...]
    actions: tuple[Action, ...]
    targets: tuple[Target, ...]
    ends_as: Phase
    notes: tuple[str, ...] = ()


def foresee(state: DeletionState, world: World, policy: Policy) -> Foreseen:
    """Plan one deletion to its end. Reads nothing and changes nothing.

    What only takes time or a person's consent is assumed to come, and noted. What no approval can lift ends it, which
    is noted too.
    """
    notes: list[str] = []
    if not policy.enforce:
        notes.append("observe mode: none of this is sent")
        policy = replace(policy, enforce=True)
    plan = plan_all([state], world, policy)[0]
    conditions = plan.conditions
    actions: list[Action] = []
    targets = {t.number: t for t in state.targets}
    for _ in range(MOST_ROUNDS):
        if plan.settle is not None:
            ends_as = Phase.CONVERGED if plan.settle[0] is SettledAs.CONVERGED else Phase.CANCELLED
            return Foreseen(conditions, tuple(actions), tuple(targets.values()), ends_as, tuple(notes))
        assumed = None if _does_something(plan) else _assumed(plan, state, world, policy)
        if assumed is not None:
            state, world, policy, note = assumed
            notes.append(note)
        elif not _does_something(plan) and plan.conditions == state.conditions:
            break
        actions += in_order(plan.actions)
        is_binding = state.deletion.bound_at is None and plan.bind is not None
        state, world = _lived(state, world, plan)
        targets = {**{t.number: t for t in state.targets}, **targets}
        if plan.actions:
            world = replace(world, now=world.now + policy.resend_after)  # what is sent again is planned again
        plan = plan_all([state], world, policy)[0]
        conditions = plan.conditions if is_binding else conditions
    ends_as = phase_of(state.deletion, plan.conditions)
    notes += [f"it stops there: {_told(c)}" for c in plan.conditions if effect_of(c.reason) is Effect.HOLD]
    return Foreseen(conditions, tuple(actions), tuple(targets.values()), ends_as, tuple(notes))


def _does_something(plan: Plan) -> bool:
    return bool(plan.actions) or plan.bind is not None or bool(plan.withdrawn or plan.finishing)


def _assumed(
    plan: Plan, state: DeletionState, world: World, policy: Policy
) -> tuple[DeletionState, World, Policy, str] | None:
    """Let time pass or a person consent, where only that is missing; `None` if something else is."""
    deletion = state.deletion
    for condition in plan.conditions:
        is_approved = deletion.is_approved(condition.reason, condition.type, condition.instance)
        match condition.reason:
            case reason if _is_liftable(reason) and not is_approved:
                approved = replace(deletion, approved=deletion.approved | {reason})
                note = f"once a person has approved it: {_told(condition)}"
                return replace(state, deletion=approved), world, policy, note
            case Reason.NOT_BEFORE:
                freed = replace(deletion, not_before=None)
                return replace(state, deletion=freed), world, policy, condition.message
            case Reason.DENY_WINDOW:
                return state, replace(world, denied_until=None), policy, condition.message
            case Reason.SEEDING if all(c.is_settled or c.reason is Reason.SEEDING for c in plan.conditions):
                note = f"once it was seeded as long as it must be: {condition.message}"
                return state, world, replace(policy, seeding=SeedingPolicy()), note
            case Reason.SEEDING if policy.seeding.block_entry:
                note = f"everything waits until it was seeded: {condition.message}"
                return state, world, replace(policy, seeding=SeedingPolicy()), note
            case Reason.REMOVING if condition.type is ConditionType.FILES_ABSENT:
                return state, with_disks_unknown(world), policy, f"once its files are gone: {condition.message}"
            case _:
                continue
    return None


def _is_liftable(reason: Reason) -> bool:
    return MEANINGS[reason].approvable and effect_of(reason) is Effect.HOLD


def _told(condition: Condition) -> str:
    return f"{condition.reason} ({condition.instance}: {condition.message})"


def _lived(state: DeletionState, world: World, plan: Plan) -> tuple[DeletionState, World]:
    """Return deletion and world as they are when a round's plan was carried out."""
    state = replace(state, conditions=plan.conditions)
    if plan.bind is not None:
        state, world = _bound(state, world, plan.bind)
    if plan.withdrawn or plan.finishing or plan.unreleased:
        deletion = state.deletion
        given_back = frozenset(plan.unreleased)
        state = replace(
            state,
            deletion=replace(
                deletion,
                withdrawn=deletion.withdrawn | plan.withdrawn,
                finishing=deletion.finishing | plan.finishing,
            ),
        )
        references = (replace(r, released_by=None) if r.number in given_back else r for r in world.references)
        world = replace(world, references=tuple(references))
    state = _observed(state, world, plan)
    return _sent(state, world, plan.actions, frozen=plan.frozen), after(world, plan.actions)


def _bound(state: DeletionState, world: World, binding: Binding) -> tuple[DeletionState, World]:
    deletion = state.deletion
    have = {(t.kind, t.instance, t.external_id) for t in state.targets}
    new = [t for t in binding.targets if (t.kind, t.instance, t.external_id) not in have]
    first = max((t.number for t in state.targets), default=0) + 1
    is_first = deletion.bound_at is None
    state = replace(
        state,
        targets=(*state.targets, *(replace(t, number=number) for number, t in enumerate(new, first))),
        deletion=replace(
            deletion,
            media=deletion.media.merged(binding.media),
            bound_at=deletion.bound_at or binding.at,
            bound_seq=binding.bound_seq if is_first else deletion.bound_seq,
            live_request_ids=binding.live_request_ids if is_first else deletion.live_request_ids,
            withdrawn=deletion.withdrawn | binding.withdrawn,
            seasons=deletion.seasons if deletion.seasons is not None or not is_first else binding.seasons,
        ),
    )
    released = frozenset(binding.released)
    references = (
        replace(r, released_by=deletion.id) if r.number in released and r.released_by is None else r
        for r in world.references
    )
    return state, replace(world, references=tuple(references))


def _observed(state: DeletionState, world: World, plan: Plan) -> DeletionState:
    """Note which targets were seen and which were not."""
    gone, there = frozenset(plan.absent), frozenset(plan.present)
    return replace(
        state,
        targets=tuple(
            replace(t, absent_since=t.absent_since or world.now)
            if t.number in gone
            else (replace(t, absent_since=None) if t.number in there else t)
            for t in state.targets
        ),
    )


def _sent(state: DeletionState, world: World, actions: Sequence[Action], *, frozen: bool) -> DeletionState:
    """Note what was asked for."""
    destructive = frozenset(n for a in actions if is_destructive(a) for n in targets_of(a))
    deletion = state.deletion
    if frozen:
        deletion = replace(deletion, frozen_at=deletion.frozen_at or world.now)
    if destructive:
        deletion = replace(deletion, destroyed_at=deletion.destroyed_at or world.now)
    searched = frozenset(Unit(a.instance, a.season) for a in actions if isinstance(a, Search))
    deletion = replace(deletion, searched=deletion.searched | searched)
    if any(isinstance(a, Blocklist) for a in actions):
        deletion = replace(deletion, blocklisted_at=deletion.blocklisted_at or world.now)
    sent = destructive | {n for a in actions if isinstance(a, Announce) for n in targets_of(a)}
    targets = tuple(replace(t, sent_at=world.now) if t.number in sent else t for t in state.targets)
    return replace(state, deletion=deletion, targets=targets)
