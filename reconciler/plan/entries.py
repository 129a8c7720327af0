"""The titles in Radarr and Sonarr: freeze, then delete as bound."""

from dataclasses import dataclass

from reconciler.model import (
    Condition,
    ConditionType,
    DeletionState,
    DownloadProtocol,
    InstanceName,
    Target,
    TargetKind,
)
from reconciler.observed import Entry, Library, QueueItem, Unseen
from reconciler.plan.actions import (
    Blocklist,
    DeleteEntry,
    DeleteFiles,
    EndDownloads,
    RestoreMonitoring,
    Search,
    Unmonitor,
    UnmonitorSeasons,
)
from reconciler.plan.bind import live_entries
from reconciler.plan.blockers import seeding_in_place, whole_blocker
from reconciler.plan.facts import (
    contradicts,
    is_bound,
    is_due,
    is_false,
    is_true,
    is_unknown,
    listed,
    own_id,
    unseen,
)
from reconciler.plan.policy import Policy
from reconciler.plan.torrents import TorrentFinding
from reconciler.plan.world import Coverage, World, is_in_qbittorrent
from reconciler.reasons import Reason

_TYPE = ConditionType.ENTRY_ABSENT

Freeze = Unmonitor | UnmonitorSeasons | EndDownloads | Blocklist
EntryAction = DeleteEntry | DeleteFiles | RestoreMonitoring | Search | Unmonitor


@dataclass(frozen=True, slots=True)
class EntryFinding:
    """The judgement on a deletion's title in one library.

    `freeze` comes before the torrents, `actions` after them.
    """

    instance: InstanceName
    condition: Condition
    freeze: tuple[Freeze, ...] = ()
    actions: tuple[EntryAction, ...] = ()
    absent: tuple[int, ...] = ()
    present: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Shelf:
    """What one library holds of a deletion's title: the bound entries that are there, and entries that came later.

    `absent` and `present` are the numbers of the bound entries that were looked for.
    """

    state: DeletionState
    instance: InstanceName
    library: Library
    bound: tuple[tuple[Target, Entry], ...]
    newcomers: tuple[Entry, ...]
    absent: tuple[int, ...]
    present: tuple[int, ...]
    world: World
    policy: Policy
    coverage: Coverage
    torrents: TorrentFinding

    def found(
        self, condition: Condition, freeze: tuple[Freeze, ...] = (), actions: tuple[EntryAction, ...] = ()
    ) -> EntryFinding:
        return EntryFinding(self.instance, condition, freeze, actions, self.absent, self.present)

    def is_true(self, reason: Reason, text: str) -> EntryFinding:
        return self.found(is_true(_TYPE, self.instance, reason, text))

    def is_false(
        self, reason: Reason, text: str, *, freeze: tuple[Freeze, ...] = (), actions: tuple[EntryAction, ...] = ()
    ) -> EntryFinding:
        return self.found(is_false(_TYPE, self.instance, reason, text), freeze, actions)


def shelf_of(
    state: DeletionState,
    instance: InstanceName,
    world: World,
    policy: Policy,
    coverage: Coverage,
    torrents: TorrentFinding,
) -> Shelf | EntryFinding:
    """Return what a library holds of the title, or the finding if it could not be seen or contradicts itself."""
    observation = world.libraries.get(instance)
    if observation is None:
        condition = is_unknown(_TYPE, instance, Reason.UNREACHABLE, f"{instance} is no longer configured")
        return EntryFinding(instance, condition)
    if isinstance(observation, Unseen):
        return EntryFinding(instance, unseen(_TYPE, instance, observation))
    library = observation.data
    targets = tuple(t for t in state.targets_of(TargetKind.ENTRY) if t.instance == instance)
    live = [(t, library.entries[int(t.external_id)]) for t in targets if int(t.external_id) in library.entries]
    bound = tuple((t, e) for t, e in live if is_bound(e, t))
    there = {e.id for _, e in bound}
    newcomers = tuple(e for e in live_entries(instance, world, coverage.media) if e.id not in there)
    present = tuple(t.number for t, _ in bound)
    absent = tuple(t.number for t in targets if t.number not in present)
    shelf = Shelf(state, instance, library, bound, newcomers, absent, present, world, policy, coverage, torrents)
    sharing = world.titles[instance].sharing_an_id(coverage.media)
    conflict = next((e for e in sharing if contradicts(e.media, coverage.media)), None)
    if conflict is not None:
        text = f"{conflict.title!r} is {conflict.media}, the deletion is for {coverage.media}: the ids contradict"
        return shelf.is_false(Reason.IDENTITY_CONFLICT, text)
    return shelf


def judge_whole(shelf: Shelf) -> EntryFinding:
    """Judge a title that is covered whole in one library."""
    if shelf.newcomers:
        entry = shelf.newcomers[0]
        text = f"{entry.title!r} is there again as entry {entry.id}, which this deletion never bound"
        return shelf.is_false(Reason.REAPPEARED, text)
    if not shelf.bound:
        return shelf.found(gone(shelf))
    return _present(shelf)


