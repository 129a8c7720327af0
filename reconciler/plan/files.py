"""Are the files gone? Judged from what Radarr or Sonarr shows of the disk, because a 200 is not absence."""

from collections.abc import Iterable
from datetime import timedelta

from reconciler.model import (
    Condition,
    ConditionType,
    Deletion,
    DeletionState,
    InfoHash,
    InstanceName,
    Target,
    TargetKind,
    Unit,
)
from reconciler.observed import Entry, EntryFile, Library, Seen, Unseen
from reconciler.plan.content import content_paths
from reconciler.plan.facts import counted, is_false, is_true, is_unknown, listed, unseen
from reconciler.plan.owners import is_kept_by_another
from reconciler.plan.paths import Existence, as_library_sees, existence, folders_to_list, normal, touch
from reconciler.plan.policy import Policy
from reconciler.plan.world import Coverage, World
from reconciler.reasons import Reason

_TYPE = ConditionType.FILES_ABSENT

_WITH_FILES = frozenset({TargetKind.ENTRY, TargetKind.TORRENT, TargetKind.CROSS_SEED, TargetKind.FILE})

MOST_FILES = 50
"""How many files of one torrent are looked up; a torrent's files go together."""


def judge_files(
    state: DeletionState, world: World, policy: Policy, coverage: Coverage, *, is_settled_before: bool
) -> tuple[Condition, ...]:
    """Judge the title's folder or its episodes' files, and its torrents' data, per covered library."""
    return tuple(
        _judge_instance(state, instance, world, policy, coverage, is_settled_before=is_settled_before)
        for instance in sorted(coverage.instances)
    )


def paths_of(state: DeletionState, instance: InstanceName, library: Library) -> tuple[str, ...]:
    """Return the paths that must be gone, as this library sees them."""
    deletion = state.deletion
    wanted: list[str] = []
    for target in state.targets_of(TargetKind.ENTRY):
        if target.instance != instance or not target.path:
            continue
        if Unit(instance) in deletion.finishing:
            wanted += target.files[:MOST_FILES]
        elif _goes_with_its_folder(target, deletion) and not _is_used_by_another(target, library):
            wanted.append(target.path)
    wanted += [t.path for t in state.targets_of(TargetKind.FILE) if t.instance == instance and t.path]
    for target in (*state.targets_of(TargetKind.TORRENT), *state.targets_of(TargetKind.CROSS_SEED)):
        if target.sent_at is not None:
            wanted += [as_library_sees(path, library.path_mappings) for path in target.files[:MOST_FILES]]
    return tuple(dict.fromkeys(wanted))


def _goes_with_its_folder(target: Target, deletion: Deletion) -> bool:
    """Tell whether an entry is to go as a whole, or went because nothing was left of it."""
    return Unit(target.instance) in deletion.units or went_empty(target, deletion)


def went_empty(target: Target, deletion: Deletion) -> bool:
    """Tell whether a series went with the last of its seasons."""
    return was_emptied(target, deletion) and target.absent_since is not None


def was_emptied(target: Target, deletion: Deletion) -> bool:
    """Tell whether a series was asked to go because none of its seasons is left."""
    return deletion.seasons is not None and deletion.options.remove_empty_series and target.sent_at is not None


def folders_of(state: DeletionState, instance: InstanceName, library: Library) -> tuple[str, ...]:
    """Return the folders whose listings are needed to judge `paths_of`, also once this round sees a series gone."""
    emptied = [
        t for t in state.targets_of(TargetKind.ENTRY) if t.instance == instance and was_emptied(t, state.deletion)
    ]
    paths = (*paths_of(state, instance, library), *(t.path for t in emptied if t.path))
    return tuple(dict.fromkeys(f for path in paths for f in folders_to_list(path)))


def _is_used_by_another(target: Target, library: Library) -> bool:
    return any(
        str(e.id) != target.external_id and normal(e.path) == normal(target.path or "")
        for e in library.entries.values()
    )


