"""What was downloaded for a title: torrents of our clients, what shares their files, and what is not managed here."""

from collections.abc import Iterable, Sequence

from reconciler.model import (
    Deletion,
    DownloadProtocol,
    InfoHash,
    InstanceName,
    Reference,
    Target,
    TargetKind,
)
from reconciler.observed import Seen, Torrent, TorrentKey
from reconciler.plan.content import likely_cross_seeds, payload_of, places
from reconciler.plan.extents import absolute_files
from reconciler.plan.policy import CrossSeeds, Policy
from reconciler.plan.world import Coverage, Torrents, World, fetched_hash


def queued_hashes(world: World, coverage: Coverage) -> set[InfoHash]:
    """Hashes that a covered library is downloading for a bound entry in a qBittorrent."""
    found: set[InfoHash] = set()
    for instance in coverage.instances:
        library = world.libraries.get(instance)
        if not isinstance(library, Seen):
            continue
        for item in library.data.queue:
            hash_ = fetched_hash(item, library.data)
            is_bound = item.entry_id is not None and (instance, item.entry_id) in coverage.entry_ids
            if hash_ is not None and is_bound and coverage.has(instance, item.season):
                found.add(hash_)
    return found


def downloads_of(
    deletion: Deletion,
    references: Sequence[Reference],
    hashes: Iterable[InfoHash],
    released: frozenset[int],
    world: World,
    policy: Policy,
) -> tuple[Target, ...]:
    """Return the targets of these hashes, and of the torrents that go with them.

    `references` are those that are covered, `released` the numbers of those that are being released.
    """
    targets: list[Target] = []
    claimed: list[Torrent] = []
    for hash_ in sorted(hashes):
        naming = [r for r in references if r.hash == hash_]
        matches = _matches(hash_, naming, world)
        if not matches and naming and all(_is_elsewhere(r, world) for r in naming):
            targets.append(_unmanaged(naming[0], hash_))
            continue
        if not policy.torrent_clients:
            continue
        clients = sorted({t.instance for t in matches}) or [_client_of(naming, world, policy)]
        for client in clients:
            torrent = next((t for t in matches if t.instance == client), None)
            targets.append(_torrent_target(hash_, client, torrent, naming, world))
        claimed += matches
    targets += _going_along(deletion, claimed, released, world, policy)
    usenet = {r.raw_hash: r for r in references if r.protocol is DownloadProtocol.USENET and r.raw_hash}
    targets += [_unmanaged(r, raw) for raw, r in sorted(usenet.items())]
    return tuple({(t.kind, t.instance, t.external_id): t for t in reversed(targets)}.values())[::-1]


def _matches(hash_: InfoHash, naming: Sequence[Reference], world: World) -> tuple[Torrent, ...]:
    """Return the torrents that a hash means, in those clients that the references speak of."""
    if not isinstance(world.torrents, Seen):
        return ()
    found = world.torrents.data.matching(hash_)
    if not naming:
        return found
    clients = frozenset(c for r in naming for c in world.clients_meant(r))
    return tuple(t for t in found if t.instance in clients)


def _client_of(naming: Sequence[Reference], world: World, policy: Policy) -> InstanceName:
    """Return the client that is named for a torrent which is in none of them."""
    meant = [world.clients_meant(r) for r in naming]
    certain = sorted({name for names in meant if len(names) == 1 for name in names})
    return certain[0] if certain else min(policy.torrent_clients)


def _torrent_target(
    hash_: InfoHash, client: InstanceName, torrent: Torrent | None, naming: Sequence[Reference], world: World
) -> Target:
    if torrent is not None and isinstance(world.torrents, Seen):
        return _target_of(TargetKind.TORRENT, hash_, torrent, world.torrents.data)
    name = next((r.source_title for r in naming if r.source_title), None)
    return Target(TargetKind.TORRENT, client, hash_, name=name, absent_since=world.now)


def _target_of(kind: TargetKind, external_id: str, torrent: Torrent, torrents: Torrents) -> Target:
    return Target(
        kind,
        torrent.instance,
        external_id,
        added=str(torrent.added_on),
        name=torrent.name,
        path=torrent.content_path,
        files=absolute_files(torrent, torrents.files.get(torrent.key) or ()),
        size=torrent.size,
    )


def _going_along(
    deletion: Deletion, claimed: Sequence[Torrent], released: frozenset[int], world: World, policy: Policy
) -> list[Target]:
    """Return the torrents that share files with the claimed ones and that nothing else needs, and equal ones elsewhere.

    One that nobody referred to goes along only if it holds nothing but files of those that somebody did.
    """
    if not isinstance(world.torrents, Seen) or not deletion.options.delete_files:
        return []
    torrents = world.torrents.data
    beside = {m.key: m for t in claimed for m in payload_of(t, torrents) or () if m not in claimed}
    free = [m for _, m in sorted(beside.items()) if _is_free(m, deletion, released, world)]
    named = [m for m in free if world.references_naming(m)]
    covered = frozenset(p for t in (*claimed, *named) for p in places(t, torrents) or ())
    targets = [_target_of(TargetKind.TORRENT, m.id, m, torrents) for m in named]
    targets += [
        _target_of(TargetKind.CROSS_SEED, m.id, m, torrents)
        for m in free
        if m not in named and (own := places(m, torrents)) and own <= covered
    ]
    have: set[TorrentKey] = {t.key for t in (*claimed, *beside.values())}
    kind = TargetKind.CROSS_SEED if policy.cross_seeds is CrossSeeds.TOGETHER else TargetKind.LIKELY_CROSS_SEED
    alike = {o.key: o for t in claimed for o in likely_cross_seeds(t, torrents) if o.key not in have}
    targets += [
        _target_of(kind, o.id, o, torrents)
        for _, o in sorted(alike.items())
        if not world.references_naming(o) and not world.fetching(o)
    ]
    return targets


def _is_free(torrent: Torrent, deletion: Deletion, released: frozenset[int], world: World) -> bool:
    """Tell whether nothing needs a torrent once this deletion has released what it releases."""
    wanting = [r for r in world.needing(torrent, deletion.id) if r.number not in released]
    return not wanting and not world.fetching(torrent)


def _is_elsewhere(reference: Reference, world: World) -> bool:
    """Tell whether a grab went to a torrent client that is none of our qBittorrents."""
    if not world.clients_meant(reference):
        return True
    library = world.libraries.get(reference.instance)
    if reference.client is None or not isinstance(library, Seen) or not library.data.torrent_clients:
        return False
    known = {client.name.casefold() for client in library.data.torrent_clients} | {"qbittorrent"}
    return reference.client.casefold() not in known


def _unmanaged(reference: Reference, external_id: str) -> Target:
    return Target(
        TargetKind.UNMANAGED,
        reference.instance,
        external_id,
        media=reference.media,
        name=f"{reference.source_title or 'a download'} in {reference.client or reference.protocol.value}",
    )
