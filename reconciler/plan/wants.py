"""Rule 3: a re-request wins. Finds live evidence that covered media is wanted again."""

from reconciler.model import Deletion, DeletionState, Reference, Want, WantKind
from reconciler.observed import Library, Seen
from reconciler.plan.facts import covered_variants
from reconciler.plan.world import Coverage, Policy, World
from reconciler.reasons import Reason

ROUNDS_TO_CONFIRM = 8
"""How many looks without any change a reported grab is waited for; each reads the history."""


def find_wants(deletion: Deletion, world: World, policy: Policy, coverage: Coverage) -> tuple[Want, ...]:
    """Return the wants against a bound deletion, in a fixed order.

    Only what arrived after binding counts, by our own order of arrival or by ids that were not live at binding:
    clocks of two hosts are never compared.
    """
    return (
        *_request_wants(deletion, world, policy, coverage),
        *_manual_adds(deletion, world, coverage),
        *_person_grabs(deletion, world, coverage),
    )


def _request_wants(deletion: Deletion, world: World, policy: Policy, coverage: Coverage) -> tuple[Want, ...]:
    if policy.request_instance is None or not isinstance(world.board, Seen):
        return ()
    variants = covered_variants(deletion, policy)
    return tuple(
        Want(
            WantKind.REQUEST,
            policy.request_instance,
            str(request.id),
            f"request {request.id} by {request.requested_by or 'someone'} is {request.status.name.lower()}",
        )
        for request in world.requests.same(coverage.media)
        if request.is_live and request.id not in deletion.live_request_ids and request.is_4k in variants
    )


def _manual_adds(deletion: Deletion, world: World, coverage: Coverage) -> tuple[Want, ...]:
    return tuple(
        Want(WantKind.MANUAL_ADD, add.instance, str(add.entry_id), f"a person added entry {add.entry_id} by hand")
        for add in world.manual_adds
        if add.number > (deletion.bound_seq or 0)
        and add.instance in coverage.instances
        and add.media.is_same(coverage.media)
    )


def _person_grabs(deletion: Deletion, world: World, coverage: Coverage) -> tuple[Want, ...]:
    return tuple(
        Want(
            WantKind.PERSON_GRAB,
            reference.instance,
            str(reference.history_id or reference.number),
            f"a person grabbed {reference.source_title or reference.raw_hash or 'a release'!r}",
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
