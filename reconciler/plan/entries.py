"""The titles in Radarr and Sonarr: freeze, delete as bound, or (when wanted again) finish the old copy only."""

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.model import (
    Condition,
    ConditionType,
    DeletionState,
    DownloadProtocol,
    InstanceName,
    ReferenceKind,
    Target,
    TargetKind,
    TorrentId,
)
from reconciler.observed import Entry, EntryFile, Library, QueueItem, Seen, Torrent, Unseen
from reconciler.plan.actions import (
    DeleteEntry,
    DeleteFiles,
    EndDownloads,
    RestoreMonitoring,
    Search,
    Unmonitor,
)
from reconciler.plan.bind import live_entries
from reconciler.plan.content import content_paths
from reconciler.plan.facts import (
    absent_upstream,
    contradicts,
    is_bound,
    is_false,
    is_true,
    is_unknown,
    listed,
    own_id,
    unseen,
)
from reconciler.plan.paths import as_library_sees, is_within, normal, touch
from reconciler.plan.world import Coverage, Policy, World, fetched_hash
from reconciler.reasons import Reason

_TYPE = ConditionType.ENTRY_ABSENT

EntryAction = DeleteEntry | DeleteFiles | RestoreMonitoring | Search


@dataclass(frozen=True, slots=True)
class EntryFinding:
    """The judgement on a deletion's title in one library.

    `freeze` comes before the torrents, `actions` after them.
    """

    instance: InstanceName
    condition: Condition
    freeze: tuple[Unmonitor | EndDownloads, ...] = ()
    actions: tuple[EntryAction, ...] = ()
    absent: tuple[int, ...] = ()
    present: tuple[int, ...] = ()


def judge_entries(
    state: DeletionState, world: World, policy: Policy, coverage: Coverage, kept: frozenset[TorrentId]
) -> tuple[EntryFinding, ...]:
    """Judge the title in every covered library. `kept` are torrents of a new grab that carry a bound hash."""
    if not coverage.instances:
        condition = absent_upstream(_TYPE, coverage.media.kind)
        return (EntryFinding(condition.instance, condition),)
    return tuple(
        _judge_instance(state, instance, world, policy, coverage, kept) for instance in sorted(coverage.instances)
    )


def _judge_instance(
    state: DeletionState,
    instance: InstanceName,
    world: World,
    policy: Policy,
    coverage: Coverage,
    kept: frozenset[TorrentId],
) -> EntryFinding:
    observation = world.libraries.get(instance)
    if observation is None:
        condition = is_unknown(_TYPE, instance, Reason.UNREACHABLE, f"{instance} is no longer configured")
        return EntryFinding(instance, condition)
    if isinstance(observation, Unseen):
        return EntryFinding(instance, unseen(_TYPE, instance, observation))
    library = observation.data
    targets = tuple(t for t in state.targets_of(TargetKind.ENTRY) if t.instance == instance)
    live = [(t, library.entries[int(t.external_id)]) for t in targets if int(t.external_id) in library.entries]
    bound = [(t, e) for t, e in live if is_bound(e, t)]
    absent = tuple(t.number for t in targets if t.number not in {b.number for b, _ in bound})
    present = tuple(t.number for t, _ in bound)
    sharing = world.titles[instance].sharing_an_id(coverage.media)
    conflict = next((e for e in sharing if contradicts(e.media, coverage.media)), None)
    if conflict is not None:
        text = f"{conflict.title!r} is {conflict.media}, the deletion is for {coverage.media}: the ids contradict"
        return EntryFinding(
            instance, is_false(_TYPE, instance, Reason.IDENTITY_CONFLICT, text), (), (), absent, present
        )
    newcomers = [e for e in live_entries(instance, world, coverage.media) if e.id not in {b.id for _, b in bound}]
    if state.deletion.finishing_old_copy:
        return _finish(state, instance, library, bound, newcomers, world, policy, coverage, kept, absent, present)
    if newcomers:
        text = f"{newcomers[0].title!r} is there again as entry {newcomers[0].id}, which this deletion never bound"
        return EntryFinding(instance, is_false(_TYPE, instance, Reason.REAPPEARED, text), (), (), absent, present)
    if not bound:
        return EntryFinding(instance, _gone(state, instance, targets, coverage), (), (), absent, present)
    return _present(state, instance, library, bound, world, policy, coverage, kept, absent, present)


