"""A title without any known torrent: only an unbroken ledger proves that there is none."""

from reconciler.model import (
    Condition,
    ConditionType,
    DeletionState,
    DownloadProtocol,
    InstanceName,
    Reference,
    TargetKind,
)
from reconciler.observed import Torrent, TorrentKey
from reconciler.plan.facts import is_false, is_true, listed, unmanaged_note
from reconciler.plan.policy import Policy
from reconciler.plan.world import Coverage, Torrents, World
from reconciler.reasons import Reason

_TYPE = ConditionType.TORRENTS_ABSENT


def judge_unattributed(
    state: DeletionState, world: World, policy: Policy, coverage: Coverage, torrents: Torrents
) -> Condition:
    """Judge a deletion for which the ledger knows no torrent."""
    instance = min(policy.torrent_clients)
    note = unmanaged_note(state)
    if Reason.UNATTRIBUTED_TORRENT in state.deletion.approved:
        return is_true(_TYPE, instance, Reason.ACCEPTED_BY_PERSON, "a person confirmed that no torrent belongs to it")
    strangers = strangers_of(world, torrents)
    candidates = candidates_for(state, world, coverage, torrents)
    names = listed(f"{t.name} [{t.id}]" for t in candidates)
    live = {t.instance for t in state.targets_of(TargetKind.ENTRY) if t.prior is not None}
    broken = [i for i in sorted(coverage.instances) if i not in live and _has_gap(i, world)]
    if coverage.instances and not broken:
        if not _without_hash(world, coverage) or not candidates:
            return is_true(_TYPE, instance, Reason.NO_TORRENT_KNOWN, f"no grab or import names a torrent{note}")
        text = f"something was imported without a torrent's hash, and a file of the same size is in: {names}"
        return is_false(_TYPE, instance, Reason.UNATTRIBUTED_TORRENT, text + note)
    if not strangers:
        text = f"every torrent in the client belongs to something else{note}"
        return is_true(_TYPE, instance, Reason.NO_TORRENT_KNOWN, text)
    likely = f"; a file of the same size is in: {names}" if candidates else ""
    return is_false(
        _TYPE,
        instance,
        Reason.UNATTRIBUTED_TORRENT,
        f"{len(strangers)} torrents in the client are in nobody's history and one may be this title: "
        + listed(t.name for t in strangers)
        + likely,
    )


def strangers_of(world: World, torrents: Torrents) -> tuple[Torrent, ...]:
    """Return the torrents that no ledger row names, in order of key."""
    return tuple(t for _, t in sorted(torrents.by_key.items()) if not t.aliases & world.referenced_hashes)


def candidates_for(state: DeletionState, world: World, coverage: Coverage, torrents: Torrents) -> tuple[Torrent, ...]:
    """Return the strangers that hold a file of exactly the size that a file of the title had, in order of key."""
    sizes = known_sizes(state, world, coverage)
    return tuple(
        t for t in strangers_of(world, torrents) if any(f.size in sizes for f in torrents.files.get(t.key) or ())
    )


def candidates_to_read(
    state: DeletionState, world: World, coverage: Coverage, torrents: Torrents
) -> frozenset[TorrentKey]:
    """Choose the strangers whose file lists `candidates_for` needs: those that are large enough."""
    sizes = known_sizes(state, world, coverage)
    if not sizes:
        return frozenset()
    least = min(sizes)
    return frozenset(t.key for t in strangers_of(world, torrents) if t.size >= least and t.key not in torrents.files)


def known_sizes(state: DeletionState, world: World, coverage: Coverage) -> frozenset[int]:
    """Return the sizes of the files that the title had: as bound, as last seen, and as imports told them."""
    sizes = {r.size for r in world.references_about(coverage) if r.size}
    sizes |= {t.size for t in state.targets_of(TargetKind.FILE) if t.size}
    for row in world.rows.same(coverage.media):
        if coverage.is_whole(row.instance):
            sizes |= {size for size in row.file_sizes if size}
    return frozenset(size for size in sizes if size is not None)


def _without_hash(world: World, coverage: Coverage) -> tuple[Reference, ...]:
    """Return what was grabbed or imported without a hash: by hand, or through a black hole."""
    return tuple(
        r for r in world.references_about(coverage) if r.hash is None and r.protocol is not DownloadProtocol.USENET
    )


def _has_gap(instance: InstanceName, world: World) -> bool:
    view = world.ledger.get(instance)
    return view is None or bool(view.coverage.gaps) or not view.coverage.is_complete
