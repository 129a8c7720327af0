"""Which library a request of Jellyseerr is for: its variant (HD or 4K), and among several its server."""

from collections.abc import Collection

from reconciler.model import Deletion, DeletionState, InstanceName, Unit
from reconciler.observed import MediaRequest, RequestServer, Seen
from reconciler.plan.policy import Address, Policy
from reconciler.plan.world import World


def instances_of_request(
    request: MediaRequest, instances: Collection[InstanceName], world: World, policy: Policy
) -> frozenset[InstanceName]:
    """Return those of the instances that a request may be for.

    Its server decides if it names one whose address is one of ours. Otherwise it may be any library of its variant.
    """
    of_variant = frozenset(
        name
        for name in instances
        if name in policy.libraries
        and policy.libraries[name].is_4k is request.is_4k
        and policy.libraries[name].kind is request.media.kind
    )
    named = _server(request, world, policy)
    return of_variant & named if named else of_variant


def may_be_elsewhere(request: MediaRequest, world: World, policy: Policy) -> bool:
    """Tell whether a request may be for a server that is none of our libraries.

    It may if its server's address is none of ours, and there are more such servers of its variant than libraries of it
    that are called otherwise here, as a container is.
    """
    if _server(request, world, policy):
        return False
    servers = {_address(s) for s in _servers(request, world)}
    ours = {
        n: library.address
        for n, library in policy.libraries.items()
        if library.kind is request.media.kind and library.is_4k is request.is_4k
    }
    strange = servers - set(ours.values())
    return len(strange) > sum(address not in servers for address in ours.values())


def _server(request: MediaRequest, world: World, policy: Policy) -> frozenset[InstanceName]:
    """Return our names of the server that a request is sent to; none if that cannot be told."""
    servers = _servers(request, world)
    chosen = [s for s in servers if s.id == request.server_id]
    if request.server_id is None:
        chosen = [s for s in servers if s.is_default]
    addresses = {_address(s) for s in chosen}
    return frozenset(n for n, library in policy.libraries.items() if library.address in addresses)


def _servers(request: MediaRequest, world: World) -> list[RequestServer]:
    """Return the servers of a request's variant, as far as Jellyseerr shows them."""
    if not isinstance(world.board, Seen):
        return []
    return [s for s in world.board.data.servers if s.kind is request.media.kind and s.is_4k is request.is_4k]


def _address(server: RequestServer) -> Address:
    return Address(server.host, server.port, server.url_base)


def covers_request(request: MediaRequest, deletion: Deletion, world: World, policy: Policy) -> bool:
    """Tell whether all that a request is for, or may be for, is covered, and not only being finished."""
    asked = frozenset(request.seasons)
    if not deletion.instances:
        return deletion.seasons is None or (bool(asked) and asked <= deletion.seasons)
    if may_be_elsewhere(request, world, policy):
        return False
    units = deletion.units - deletion.finishing
    fitting = instances_of_request(request, policy.libraries, world, policy)
    if deletion.seasons is None:
        return bool(fitting) and all(Unit(name) in units for name in fitting)
    return bool(asked and fitting) and all(Unit(name, season) in units for name in fitting for season in asked)


def narrowed(state: DeletionState, world: World, policy: Policy) -> tuple[frozenset[Unit], frozenset[int] | None]:
    """Return what a decline does not cover after all, and the seasons that its own request was for.

    A webhook tells neither the variant nor always the seasons; the request itself does. Nothing is ever widened.
    """
    deletion = state.deletion
    own = None
    if deletion.inferred and isinstance(world.board, Seen):
        own = world.board.data.requests.get(deletion.hints.request_id or 0)
    if own is None:
        return frozenset(), None
    fitting = instances_of_request(own, deletion.instances, world, policy)
    seasons = frozenset(own.seasons) or None
    outside = frozenset(u for u in deletion.units if u.instance not in fitting) if fitting else frozenset()
    if deletion.seasons is not None and seasons is not None and deletion.seasons & seasons:
        outside |= frozenset(u for u in deletion.units if u.season not in seasons)
        seasons = None
    return outside, seasons if deletion.seasons is None else None
