"""What store tests are made of: a clock that stands still, and small wishes, references and verdicts."""

from datetime import UTC, datetime, timedelta

from reconciler.model import (
    Condition,
    ConditionType,
    DeletionId,
    DeletionRequest,
    DownloadProtocol,
    Hints,
    InstanceName,
    ManualAdd,
    Media,
    MediaKind,
    NewReference,
    Options,
    ReferenceKind,
    Source,
    Status,
    Target,
    TargetKind,
    parse_info_hash,
)
from reconciler.ports import (
    AcceptedDeletion,
    Binding,
    Heard,
    IngestResult,
    Lease,
    Receipt,
    Store,
    Understood,
    Verdict,
)
from reconciler.reasons import Reason
from reconciler.store.database import Database
from reconciler.store.store import DatabaseStore

START = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
RADARR = InstanceName("radarr")
RADARR_4K = InstanceName("radarr-4k")
SONARR = InstanceName("sonarr")
SONARR_4K = InstanceName("sonarr-4k")
QBITTORRENT = InstanceName("qbittorrent")
INSTANCES = {MediaKind.MOVIE: frozenset({RADARR}), MediaKind.SERIES: frozenset({SONARR})}
MATRIX = Media(MediaKind.MOVIE, tmdb_id=603)
HEAT = Media(MediaKind.MOVIE, tmdb_id=949)
LOST = Media(MediaKind.SERIES, tmdb_id=4607, tvdb_id=73739)
HASH_A = parse_info_hash("a" * 40)
HASH_B = parse_info_hash("b" * 40)
assert HASH_A is not None
assert HASH_B is not None


class StillClock:
    """Time that passes only when told to."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - START).total_seconds()

    def advance(self, by: timedelta) -> datetime:
        self._now += by
        return self._now


def wish(
    media: Media = MATRIX,
    *,
    source: Source = Source.DASHBOARD,
    instances: frozenset[InstanceName] | None = None,
    options: Options | None = None,
    hints: Hints | None = None,
    inferred: bool = False,
    not_before: datetime | None = None,
    seasons: frozenset[int] | None = None,
    needs_approval: bool = False,
    because: str = "",
) -> DeletionRequest:
    return DeletionRequest(
        media=media,
        title="The Matrix",
        year=1999,
        source=source,
        requested_by="alice",
        instances=instances,
        options=options or Options(),
        hints=hints or Hints(),
        inferred=inferred,
        not_before=not_before,
        seasons=seasons,
        needs_approval=needs_approval,
        because=because,
    )


def receipt(source: Source = Source.DASHBOARD, *, key: str | None = None, digest: str = "d1") -> Receipt:
    return Receipt(source, None, START, '{"a": 1}', idempotency_key=key, body_digest=digest)


def reference(
    media: Media | None = MATRIX,
    *,
    instance: InstanceName = RADARR,
    entry_id: int = 7,
    raw_hash: str | None = "A" * 40,
    kind: ReferenceKind = ReferenceKind.GRAB,
    history_id: int | None = None,
    season: int | None = None,
    episode: int | None = None,
    by_person: bool = False,
    size: int | None = None,
) -> NewReference:
    return NewReference(
        instance=instance,
        kind=kind,
        entry_id=entry_id,
        media=media,
        raw_hash=raw_hash,
        season=season,
        episode=episode,
        client="qBittorrent",
        protocol=DownloadProtocol.TORRENT,
        by_person=by_person,
        history_id=history_id,
        at="2026-01-30T10:00:00Z",
        source_title="The.Matrix.1999.1080p",
        size=size,
    )


async def ask(
    store: Store, *requests: DeletionRequest, key: str | None = None, digest: str = "d1", grace: timedelta | None = None
) -> IngestResult:
    return await store.ingest(
        receipt(key=key, digest=digest),
        Understood(Heard.DELETE, deletions=requests),
        instances=INSTANCES,
        grace=grace or timedelta(0),
    )


async def ask_one(store: Store, request: DeletionRequest | None = None) -> AcceptedDeletion:
    (accepted,) = (await ask(store, request or wish())).deletions
    return accepted


async def created(store: Store, request: DeletionRequest | None = None) -> DeletionId:
    accepted = await ask_one(store, request)
    assert accepted.outcome.value == "created"
    assert accepted.id is not None
    return accepted.id


async def hear(
    store: Store, *references: NewReference, manual_add: ManualAdd | None = None, heard: Heard = Heard.REFERENCE
) -> IngestResult:
    return await store.ingest(
        receipt(Source.RADARR), Understood(heard, references=references, manual_add=manual_add), instances=INSTANCES
    )


def database_of(store: Store) -> Database:
    """Return what the store writes to, for tests that look behind it."""
    assert isinstance(store, DatabaseStore)
    return store._database


async def lease_of(store: Store, holder: str = "me") -> Lease:
    lease = await store.acquire_lease(holder, timedelta(minutes=1))
    assert lease is not None
    return lease


def entry_target(entry_id: int = 7, instance: InstanceName = RADARR, *, size: int = 0) -> Target:
    return Target(
        TargetKind.ENTRY,
        instance,
        str(entry_id),
        media=MATRIX,
        added="2025-01-01T00:00:00Z",
        path="/m/x",
        size=size,
    )


def torrent_target(hash_: str = "a" * 40, *, size: int = 0) -> Target:
    return Target(TargetKind.TORRENT, QBITTORRENT, hash_, added="1700000000", name="The.Matrix", size=size)


def file_target(file_id: int, season: int, *, size: int = 0) -> Target:
    return Target(
        TargetKind.FILE, SONARR, str(file_id), media=LOST, path=f"/tv/Lost/{file_id}.mkv", size=size, season=season
    )


def binding(
    deletion: DeletionId,
    *targets: Target,
    media: Media = MATRIX,
    released: tuple[int, ...] = (),
    seq: int = 0,
) -> Binding:
    return Binding(
        deletion=deletion,
        media=media,
        targets=targets,
        released=released,
        bound_seq=seq,
        live_request_ids=frozenset({5}),
        at=START,
    )


def condition(
    reason: Reason = Reason.PRESENT,
    status: Status = Status.FALSE,
    *,
    type_: ConditionType = ConditionType.TORRENTS_ABSENT,
    instance: InstanceName = QBITTORRENT,
    message: str = "still there",
) -> Condition:
    return Condition(type_, instance, status, reason, message)


def verdict(deletion: DeletionId, *conditions: Condition, at: datetime = START) -> Verdict:
    return Verdict(deletion, conditions, at, next_due_at=at + timedelta(minutes=5), attempt=1)