def _gone(state: DeletionState, instance: InstanceName, targets: tuple[Target, ...], coverage: Coverage) -> Condition:
    if any(t.sent_at is not None for t in targets):
        return is_true(_TYPE, instance, Reason.ABSENT, "deleted, and not in the complete list any more")
    if own_id(coverage.media) is None and not targets:
        if Reason.IDENTITY_UNRESOLVED in state.deletion.approved:
            return is_true(_TYPE, instance, Reason.ACCEPTED_BY_PERSON, "a person confirmed that it is not there")
        text = f"{coverage.media} could not be translated into the id that {instance} uses, so absence proves nothing"
        return is_false(_TYPE, instance, Reason.IDENTITY_UNRESOLVED, text)
    return is_true(_TYPE, instance, Reason.ALREADY_ABSENT, "not in the complete list")


def _present(
    state: DeletionState,
    instance: InstanceName,
    library: Library,
    bound: list[tuple[Target, Entry]],
    world: World,
    policy: Policy,
    coverage: Coverage,
    kept: frozenset[TorrentId],
    absent: tuple[int, ...],
    present: tuple[int, ...],
) -> EntryFinding:
    deletion = state.deletion
    blocker = None
    for _, entry in bound:
        blocker = blocker or _blocker(state, instance, library, entry, world, policy, coverage, kept)
    if blocker is not None:
        return EntryFinding(instance, blocker, (), (), absent, present)
    monitored = [(t, e) for t, e in bound if e.monitoring.monitored]
    downloads = _foreign_downloads(state, instance, library, bound)
    if monitored or downloads:
        return _freezing(state, instance, monitored, downloads, world, policy, absent, present)
    actions = tuple(
        DeleteEntry(
            deletion.id,
            instance,
            target.number,
            entry.id,
            entry.media,
            entry.added,
            entry.path,
            deletion.options.delete_files,
            deletion.options.add_exclusion,
            alone=any((i, e.id) != (instance, entry.id) for i, e in world.folders.touching(entry.path)),
        )
        for target, entry in bound
        if _is_due(target, world, policy)
    )
    was_sent = any(t.sent_at is not None for t, _ in bound)
    names = listed(f"{e.title} [{e.id}]" for _, e in bound)
    condition = is_false(
        _TYPE,
        instance,
        Reason.REMOVING if was_sent else Reason.PRESENT,
        f"deletion asked, still listed: {names}" if was_sent else f"to delete: {names}",
    )
    return EntryFinding(instance, condition, (), actions, absent, present)


def _is_due(target: Target, world: World, policy: Policy) -> bool:
    return target.sent_at is None or world.now - target.sent_at >= policy.resend_after


def _freezing(
    state: DeletionState,
    instance: InstanceName,
    monitored: list[tuple[Target, Entry]],
    downloads: list[tuple[Target, list[QueueItem]]],
    world: World,
    policy: Policy,
    absent: tuple[int, ...],
    present: tuple[int, ...],
) -> EntryFinding:
    """Stop new grabs first. The queue shows an ended download for up to a minute more (upstreams.md 3.6)."""
    freeze: list[Unmonitor | EndDownloads] = [
        Unmonitor(state.deletion.id, instance, target.number, entry.id) for target, entry in monitored
    ]
    freeze += [
        EndDownloads(
            state.deletion.id,
            instance,
            target.number,
            tuple(sorted(i.id for i in items)),
            tuple(sorted({i.title for i in items})),
        )
        for target, items in downloads
        if _is_due(target, world, policy)
    ]
    titles = listed(i.title for _, items in downloads for i in items)
    text = f"ending its downloads in other clients: {titles}" if downloads else "stopping the search for it"
    return EntryFinding(instance, is_false(_TYPE, instance, Reason.FREEZING, text), tuple(freeze), (), absent, present)


