"""Wiring: builds everything once from the settings, and owns it for the life of the process."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from secrets import token_hex
from urllib.parse import urlsplit

import uvicorn
import uvloop
from starlette.applications import Starlette

from reconciler.catchup import CatchUp
from reconciler.clients import jellyfin, qbittorrent, radarr, seerr, sonarr
from reconciler.clock import Clock, SystemClock
from reconciler.config import MetBy, Mode, SeedingSettings, Settings
from reconciler.connect import wanted_webhooks
from reconciler.connect.watch import ConnectionWatch, hint_on
from reconciler.errors import ConfigError, Unauthorized, UpstreamError
from reconciler.loop import Reconciler, Timing
from reconciler.model import (
    DeletionId,
    DeletionRequest,
    DeletionState,
    MediaKind,
    UpstreamKind,
    WantedWebhook,
    deletion_of,
)
from reconciler.notify import Messenger, Notifier, Wording, connect_messengers
from reconciler.plan import Policy
from reconciler.plan.catchup import CatchUpPolicy, Reaction
from reconciler.plan.policy import (
    Address,
    CrossSeeds,
    LibraryInstance,
    SeedingPolicy,
    SeedingRule,
    TorrentInstance,
)
from reconciler.ports import CheckResult, MessageResult, PlanPreview, Store, Upstream, WebhookSettings
from reconciler.preview import preview_of
from reconciler.store import migrate as migrate_store
from reconciler.store import open_store
from reconciler.telemetry import Calls, Metrics, Observer, Outage, configure_logging, fan_out, get_logger
from reconciler.upstreams import Upstreams
from reconciler.web.advice import ADVICE
from reconciler.web.app import create_app
from reconciler.web.deps import WebDeps
from reconciler.windows import DenyWindows

LAST_REQUESTS_SHARE = 4
"""Of the time a stop may take, the part that is left to requests under way; the rest is for the call to an upstream."""


def connect_upstreams(settings: Settings, observer: Observer, clock: Clock) -> Upstreams:
    """Make a client per configured instance; nothing is sent yet."""
    torrents = [
        qbittorrent.connect(
            q.name,
            q.url,
            username=q.username,
            password=q.password.get_secret_value() if q.password else None,
            api_key=q.api_key.get_secret_value() if q.api_key else None,
            observer=observer,
            clock=clock,
        )
        for q in settings.qbittorrent
    ]
    secrets = [one.get_secret_value() for one in (settings.webhook_secret, settings.previous_webhook_secret) if one]
    movies = [
        radarr.connect(r.name, r.url, r.api_key.get_secret_value(), observer=observer, clock=clock, secrets=secrets)
        for r in settings.radarr
    ]
    series = [
        sonarr.connect(s.name, s.url, s.api_key.get_secret_value(), observer=observer, clock=clock, secrets=secrets)
        for s in settings.sonarr
    ]
    requests = [
        seerr.connect(j.name, j.url, j.api_key.get_secret_value(), observer=observer, clock=clock, secrets=secrets)
        for j in settings.jellyseerr
    ]
    media_servers = [
        jellyfin.connect(j.name, j.url, j.api_key.get_secret_value(), observer=observer, clock=clock)
        for j in settings.jellyfin
    ]
    return Upstreams(
        torrents={client.instance: client for client in torrents},
        libraries={client.instance: client for client in (*movies, *series)},
        requests=requests[0] if requests else None,
        media_server=media_servers[0] if media_servers else None,
        webhooks={
            **{library.instance: library.webhooks for library in (*movies, *series)},
            **{board.instance: board.webhooks for board in requests},
        },
    )


def policy_of(settings: Settings) -> Policy:
    """Translate the settings into what the planner knows."""
    torrents = [TorrentInstance(q.name, address_of(q.url), q.download_clients) for q in settings.qbittorrent]
    libraries = [LibraryInstance(r.name, MediaKind.MOVIE, r.is_4k, address_of(r.url)) for r in settings.radarr]
    libraries += [LibraryInstance(s.name, MediaKind.SERIES, s.is_4k, address_of(s.url)) for s in settings.sonarr]
    return Policy(
        torrent_clients={client.name: client for client in torrents},
        request_instance=settings.jellyseerr[0].name if settings.jellyseerr else None,
        libraries={library.name: library for library in libraries},
        media_server=settings.jellyfin[0].name if settings.jellyfin else None,
        media_server_paths=tuple((m.library, m.jellyfin) for server in settings.jellyfin for m in server.path_mappings),
        enforce=settings.mode is Mode.ENFORCE,
        breaker_limit=settings.breaker_limit,
        breaker_size=int(settings.breaker_bytes) or None,
        seeding=_seeding_of(settings.seeding),
        cross_seeds=CrossSeeds(settings.likely_cross_seeds.value),
        protect_categories=frozenset(settings.protect_categories),
        protect_paths=frozenset(settings.protect_paths),
        protect_labels=frozenset(settings.protect_labels),
        protect_tags=frozenset(settings.protect_tags),
        files_left_behind=timedelta(seconds=settings.files_left_behind_seconds),
        watch_window=timedelta(seconds=settings.watch_window_seconds),
    )


def reactions_of(settings: Settings) -> CatchUpPolicy:
    """Translate what a resync makes of what it finds."""
    resync = settings.resync
    return CatchUpPolicy(
        vanished_title=Reaction(resync.vanished_title.value),
        vanished_title_with_files=Reaction(resync.vanished_title_with_files.value),
        declined=Reaction(settings.on_declined().value),
        vanished_record=Reaction(resync.vanished_record.value),
        vanished_request=Reaction(resync.vanished_request.value),
        status_deleted=Reaction(resync.status_deleted.value),
    )


def _seeding_of(settings: SeedingSettings) -> SeedingPolicy:
    rules = [
        SeedingRule(
            tracker=rule.tracker,
            category=rule.category,
            tag=rule.tag,
            private=rule.private,
            min_ratio=rule.min_ratio,
            min_time=_hours(rule.min_hours),
            both=rule.met_by is MetBy.ALL,
        )
        for rule in settings.rules
    ]
    return SeedingPolicy(tuple(rules), _hours(settings.private_min_hours), settings.block_entry)


def _hours(number: float | None) -> timedelta | None:
    return timedelta(hours=number) if number is not None else None


def address_of(url: str) -> Address:
    """Return where a configured URL leads, so that it can be compared with what other programs call the place."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme.lower() == "https" else 80)
    return Address(parts.hostname or "", port, parts.path.strip("/"))


