"""Rule 2: a torrent goes only when nothing refers to it any more."""

from dataclasses import dataclass, field

from reconciler.model import (
    Condition,
    ConditionType,
    DeletionId,
    DeletionState,
    InfoHash,
    InstanceName,
    Reference,
    Target,
    TargetKind,
    TorrentId,
)
from reconciler.observed import Seen, Torrent, Unseen
from reconciler.plan.actions import RemoveTorrent
from reconciler.plan.content import sharing
from reconciler.plan.extents import absolute_files
from reconciler.plan.facts import absent_upstream, is_false, is_true, listed, unseen
from reconciler.plan.paths import as_library_sees
from reconciler.plan.world import Coverage, Policy, Torrents, World
from reconciler.reasons import Reason

_TYPE = ConditionType.TORRENTS_ABSENT


@dataclass(frozen=True, slots=True)
class TorrentFinding:
    """The judgement on a deletion's torrents.

    `kept` are present torrents that carry a bound hash and belong to a new request; nothing touches them.
    """

    condition: Condition
    actions: tuple[RemoveTorrent, ...] = ()
    absent: tuple[int, ...] = ()
    present: tuple[int, ...] = ()
    kept: frozenset[TorrentId] = field(default_factory=frozenset)


def judge_torrents(state: DeletionState, world: World, policy: Policy, coverage: Coverage) -> TorrentFinding:
    """Judge the bound torrents against the complete list."""
    instance = policy.torrent_instance
    if world.torrents is None or instance is None:
        return TorrentFinding(absent_upstream(_TYPE))
    if isinstance(world.torrents, Unseen):
        return TorrentFinding(unseen(_TYPE, instance, world.torrents))
    torrents = world.torrents.data
    targets = state.targets_of(TargetKind.TORRENT)
    if not targets:
        return TorrentFinding(_nothing_bound(state, world, instance, coverage, torrents))
    return _judge_bound(state, targets, torrents, world, policy, coverage, instance)


def _judge_bound(
    state: DeletionState,
    targets: tuple[Target, ...],
    torrents: Torrents,
    world: World,
    policy: Policy,
    coverage: Coverage,
    instance: InstanceName,
) -> TorrentFinding:
    deletion = state.deletion
    present = {t.number: torrents.matching(InfoHash(t.external_id)) for t in targets}
    absent = tuple(t.number for t in targets if not present[t.number])
    found: dict[TorrentId, tuple[Torrent, Target]] = {}
    for target in targets:
        for torrent in present[target.number]:
            found.setdefault(torrent.id, (torrent, target))
    holds: list[tuple[Reason, str]] = []
    kept: set[TorrentId] = set()
    doomed: list[tuple[Torrent, Target]] = []
    for torrent, target in found.values():
        verdict = _owner_verdict(state, torrent, target, world, coverage)
        if verdict is None:
            doomed.append((torrent, target))
        elif verdict[0] is Reason.RETURNED_FOR_NEW_REQUEST:
            kept.add(torrent.id)
        else:
            holds.append(verdict)
    ids = frozenset(t.id for t, _ in doomed)
    for torrent, _ in doomed:
        if deletion.options.delete_files:
            holds += _content_holds(torrent, ids, torrents, world, coverage, deletion.id)
        protected = torrent.tags & policy.protect_tags
        if protected and Reason.PROTECTED not in deletion.approved:
            holds.append((Reason.PROTECTED, f"{torrent.name!r} has the tag {listed(protected)}"))
        if _takes_unasked(torrent, state):
            text = f"nobody asked for it in words, and {torrent.name!r} has data"
            holds.append((Reason.INFERRED_DELETE, text))
    seen_numbers = tuple(n for n, matches in present.items() if any(t.id not in kept for t in matches))
    if holds:
        reason, message = min(holds, key=lambda h: (_WEIGHT.get(h[0], 9), h[1]))
        more = f" (and {len(holds) - 1} more)" if len(holds) > 1 else ""
        return TorrentFinding(
            is_false(_TYPE, instance, reason, message + more), (), absent, seen_numbers, frozenset(kept)
        )
    if doomed:
        return _removal(state, doomed, world, policy, instance, absent, seen_numbers, frozenset(kept))
    return TorrentFinding(_all_gone(state, targets, instance, bool(kept)), (), absent, (), frozenset(kept))


