"""What `/status` says, for programs and for the page alike."""

from datetime import datetime

from reconciler import __version__
from reconciler.config import Mode, Settings
from reconciler.model import InstanceName, LedgerCoverage, Phase, UpstreamKind
from reconciler.ports import DeletionFilter, LoopStatus, MessengerState, Overview, PassRecord, UpstreamHealth
from reconciler.web.deps import WebDeps
from reconciler.web.guard import Guard
from reconciler.web.rotation import PreviousSecret
from reconciler.web.schemas import (
    ConvergenceOut,
    CoverageOut,
    GapOut,
    LastPassOut,
    LoopOut,
    MessengerOut,
    PreviousSecretOut,
    SpaceOut,
    StatusOut,
    UpstreamOut,
    UseOut,
    WebhookOut,
)
from reconciler.web.senders_heard import remarks_on_webhooks, webhook_out
from reconciler.web.verdict import TITLES_NAMED, Situation, verdict_of


class StatusReader:
    """Reads it from the database, and of the loop what this process knows."""

    def __init__(self, deps: WebDeps, guard: Guard) -> None:
        self._deps = deps
        self._guard = guard

    async def read(self, *, with_titles: bool = True, for_everybody: bool = False) -> StatusOut:
        """Return the status as of now; with or without the titles of what is held. Raises `StoreError`.

        `for_everybody`: nothing is said of secrets and messengers, which is for those who look after them.
        """
        store, settings = self._deps.store, self._deps.settings
        overview = await store.overview()
        loop = self._deps.status()
        leader = loop.process if loop.lease_held else overview.leader
        asking = overview.by_phase.get(Phase.HELD, 0) + overview.asking
        titles: tuple[str, ...] = ()
        if with_titles and asking:
            page = await store.deletions(DeletionFilter(asks=True), cursor=None, limit=TITLES_NAMED)
            titles = tuple(state.label for state in page.deletions)
        configured = configured_instances(settings)
        previous_secrets = () if for_everybody else self._guard.previous
        messengers = () if for_everybody else overview.messengers
        verdict, ok = verdict_of(
            Situation(
                counts=overview.by_phase,
                asking=asking,
                asking_titles=titles,
                upstreams=tuple(health for health in overview.upstreams if health.instance in configured),
                coverage=tuple(coverage for coverage in overview.coverage if coverage.instance in configured),
                loop=loop,
                leader=leader,
                last_pass=overview.last_pass,
                observing=settings.mode is Mode.OBSERVE,
                remarks=(
                    *remarks_on_webhooks(overview, configured),
                    *(previous.in_words() for previous in previous_secrets),
                    *_untold(messengers),
                ),
            )
        )
        return StatusOut(
            verdict=verdict,
            ok=ok,
            now=self._deps.clock.now(),
            mode=settings.mode.value,
            version=__version__,
            schema_version=overview.schema_version,
            counts={phase: overview.by_phase.get(phase, 0) for phase in Phase},
            needs_you=asking,
            oldest_unsettled_at=overview.oldest_unsettled_at,
            oldest_unsettled=overview.oldest_unsettled,
            next_due_at=overview.next_due_at,
            space=SpaceOut(freed=overview.freed.total, freed_last_24_hours=overview.freed.last_day),
            convergences=tuple(
                ConvergenceOut(id=one.deletion, at=one.at, seconds=one.took.total_seconds())
                for one in overview.convergences
            ),
            last_pass=_last_pass_out(overview.last_pass),
            loop=_loop_out(loop, leader),
            upstreams=_upstreams_out(overview, configured),
            previous_secrets=tuple(_previous_out(previous) for previous in previous_secrets),
            notifications=tuple(_messenger_out(messenger) for messenger in messengers),
        )