@dataclass(frozen=True)
class Service:
    """Everything one process is made of."""

    settings: Settings
    store: Store
    upstreams: Upstreams
    reconciler: Reconciler
    metrics: Metrics
    clock: Clock

    async def preview(self, deletion: DeletionId) -> PlanPreview | None:
        """Plan one deletion from fresh readings, sending nothing; `None` when there is no such deletion."""
        state = await self.store.deletion(deletion)
        if state is None:
            return None
        (foreseen,) = await self.reconciler.foresee([state])
        return preview_of(state, foreseen, deletion=deletion)

    async def dry_run(self, wishes: tuple[DeletionRequest, ...]) -> tuple[PlanPreview, ...]:
        """Plan wishes that are not in the log, each to its end and for itself, from one fresh reading."""
        now = self.clock.now()
        states = [
            DeletionState(
                replace(
                    deletion_of(wish, self.settings.library_instances(wish.media.kind), now),
                    id=DeletionId(f"wish {number}"),
                )
            )
            for number, wish in enumerate(wishes, start=1)
        ]
        return tuple(
            preview_of(state, foreseen, deletion=None)
            for state, foreseen in zip(states, await self.reconciler.foresee(states), strict=True)
        )

    async def aclose(self) -> None:
        """Stop the loop, then close every connection."""
        await self.reconciler.stop()
        await self.upstreams.aclose()
        await self.store.close()


