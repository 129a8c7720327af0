"""The world as it is once every upstream has done what a round's actions ask for."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from reconciler.model import InstanceName
from reconciler.observed import (
    Entry,
    Library,
    MediaRequest,
    MediaServer,
    MediaStatus,
    Record,
    RequestBoard,
    Seen,
    TorrentKey,
)
from reconciler.plan.actions import (
    Action,
    Announce,
    DeleteEntry,
    DeleteFiles,
    DeleteRecord,
    DeleteRequest,
    EndDownloads,
    RemoveTorrent,
    ResetVariant,
    RestoreMonitoring,
    Unmonitor,
    UnmonitorSeasons,
)
from reconciler.plan.paths import touch
from reconciler.plan.world import Torrents, World


def after(world: World, actions: Iterable[Action]) -> World:
    """Return the world after these actions. What was not seen stays so; disks are not modelled."""
    for action in actions:
        world = _after(world, action)
    return world


def _after(world: World, action: Action) -> World:
    match action:
        case RemoveTorrent(delete_files=True) | DeleteEntry(delete_files=True) | DeleteFiles():
            world = with_disks_unknown(world)
        case _:
            pass
    match action:
        case RemoveTorrent():
            return _without_torrent(world, TorrentKey(action.instance, action.torrent))
        case Announce():
            return _without_items(world, action.paths)
        case DeleteRequest() | DeleteRecord() | ResetVariant():
            return _with_board(world, action)
        case _:
            return _with_library(world, action.instance, action)


def with_disks_unknown(world: World) -> World:
    """Forget what folders were seen to hold: files go now, and nobody has looked since."""
    libraries = {
        name: Seen(replace(o.data, listings={}), o.at) if isinstance(o, Seen) else o
        for name, o in world.libraries.items()
    }
    return replace(world, libraries=libraries)


def _without_torrent(world: World, key: TorrentKey) -> World:
    if not isinstance(world.torrents, Seen):
        return world
    data = world.torrents.data
    left = {k: t for k, t in data.by_key.items() if k != key}
    return replace(world, torrents=Seen(Torrents(left, data.files, data.trackers), world.torrents.at))


def _without_items(world: World, paths: tuple[str, ...]) -> World:
    server = world.media_server
    if not isinstance(server, Seen):
        return world
    left = tuple(i for i in server.data.items if not any(touch(i.path, path) for path in paths))
    return replace(world, media_server=Seen(MediaServer(server.data.app, left), server.at))


def _with_board(world: World, action: DeleteRequest | DeleteRecord | ResetVariant) -> World:
    if not isinstance(world.board, Seen):
        return world
    board = world.board.data
    records, requests = dict(board.records), dict(board.requests)
    match action:
        case DeleteRequest(request_id=number):
            request = requests.pop(number, None)
            if request is not None:
                _forget_variant(request, records, requests)
        case DeleteRecord(record_id=number):
            records.pop(number, None)
            requests = {n: r for n, r in requests.items() if r.record_id != number}
        case ResetVariant(record_id=number, is_4k=is_4k) if number in records:
            unknown = MediaStatus.UNKNOWN
            record = records[number]
            records[number] = replace(record, status_4k=unknown) if is_4k else replace(record, status=unknown)
        case _:
            pass
    return replace(world, board=Seen(RequestBoard(board.app, records, requests, board.servers), world.board.at))


def _forget_variant(request: MediaRequest, records: dict[int, Record], requests: Mapping[int, MediaRequest]) -> None:
    """Let the record forget a variant whose last request went, unless a copy is there (upstreams.md 2.4)."""
    record = records.get(request.record_id)
    is_last = not any((r.record_id, r.is_4k) == (request.record_id, request.is_4k) for r in requests.values())
    if record is None or not is_last:
        return
    if request.is_4k and record.status_4k is not MediaStatus.AVAILABLE:
        records[record.id] = replace(record, status_4k=MediaStatus.UNKNOWN)
    elif not request.is_4k and record.status is not MediaStatus.AVAILABLE:
        records[record.id] = replace(record, status=MediaStatus.UNKNOWN)


def _with_library(world: World, instance: InstanceName, action: Action) -> World:
    observation = world.libraries.get(instance)
    if not isinstance(observation, Seen):
        return world
    library = _changed(observation.data, action)
    return replace(world, libraries={**world.libraries, instance: Seen(library, observation.at)})


def _changed(library: Library, action: Action) -> Library:
    match action:
        case Unmonitor(entry_id=number):
            return _with_entry(library, number, monitored=False)
        case UnmonitorSeasons(entry_id=number, seasons=seasons):
            return _with_seasons(library, number, dict.fromkeys(seasons, False))
        case RestoreMonitoring(entry_id=number, prior=prior):
            monitored = _with_entry(library, number, monitored=True) if prior.monitored else library
            return _with_seasons(monitored, number, {season: True for season, was in prior.seasons if was})
        case EndDownloads(queue_ids=ids):
            return replace(library, queue=tuple(i for i in library.queue if i.id not in ids))
        case DeleteEntry(entry_id=number):
            entries = {n: e for n, e in library.entries.items() if n != number}
            return replace(library, entries=entries, queue=tuple(i for i in library.queue if i.entry_id != number))
        case DeleteFiles(entry_id=number, file_ids=ids):
            return _without_files(library, number, frozenset(ids))
        case _:
            return library


def _with_entry(library: Library, number: int, *, monitored: bool) -> Library:
    entry = library.entries.get(number)
    if entry is None:
        return library
    return _replaced(library, replace(entry, monitoring=replace(entry.monitoring, monitored=monitored)))


def _with_seasons(library: Library, number: int, flags: dict[int, bool]) -> Library:
    entry = library.entries.get(number)
    if entry is None:
        return library
    seasons = tuple((season, flags.get(season, was)) for season, was in entry.monitoring.seasons)
    return _replaced(library, replace(entry, monitoring=replace(entry.monitoring, seasons=seasons)))


def _without_files(library: Library, number: int, ids: frozenset[int]) -> Library:
    entry = library.entries.get(number)
    if entry is None:
        return library
    files = entry.files if entry.files is not None else library.entry_files.get(number, ())
    left = tuple(f for f in files if f.id not in ids)
    count = max(0, entry.file_count - (len(files) - len(left)))
    changed = replace(entry, file_count=count, files=None if entry.files is None else left)
    return replace(_replaced(library, changed), entry_files={**library.entry_files, number: left})


def _replaced(library: Library, entry: Entry) -> Library:
    return replace(library, entries={**library.entries, entry.id: entry})
