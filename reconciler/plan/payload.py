"""Payloads: torrents that share content files go together, go without their data, or stay together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reconciler.model import DeletionState, InstanceName, Target, TargetKind
from reconciler.observed import Entry, Library, Seen, Torrent
from reconciler.plan.content import payload_of, places
from reconciler.plan.extents import absolute_files
from reconciler.plan.facts import listed
from reconciler.plan.owners import is_claimed, is_kept_by_another, owner_of, shared_reason
from reconciler.plan.paths import as_library_sees, normal
from reconciler.plan.policy import CrossSeeds, Policy
from reconciler.plan.world import Coverage, Torrents, World
from reconciler.reasons import Reason


@dataclass(frozen=True, slots=True)
class Removable:
    """These go; `why` says what their data is left for, if it is.

    `left` are bound ones that hold other files, too; `beside` are those of the payload that other deletions remove.
    """

    torrents: tuple[Torrent, ...]
    with_data: bool
    why: str = ""
    left: tuple[Torrent, ...] = ()
    beside: tuple[Torrent, ...] = ()

    @property
    def leaving(self) -> tuple[Torrent, ...]:
        """All of the payload that is to go, whoever removes it; if its data goes, too, nothing else lies on that."""
        return (*self.torrents, *self.beside)


@dataclass(frozen=True, slots=True)
class Staying:
    """These stay, because something that stays needs the same files."""

    torrents: tuple[Torrent, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """Nothing may happen to these yet."""

    torrents: tuple[Torrent, ...]
    reason: Reason
    text: str


PayloadVerdict = Removable | Staying | Undecided


def judge_payloads(
    state: DeletionState,
    condemned: Sequence[tuple[Torrent, Target]],
    targets: Sequence[Target],
    torrents: Torrents,
    world: World,
    policy: Policy,
    coverage: Coverage,
) -> Iterator[PayloadVerdict]:
    """Judge the payloads of condemned torrents, each once, in order of key.

    Removing a torrent without its data harms nobody, so that only its own references matter then.
    """
    if not state.deletion.options.delete_files:
        for torrent, _ in sorted(condemned, key=lambda pair: pair[0].key):
            yield Removable((torrent,), with_data=False, why="the files were to be kept")
        return
    left = {torrent.key: torrent for torrent, _ in condemned}
    for key in sorted(left):
        if key not in left:
            continue
        members = payload_of(left[key], torrents)
        if members is None:
            torrent = left.pop(key)
            text = f"the files of {torrent.name!r} or of a torrent beside it could not be read"
            yield Undecided((torrent,), Reason.GROUP_UNDETERMINED, text)
            continue
        mine = tuple(left.pop(m.key) for m in members if m.key in left)
        yield from _judge_group(state, mine, members, targets, torrents, world, policy, coverage)


def _judge_group(
    state: DeletionState,
    mine: tuple[Torrent, ...],
    members: tuple[Torrent, ...],
    targets: Sequence[Target],
    torrents: Torrents,
    world: World,
    policy: Policy,
    coverage: Coverage,
) -> Iterator[PayloadVerdict]:
    by = state.deletion.id
    strangers = [m for m in members if m.key not in {t.key for t in mine}]
    for other in strangers:
        wanting = world.needing(other, by)
        fetching = world.fetching(other)
        if wanting or fetching:
            whom = listed(owner_of(r) for r in wanting) or listed(f.entry.title for f in fetching)
            text = f"{mine[0].name!r} stays: it shares its files with {other.name!r}, which {whom} needs"
            if wanting and shared_reason(wanting, world) is Reason.CONFIRMING:
                yield Undecided(mine, Reason.CONFIRMING, text)
            else:
                yield Staying(mine, text)
            return
    in_place = _seeded_in_place(mine, torrents, world, coverage)
    if in_place is not None:
        yield Undecided(mine, Reason.SEEDS_IN_PLACE, in_place)
        return
    beside = tuple(m for m in strangers if _goes_with_another(m, state, world))
    going, unproven = _prove(mine, beside, state, targets, torrents, world, policy)
    unknown = [*(m for m in strangers if m not in beside), *unproven]
    if unknown:
        left = all(world.references_naming(t) for t in unknown)
        whose = "which a deletion that has ended left" if left else "which no history names"
        why = f"its data stays for {listed(repr(t.name) for t in unknown)}, {whose}"
        yield Removable(tuple(going), with_data=False, why=why, left=tuple(unproven), beside=beside)
        return
    keeper = next((t for t in (*going, *beside) if is_kept_by_another(t.aliases, state, world)), None)
    why = "another deletion of it was told to keep the files" if keeper else ""
    yield Removable(tuple(going), with_data=keeper is None, why=why, beside=beside)


def _goes_with_another(torrent: Torrent, state: DeletionState, world: World) -> bool:
    """Tell whether another open deletion has bound this very torrent, which nothing needs any more."""
    others = (o for o in world.releasers.values() if o.deletion.id != state.deletion.id)
    return bool(world.references_naming(torrent)) and any(
        target.instance == torrent.instance
        and target.external_id in torrent.aliases
        and target.added == str(torrent.added_on)
        for other in others
        if other.deletion.settled_at is None
        for target in other.targets_of(TargetKind.TORRENT)
    )


def _prove(
    mine: tuple[Torrent, ...],
    beside: tuple[Torrent, ...],
    state: DeletionState,
    targets: Sequence[Target],
    torrents: Torrents,
    world: World,
    policy: Policy,
) -> tuple[list[Torrent], list[Torrent]]:
    """Split bound torrents into those that go and those that nobody referred to and that hold something else, too."""
    claimed = [t for t in mine if is_claimed(t, state, world)]
    covered = {normal(path) for t in targets if t.kind is TargetKind.TORRENT for path in t.files}
    for torrent in (*claimed, *beside):
        covered |= places(torrent, torrents) or frozenset()
    going, unproven = list(claimed), []
    for torrent in mine:
        if torrent in claimed:
            continue
        own = places(torrent, torrents)
        is_inside = own is not None and bool(own) and own <= covered
        if is_inside or (policy.cross_seeds is CrossSeeds.TOGETHER and is_alike(torrent, targets, torrents)):
            going.append(torrent)
        else:
            unproven.append(torrent)
    return going, unproven


def is_alike(torrent: Torrent, targets: Sequence[Target], torrents: Torrents) -> bool:
    """Tell whether a torrent elsewhere has the size and all the file names of one that is bound."""
    names = [f.name for f in torrents.files.get(torrent.key) or ()]
    return bool(names) and any(
        t.kind is TargetKind.TORRENT
        and t.size == torrent.size
        and len(t.files) == len(names)
        and all(any(path.endswith(f"/{name}") for path in t.files) for name in names)
        for t in targets
    )


# --- content inside a library --------------------------------------------------------------------------------------


def _seeded_in_place(torrents: tuple[Torrent, ...], lists: Torrents, world: World, coverage: Coverage) -> str | None:
    """Return what a title that stays, or a season that does, would lose with the data of these torrents."""
    for torrent in torrents:
        paths = absolute_files(torrent, lists.files.get(torrent.key) or ())
        held = _title_holding(paths, world, coverage)
        if held:
            return f"{torrent.name!r} seeds files in the folder of {held}"
    return None


def _title_holding(paths: tuple[str, ...], world: World, coverage: Coverage) -> str | None:
    """Name the title that stays and whose folder holds any of the client's `paths`."""
    for instance, library in sorted(world.libraries.items()):
        if not isinstance(library, Seen):
            continue
        mapped = {p for path in paths for p in (path, as_library_sees(path, library.data.path_mappings))}
        for path in sorted(mapped):
            for holder, entry in world.folders.holding(path):
                if holder != instance:
                    continue
                if (holder, entry.id) not in coverage.entry_ids or holder not in coverage.instances:
                    return repr(entry.title)
                if not coverage.is_whole(holder) and _is_of_another_season(path, holder, entry, library.data, coverage):
                    return f"{entry.title!r} as a file of a season that stays"
    return next((repr(row.title) for path in paths for row in world.unseen_folders.holding(path)), None)


def _is_of_another_season(path: str, holder: InstanceName, entry: Entry, library: Library, coverage: Coverage) -> bool:
    """Tell whether a path is that of an episode file which stays; one in none of the files is nobody's.

    As long as the files were not read, any may stay.
    """
    files = entry.files if entry.files is not None else library.entry_files.get(entry.id)
    if files is None:
        return True
    here = normal(path)
    return any(normal(f.path) == here and not coverage.has(holder, f.season) for f in files)