def gone(shelf: Shelf) -> Condition:
    """Return the condition of a title that is not in its library."""
    state, instance, coverage = shelf.state, shelf.instance, shelf.coverage
    targets = [t for t in state.targets_of(TargetKind.ENTRY) if t.instance == instance]
    if any(t.sent_at is not None for t in targets):
        return is_true(_TYPE, instance, Reason.ABSENT, "deleted, and not in the complete list any more")
    if own_id(coverage.media) is None and not targets:
        if Reason.IDENTITY_UNRESOLVED in state.deletion.approved:
            return is_true(_TYPE, instance, Reason.ACCEPTED_BY_PERSON, "a person confirmed that it is not there")
        text = f"{coverage.media} could not be translated into the id that {instance} uses, so absence proves nothing"
        return is_false(_TYPE, instance, Reason.IDENTITY_UNRESOLVED, text)
    return is_true(_TYPE, instance, Reason.ALREADY_ABSENT, "not in the complete list")


def _present(shelf: Shelf) -> EntryFinding:
    state, world = shelf.state, shelf.world
    for _, entry in shelf.bound:
        blocker = whole_blocker(
            state, shelf.instance, shelf.library, entry, world, shelf.policy, shelf.coverage, shelf.torrents.kept
        )
        if blocker is not None:
            return shelf.found(blocker)
    monitored = tuple(
        Unmonitor(state.deletion.id, shelf.instance, t.number, e.id) for t, e in shelf.bound if e.monitoring.monitored
    )
    downloads = foreign_downloads(shelf)
    if monitored or downloads:
        return freezing(shelf, monitored, downloads)
    waits = waits_for_seeding(shelf)
    if waits is not None:
        return waits
    return deleting(shelf)


def deleting(shelf: Shelf, *, emptied: bool = False) -> EntryFinding:
    """Delete the bound entries, frozen as they are; `emptied` is a series of which only seasons were covered."""
    deletion = shelf.state.deletion
    folders = shelf.world.folders
    actions = tuple(
        DeleteEntry(
            deletion.id,
            shelf.instance,
            target.number,
            entry.id,
            entry.media,
            entry.added,
            entry.path,
            deletion.options.delete_files,
            deletion.options.add_exclusion,
            alone=any((i, e.id) != (shelf.instance, entry.id) for i, e in folders.touching(entry.path)),
            emptied=emptied,
        )
        for target, entry in shelf.bound
        if is_due(target, shelf.world.now, shelf.policy)
    )
    was_sent = any(t.sent_at is not None for t, _ in shelf.bound)
    names = listed(f"{e.title} [{e.id}]" for _, e in shelf.bound)
    text = f"deletion asked, still listed: {names}" if was_sent else f"to delete: {names}"
    return shelf.is_false(Reason.REMOVING if was_sent else Reason.PRESENT, text, actions=actions)


def waits_for_seeding(shelf: Shelf) -> EntryFinding | None:
    """Return that the title waits, because a torrent which must be seeded on would lose its data with the folder."""
    if not shelf.state.deletion.options.delete_files:
        return None
    for _, entry in shelf.bound:
        torrent = seeding_in_place(shelf.instance, shelf.library, entry.path, shelf.world, shelf.torrents.seeding)
        if torrent is not None:
            text = f"SeedsInPlace: {torrent.name!r} must be seeded on, and its data lies in {entry.path}"
            return shelf.is_false(Reason.AFTER_TORRENTS, text)
    return None


def freezing(
    shelf: Shelf,
    monitored: tuple[Unmonitor | UnmonitorSeasons, ...],
    downloads: list[tuple[Target, list[QueueItem]]],
) -> EntryFinding:
    """Stop new grabs first. The queue shows an ended download for up to a minute more (upstreams.md 3.6)."""
    ending = tuple(
        EndDownloads(
            shelf.state.deletion.id,
            shelf.instance,
            target.number,
            tuple(sorted(i.id for i in items)),
            tuple(sorted({i.title for i in items})),
        )
        for target, items in downloads
        if is_due(target, shelf.world.now, shelf.policy)
    )
    titles = listed(i.title for _, items in downloads for i in items)
    text = f"ending its downloads in other clients: {titles}" if downloads else "stopping the search for it"
    return shelf.is_false(Reason.FREEZING, text, freeze=(*monitored, *ending))


def foreign_downloads(shelf: Shelf) -> list[tuple[Target, list[QueueItem]]]:
    """Return what other download clients are still fetching for the title, except packs that others need too.

    The queue API always takes the data along, so that nothing is ended when the files are to be kept.
    """
    if not shelf.state.deletion.options.delete_files:
        return []
    ours = {entry.id for _, entry in shelf.bound}
    library, instance = shelf.library, shelf.instance
    covered = {i.id for i in library.queue if i.entry_id in ours and shelf.coverage.has(instance, i.season)}
    needed_by_others = {i.download_id for i in library.queue if i.id not in covered}
    found: list[tuple[Target, list[QueueItem]]] = []
    for target, entry in shelf.bound:
        items = [
            i
            for i in library.queue
            if i.entry_id == entry.id
            and i.id in covered
            and _is_foreign(i, shelf)
            and (i.download_id is None or i.download_id not in needed_by_others)
        ]
        if items:
            found.append((target, items))
    return found


def _is_foreign(item: QueueItem, shelf: Shelf) -> bool:
    """Tell whether a download is in a client that we do not act on ourselves."""
    if item.protocol is DownloadProtocol.USENET or not is_in_qbittorrent(item.client, shelf.library):
        return True
    return bool(shelf.policy.torrent_clients) and not shelf.world.clients_named(shelf.instance, item.client)


def withdrawn(shelf_instance: InstanceName) -> Condition:
    """Return the condition of a library in which nothing is covered any more."""
    text = "not covered any more: wanted again before anything was destroyed, or not what the declined request was for"
    return is_true(_TYPE, shelf_instance, Reason.WANTED_AGAIN, text)
