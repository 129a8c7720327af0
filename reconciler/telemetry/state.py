"""What the database knows, as gauges: every replica tells the same. Replaced as a whole at each scrape."""

from collections.abc import Iterable, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from reconciler.model import InstanceName, LedgerCoverage, Phase, Source, UpstreamKind
from reconciler.ports import Overview
from reconciler.reasons import MEANINGS, Effect

HOLDING_REASONS = tuple(reason for reason, meaning in MEANINGS.items() if meaning.effect is Effect.HOLD)
WEBHOOK_SOURCES = (Source.DASHBOARD, Source.JELLYFIN, Source.JELLYSEERR, Source.RADARR, Source.SONARR)
"""Who sends webhooks."""

_LIBRARIES = frozenset({UpstreamKind.RADARR, UpstreamKind.SONARR})

Configured = Mapping[InstanceName, UpstreamKind]
Labelled = Iterable[tuple[tuple[str, ...], float]]


class StateMetrics(Collector):
    """The gauges of one overview; the last one stays while the database is out.

    What is not configured any more stays in the database, and is nobody's trouble: it is left out.
    """

    def __init__(self) -> None:
        self._overview = Overview()
        self._configured: Configured = {}

    def show(self, overview: Overview, configured: Configured) -> None:
        self._overview, self._configured = overview, configured

    def collect(self) -> Iterable[GaugeMetricFamily]:
        overview, configured = self._overview, self._configured
        yield _gauge(
            "reconciler_deletions",
            "Deletions in the log, by phase.",
            ("phase",),
            (((phase.value,), overview.by_phase.get(phase, 0)) for phase in Phase),
        )
        yield _gauge(
            "reconciler_oldest_unsettled_timestamp_seconds",
            "When the oldest deletion that has not ended was asked for.",
            (),
            (((), at.timestamp()) for at in [overview.oldest_unsettled_at] if at is not None),
        )
        yield _gauge(
            "reconciler_oldest_change_timestamp_seconds",
            "When the open deletion that has stood still for longest changed last, of those not told to wait.",
            ("phase",),
            (((phase.value,), at.timestamp()) for phase, at in overview.oldest_changes.items()),
        )
        yield _gauge(
            "reconciler_held",
            "Deletions that wait for a person, by the reason that holds them.",
            ("reason",),
            (((reason.value,), overview.held_by_reason.get(reason, 0)) for reason in HOLDING_REASONS),
        )
        yield _gauge(
            "reconciler_upstream_up",
            "Whether an upstream answered when last asked (1) or not (0).",
            ("upstream",),
            (((one.instance,), one.reachable) for one in overview.upstreams if one.instance in configured),
        )
        yield from _of_ledgers(overview, configured)
        yield from _of_webhooks(overview, configured)
        yield _gauge(
            "reconciler_notifications_failing_since_timestamp_seconds",
            "Since when a messenger, by its place in the configuration, has taken none of what there is to tell.",
            ("messenger",),
            (
                ((str(one.position),), one.failing_since.timestamp())
                for one in overview.messengers
                if one.failing_since is not None
            ),
        )


def _of_ledgers(overview: Overview, configured: Configured) -> Iterable[GaugeMetricFamily]:
    known = {one.instance: one for one in overview.coverage}
    ledgers = [known.get(name) or LedgerCoverage(name) for name, kind in configured.items() if kind in _LIBRARIES]
    yield _gauge(
        "reconciler_ledger_complete",
        "Whether the whole history of a Radarr or Sonarr was read once (1) or not yet (0).",
        ("upstream",),
        (((one.instance,), one.is_complete) for one in ledgers),
    )
    yield _gauge(
        "reconciler_ledger_gaps",
        "Times in which a Radarr or Sonarr may have grabbed something that is not in the ledger.",
        ("upstream",),
        (((one.instance,), len(one.gaps)) for one in ledgers),
    )
    yield _gauge(
        "reconciler_ledger_synced_timestamp_seconds",
        "When the history of a Radarr or Sonarr was last read to its end.",
        ("upstream",),
        (((one.instance,), one.synced_at.timestamp()) for one in ledgers if one.synced_at is not None),
    )


def _of_webhooks(overview: Overview, configured: Configured) -> Iterable[GaugeMetricFamily]:
    yield _gauge(
        "reconciler_webhook_last_heard_timestamp_seconds",
        "When a webhook of this sender last came, of whatever kind.",
        ("source", "upstream"),
        (
            ((one.source.value, one.instance or ""), one.heard_at.timestamp())
            for one in overview.senders
            if one.source in WEBHOOK_SOURCES and (one.instance is None or one.instance in configured)
        ),
    )
    yield _gauge(
        "reconciler_webhook_connected",
        "Whether our webhook was there and on when an upstream was last looked at (1) or not (0).",
        ("upstream",),
        (((name,), seen.state.is_sent) for name, seen in overview.connections.items() if name in configured),
    )
    heard = {(one.source.value, one.instance): one for one in overview.senders}
    yield _gauge(
        "reconciler_webhook_muted",
        "Whether a Radarr or Sonarr said when last looked at that it mutes our webhook, and was not heard since (1).",
        ("upstream",),
        (
            ((name,), seen.is_muted(heard.get((configured[name].value, name))))
            for name, seen in overview.connections.items()
            if configured.get(name) in _LIBRARIES
        ),
    )


def _gauge(name: str, meaning: str, labels: tuple[str, ...], values: Labelled) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for of_labels, value in values:
        family.add_metric(of_labels, float(value))
    return family
