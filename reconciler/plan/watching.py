"""The end of a deletion: giving back what the freeze took, and watching what converged."""

from dataclasses import replace

from reconciler.model import (
    Condition,
    ConditionType,
    DeletionState,
    Event,
    InfoHash,
    Monitoring,
    SettledAs,
    Target,
    TargetKind,
    Unit,
)
from reconciler.observed import Entry, Seen, Unseen
from reconciler.plan.actions import Plan, RestoreMonitoring
from reconciler.plan.facts import is_bound, unseen
from reconciler.plan.policy import Policy
from reconciler.plan.unbound import blank, replaced
from reconciler.plan.world import World
from reconciler.reasons import Reason, asks_a_person


def bound_live(state: DeletionState, world: World) -> list[tuple[Target, Entry]]:
    """Return the bound entries that are there now."""
    found: list[tuple[Target, Entry]] = []
    for target in state.targets_of(TargetKind.ENTRY):
        library = world.libraries.get(target.instance)
        entry = library.data.entries.get(int(target.external_id)) if isinstance(library, Seen) else None
        if entry is not None and is_bound(entry, target):
            found.append((target, entry))
    return found


def only_observed(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Show that something would be next and that observe mode forbids it."""
    shown = next((c for c in conditions if not c.is_settled), conditions[0])
    text = f"observe mode: nothing is sent; {shown.message}"
    return replaced(conditions, replace(shown, reason=Reason.OBSERVE_MODE, message=text))


def thaw(state: DeletionState, world: World, units: frozenset[Unit]) -> tuple[RestoreMonitoring, ...]:
    """Return what gives back the monitoring that the freeze took from these units."""
    deletion = state.deletion
    if deletion.frozen_at is None:
        return ()
    restores: list[RestoreMonitoring] = []
    for target, entry in bound_live(state, world):
        prior = _taken(target, entry, units)
        if prior is not None:
            restores.append(
                RestoreMonitoring(
                    deletion.id, target.instance, target.number, entry.id, entry.media, entry.added, prior
                )
            )
    return tuple(restores)


def _taken(target: Target, entry: Entry, units: frozenset[Unit]) -> Monitoring | None:
    """Return the monitoring of a bound entry that is not as it was before the freeze."""
    prior = target.prior
    if prior is None:
        return None
    if Unit(target.instance) in units:
        return prior if prior.monitored and not entry.monitoring.monitored else None
    now = dict(entry.monitoring.seasons)
    seasons = {u.season for u in units if u.instance == target.instance}
    lost = tuple((n, True) for n, was in prior.seasons if was and n in seasons and not now.get(n, False))
    whole = prior.monitored and not entry.monitoring.monitored and bool(seasons)
    return Monitoring(whole, lost) if lost or whole else None


def plan_cancel(state: DeletionState, world: World, policy: Policy, reason: Reason, text: str) -> Plan:
    """Give back the monitoring the freeze took, then end the deletion. What held it holds it no more meanwhile."""
    deletion = state.deletion
    conditions = state.conditions or blank(deletion, world, policy)
    hidden = [
        unseen(ConditionType.ENTRY_ABSENT, i, o)
        for i in sorted(deletion.instances)
        if isinstance(o := world.libraries.get(i), Unseen)
    ]
    for condition in hidden:
        conditions = replaced(conditions, condition)
    if deletion.frozen_at is not None:
        conditions = tuple(_let_go(c, text) if c not in hidden else c for c in conditions)
        if hidden:
            return Plan(deletion.id, conditions)
        restores = thaw(state, world, deletion.units)
        if restores and not policy.enforce:
            return Plan(deletion.id, only_observed(conditions))
        if restores:
            return Plan(deletion.id, conditions, actions=restores)
    event = Event("Cancelled", text)
    return Plan(deletion.id, conditions, settle=(SettledAs.CANCELLED, reason), events=(event,))


def _let_go(condition: Condition, text: str) -> Condition:
    if condition.is_settled or not asks_a_person(condition.reason):
        return condition
    return replace(condition, reason=Reason.CONFIRMING, message=f"{text}; its monitoring is given back")


def drifted(state: DeletionState, world: World, *, is_wanted: bool) -> tuple[str, ...]:
    """Return the names of what came back after convergence.

    Only the very same torrent or entry coming back is drift (upstreams.md 9.1: a killed qBittorrent restores what it
    had acknowledged as deleted). Anything that was added anew is not, and no entry is once the title is wanted again.
    What stayed because something else needed it never left.
    """
    found: list[str] = []
    if isinstance(world.torrents, Seen):
        for target in (*state.targets_of(TargetKind.TORRENT), *state.targets_of(TargetKind.CROSS_SEED)):
            found += [
                torrent.name
                for torrent in world.torrents.data.matching(InfoHash(target.external_id))
                if torrent.instance == target.instance
                and target.added == str(torrent.added_on)
                and _was_gone(target)
                and not world.needing(torrent, state.deletion.id)
            ]
    if not state.deletion.finishing and not is_wanted:
        whole = {unit.instance for unit in state.deletion.units if unit.season is None}
        found += [
            f"{e.title} [{e.id}]"
            for t, e in bound_live(state, world)
            if t.instance in whole or (t.sent_at is not None and t.absent_since is not None)
        ]
    return tuple(sorted(found))


def _was_gone(target: Target) -> bool:
    return target.sent_at is not None or target.absent_since is not None
