"""Builders for planner tests: deletions, titles, torrents and the world they are observed in.

Everything has a sensible default, so that a test names only what it is about. `world` gives each torrent one file of
its own, and every library of the policy a complete and current ledger.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from reconciler.model import (
    Condition,
    ConditionType,
    Deletion,
    DeletionId,
    DeletionState,
    DownloadProtocol,
    Hints,
    InfoHash,
    InstanceName,
    LedgerCoverage,
    LibraryRow,
    ManualAdd,
    Media,
    MediaKind,
    Monitoring,
    Options,
    Reference,
    ReferenceKind,
    SettledAs,
    Source,
    Target,
    TargetKind,
    TorrentId,
)
from reconciler.observed import (
    AppInfo,
    DownloadClient,
    Entry,
    EntryFile,
    FolderListing,
    Library,
    MediaRequest,
    MediaStatus,
    PathMapping,
    QueueItem,
    Record,
    RequestBoard,
    RequestStatus,
    RootFolder,
    Seen,
    Torrent,
    TorrentFile,
    Unseen,
)
from reconciler.plan import Plan, Policy, World, plan_deletion
from reconciler.plan.policy import LibraryInstance, TorrentInstance
from reconciler.plan.world import LedgerView, Torrents
from reconciler.ports import Binding
from reconciler.reasons import Reason
from tests.support.clocks import START

QBITTORRENT = InstanceName("qbittorrent")
RADARR = InstanceName("radarr")
RADARR_4K = InstanceName("radarr-4k")
SONARR = InstanceName("sonarr")
SEERR = InstanceName("jellyseerr")

HEAT = Media(MediaKind.MOVIE, tmdb_id=949)
RONIN = Media(MediaKind.MOVIE, tmdb_id=8195)
LOST = Media(MediaKind.SERIES, tmdb_id=4607, tvdb_id=73739)
FARGO = Media(MediaKind.SERIES, tmdb_id=60622, tvdb_id=269613)

UNREACHABLE = Unseen(Reason.UNREACHABLE, "it does not answer")

POLICY = Policy(
    torrent_clients={QBITTORRENT: TorrentInstance(QBITTORRENT)},
    request_instance=SEERR,
    libraries={
        RADARR: LibraryInstance(RADARR, MediaKind.MOVIE),
        SONARR: LibraryInstance(SONARR, MediaKind.SERIES),
    },
)

WITH_4K = replace(
    POLICY, libraries={**POLICY.libraries, RADARR_4K: LibraryInstance(RADARR_4K, MediaKind.MOVIE, is_4k=True)}
)


def hash_of(number: int) -> InfoHash:
    return InfoHash(f"{number:040x}")


def torrent_id(number: int) -> TorrentId:
    return TorrentId(f"{number:040x}")


def deletion_id(number: int = 1) -> DeletionId:
    return DeletionId(f"00000000-0000-7000-8000-{number:012d}")


# --- desired -------------------------------------------------------------------------------------------------------


def deletion(
    media: Media = HEAT,
    *,
    number: int = 1,
    instances: Iterable[InstanceName] | None = None,
    source: Source = Source.DASHBOARD,
    options: Options | None = None,
    hints: Hints | None = None,
    inferred: bool = False,
    approved: Iterable[Reason] = (),
    not_before: datetime | None = None,
    requested_at: datetime = START,
    seasons: Iterable[int] | None = None,
    needs_approval: bool = False,
) -> DeletionState:
    """An unbound deletion of one title, or of some of its seasons, in the library of its kind."""
    covered = instances if instances is not None else [RADARR if media.kind is MediaKind.MOVIE else SONARR]
    return DeletionState(
        Deletion(
            id=deletion_id(number),
            media=media,
            title="A Title",
            year=1995,
            source=source,
            requested_by="alice",
            requested_at=requested_at,
            instances=frozenset(covered),
            options=options or Options(),
            hints=hints or Hints(),
            inferred=inferred,
            not_before=not_before,
            approved=frozenset(approved),
            seasons=None if seasons is None else frozenset(seasons),
            needs_approval=needs_approval,
        )
    )


def changed(state: DeletionState, **changes: Any) -> DeletionState:
    """Return the state with fields of its deletion replaced."""
    return replace(state, deletion=replace(state.deletion, **changes))


def destroyed(state: DeletionState, at: datetime = START) -> DeletionState:
    """Return the state as it is once something was destroyed."""
    return changed(state, frozen_at=at, destroyed_at=at)


def finishing(state: DeletionState) -> DeletionState:
    """Return the state as it is once all of it is wanted again after something was destroyed."""
    return changed(state, finishing=state.deletion.units)


def sent(state: DeletionState, *kinds: TargetKind, at: datetime = START) -> DeletionState:
    """Return the state as it is once calls about its targets (of these kinds, or all) were made."""
    targets = tuple(replace(t, sent_at=at) if not kinds or t.kind in kinds else t for t in state.targets)
    return destroyed(replace(state, targets=targets), at)


def converged(state: DeletionState, at: datetime = START) -> DeletionState:
    """Return the state as it is inside its watch window."""
    return changed(
        state, settled_at=at, settled_as=SettledAs.CONVERGED, watch_until=at + timedelta(days=1), destroyed_at=at
    )


# --- observed ------------------------------------------------------------------------------------------------------


def torrent(
    number: int,
    name: str | None = None,
    *,
    added_on: int | None = None,
    save_path: str = "/data/torrents",
    content_path: str | None = None,
    download_path: str = "",
    infohash_v1: InfoHash | None = None,
    infohash_v2: InfoHash | None = None,
    tags: Iterable[str] = (),
    progress: float = 1.0,
    instance: InstanceName = QBITTORRENT,
    size: int = 1000,
) -> Torrent:
    """A v1 torrent with a folder of its own, unless told otherwise."""
    name = name or f"Release.{number}"
    return Torrent(
        instance=instance,
        id=torrent_id(number),
        name=name,
        state="stalledUP",
        save_path=save_path,
        download_path=download_path,
        content_path=content_path if content_path is not None else f"{save_path}/{name}",
        size=size,
        progress=progress,
        added_on=1_700_000_000 + number if added_on is None else added_on,
        infohash_v1=infohash_v1 or (None if infohash_v2 else hash_of(number)),
        infohash_v2=infohash_v2,
        tags=frozenset(tags),
    )


def files_of(one: Torrent, *names: str) -> tuple[TorrentFile, ...]:
    return tuple(TorrentFile(n, 1000) for n in (names or (f"{one.name}/{one.name}.mkv",)))


def entry(
    number: int,
    media: Media = HEAT,
    *,
    path: str | None = None,
    added: str | None = None,
    monitored: bool = True,
    file_count: int | None = None,
    files: tuple[EntryFile, ...] | None = None,
    tags: Iterable[str] = (),
    title: str | None = None,
    seasons: Mapping[int, bool] | None = None,
) -> Entry:
    """A title with one file in a folder of its own; a series does not carry its files.

    `seasons` are the numbers of a series' seasons and whether each is monitored.
    """
    folder = path or (f"/data/movies/Title {number}" if media.kind is MediaKind.MOVIE else f"/data/tv/Title {number}")
    if files is None and media.kind is MediaKind.MOVIE:
        files = (EntryFile(1000 + number, f"{folder}/movie.mkv", 1000),) if file_count != 0 else ()
    return Entry(
        id=number,
        media=media,
        title=title or f"Title {number}",
        year=1995,
        path=folder,
        added=added or f"2024-01-01T00:00:{number:02d}Z",
        monitoring=Monitoring(monitored, tuple(sorted((seasons or {}).items()))),
        file_count=(len(files) if files is not None else 1) if file_count is None else file_count,
        size=1000,
        tags=frozenset(tags),
        files=files,
    )


def episode(number: int, season: int, folder: str = "/data/tv/Title 5", *, size: int = 1000) -> EntryFile:
    """The file of one episode, in the folder of its season."""
    return EntryFile(season * 100 + number, f"{folder}/Season {season}/E{number:02d}.mkv", size, season)


def queue_item(
    number: int,
    entry_id: int | None,
    download_id: str | None,
    *,
    client: str | None = "qBittorrent",
    protocol: DownloadProtocol = DownloadProtocol.TORRENT,
    season: int | None = None,
) -> QueueItem:
    return QueueItem(
        number, entry_id, download_id, protocol, client, f"Download.{number}", "downloading", season=season
    )


def library(
    *entries: Entry,
    queue: Iterable[QueueItem] = (),
    roots: Iterable[RootFolder] = (RootFolder("/data/movies", True), RootFolder("/data/tv", True)),
    mappings: Iterable[PathMapping] = (),
    listings: Mapping[str, FolderListing] | None = None,
    entry_files: Mapping[int, tuple[EntryFile, ...]] | None = None,
    recycle_bin: str = "",
    app: str = "Radarr",
    torrent_clients: Iterable[str | DownloadClient] = ("qBittorrent",),
) -> Library:
    return Library(
        app=AppInfo(app, "6.0"),
        entries={e.id: e for e in entries},
        queue=tuple(queue),
        root_folders=tuple(roots),
        path_mappings=tuple(mappings),
        torrent_clients=tuple(
            DownloadClient(c, "qbittorrent", 8080) if isinstance(c, str) else c for c in torrent_clients
        ),
        recycle_bin=recycle_bin,
        listings=listings or {},
        entry_files=entry_files or {},
    )


def listing(*directories: str, files: Iterable[str] = ()) -> FolderListing:
    return FolderListing(frozenset(directories), frozenset(files))


def record(
    number: int,
    media: Media = HEAT,
    *,
    status: MediaStatus = MediaStatus.AVAILABLE,
    status_4k: MediaStatus = MediaStatus.UNKNOWN,
    created_at: str | None = None,
) -> Record:
    return Record(number, media, status, status_4k, created_at or f"2024-02-01T00:00:{number:02d}Z")


def request(
    number: int,
    record_id: int,
    media: Media = HEAT,
    *,
    status: RequestStatus = RequestStatus.APPROVED,
    is_4k: bool = False,
    seasons: Iterable[int] = (),
    server_id: int | None = None,
) -> MediaRequest:
    return MediaRequest(
        number,
        record_id,
        media,
        is_4k,
        status,
        requested_by="bob",
        seasons=tuple(seasons),
        created_at=f"2024-03-01T00:00:{number:02d}Z",
        server_id=server_id,
    )


def board_of(*rows: Record | MediaRequest) -> RequestBoard:
    return RequestBoard(
        AppInfo("Jellyseerr", "2.7"),
        {r.id: r for r in rows if isinstance(r, Record)},
        {r.id: r for r in rows if isinstance(r, MediaRequest)},
    )


_EMPTY_BOARD = board_of()


def reference(
    number: int,
    hash_: int | InfoHash | None,
    entry_id: int,
    media: Media | None = HEAT,
    *,
    instance: InstanceName | None = None,
    kind: ReferenceKind = ReferenceKind.GRAB,
    released_by: DeletionId | None = None,
    by_person: bool = False,
    history_id: int | None = -1,
    protocol: DownloadProtocol = DownloadProtocol.TORRENT,
    client: str | None = "qBittorrent",
    raw_hash: str | None = None,
    season: int | None = None,
    episode: int | None = None,
    size: int | None = None,
) -> Reference:
    """A ledger row read from history; `history_id=None` makes it one that only a webhook told."""
    hash_text = hash_of(hash_) if isinstance(hash_, int) else hash_
    is_movie = media is None or media.kind is MediaKind.MOVIE
    return Reference(
        number=number,
        instance=instance or (RADARR if is_movie else SONARR),
        kind=kind,
        entry_id=entry_id,
        media=media,
        raw_hash=raw_hash or (hash_text.upper() if hash_text else None),
        hash=hash_text,
        season=season,
        episode=episode,
        client=client,
        protocol=protocol,
        by_person=by_person,
        history_id=5000 + number if history_id == -1 else history_id,
        source_title=f"Release.{number}",
        released_by=released_by,
        size=size,
    )


def library_row(number: int, media: Media = HEAT, *, instance: InstanceName = RADARR, path: str = "") -> LibraryRow:
    return LibraryRow(
        instance, number, media, f"Title {number}", 1995, path or f"/data/movies/Title {number}", "2023", 1000
    )


def world(
    *,
    torrents: Iterable[Torrent] | Unseen | None = (),
    files: Mapping[TorrentId, tuple[TorrentFile, ...] | None] | None = None,
    radarr: Library | Unseen | None = None,
    sonarr: Library | Unseen | None = None,
    libraries: Mapping[InstanceName, Library | Unseen] | None = None,
    board: RequestBoard | Unseen | None = _EMPTY_BOARD,
    references: Iterable[Reference] = (),
    referenced: Iterable[InfoHash] | None = None,
    ledger: Mapping[InstanceName, LedgerView] | None = None,
    library_rows: Iterable[LibraryRow] = (),
    unseen_titles: Iterable[LibraryRow] = (),
    manual_adds: Iterable[ManualAdd] = (),
    tvdb_ids: Mapping[int, int] | None = None,
    now: datetime = START,
    destructive_recently: int = 0,
    policy: Policy | None = None,
) -> World:
    """A world in which everything configured by `POLICY` was seen, and is empty unless told otherwise.

    `None` for the torrents or the board means that the upstream is not configured.
    """
    references = tuple(references)
    seen_libraries: dict[InstanceName, Library | Unseen] = {
        RADARR: radarr if radarr is not None else library(),
        SONARR: sonarr if sonarr is not None else library(app="Sonarr"),
        **(libraries or {}),
    }
    seen_torrents: Seen[Torrents] | Unseen | None
    if torrents is None or isinstance(torrents, Unseen):
        seen_torrents = torrents
    else:
        by_key = {t.key: t for t in torrents}
        by_id = {key: (files or {})[key.id] for key in by_key if key.id in (files or {})}
        known = {t.key: files_of(t) for t in by_key.values()} | by_id
        seen_torrents = Seen(Torrents(by_key, known), now)
    seen_board = board if board is None or isinstance(board, Unseen) else Seen(board, now)
    views = {name: current_ledger(name) for name in seen_libraries}
    return World(
        now=now,
        torrents=seen_torrents,
        libraries={n: lib if isinstance(lib, Unseen) else Seen(lib, now) for n, lib in seen_libraries.items()},
        board=seen_board,
        ledger={**views, **(ledger or {})},
        references=references,
        referenced_hashes=frozenset(referenced)
        if referenced is not None
        else frozenset(r.hash for r in references if r.hash),
        library_rows=tuple(library_rows),
        unseen_titles=tuple(unseen_titles),
        manual_adds=tuple(manual_adds),
        tvdb_ids=dict(tvdb_ids or {}),
        clients=(policy or POLICY).torrent_clients,
        unseen_clients={QBITTORRENT: torrents} if isinstance(torrents, Unseen) else {},
        position=max((r.number for r in references), default=0),
        destructive_recently=destructive_recently,
    )


def current_ledger(instance: InstanceName, *, gap: bool = False, is_current: bool = True) -> LedgerView:
    gaps = ((START - timedelta(days=2), START - timedelta(days=1)),) if gap else ()
    coverage = LedgerCoverage(instance, backfilled_at=START - timedelta(days=9), synced_at=START, gaps=gaps)
    return LedgerView(coverage, is_current)


def incomplete_ledger(instance: InstanceName) -> LedgerView:
    return LedgerView(LedgerCoverage(instance, backfill_rows=1000, backfill_total=2500), is_current=False)


# --- planning ------------------------------------------------------------------------------------------------------


def applied(state: DeletionState, binding: Binding) -> DeletionState:
    """Return the state as the store makes it of a binding."""
    have = {(t.kind, t.instance, t.external_id) for t in state.targets}
    new = [t for t in binding.targets if (t.kind, t.instance, t.external_id) not in have]
    first = len(state.targets) + 1
    is_first = state.deletion.bound_at is None
    return replace(
        state,
        targets=(*state.targets, *(replace(t, number=n) for n, t in enumerate(new, first))),
        deletion=replace(
            state.deletion,
            media=state.deletion.media.merged(binding.media),
            bound_at=state.deletion.bound_at or binding.at,
            bound_seq=binding.bound_seq if is_first else state.deletion.bound_seq,
            live_request_ids=binding.live_request_ids if is_first else state.deletion.live_request_ids,
            withdrawn=state.deletion.withdrawn | binding.withdrawn,
            seasons=state.deletion.seasons or binding.seasons,
        ),
    )


def released(seen: World, numbers: Iterable[int], by: DeletionId) -> World:
    """Return the world with references released, except those that another deletion has."""
    chosen = set(numbers)
    return replace(
        seen,
        references=tuple(
            replace(r, released_by=by) if r.number in chosen and r.released_by is None else r for r in seen.references
        ),
    )


def bound(state: DeletionState, seen: World, policy: Policy = POLICY) -> tuple[DeletionState, World]:
    """Let the planner bind, and return the state and the world as they are afterwards."""
    plan = plan_deletion(state, seen, policy)
    assert plan.bind is not None, [(c.type.value, c.reason.value, c.message) for c in plan.conditions]
    return applied(state, plan.bind), released(seen, plan.bind.released, state.deletion.id)


def condition(plan: Plan, type_: ConditionType, instance: InstanceName | None = None) -> Condition:
    (found,) = [c for c in plan.conditions if c.type is type_ and instance in {None, c.instance}]
    return found


def reason(plan: Plan, type_: ConditionType, instance: InstanceName | None = None) -> Reason:
    return condition(plan, type_, instance).reason


def targets(state: DeletionState, kind: TargetKind) -> tuple[Target, ...]:
    return state.targets_of(kind)