def _blocker(
    state: DeletionState,
    instance: InstanceName,
    library: Library,
    entry: Entry,
    world: World,
    policy: Policy,
    coverage: Coverage,
    kept: frozenset[TorrentId],
) -> Condition | None:
    """Return why this title must not be deleted now."""
    deletion = state.deletion
    labels = entry.tags & policy.protect_labels
    if labels and Reason.PROTECTED not in deletion.approved:
        return is_false(_TYPE, instance, Reason.PROTECTED, f"{entry.title!r} has the tag {listed(labels)}")
    if deletion.inferred and entry.file_count and Reason.INFERRED_DELETE not in deletion.approved:
        text = f"nobody asked for it in words, and {entry.title!r} has {entry.file_count} files"
        return is_false(_TYPE, instance, Reason.INFERRED_DELETE, text)
    if not deletion.options.delete_files:
        return None
    if entry.file_count:
        root = next((r for r in library.root_folders if is_within(entry.path, r.path) and not r.accessible), None)
        if root is not None:
            text = f"{instance} cannot reach {root.path}: files would be left behind; check the mount"
            return is_unknown(_TYPE, instance, Reason.ROOT_FOLDER_INACCESSIBLE, text)
    neighbour = _root_within(entry, world) or _neighbour(instance, entry, world, coverage)
    if neighbour:
        return is_false(
            _TYPE, instance, Reason.SHARED_FOLDER, f"the folder {entry.path} is shared or nested with {neighbour}"
        )
    return _seeds_in_place(state, instance, library, entry, world, kept)


def _root_within(entry: Entry, world: World) -> str | None:
    """Return a root folder that a title's own folder is or contains: deleting it would take everything along."""
    libraries = [o.data for _, o in sorted(world.libraries.items()) if isinstance(o, Seen)]
    roots = (r.path for library in libraries for r in library.root_folders)
    return next((f"the root folder {path}" for path in roots if is_within(path, entry.path)), None)


def _neighbour(instance: InstanceName, entry: Entry, world: World, coverage: Coverage) -> str | None:
    """Return the name of another title whose folder equals, contains or lies in this one's."""
    for holder, other in world.folders.touching(entry.path):
        if (holder, other.id) != (instance, entry.id) and (holder, other.id) not in coverage.entry_ids:
            return repr(other.title)
    return next((repr(row.title) for row in world.unseen_folders.touching(entry.path)), None)


def _seeds_in_place(
    state: DeletionState,
    instance: InstanceName,
    library: Library,
    entry: Entry,
    world: World,
    kept: frozenset[TorrentId],
) -> Condition | None:
    """Hold when a torrent that stays has content in the folder that would be deleted."""
    for torrent, is_known in _staying(state, instance, library, entry.path, world, kept):
        if not is_known:
            text = f"the files of {torrent.name!r}, which may lie in {entry.path}, could not be read"
            return is_false(_TYPE, instance, Reason.GROUP_UNDETERMINED, text)
        text = f"{torrent.name!r}, which stays, seeds from {entry.path}"
        return is_false(_TYPE, instance, Reason.SEEDS_IN_PLACE, text)
    return None


def _staying(
    state: DeletionState,
    instance: InstanceName,
    library: Library,
    path: str,
    world: World,
    kept: frozenset[TorrentId],
) -> Iterator[tuple[Torrent, bool]]:
    """Yield the torrents that stay and have content at, in or around a library's path, and whether that is certain."""
    if not isinstance(world.torrents, Seen):
        return
    bound = {t.external_id for t in state.targets_of(TargetKind.TORRENT)}
    for torrent in world.torrents_touching(instance, path):
        if torrent.aliases & bound and torrent.id not in kept:
            continue
        paths = content_paths(torrent, world.torrents.data)
        seen = {p for own in paths or () for p in (own, as_library_sees(own, library.path_mappings))}
        if paths is None or any(touch(p, path) for p in seen):
            yield torrent, paths is not None


def _foreign_downloads(
    state: DeletionState, instance: InstanceName, library: Library, bound: list[tuple[Target, Entry]]
) -> list[tuple[Target, list[QueueItem]]]:
    """Return what other download clients are still fetching for the title, except packs that others need too.

    The queue API always takes the data along, so that nothing is ended when the files are to be kept.
    """
    if not state.deletion.options.delete_files:
        return []
    ours = {entry.id for _, entry in bound}
    shared: dict[str | None, set[int | None]] = {}
    for item in library.queue:
        shared.setdefault(item.download_id, set()).add(item.entry_id)
    found: list[tuple[Target, list[QueueItem]]] = []
    for target, entry in bound:
        items = [
            i
            for i in library.queue
            if i.entry_id == entry.id
            and _is_foreign(i, library)
            and (i.download_id is None or shared[i.download_id] <= ours)
        ]
        if items:
            found.append((target, items))
    return found