def _judge_instance(
    state: DeletionState,
    instance: InstanceName,
    world: World,
    policy: Policy,
    coverage: Coverage,
    *,
    is_settled_before: bool,
) -> Condition:
    deletion = state.deletion
    if not deletion.options.delete_files:
        return is_true(_TYPE, instance, Reason.FILES_KEPT, "the files were to be kept")
    observation = world.libraries.get(instance)
    if observation is None or isinstance(observation, Unseen):
        why = observation or Unseen(Reason.UNREACHABLE, f"{instance} is no longer configured")
        return unseen(_TYPE, instance, why)
    if not is_settled_before:
        return is_false(_TYPE, instance, Reason.AFTER_ENTRY, "comes after the torrents and the entry")
    library = observation.data
    paths = paths_of(state, instance, library)
    if not paths and not coverage.is_whole(instance):
        return is_true(_TYPE, instance, Reason.ALREADY_ABSENT, "there was no file of it")
    if not paths:
        return is_unknown(_TYPE, instance, Reason.NOT_OBSERVABLE, "no path of this title is known")
    reused = {path for path in paths if _is_reused(path, state, instance, library, world)}
    found = {path: existence(path, library.listings) for path in paths if path not in reused}
    if not found:
        return is_true(_TYPE, instance, Reason.ABSENT, "what lies there now belongs to something else")
    there = _which(found, Existence.PRESENT)
    if there:
        return _left(state, instance, there, world, policy)
    hidden = _which(found, Existence.UNKNOWN)
    known = counted(len(found), "path")
    if hidden:
        text = f"{len(found) - len(hidden)} of {known} seen gone; {instance} cannot show {listed(hidden)}"
        return is_unknown(_TYPE, instance, Reason.NOT_OBSERVABLE, text)
    moved = f"; moved to the recycle bin {library.recycle_bin}" if library.recycle_bin else ""
    text = f"{known} seen gone, among them {next(iter(found))}{moved}"
    return is_true(_TYPE, instance, Reason.ABSENT, text)


def _is_reused(path: str, state: DeletionState, instance: InstanceName, library: Library, world: World) -> bool:
    """Tell whether something else lies where the old copy was: a new one shares its names.

    By now every bound torrent that had to go is gone and every old file was deleted, so that what a torrent or the
    library still has there came later or stays by right. So does what another deletion of a pack was told to keep.
    """
    for target in state.targets_of(TargetKind.TORRENT):
        at = {as_library_sees(p, library.path_mappings) for p in target.files}
        if path in at and is_kept_by_another([InfoHash(target.external_id)], state, world):
            return True
    if isinstance(world.torrents, Seen):
        for torrent in world.torrents_touching(instance, path):
            own = content_paths(torrent, world.torrents.data) or ()
            if any(touch(p, path) for o in own for p in (o, as_library_sees(o, library.path_mappings))):
                return True
    if not any(unit.instance == instance for unit in state.deletion.finishing):
        return False
    bound = {t.external_id for t in state.targets_of(TargetKind.ENTRY) if t.instance == instance}
    for holder, entry in world.folders.holding(path):
        is_bound = holder == instance and str(entry.id) in bound
        if not is_bound or any(normal(f.path) == normal(path) for f in _files_of(entry, library)):
            return True
    return False


def _files_of(entry: Entry, library: Library) -> tuple[EntryFile, ...]:
    return entry.files if entry.files is not None else library.entry_files.get(entry.id, ())


def _which(found: dict[str, Existence], wanted: Existence) -> list[str]:
    return [path for path, existence_ in found.items() if existence_ is wanted]


def _left(
    state: DeletionState, instance: InstanceName, there: Iterable[str], world: World, policy: Policy
) -> Condition:
    since = [t.absent_since for t in state.targets if t.kind in _WITH_FILES and t.absent_since is not None]
    waited = world.now - max(since) if since else timedelta(0)
    names = listed(there)
    if waited < policy.files_left_behind:
        return is_false(_TYPE, instance, Reason.REMOVING, f"still on disk: {names}")
    if Reason.FILES_LEFT_BEHIND in state.deletion.approved:
        return is_true(_TYPE, instance, Reason.ACCEPTED_BY_PERSON, f"a person accepted what is left: {names}")
    return is_false(_TYPE, instance, Reason.FILES_LEFT_BEHIND, f"still on disk: {names}")


def seen_libraries(world: World) -> dict[InstanceName, Library]:
    """Return the libraries that were read in this round."""
    return {name: o.data for name, o in world.libraries.items() if isinstance(o, Seen)}
