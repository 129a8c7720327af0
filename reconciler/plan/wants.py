"""Rule 3: a re-request wins. Finds live evidence that covered media is wanted again, and which part of it."""

from collections.abc import Iterable

from reconciler.model import (
    Deletion,
    DeletionState,
    InstanceName,
    Reference,
    Target,
    TargetKind,
    Unit,
    Want,
    WantKind,
)
from reconciler.observed import Library, MediaRequest, Seen
from reconciler.plan.policy import Policy
from reconciler.plan.variants import instances_of_request
from reconciler.plan.world import Coverage, World
from reconciler.reasons import Reason

ROUNDS_TO_CONFIRM = 8
"""How many looks without any change a reported grab is waited for; each reads the history."""


def find_wants(deletion: Deletion, world: World, policy: Policy, coverage: Coverage) -> tuple[Want, ...]:
    """Return the wants against a bound deletion, in a fixed order.

    Only what arrived after binding counts, by our own order of arrival or by ids that were not live at binding:
    clocks of two hosts are never compared. A want without units speaks for a deletion that covers no library at all.
    """
    return (
        *_request_wants(deletion, world, policy, coverage),
        *_manual_adds(deletion, world, coverage),
        *_person_grabs(deletion, world, coverage),
    )


def wanted_units(wants: Iterable[Want]) -> frozenset[Unit]:
    """Return the units that any of the wants speaks for."""
    return frozenset(unit for want in wants for unit in want.units)


def touched_units(state: DeletionState, world: World, coverage: Coverage) -> frozenset[Unit]:
    """Return the covered units of which something was destroyed, or may have been."""
    if state.deletion.destroyed_at is None:
        return frozenset()
    return frozenset(
        unit
        for unit in coverage.units
        if any(t.sent_at is not None and _belongs_to(t, unit, state, world, coverage) for t in state.targets)
    )


def _belongs_to(target: Target, unit: Unit, state: DeletionState, world: World, coverage: Coverage) -> bool:
    """Tell whether a bound target is, or may be, of one covered unit."""
    match target.kind:
        case TargetKind.ENTRY:
            return target.instance == unit.instance
        case TargetKind.FILE:
            return target.instance == unit.instance and unit.season in {None, target.season}
        case TargetKind.TORRENT:
            naming = [
                r
                for r in world.references_about(coverage)
                if r.released_by == state.deletion.id and r.hash is not None and r.hash[:40] == target.external_id[:40]
            ]
            return not naming or any(_is_of(r, unit) for r in naming)
        case TargetKind.CROSS_SEED | TargetKind.ITEM:
            return False  # the one goes with its torrent, which tells; of the other nothing is destroyed
        case _:
            return True


def _is_of(reference: Reference, unit: Unit) -> bool:
    return reference.instance == unit.instance and unit.season in {None, reference.season}


def _request_wants(deletion: Deletion, world: World, policy: Policy, coverage: Coverage) -> tuple[Want, ...]:
    if policy.request_instance is None or not isinstance(world.board, Seen):
        return ()
    found: list[Want] = []
    for request in world.requests.same(coverage.media):
        if not request.is_live or request.id in deletion.live_request_ids:
            continue
        units = _units_of(request, world, policy, coverage)
        if units or not coverage.units:
            text = f"request {request.id} by {request.requested_by or 'someone'} is {request.status.name.lower()}"
            found.append(Want(WantKind.REQUEST, policy.request_instance, str(request.id), text, units))
    return tuple(found)


def _units_of(request: MediaRequest, world: World, policy: Policy, coverage: Coverage) -> frozenset[Unit]:
    """Return the covered units that a request asks for; one that names no seasons asks for all."""
    instances = instances_of_request(request, coverage.instances, world, policy)
    return frozenset(
        unit
        for unit in coverage.units
        if unit.instance in instances and (unit.season is None or not request.seasons or unit.season in request.seasons)
    )


def _manual_adds(deletion: Deletion, world: World, coverage: Coverage) -> tuple[Want, ...]:
    return tuple(
        Want(
            WantKind.MANUAL_ADD,
            add.instance,
            str(add.entry_id),
            f"a person added entry {add.entry_id} by hand",
            _units_in(add.instance, coverage),
        )
        for add in world.manual_adds
        if add.number > (deletion.bound_seq or 0)
        and add.instance in coverage.instances
        and add.media.is_same(coverage.media)
    )


def _units_in(instance: InstanceName, coverage: Coverage) -> frozenset[Unit]:
    return frozenset(unit for unit in coverage.units if unit.instance == instance)


def _person_grabs(deletion: Deletion, world: World, coverage: Coverage) -> tuple[Want, ...]:
    return tuple(
        Want(
            WantKind.PERSON_GRAB,
            reference.instance,
            str(reference.history_id or reference.number),
            f"a person grabbed {reference.source_title or reference.raw_hash or 'a release'!r}",
            frozenset(unit for unit in coverage.units if _is_of(reference, unit)),
        )
        for reference in world.references_about(coverage)
        if reference.by_person and reference.number > (deletion.bound_seq or 0) and reference.released_by is None
    )


def unclassified(state: DeletionState, world: World, coverage: Coverage) -> tuple[Reference, ...]:
    """Return grabs that a webhook told after binding and whose history row has not been read yet.

    Until it has, nobody knows whether a person made them, so nothing may be destroyed. A row that histories never
    confirm (a black-hole client tells no hash) is waited for a few rounds; after that it only protects its hash.
    """
    deletion = state.deletion
    was_waiting = any(c.reason is Reason.CONFIRMING for c in state.conditions)
    if was_waiting and deletion.attempt > ROUNDS_TO_CONFIRM:
        return ()
    return tuple(
        r
        for r in world.references_about(coverage)
        if r.history_id is None
        and r.released_by is None
        and r.number > (deletion.bound_seq or 0)
        and _is_live(r, world)
    )


def _is_live(reference: Reference, world: World) -> bool:
    library: Seen[Library] | object = world.libraries.get(reference.instance)
    return isinstance(library, Seen) and reference.entry_id in library.data.entries
