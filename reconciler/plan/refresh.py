"""Jellyfin, if there is one: it must not list any more what is gone, or Jellyseerr's scan would record it anew."""

from datetime import timedelta

from reconciler.model import Condition, ConditionType, DeletionState, InstanceName, Target, TargetKind, Unit
from reconciler.observed import MediaItem, MediaServer, Seen, Unseen
from reconciler.plan.actions import Announce
from reconciler.plan.bind import live_entries
from reconciler.plan.facts import is_false, is_true, listed, unseen
from reconciler.plan.files import went_empty
from reconciler.plan.paths import is_within, normal, parent, touch
from reconciler.plan.policy import Policy
from reconciler.plan.world import Coverage, World
from reconciler.reasons import Reason

_TYPE = ConditionType.LIBRARY_REFRESHED

ANNOUNCE_AGAIN = timedelta(minutes=10)
"""How long a told media server is left alone: each word of a path starts its delay anew (upstreams.md 6.1)."""


class RefreshFinding:
    """The judgement on the media server; no condition if none is configured."""

    def __init__(self, condition: Condition | None, actions: tuple[Announce, ...] = ()) -> None:
        self.conditions = (condition,) if condition is not None else ()
        self.actions = actions

    @property
    def is_settled(self) -> bool:
        return all(c.is_settled for c in self.conditions)


def judge_refresh(
    state: DeletionState, world: World, policy: Policy, coverage: Coverage, *, is_settled_before: bool
) -> RefreshFinding:
    """Judge what the media server lists of the title. Acts only when all files are settled."""
    instance = policy.media_server
    if instance is None or world.media_server is None:
        return RefreshFinding(None)
    deletion = state.deletion
    if not deletion.options.delete_files:
        return RefreshFinding(is_true(_TYPE, instance, Reason.FILES_KEPT, "the files were to be kept"))
    if deletion.finishing and deletion.units <= deletion.finishing:
        return RefreshFinding(is_true(_TYPE, instance, Reason.WANTED_AGAIN, "the title is wanted again"))
    if not is_settled_before:
        return RefreshFinding(is_false(_TYPE, instance, Reason.AFTER_ENTRY, "comes after the files"))
    if isinstance(world.media_server, Unseen):
        return RefreshFinding(unseen(_TYPE, instance, world.media_server))
    items = listed_items(state, world, policy, coverage, world.media_server.data)
    if not items:
        return RefreshFinding(is_true(_TYPE, instance, Reason.ABSENT, f"{instance} does not list it (any more)"))
    names = listed(item.name for item in items)
    if Reason.STILL_LISTED in deletion.approved:
        text = f"a person accepted that {instance} still lists {names}"
        return RefreshFinding(is_true(_TYPE, instance, Reason.ACCEPTED_BY_PERSON, text))
    targets = {t.external_id: t for t in state.targets_of(TargetKind.ITEM)}
    known = [targets[item.id] for item in items if item.id in targets]
    due = [t for t in known if t.sent_at is None or world.now - t.sent_at >= ANNOUNCE_AGAIN]
    if all(item.season is not None for item in items) and len(known) == len(items) and due and _were_told(due):
        text = f"{instance} was told, and may go on listing the empty {names}"
        return RefreshFinding(is_true(_TYPE, instance, Reason.NOT_OBSERVABLE, text))
    told = any(t.sent_at is not None for t in known)
    text = f"{instance} still lists {names}" + ("; it was told and looks in a minute or so" if told else "")
    paths = _paths(state, policy)
    if not due or not paths:
        return RefreshFinding(is_false(_TYPE, instance, Reason.STILL_LISTED, text))
    action = Announce(deletion.id, instance, due[0].number, tuple(t.number for t in due), paths)
    return RefreshFinding(is_false(_TYPE, instance, Reason.STILL_LISTED, text), (action,))


def _were_told(targets: list[Target]) -> bool:
    return all(t.sent_at is not None for t in targets)


def item_targets(state: DeletionState, world: World, policy: Policy, coverage: Coverage) -> tuple[Target, ...]:
    """Return the listed items that are not bound yet. They are only ever told about, never deleted there."""
    instance = policy.media_server
    if instance is None or not isinstance(world.media_server, Seen):
        return ()
    have = {t.external_id for t in state.targets_of(TargetKind.ITEM)}
    return tuple(
        Target(TargetKind.ITEM, instance, i.id, media=i.media, name=i.name, path=i.path or None, season=i.season)
        for i in listed_items(state, world, policy, coverage, world.media_server.data)
        if i.id not in have
    )


def listed_items(
    state: DeletionState, world: World, policy: Policy, coverage: Coverage, server: MediaServer
) -> tuple[MediaItem, ...]:
    """Return the items of what is covered, and not only being finished, whose files should be gone, in order of id.

    A title may be there twice, HD and 4K, under the same public ids: then only paths tell them apart. An item whose
    path cannot be compared counts unless another library, which is not covered, still holds the title.
    """
    coverage = coverage.only(state.deletion.units - state.deletion.finishing)
    gone = _paths(state, policy)
    others = [
        name
        for name, library in policy.libraries.items()
        if library.kind is coverage.media.kind
        and name not in coverage.instances
        and (not isinstance(world.libraries.get(name), Seen) or live_entries(name, world, coverage.media))
    ]
    return tuple(
        item
        for item in sorted(server.items, key=lambda item: item.id)
        if item.media.is_same(coverage.media) and _is_covered(item, state, coverage) and _is_gone(item, gone, others)
    )


def _is_covered(item: MediaItem, state: DeletionState, coverage: Coverage) -> bool:
    deletion = state.deletion
    seasons: set[int | None] = {unit.season for unit in coverage.units}
    if not deletion.instances:  # no library is configured: what was asked for is all there is to go by
        seasons = {None} if deletion.seasons is None else set(deletion.seasons)
    if None in seasons:
        return True
    if item.season is None:
        return any(went_empty(t, deletion) for t in state.targets_of(TargetKind.ENTRY))
    return item.season in seasons


def _is_gone(item: MediaItem, gone: tuple[str, ...], others: list[InstanceName]) -> bool:
    if not item.path or not gone:
        return not others
    return any(touch(item.path, path) for path in gone) or (not others and not _shares_a_root(item.path, gone))


def _shares_a_root(path: str, gone: tuple[str, ...]) -> bool:
    """Tell whether the paths are of one disk: then one that is not among them is of something else."""
    return any(is_within(path, parent(parent(p))) for p in gone if len(normal(parent(parent(p)))) > 1)


def _paths(state: DeletionState, policy: Policy) -> tuple[str, ...]:
    """Return where the title lay, as the media server sees it: its folder, or the folders of its episodes."""
    deletion = state.deletion
    units = deletion.units - deletion.finishing
    entries = (t for t in state.targets_of(TargetKind.ENTRY) if Unit(t.instance) in units or went_empty(t, deletion))
    found = [t.path for t in entries if t.path]
    files = (t for t in state.targets_of(TargetKind.FILE) if Unit(t.instance, t.season) in units)
    found += [parent(t.path).rstrip("/\\") for t in files if t.path]
    return tuple(dict.fromkeys(_as_media_server_sees(path, policy) for path in found))


def _as_media_server_sees(path: str, policy: Policy) -> str:
    fitting = [(theirs, ours) for ours, theirs in policy.media_server_paths if is_within(path, ours)]
    if not fitting:
        return path
    theirs, ours = max(fitting, key=lambda pair: len(normal(pair[1])))
    rest = normal(path)[len(normal(ours)) :].strip("/")
    return f"{theirs.rstrip('/')}/{rest}" if rest else theirs.rstrip("/")