def _is_foreign(item: QueueItem, library: Library) -> bool:
    if item.protocol is DownloadProtocol.USENET:
        return True
    return item.client is not None and item.client not in library.torrent_clients


def _finish(
    state: DeletionState,
    instance: InstanceName,
    library: Library,
    bound: list[tuple[Target, Entry]],
    newcomers: list[Entry],
    world: World,
    policy: Policy,
    coverage: Coverage,
    kept: frozenset[TorrentId],
    absent: tuple[int, ...],
    present: tuple[int, ...],
) -> EntryFinding:
    """A want arrived after something was destroyed: delete the old files only, and see that a fresh copy comes."""
    deletion = state.deletion
    if not bound:
        text = "the old entry is gone; the new one belongs to the new request" if newcomers else "the old entry is gone"
        return EntryFinding(instance, is_true(_TYPE, instance, Reason.WANTED_AGAIN, text), (), (), absent, present)
    target, entry = bound[0]
    files = entry.files if entry.files is not None else library.entry_files.get(entry.id)
    if files is None:
        condition = is_unknown(_TYPE, instance, Reason.NOT_LOOKED_YET, "reading the files of the old copy")
        return EntryFinding(instance, condition, (), (), absent, present)
    old = [
        f
        for f in _old_files(state, target, entry, files, world, coverage)
        if not any(_staying(state, instance, library, f.path, world, kept))
    ]
    if old:
        condition = is_false(_TYPE, instance, Reason.PRESENT, f"wanted again: {len(old)} old files still to delete")
        action = DeleteFiles(
            deletion.id,
            instance,
            target.number,
            entry.id,
            entry.media,
            entry.added,
            tuple(f.id for f in old),
            tuple(f.path for f in old),
        )
        return EntryFinding(
            instance, condition, (), (action,) if _is_due(target, world, policy) else (), absent, present
        )
    if target.prior is not None and target.prior.monitored and not entry.monitoring.monitored:
        condition = is_false(_TYPE, instance, Reason.PRESENT, "wanted again: monitoring is being restored")
        restore = RestoreMonitoring(
            deletion.id, instance, target.number, entry.id, entry.media, entry.added, target.prior
        )
        return EntryFinding(instance, condition, (), (restore,), absent, present)
    is_fetching = bool(files) or any(_is_fresh(i, entry, state, library, world, kept) for i in library.queue)
    if not is_fetching and deletion.searched_at is None:
        condition = is_false(_TYPE, instance, Reason.PRESENT, "wanted again: a search for a fresh copy is started")
        search = Search(deletion.id, instance, target.number, entry.id)
        return EntryFinding(instance, condition, (), (search,), absent, present)
    text = "the title stays because it is wanted again; its old copy is gone"
    return EntryFinding(instance, is_false(_TYPE, instance, Reason.WANTED_AGAIN, text), (), (), absent, present)


def _is_fresh(
    item: QueueItem,
    entry: Entry,
    state: DeletionState,
    library: Library,
    world: World,
    kept: frozenset[TorrentId],
) -> bool:
    """Tell whether a queue item fetches the new copy: the queue shows what we removed for up to a minute more."""
    if item.entry_id != entry.id:
        return False
    hash_ = fetched_hash(item, library)
    if hash_ is None or not isinstance(world.torrents, Seen):
        return True
    matching = world.torrents.data.matching(hash_)
    names = {hash_, *(alias for torrent in matching for alias in torrent.aliases)}
    is_bound = any(t.external_id in names for t in state.targets_of(TargetKind.TORRENT))
    return not is_bound or any(torrent.id in kept for torrent in matching)


def _old_files(
    state: DeletionState,
    target: Target,
    entry: Entry,
    files: tuple[EntryFile, ...],
    world: World,
    coverage: Coverage,
) -> tuple[EntryFile, ...]:
    """Return the bound files that are certainly still the old copy.

    The new copy may have the very same path, so none counts as old after an import that was not released.
    """
    deletion = state.deletion
    was_imported = any(
        r.kind is ReferenceKind.IMPORT
        and r.released_by is None
        and (r.instance, r.entry_id) == (target.instance, entry.id)
        for r in world.references_about(coverage)
    )
    if was_imported or not deletion.options.delete_files:
        return ()
    bound = {normal(path) for path in target.files}
    return tuple(f for f in sorted(files, key=lambda f: f.id) if normal(f.path) in bound)