_WEIGHT = {
    Reason.PROTECTED: 0,
    Reason.INFERRED_DELETE: 1,
    Reason.SEEDS_IN_PLACE: 2,
    Reason.SHARED_WITH_UNKNOWN: 3,
    Reason.GROUP_UNDETERMINED: 4,
    Reason.REAPPEARED: 5,
    Reason.SHARED_WITH_WANTED: 6,
    Reason.CONFIRMING: 7,
}
"""Which of several holds is shown: what a person must decide comes before what later deletions may resolve."""


def _takes_unasked(torrent: Torrent, state: DeletionState) -> bool:
    """Tell whether a deletion that nobody spoke out would take downloaded data."""
    deletion = state.deletion
    is_approved = Reason.INFERRED_DELETE in deletion.approved
    return deletion.inferred and deletion.options.delete_files and torrent.progress > 0 and not is_approved


def _removal(
    state: DeletionState,
    doomed: list[tuple[Torrent, Target]],
    world: World,
    policy: Policy,
    instance: InstanceName,
    absent: tuple[int, ...],
    present: tuple[int, ...],
    kept: frozenset[TorrentId],
) -> TorrentFinding:
    actions = tuple(
        RemoveTorrent(
            state.deletion.id,
            instance,
            target.number,
            torrent.id,
            str(torrent.added_on),
            torrent.name,
            torrent.size,
            state.deletion.options.delete_files and not _is_kept_by_another(torrent, state, world),
        )
        for torrent, target in sorted(doomed, key=lambda pair: pair[0].id)
        if target.sent_at is None or world.now - target.sent_at >= policy.resend_after
    )
    was_sent = any(target.sent_at is not None for _, target in doomed)
    names = listed(torrent.name for torrent, _ in doomed)
    condition = is_false(
        _TYPE,
        instance,
        Reason.REMOVING if was_sent else Reason.PRESENT,
        f"removal asked, still listed: {names}" if was_sent else f"{len(doomed)} to remove: {names}",
    )
    return TorrentFinding(condition, actions, absent, present, kept)


def _is_kept_by_another(torrent: Torrent, state: DeletionState, world: World) -> bool:
    """Tell whether another open deletion released the same torrent and was told to keep the files."""
    releasers = {r.released_by for r in world.references_to(torrent.aliases) if r.released_by is not None}
    others = (world.releasers.get(by) for by in releasers - {state.deletion.id})
    return any(other is not None and not other.deletion.options.delete_files for other in others)


def _all_gone(state: DeletionState, targets: tuple[Target, ...], instance: InstanceName, has_kept: bool) -> Condition:
    note = _unmanaged_note(state)
    if has_kept:
        return is_true(
            _TYPE,
            instance,
            Reason.RETURNED_FOR_NEW_REQUEST,
            f"the old ones are gone; one came back for a new grab{note}",
        )
    if any(t.sent_at is not None for t in targets):
        return is_true(_TYPE, instance, Reason.ABSENT, f"{len(targets)} bound, none listed any more{note}")
    return is_true(_TYPE, instance, Reason.ALREADY_ABSENT, f"{len(targets)} known, none was listed{note}")


def _unmanaged_note(state: DeletionState) -> str:
    unmanaged = state.targets_of(TargetKind.UNMANAGED)
    if not unmanaged:
        return ""
    return f"; not managed here: {listed(t.name or t.external_id for t in unmanaged)}"


def _owner_verdict(
    state: DeletionState, torrent: Torrent, target: Target, world: World, coverage: Coverage
) -> tuple[Reason, str] | None:
    """Return why a torrent with a bound hash must not go, or `None` if nothing refers to it any more."""
    wanting = world.needing(torrent.aliases, state.deletion.id)
    if wanting and all(_is_new_grab(r, state, coverage) for r in wanting):
        return Reason.RETURNED_FOR_NEW_REQUEST, f"{torrent.name!r} was grabbed again"
    if wanting:
        return _shared(wanting, world), f"{torrent.name!r} is also needed by {listed(_owner(r) for r in wanting)}"
    others = [(i, e) for i, e in world.fetching(torrent.aliases) if (i, e.id) not in coverage.entry_ids]
    if others and all(i in coverage.instances and e.media.is_same(coverage.media) for i, e in others):
        return Reason.RETURNED_FOR_NEW_REQUEST, f"{torrent.name!r} is being fetched again"
    if others:
        names = listed(f"{e.title} in {i}" for i, e in others)
        return Reason.SHARED_WITH_WANTED, f"{torrent.name!r} is being fetched for {names}"
    if target.added != str(torrent.added_on):
        return (
            Reason.REAPPEARED,
            f"{torrent.name!r} was added to the client after the deletion was bound, by nobody the ledger knows",
        )
    return None


