"""Metrics in which every series there can be has a value."""

from datetime import timedelta

from reconciler.model import InstanceName, LedgerCoverage, Phase, Source, UpstreamKind, WebhookState
from reconciler.ports import ConnectionSeen, Heard, MessengerState, Overview, SenderHeard, UpstreamHealth
from reconciler.reasons import Reason
from reconciler.telemetry import Metrics
from tests.support.clocks import START

RADARR = InstanceName("radarr")
QBITTORRENT = InstanceName("qbittorrent")
CONFIGURED = {QBITTORRENT: UpstreamKind.QBITTORRENT, RADARR: UpstreamKind.RADARR}
FULL = Overview(
    by_phase={Phase.HELD: 2},
    oldest_unsettled_at=START,
    oldest_changes={Phase.WAITING: START},
    held_by_reason={Reason.BREAKER_OPEN: 2},
    upstreams=(
        UpstreamHealth(QBITTORRENT, UpstreamKind.QBITTORRENT, False, START),
        UpstreamHealth(RADARR, UpstreamKind.RADARR, True, START),
        UpstreamHealth(InstanceName("radarr-of-before"), UpstreamKind.RADARR, False, START),
    ),
    coverage=(
        LedgerCoverage(RADARR, START, synced_at=START, gaps=((START, START),)),
        LedgerCoverage(InstanceName("radarr-of-before"), START, synced_at=START),
    ),
    senders=(
        SenderHeard(Source.RADARR, RADARR, START, Heard.REFERENCE, None),
        SenderHeard(Source.RADARR, None, START - timedelta(hours=1), Heard.TEST, None),
        SenderHeard(Source.CLI, None, START, Heard.DELETE, None),  # asks, and sends no webhook
        SenderHeard(Source.SONARR, InstanceName("sonarr-of-before"), START, Heard.TEST, None),
    ),
    connections={
        RADARR: ConnectionSeen(WebhookState(exists=True, enabled=True, muted=True), START),
        InstanceName("radarr-of-before"): ConnectionSeen(WebhookState(exists=False), START),
    },
    messengers=(
        MessengerState(1, "ntfy", START, 4, failing_since=START, attempt=9, last_error="it answered 500"),
        MessengerState(2, "discord", START, 7, sent_at=START),
    ),
)
"""What a database may say, also of instances that are not configured any more."""


def used() -> Metrics:
    metrics = Metrics([QBITTORRENT, RADARR])
    metrics.call(RADARR, "history_since", "ok", 0.2)
    metrics.show(FULL, CONFIGURED)
    metrics.lease(held=True)
    metrics.passed(1.5, ok=True)
    metrics.webhook(Source.JELLYSEERR, Heard.WANT.value)
    metrics.converged(12)
    metrics.notification("dropped", 3)
    return metrics