async def build(settings: Settings, clock: Clock | None = None) -> Service:
    """Open the database (migrating it) and connect everything. Raises `ConfigError` and `StoreError`."""
    clock = clock or SystemClock()
    messengers = connect_messengers(settings.notifications.urls)
    watch = Outage("database lost", "database back", clock)
    store = await open_store(settings.database_url, clock=clock, watch=watch)
    calls = Calls()
    policy = policy_of(settings)
    names = [*policy.torrent_clients, *policy.libraries, policy.request_instance, policy.media_server]
    metrics = Metrics([name for name in names if name is not None])
    upstreams = connect_upstreams(settings, fan_out(calls, metrics.call), clock)
    reconciler = Reconciler(
        store,
        upstreams,
        policy,
        Timing(
            interval=timedelta(seconds=settings.interval_seconds),
            ledger_interval=timedelta(seconds=settings.ledger_interval_seconds),
            resync_interval=timedelta(seconds=settings.resync.interval_seconds),
            breaker_window=timedelta(seconds=settings.breaker_window_seconds),
            receipts_kept=timedelta(days=settings.receipts_days),
            shutdown=timedelta(seconds=settings.shutdown_seconds * (1 - 1 / LAST_REQUESTS_SHARE) - 0.5),
        ),
        clock,
        holder=_holder(settings),
        calls=calls,
        metrics=metrics,
        suspicious_minimum=settings.suspicious_minimum,
        denied_until=DenyWindows(settings.deny_windows).open_until,
        catch_up=CatchUp(
            store,
            upstreams,
            policy,
            reactions_of(settings),
            clock,
            grace_for=settings.grace_for,
            needs_approval=settings.needs_approval,
        ),
        connections=ConnectionWatch(upstreams.webhooks, wanted_webhooks(settings)),
        notifier=notifier_of(settings, store, messengers, metrics, clock),
    )
    return Service(settings, store, upstreams, reconciler, metrics, clock)


def wording_of(settings: Settings) -> Wording:
    """Translate the settings into how messages are worded."""
    return Wording(ADVICE, page_url=settings.page_url, is_observing=settings.mode is Mode.OBSERVE)


def notifier_of(
    settings: Settings, store: Store, messengers: Sequence[Messenger], metrics: Metrics, clock: Clock
) -> Notifier:
    """Make what tells people; without a messenger it only sees to it that nothing is told late."""
    section = settings.notifications
    return Notifier(
        store,
        messengers,
        wording_of(settings),
        clock,
        tell=section.tell,
        interval=timedelta(seconds=section.interval_seconds),
        stalled_after=timedelta(seconds=section.stalled_after_seconds),
        metrics=metrics,
    )


def _holder(settings: Settings) -> str:
    """Name this process to the lease. One SQLite file has one process, so its next one takes over at once."""
    if settings.database_url.startswith("sqlite"):
        return "sqlite"
    return f"{socket.gethostname()}:{os.getpid()}:{token_hex(4)}"


def app_of(service: Service, clock: Clock | None = None) -> Starlette:
    """Make the web application; its lifespan starts and stops the service."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        service.reconciler.start()
        try:
            yield
        finally:
            await service.aclose()

    return create_app(
        WebDeps(
            settings=service.settings,
            store=service.store,
            clock=clock or SystemClock(),
            wake=service.reconciler.wake,
            wake_ledger=service.reconciler.wake_ledger,
            status=service.reconciler.status,
            metrics=service.metrics,
            preview=service.preview,
            dry_run=service.dry_run,
            look_at_connections=service.reconciler.look_at_connections,
            lifespan=lifespan,
        )
    )


def serve(settings: Settings) -> int:
    """Run the service until a signal stops it; return the exit code. Raises `ConfigError` and `StoreError`."""
    configure_logging(settings.log_format.value, settings.log_level.value)
    with listen(settings) as listener, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(settings, listener))


def listen(settings: Settings) -> socket.socket:
    """Take the configured port before anything is begun; raises `ConfigError` when that is not possible."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        why = error.strerror or str(error)
        fix = "end the other program, or set RECONCILER_PORT and RECONCILER_HOST"
        raise ConfigError([f"cannot listen on {settings.host} port {settings.port} ({why}): {fix}"]) from error
    return listener