def _shared(wanting: tuple[Reference, ...], world: World) -> Reason:
    """A person need not look as long as it only takes a moment to learn whether another deletion takes it too."""
    return Reason.CONFIRMING if all(world.is_unjudged(r) for r in wanting) else Reason.SHARED_WITH_WANTED


def _is_new_grab(reference: Reference, state: DeletionState, coverage: Coverage) -> bool:
    is_late = reference.released_by is None and reference.number > (state.deletion.bound_seq or 0)
    return is_late and coverage.covers(reference)


def _owner(reference: Reference) -> str:
    title = f" ({reference.source_title})" if reference.source_title else ""
    return f"{reference.media or f'entry {reference.entry_id}'} in {reference.instance}{title}"


def _content_holds(
    torrent: Torrent,
    doomed: frozenset[TorrentId],
    torrents: Torrents,
    world: World,
    coverage: Coverage,
    by: DeletionId,
) -> list[tuple[Reason, str]]:
    """Return why removing this torrent's data would harm somebody else."""
    group = sharing(torrent, torrents)
    if group is None:
        return [(Reason.GROUP_UNDETERMINED, f"the files of {torrent.name!r} or a torrent beside it could not be read")]
    holds: list[tuple[Reason, str]] = []
    for other in group:
        if other.id in doomed:
            continue
        wanting = world.needing(other.aliases, by)
        reason = _shared(wanting, world) if wanting else Reason.SHARED_WITH_UNKNOWN
        holds.append((reason, f"{torrent.name!r} shares its files with {other.name!r}"))
    files = torrents.files.get(torrent.id) or ()
    title = _title_holding(absolute_files(torrent, files), world, coverage)
    if title:
        holds.append((Reason.SEEDS_IN_PLACE, f"{torrent.name!r} seeds files in the folder of {title!r}"))
    return holds


def _title_holding(paths: tuple[str, ...], world: World, coverage: Coverage) -> str | None:
    """Return the name of a title that stays and whose folder holds any of the client's `paths`."""
    for instance, library in sorted(world.libraries.items()):
        if not isinstance(library, Seen):
            continue
        mapped = {p for path in paths for p in (path, as_library_sees(path, library.data.path_mappings))}
        for path in sorted(mapped):
            for holder, entry in world.folders.holding(path):
                if holder == instance and (holder, entry.id) not in coverage.entry_ids:
                    return entry.title
    return next((row.title for path in paths for row in world.unseen_folders.holding(path)), None)


def _nothing_bound(
    state: DeletionState, world: World, instance: InstanceName, coverage: Coverage, torrents: Torrents
) -> Condition:
    """Judge a title for which the ledger knows no torrent: only an unbroken ledger proves there is none."""
    note = _unmanaged_note(state)
    if Reason.UNATTRIBUTED_TORRENT in state.deletion.approved:
        return is_true(_TYPE, instance, Reason.ACCEPTED_BY_PERSON, "a person confirmed that no torrent belongs to it")
    live = {(t.instance) for t in state.targets_of(TargetKind.ENTRY) if t.prior is not None}
    broken = [i for i in sorted(coverage.instances) if i not in live and _has_gap(i, world)]
    if coverage.instances and not broken:
        return is_true(_TYPE, instance, Reason.NO_TORRENT_KNOWN, f"no grab or import names a torrent{note}")
    strangers = [t for _, t in sorted(torrents.by_id.items()) if not t.aliases & world.referenced_hashes]
    if not strangers:
        return is_true(
            _TYPE, instance, Reason.NO_TORRENT_KNOWN, f"every torrent in the client belongs to something else{note}"
        )
    return is_false(
        _TYPE,
        instance,
        Reason.UNATTRIBUTED_TORRENT,
        f"{len(strangers)} torrents in the client are in nobody's history and one may be this title: "
        + listed(t.name for t in strangers),
    )


def _has_gap(instance: InstanceName, world: World) -> bool:
    view = world.ledger.get(instance)
    return view is None or bool(view.coverage.gaps) or not view.coverage.is_complete
