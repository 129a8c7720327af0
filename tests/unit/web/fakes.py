"""A small in-memory stand-in for the store, and the application around it."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr
from starlette.applications import Starlette

from reconciler.clock import SystemClock
from reconciler.config import JellyseerrSettings, QBittorrentSettings, RadarrSettings, Settings, SonarrSettings
from reconciler.errors import NotAsShown, StoreError
from reconciler.model import (
    Condition,
    ConditionType,
    Deletion,
    DeletionId,
    DeletionRequest,
    DeletionState,
    Event,
    Hints,
    InfoHash,
    InstanceName,
    Media,
    MediaKind,
    Options,
    Phase,
    SettledAs,
    Source,
    Status,
    UpstreamKind,
    approval_digest,
    lifted_by_approval,
)
from reconciler.ports import (
    Accepted,
    AcceptedDeletion,
    DeletionFilter,
    DeletionPage,
    Evidence,
    Heard,
    IngestResult,
    KeptReceipt,
    LoggedEvent,
    LoopStatus,
    Overview,
    PlanPreview,
    Receipt,
    ReceiptFilter,
    ReceiptPage,
    Understood,
)
from reconciler.reasons import Reason
from reconciler.web.app import WebDeps, create_app
from reconciler.web.deps import Lifespan
from tests.unit.web.conformance import Declared

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
WEBHOOK_SECRET = "webhook-secret-of-this-test"
API_TOKEN = "api-token-of-this-test"
UNKNOWN_ID = DeletionId("01890000-0000-7000-8000-00000000ffff")


def id_of(number: int) -> DeletionId:
    return DeletionId(f"01890000-0000-7000-8000-{number:012x}")


def movie(number: int = 1, **changes: object) -> DeletionState:
    """Return an unsettled deletion of a movie; `changes` are attributes of the deletion."""
    deletion = Deletion(
        id=id_of(number),
        media=Media(MediaKind.MOVIE, 603),
        title="A Film",
        year=1999,
        source=Source.DASHBOARD,
        requested_by="ann",
        requested_at=NOW,
        instances=frozenset({InstanceName("radarr")}),
        options=Options(),
        hints=Hints(),
        inferred=False,
    )
    return DeletionState(replace(deletion, **changes))  # type: ignore[arg-type]  # attributes by name


def condition(reason: Reason, message: str = "because") -> Condition:
    return Condition(ConditionType.TORRENTS_ABSENT, InstanceName("qbittorrent"), Status.UNKNOWN, reason, message, NOW)


@dataclass
class FakeClock:
    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return SystemClock().monotonic()  # streams wait in the machine's own time


@dataclass
class FakeStore:
    """Remembers what was written; `broken` makes every call fail as a database that is down does."""

    states: dict[DeletionId, DeletionState] = field(default_factory=dict)
    timeline: dict[DeletionId, tuple[Event, ...]] = field(default_factory=dict)
    written: list[tuple[Receipt, Understood]] = field(default_factory=list)
    tests: list[Receipt] = field(default_factory=list)
    kept: list[KeptReceipt] = field(default_factory=list)
    decided: list[tuple[str, DeletionId, str]] = field(default_factory=list)
    instances: Mapping[MediaKind, frozenset[InstanceName]] = field(default_factory=dict)
    grace: timedelta = timedelta(0)
    known: dict[DeletionId, tuple[Evidence, ...]] = field(default_factory=dict)
    listed: frozenset[str] = frozenset()
    shown: Overview = field(default_factory=Overview)
    answer: IngestResult | None = None
    is_ready: bool = True
    broken: Exception | None = None
    asked: list[tuple[DeletionFilter, str | None, int]] = field(default_factory=list)

    def add(self, state: DeletionState) -> DeletionId:
        self.states[state.deletion.id] = state
        return state.deletion.id

    def _check(self) -> None:
        if self.broken:
            raise self.broken

    async def ingest(
        self,
        receipt: Receipt,
        understood: Understood,
        *,
        instances: Mapping[MediaKind, frozenset[InstanceName]],
        grace: timedelta = timedelta(0),
    ) -> IngestResult:
        self._check()
        if self.answer is not None:
            return self.answer
        if understood.heard is Heard.TEST:
            self.tests.append(receipt)
            return IngestResult()
        self.written.append((receipt, understood))
        self.instances, self.grace = instances, grace
        made = []
        for wish in understood.deletions:
            same = {"media": wish.media, "title": wish.title, "source": wish.source, "seasons": wish.seasons}
            deletion = movie(len(self.states) + 1, **same)
            made.append(AcceptedDeletion(Accepted.CREATED, self.add(deletion)))
        return IngestResult(tuple(made))

    async def approve(self, deletion: DeletionId, by: str, *, shown: str | None = None) -> frozenset[Reason]:
        self._check()
        carried = frozenset(c.reason for c in lifted_by_approval(self.states[deletion]))
        if carried and shown not in {None, approval_digest(self.states[deletion])}:
            raise NotAsShown("there is more")
        self.decided.append(("approve", deletion, by))
        return carried

    async def cancel(self, deletion: DeletionId, by: str) -> bool:
        self._check()
        was_unsettled = self.states[deletion].deletion.settled_at is None
        self.decided.append(("cancel", deletion, by))
        return was_unsettled

    async def retry(self, deletion: DeletionId, by: str) -> bool:
        self._check()
        was_unsettled = self.states[deletion].deletion.settled_at is None
        self.decided.append(("retry", deletion, by))
        return was_unsettled

    async def attribute(self, deletion: DeletionId, hashes: Collection[InfoHash], by: str) -> bool:
        self._check()
        was_unsettled = self.states[deletion].deletion.settled_at is None
        self.decided.append((f"attribute {' '.join(hashes)}", deletion, by))
        return was_unsettled

    async def evidence(self, state: DeletionState) -> tuple[Evidence, ...]:
        self._check()
        return self.known.get(state.deletion.id, tuple(Evidence(target) for target in state.targets))

    async def unlisted(self, hashes: Collection[InfoHash], clients: Collection[InstanceName]) -> frozenset[InfoHash]:
        assert clients
        return frozenset(hashes) - self.listed

    async def held_by_breaker(self) -> tuple[DeletionState, ...]:
        self._check()
        return tuple(
            state
            for state in self.states.values()
            if any(condition.reason is Reason.BREAKER_OPEN for condition in state.conditions)
        )

    async def release_breaker(self, by: str, *, only: Collection[DeletionId] | None = None) -> tuple[DeletionId, ...]:
        held = [state.deletion.id for state in await self.held_by_breaker()]
        if only is not None and set(held) != set(only):
            raise NotAsShown("there are others")
        self.decided += [("release", deletion, by) for deletion in held]
        return tuple(held)

    async def ready(self) -> bool:
        self._check()
        return self.is_ready

    async def overview(self) -> Overview:
        self._check()
        return self.shown

    async def deletion(self, deletion: DeletionId) -> DeletionState | None:
        self._check()
        return self.states.get(deletion)

    async def events(self, deletion: DeletionId, *, newest: int | None = None) -> tuple[Event, ...]:
        self._check()
        timeline = self.timeline.get(deletion, ())
        return timeline if newest is None else timeline[-newest:]

    def _logged(self) -> list[LoggedEvent]:
        logged = [LoggedEvent(deletion, event) for deletion, events in self.timeline.items() for event in events]
        return sorted(logged, key=lambda one: one.event.number)

    async def last_event(self) -> int:
        self._check()
        return max((one.event.number for one in self._logged()), default=0)

    async def events_after(self, number: int, limit: int) -> tuple[LoggedEvent, ...]:
        self._check()
        return tuple(one for one in self._logged() if one.event.number > number)[:limit]

    async def deletions(self, where: DeletionFilter, *, cursor: str | None, limit: int) -> DeletionPage:
        self._check()
        self.asked.append((where, cursor, limit))
        if cursor == "nonsense":
            raise ValueError(cursor)
        found = [state for state in self.states.values() if where.phase in {None, state.phase}]
        if where.asks:
            found = [state for state in found if state.asks]
        return DeletionPage(tuple(found[:limit]), "more" if len(found) > limit else None)

    async def lately_converged(self, limit: int) -> tuple[DeletionState, ...]:
        self._check()
        return tuple(state for state in self.states.values() if state.phase is Phase.CONVERGED)[:limit]

    async def receipts(self, where: ReceiptFilter, *, cursor: str | None, limit: int) -> ReceiptPage:
        self._check()
        if cursor == "nonsense":
            raise ValueError(cursor)
        found = [one for one in self.kept if where.source in {None, one.source} and where.heard in {None, one.heard}]
        return ReceiptPage(tuple(found[:limit]), "more" if len(found) > limit else None)

    async def receipt(self, number: int) -> KeptReceipt | None:
        self._check()
        return next((one for one in self.kept if one.number == number), None)

    async def receipt_of(self, deletion: DeletionId) -> KeptReceipt | None:
        self._check()
        return next((one for one in self.kept if any(made.id == deletion for made in one.deletions)), None)


class FakeMetrics:
    def __init__(self) -> None:
        self.webhooks: list[tuple[Source, str]] = []
        self.shown: list[tuple[Overview, dict[InstanceName, UpstreamKind]]] = []
        self.lease_held: list[bool] = []

    def show(self, overview: Overview, configured: Mapping[InstanceName, UpstreamKind]) -> None:
        self.shown.append((overview, dict(configured)))

    def lease(self, *, held: bool) -> None:
        self.lease_held.append(held)

    def webhook(self, source: Source, outcome: str) -> None:
        self.webhooks.append((source, outcome))

    def render(self) -> bytes:
        return b"reconciler_passes_total 1.0\n"


def settings(**changes: object) -> Settings:
    """Return settings with one instance of every upstream and both secrets."""
    key = SecretStr("a-key-of-an-upstream")
    values: dict[str, object] = {
        "webhook_secret": SecretStr(WEBHOOK_SECRET),
        "api_token": SecretStr(API_TOKEN),
        "grace_seconds": 30,
        "qbittorrent": (QBittorrentSettings(url="http://qbittorrent:8080"),),
        "radarr": (RadarrSettings(url="http://radarr:7878", api_key=key),),
        "sonarr": (SonarrSettings(url="http://sonarr:8989", api_key=key),),
        "jellyseerr": (JellyseerrSettings(url="http://jellyseerr:5055", api_key=key),),
        "jellyfin": ({"url": "http://jellyfin:8096", "api_key": key},),
    }
    return Settings.model_validate(values | changes)


@dataclass
class World:
    """The application with everything it was given.

    `wakes` and `ledger_wakes` hold how many receipts were written at each wake, `planned` the wishes of dry runs; each
    is answered with what `dry_plan` makes of it.
    """

    store: FakeStore = field(default_factory=FakeStore)
    metrics: FakeMetrics = field(default_factory=FakeMetrics)
    settings: Settings = field(default_factory=settings)
    loop: LoopStatus = field(default_factory=lambda: LoopStatus(True, NOW, True, "pod-1"))
    preview: Callable[[DeletionId], PlanPreview | None] = lambda _: None
    planned: list[DeletionRequest] = field(default_factory=list)
    dry_plan: Callable[[DeletionRequest], PlanPreview] = lambda _: PlanPreview(None)
    lifespan: Lifespan | None = None
    body_timeout: timedelta = timedelta(seconds=5)
    now: datetime = NOW
    wakes: list[int] = field(default_factory=list)
    ledger_wakes: list[int] = field(default_factory=list)
    looks: int = 0

    def app(self) -> Starlette:
        async def preview(deletion: DeletionId) -> PlanPreview | None:
            return self.preview(deletion)

        def look_at_connections() -> None:
            self.looks += 1

        async def dry_run(wishes: tuple[DeletionRequest, ...]) -> tuple[PlanPreview, ...]:
            self.planned += wishes
            return tuple(self.dry_plan(wish) for wish in wishes)

        return create_app(
            WebDeps(
                settings=self.settings,
                store=self.store,
                clock=FakeClock(self.now),
                wake=lambda: self.wakes.append(len(self.store.written)),
                wake_ledger=lambda: self.ledger_wakes.append(len(self.store.written)),
                status=lambda: self.loop,
                metrics=self.metrics,
                preview=preview,
                dry_run=dry_run,
                lifespan=self.lifespan,
                body_timeout=self.body_timeout,
                look_at_connections=look_at_connections,
            )
        )

    def client(
        self, *, secret: str | None = None, base_url: str = "http://127.0.0.1:8585", app: Starlette | None = None
    ) -> httpx.AsyncClient:
        """A client of this application, or of `app` where several clients are to meet the same one."""
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        transport = Declared(httpx.ASGITransport(app or self.app()), self.settings.root_path.rstrip("/"))
        return httpx.AsyncClient(transport=transport, base_url=base_url, headers=headers)

    def sender(self, app: Starlette | None = None) -> httpx.AsyncClient:
        """A client that knows the webhook secret."""
        return self.client(secret=WEBHOOK_SECRET, app=app)

    def person(self, app: Starlette | None = None) -> httpx.AsyncClient:
        """A client that knows the API token."""
        return self.client(secret=API_TOKEN, app=app)


async def send(world: World, path: str, payload: Any, **headers: str) -> httpx.Response:
    """Post JSON with the webhook secret."""
    async with world.sender() as client:
        return await client.post(path, json=payload, headers=headers)


class Chunks:
    """A body in pieces that counts how many were taken, and can refuse to be read at all."""

    def __init__(self, count: int, size: int = 64 * 1024, *, first: bytes = b"") -> None:
        self._count = count
        self._size = size
        self._first = first
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for number in range(self._count):
            self.taken += 1
            yield self._first if self._first and number == 0 else b" " * self._size


def settled(state: DeletionState, as_: SettledAs = SettledAs.CONVERGED) -> DeletionState:
    return replace(
        state, deletion=replace(state.deletion, settled_at=NOW, settled_as=as_, settled_reason=Reason.ABSENT)
    )


def database_down() -> StoreError:
    return StoreError("connection to postgresql://user:hunter2hunter2@db refused")