class _Server(uvicorn.Server):
    """A server that a signal ends in good order, with exit code 0 and not that of the signal.

    Reconciling ends with the signal, not when the last request was answered.
    """

    def __init__(self, config: uvicorn.Config, begin_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._begin_stop = begin_stop

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _on_signal(self, number: int) -> None:
        self._begin_stop()
        self.handle_exit(number, None)


async def _serve(settings: Settings, listener: socket.socket) -> int:
    log = get_logger()
    service = await build(settings)
    config = uvicorn.Config(
        app_of(service),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing here depends on what a proxy says of the caller, so no proxy has to be trusted
        timeout_graceful_shutdown=max(1, settings.shutdown_seconds // LAST_REQUESTS_SHARE),
    )
    server = _Server(config, service.reconciler.begin_stop)
    log.info("starting", host=settings.host, port=listener.getsockname()[1], mode=settings.mode.value)
    await server.serve(sockets=[listener])
    log.info("stopped")
    return 0 if server.started else 1


async def migrate(settings: Settings) -> tuple[int, int]:
    """Bring the database's schema up to date; return the versions before and after."""
    before, after = await migrate_store(settings.database_url)
    return before, after


async def check(settings: Settings) -> list[CheckResult]:
    """Ask every configured upstream whether it is there, is the right program and takes our credentials.

    Raises `ConfigError` when a message could not be sent anywhere; none is sent.
    """
    connect_messengers(settings.notifications.urls)
    upstreams = connect_upstreams(settings, Calls(), SystemClock())
    try:
        wanted = {one.instance: one for one in wanted_webhooks(settings)}
        return list(
            await asyncio.gather(
                *(
                    _check(one, upstreams.webhooks.get(one.instance), wanted.get(one.instance))
                    for one in upstreams.all()
                )
            )
        )
    finally:
        await upstreams.aclose()


async def notify_test(settings: Settings) -> list[MessageResult]:
    """Send every messenger one test message, and return whether each took it. Raises `ConfigError`."""
    messengers = connect_messengers(settings.notifications.urls)
    message = wording_of(settings).test()
    said = await asyncio.gather(*(messenger.send(message) for messenger in messengers))
    return [MessageResult(m.position, m.kind, not error, error) for m, error in zip(messengers, said, strict=True)]


async def _check(upstream: Upstream, webhooks: WebhookSettings | None, wanted: WantedWebhook | None) -> CheckResult:
    result = CheckResult(upstream.instance, upstream.kind, ok=False)
    try:
        app = await upstream.identify()
        obstacle = await upstream.obstacle()
    except Unauthorized as error:
        variable = "password or API key" if upstream.kind is UpstreamKind.QBITTORRENT else "API key"
        return replace(result, message=error.message, fix=f"correct the {variable} of {upstream.instance}")
    except UpstreamError as error:
        return replace(
            result, message=error.message, fix=f"check the URL of {upstream.instance} and that it is running"
        )
    hint = await hint_on(webhooks, wanted) if webhooks is not None and wanted is not None else ""
    result = replace(result, app=app.name, version=app.version, webhook=hint)
    if obstacle:
        fix = f"mend that at {upstream.instance}; until then its deletions wait"
        return replace(result, message=f"{app.name} {app.version} answers, but {obstacle}", fix=fix)
    return replace(result, ok=True, app=app.name, version=app.version, message=f"{app.name} {app.version} answers")