def configured_instances(settings: Settings) -> dict[InstanceName, UpstreamKind]:
    """Return every configured instance with its kind, in the order of the kinds."""
    by_kind = {
        UpstreamKind.QBITTORRENT: settings.qbittorrent,
        UpstreamKind.RADARR: settings.radarr,
        UpstreamKind.SONARR: settings.sonarr,
        UpstreamKind.JELLYSEERR: settings.jellyseerr,
        UpstreamKind.JELLYFIN: settings.jellyfin,
    }
    return {instance.name: kind for kind, instances in by_kind.items() for instance in instances}


def _upstreams_out(overview: Overview, configured: dict[InstanceName, UpstreamKind]) -> tuple[UpstreamOut, ...]:
    health = {known.instance: known for known in overview.upstreams}
    coverage = {known.instance: known for known in overview.coverage}
    shown = [
        _upstream_out(
            name,
            kind,
            health.get(name),
            coverage.get(name),
            overview.resynced.get(name),
            webhook_out(overview, kind, name),
        )
        for name, kind in configured.items()
    ]
    absent = [kind for kind in UpstreamKind if kind not in configured.values()]
    return (*shown, *(UpstreamOut(name=kind.value, kind=kind, configured=False) for kind in absent))


def _upstream_out(
    name: InstanceName,
    kind: UpstreamKind,
    health: UpstreamHealth | None,
    coverage: LedgerCoverage | None,
    resynced_at: datetime | None,
    webhook: WebhookOut | None,
) -> UpstreamOut:
    keeps_history = kind in {UpstreamKind.RADARR, UpstreamKind.SONARR}
    ledger = _coverage_out(coverage or LedgerCoverage(name)) if keeps_history else None
    if health is None:
        return UpstreamOut(name=name, kind=kind, configured=True, coverage=ledger, webhook=webhook)
    return UpstreamOut(
        name=name,
        kind=kind,
        configured=True,
        reachable=health.reachable,
        app=health.app or None,
        version=health.version or None,
        since=health.since,
        last_seen_at=health.last_seen_at,
        last_error=health.last_error or None,
        resynced_at=resynced_at,
        coverage=ledger,
        webhook=webhook,
    )


def _coverage_out(coverage: LedgerCoverage) -> CoverageOut:
    return CoverageOut(
        complete=coverage.is_complete,
        backfilled_at=coverage.backfilled_at,
        rows=coverage.backfill_rows,
        total=coverage.backfill_total,
        synced_at=coverage.synced_at,
        gaps=tuple(GapOut(since=since, until=until) for since, until in coverage.gaps),
    )


def _last_pass_out(last: PassRecord | None) -> LastPassOut | None:
    if last is None:
        return None
    return LastPassOut(
        started_at=last.started_at,
        finished_at=last.finished_at,
        duration_seconds=(last.finished_at - last.started_at).total_seconds(),
        deletions=last.deletions,
        rounds=last.rounds,
        calls=last.calls,
        error=last.error or None,
    )


def _loop_out(loop: LoopStatus, leader: str | None) -> LoopOut:
    return LoopOut(
        running=loop.running,
        process=loop.process,
        leader=leader,
        lease_held=loop.lease_held,
        next_pass_at=loop.next_pass_at,
    )


def _untold(messengers: tuple[MessengerState, ...]) -> list[str]:
    """Return a remark when somebody is not told what was to be told."""
    failing = [f"{one.position} ({one.kind})" for one in messengers if one.failing_since is not None]
    return [f"notifications are not taken by {', '.join(failing)}"] if failing else []


def _messenger_out(messenger: MessengerState) -> MessengerOut:
    return MessengerOut(
        position=messenger.position,
        kind=messenger.kind,
        last_sent_at=messenger.sent_at,
        failing_since=messenger.failing_since,
        last_error=messenger.last_error or None,
    )


def _previous_out(previous: PreviousSecret) -> PreviousSecretOut:
    uses = tuple(UseOut(by=sender, at=at) for sender, at in previous.last_used.items())
    return PreviousSecretOut(setting=f"previous_{previous.name}", since=previous.since, last_used=uses)
