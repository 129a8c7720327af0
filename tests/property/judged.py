"""What was planned for a scene, and plain answers about the scene that the checks need: no words of the planner's."""

from collections.abc import Iterable

from hypothesis import event

from reconciler.model import DeletionState, InstanceName, Reference, Target, Unit
from reconciler.observed import Entry, Seen, Torrent, TorrentKey
from reconciler.plan import Plan
from reconciler.plan.actions import Action, DeleteEntry, DeleteFiles, RemoveTorrent, RestoreMonitoring
from reconciler.plan.extents import absolute_files
from reconciler.plan.world import Torrents
from tests.property.scene import Scene

CLIENTS = {"qBittorrent": InstanceName("qbittorrent"), "upstairs": InstanceName("upstairs")}
"""Which client the libraries mean by a name; by another one, or by none, they may mean any."""


def plans_of(scene: Scene) -> tuple[Plan, ...]:
    for plan in scene.plans:
        for action in plan.actions:
            event(type(action).__name__)
    return scene.plans


def actions_of(scene: Scene) -> list[Action]:
    return [a for p in plans_of(scene) for a in p.actions]


def target_of(scene: Scene, action: Action) -> Target:
    return next(t for t in scene.state(action.deletion).targets if t.number == action.target)


def entry_of(scene: Scene, action: DeleteEntry | DeleteFiles | RestoreMonitoring) -> Entry:
    library = scene.world.libraries[action.instance]
    assert isinstance(library, Seen)
    return library.data.entries[action.entry_id]


def torrents_of(scene: Scene) -> Torrents:
    assert isinstance(scene.world.torrents, Seen)
    return scene.world.torrents.data


def removals_of(scene: Scene) -> list[tuple[RemoveTorrent, Torrent]]:
    """Return every removal with the torrent that it is about."""
    removals = [a for a in actions_of(scene) if isinstance(a, RemoveTorrent)]
    return [(a, torrents_of(scene).by_key[TorrentKey(a.instance, a.torrent)]) for a in removals]


def paths_of(scene: Scene, torrents: Iterable[Torrent]) -> set[str]:
    """Return where the files of torrents lie, as far as they were read."""
    files = torrents_of(scene).files
    return {path for t in torrents for path in absolute_files(t, files.get(t.key) or ())}


def names(reference: Reference, torrent: Torrent) -> bool:
    """Tell whether a ledger row may mean a torrent."""
    means = CLIENTS.get(reference.client or "", torrent.instance)
    return reference.hash in torrent.aliases and means == torrent.instance


def is_released(scene: Scene, torrent: Torrent) -> bool:
    """Tell whether every ledger row about a torrent was released by an open deletion that takes it, files and all."""
    naming = [r for r in scene.world.references if names(r, torrent)]
    takers = {
        s.deletion.id
        for s in scene.states
        if s.deletion.settled_at is None
        and s.deletion.options.delete_files
        and any((t.instance, t.external_id) == torrent.key for t in s.targets)
    }
    return bool(naming) and all(r.released_by in takers for r in naming)


def is_covered(reference: Reference, state: DeletionState) -> bool:
    """Tell whether a ledger row is about something that a deletion covers, as far as the row says so."""
    own = {Unit(reference.instance), Unit(reference.instance, reference.season)}
    is_same = reference.media is None or reference.media.is_same(state.deletion.media)
    return is_same and bool(own & state.deletion.units)


def payload(scene: Scene, torrent: Torrent) -> list[Torrent]:
    """Return a torrent and all that share files with it, directly or through others."""
    members, paths = {torrent.key: torrent}, paths_of(scene, [torrent])
    while True:
        more = [
            t for key, t in torrents_of(scene).by_key.items() if key not in members and paths & paths_of(scene, [t])
        ]
        if not more:
            return list(members.values())
        members |= {t.key: t for t in more}
        paths |= paths_of(scene, more)
