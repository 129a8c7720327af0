"""What forbids deleting a title or its files: protection, other titles' folders, and torrents that stay."""

from collections.abc import Iterable, Iterator

from reconciler.model import Condition, ConditionType, DeletionState, InstanceName, TargetKind
from reconciler.observed import Entry, Library, Seen, Torrent, TorrentKey
from reconciler.plan.content import content_paths
from reconciler.plan.facts import counted, is_false, is_unknown, listed
from reconciler.plan.paths import as_library_sees, is_within, touch
from reconciler.plan.policy import Policy
from reconciler.plan.world import Coverage, World
from reconciler.reasons import Reason

_TYPE = ConditionType.ENTRY_ABSENT


def unwanted(
    state: DeletionState, instance: InstanceName, entry: Entry, doomed: Iterable[str], file_count: int, policy: Policy
) -> Condition | None:
    """Return why the operator does not want this title touched, or nobody asked for it in words.

    `doomed` are the paths that would go, of `file_count` files.
    """
    deletion = state.deletion
    if not deletion.is_approved(Reason.PROTECTED, _TYPE, instance):
        labels = entry.tags & policy.protect_labels
        if labels:
            return is_false(_TYPE, instance, Reason.PROTECTED, f"{entry.title!r} has the tag {listed(labels)}")
        for folder in sorted(policy.protect_paths):
            if is_within(entry.path, folder):
                return is_false(_TYPE, instance, Reason.PROTECTED, f"{entry.title!r} lies in {folder}")
            if any(touch(path, folder) for path in doomed):
                return is_false(_TYPE, instance, Reason.PROTECTED, f"{entry.title!r} has files in {folder}")
    if deletion.inferred and file_count and Reason.INFERRED_DELETE not in deletion.approved:
        text = f"nobody asked for it in words, and {entry.title!r} has {counted(file_count, 'file')}"
        return is_false(_TYPE, instance, Reason.INFERRED_DELETE, text)
    return None


def unreachable_root(instance: InstanceName, library: Library, entry: Entry) -> Condition | None:
    """Return why files would be left behind: the library cannot reach them."""
    root = next((r for r in library.root_folders if is_within(entry.path, r.path) and not r.accessible), None)
    if root is None:
        return None
    text = f"{instance} cannot reach {root.path}: files would be left behind; check the mount"
    return is_unknown(_TYPE, instance, Reason.ROOT_FOLDER_INACCESSIBLE, text)


def whole_blocker(
    state: DeletionState,
    instance: InstanceName,
    library: Library,
    entry: Entry,
    world: World,
    policy: Policy,
    coverage: Coverage,
    kept: frozenset[TorrentKey],
) -> Condition | None:
    """Return why this title must not be deleted with its folder now."""
    doomed = [entry.path] if state.deletion.options.delete_files else []
    blocker = unwanted(state, instance, entry, doomed, entry.file_count, policy)
    if blocker is not None or not state.deletion.options.delete_files:
        return blocker
    if entry.file_count:
        blocker = unreachable_root(instance, library, entry)
        if blocker is not None:
            return blocker
    neighbour = _root_within(entry, world) or _neighbour(instance, entry, world, coverage)
    if neighbour:
        text = f"the folder {entry.path} is shared or nested with {neighbour}"
        return is_false(_TYPE, instance, Reason.SHARED_FOLDER, text)
    return seeds_in_place(state, instance, library, entry.path, world, kept)


def seeds_in_place(
    state: DeletionState,
    instance: InstanceName,
    library: Library,
    path: str,
    world: World,
    kept: frozenset[TorrentKey],
) -> Condition | None:
    """Hold when a torrent that stays has content at, in or around what would be deleted."""
    for torrent, is_known in staying(state, instance, library, path, world, kept):
        if not is_known:
            text = f"the files of {torrent.name!r}, which may lie in {path}, could not be read"
            return is_false(_TYPE, instance, Reason.GROUP_UNDETERMINED, text)
        return is_false(_TYPE, instance, Reason.SEEDS_IN_PLACE, f"{torrent.name!r}, which stays, seeds from {path}")
    return None


def staying(
    state: DeletionState,
    instance: InstanceName,
    library: Library,
    path: str,
    world: World,
    kept: frozenset[TorrentKey],
) -> Iterator[tuple[Torrent, bool]]:
    """Yield the torrents that stay and have content at, in or around a library's path, and whether that is certain."""
    if not isinstance(world.torrents, Seen):
        return
    bound = {
        (t.instance, t.external_id) for t in state.targets if t.kind in {TargetKind.TORRENT, TargetKind.CROSS_SEED}
    }
    for torrent in world.torrents_touching(instance, path):
        is_bound = any((torrent.instance, alias) in bound for alias in torrent.aliases)
        if is_bound and torrent.key not in kept:
            continue
        certainty = _lies_at(torrent, path, library, world)
        if certainty is not None:
            yield torrent, certainty


def seeding_in_place(
    instance: InstanceName, library: Library, path: str, world: World, seeding: frozenset[TorrentKey]
) -> Torrent | None:
    """Return a torrent that must be seeded on and would lose its data with this path."""
    if not isinstance(world.torrents, Seen):
        return None
    for torrent in world.torrents_touching(instance, path):
        if torrent.key in seeding and _lies_at(torrent, path, library, world) is not None:
            return torrent
    return None


def _lies_at(torrent: Torrent, path: str, library: Library, world: World) -> bool | None:
    """Tell whether a torrent certainly has content at, in or around a path, may have (`False`), or has not (`None`)."""
    if not isinstance(world.torrents, Seen):
        return None
    paths = content_paths(torrent, world.torrents.data)
    if paths is None:
        return False
    seen = {p for own in paths for p in (own, as_library_sees(own, library.path_mappings))}
    return True if any(touch(p, path) for p in seen) else None


def _root_within(entry: Entry, world: World) -> str | None:
    """Return a root folder that a title's own folder is or contains: deleting it would take everything along."""
    libraries = [o.data for _, o in sorted(world.libraries.items()) if isinstance(o, Seen)]
    roots = (r.path for library in libraries for r in library.root_folders)
    return next((f"the root folder {path}" for path in roots if is_within(path, entry.path)), None)


def _neighbour(instance: InstanceName, entry: Entry, world: World, coverage: Coverage) -> str | None:
    """Return the name of another title whose folder equals, contains or lies in this one's."""
    for holder, other in world.folders.touching(entry.path):
        is_own = (holder, other.id) == (instance, entry.id)
        if not is_own and not ((holder, other.id) in coverage.entry_ids and coverage.is_whole(holder)):
            return repr(other.title)
    return next((repr(row.title) for row in world.unseen_folders.touching(entry.path)), None)
