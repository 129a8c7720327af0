"""Metrics for Prometheus. Labels come from closed sets only; titles, hashes and ids are log fields."""

import re
from collections.abc import Collection, Iterable
from typing import Any

import prometheus_client
from prometheus_client.registry import Collector, CollectorRegistry

from reconciler import __version__
from reconciler.model import InstanceName, Source
from reconciler.ports import Heard, Overview
from reconciler.telemetry.state import WEBHOOK_SOURCES, Configured, StateMetrics

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST

METRIC_NAMES = (
    "reconciler_build_info",
    "reconciler_convergence_seconds",
    "reconciler_deletions",
    "reconciler_held",
    "reconciler_lease_held",
    "reconciler_ledger_complete",
    "reconciler_ledger_gaps",
    "reconciler_ledger_synced_timestamp_seconds",
    "reconciler_notifications_failing_since_timestamp_seconds",
    "reconciler_notifications_total",
    "reconciler_oldest_change_timestamp_seconds",
    "reconciler_oldest_unsettled_timestamp_seconds",
    "reconciler_pass_seconds",
    "reconciler_passes_total",
    "reconciler_upstream_call_seconds",
    "reconciler_upstream_calls_total",
    "reconciler_upstream_up",
    "reconciler_webhook_connected",
    "reconciler_webhook_last_heard_timestamp_seconds",
    "reconciler_webhook_muted",
    "reconciler_webhooks_total",
)
"""Every metric, as Prometheus names it."""

OTHER = "other"
"""The label for anything outside a closed set."""

WEBHOOK_OUTCOMES = frozenset(heard.value for heard in Heard) | {"rejected", "unavailable"}
"""How a webhook was understood, or that it was refused (4xx) or could not be stored (503)."""

CALL_OUTCOMES = frozenset(
    {"ok", "Unreachable", "Throttled", "Unauthorized", "Rejected", "Unintelligible", "CancelledError"}
)

NOTIFICATION_OUTCOMES = frozenset({"sent", "failed", "dropped"})
"""A message was taken or was not, or what it was to tell became too old."""

_OPERATION = re.compile(r"[a-z][a-z0-9_]{0,39}")
_MOST_OPERATIONS = 100
_CALL_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_PASS_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_CONVERGENCE_BUCKETS = (1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600)


class Metrics:
    """What Prometheus sees, in a registry of its own. `instances` are the configured upstream instances."""

    def __init__(self, instances: Collection[InstanceName] = ()) -> None:
        self._registry = CollectorRegistry()
        self._instances = frozenset(instances)
        self._operations: set[str] = set()
        self._calls = prometheus_client.Counter(
            "reconciler_upstream_calls",
            "Calls to an upstream, by how they ended.",
            ("upstream", "operation", "outcome"),
            registry=self._registry,
        )
        self._call_seconds = prometheus_client.Histogram(
            "reconciler_upstream_call_seconds",
            "How long calls to an upstream took.",
            ("upstream", "operation"),
            buckets=_CALL_BUCKETS,
            registry=self._registry,
        )
        self._state = StateMetrics()
        self._registry.register(self._state)
        self._lease_held = prometheus_client.Gauge(
            "reconciler_lease_held", "Whether this process may reconcile (1) or not (0).", registry=self._registry
        )
        build = prometheus_client.Gauge(
            "reconciler_build_info", "Always 1; the label has the version.", ("version",), registry=self._registry
        )
        build.labels(__version__).set(1)
        self._passes = prometheus_client.Counter(
            "reconciler_passes", "Passes, by how they ended.", ("outcome",), registry=self._registry
        )
        self._pass_seconds = prometheus_client.Histogram(
            "reconciler_pass_seconds", "How long passes took.", buckets=_PASS_BUCKETS, registry=self._registry
        )
        self._webhooks = prometheus_client.Counter(
            "reconciler_webhooks",
            "Webhooks received, by how they were understood.",
            ("source", "outcome"),
            registry=self._registry,
        )
        self._notifications = prometheus_client.Counter(
            "reconciler_notifications",
            "Messages to people by whether they were taken, and notices that were not told in time.",
            ("outcome",),
            registry=self._registry,
        )
        self._convergence = prometheus_client.Histogram(
            "reconciler_convergence_seconds",
            "Seconds from a deletion's arrival until nothing of it was left to do, as a later look proved.",
            buckets=_CONVERGENCE_BUCKETS,
            registry=self._registry,
        )
        for outcome in ("ok", "error"):  # series that begin at 0 show their first increase, too
            self._passes.labels(outcome)
        for outcome in NOTIFICATION_OUTCOMES:
            self._notifications.labels(outcome)
        for source in WEBHOOK_SOURCES:
            for outcome in WEBHOOK_OUTCOMES:
                self._webhooks.labels(source.value, outcome)

    def call(self, instance: InstanceName, operation: str, outcome: str, seconds: float) -> None:
        """Count one upstream call; an `Observer`."""
        upstream = self._upstream(instance)
        name = self._operation(operation)
        self._calls.labels(upstream, name, outcome if outcome in CALL_OUTCOMES else OTHER).inc()
        self._call_seconds.labels(upstream, name).observe(seconds)

    def show(self, overview: Overview, configured: Configured) -> None:
        """Show what the database knows, of the configured upstreams with their kinds."""
        self._state.show(overview, configured)

    def lease(self, *, held: bool) -> None:
        """Show whether this process may reconcile."""
        self._lease_held.set(held)

    def passed(self, seconds: float, *, ok: bool) -> None:
        """Count one pass."""
        self._passes.labels("ok" if ok else "error").inc()
        self._pass_seconds.observe(seconds)

    def webhook(self, source: Source, outcome: str) -> None:
        """Count one webhook; `outcome` is one of `WEBHOOK_OUTCOMES`."""
        self._webhooks.labels(source.value, outcome if outcome in WEBHOOK_OUTCOMES else OTHER).inc()

    def notification(self, outcome: str, count: int = 1) -> None:
        """Count messages, or of those `dropped` what they were to tell; `outcome` is one of `NOTIFICATION_OUTCOMES`."""
        self._notifications.labels(outcome if outcome in NOTIFICATION_OUTCOMES else OTHER).inc(count)

    def converged(self, seconds: float) -> None:
        """Record how long a deletion took from its arrival to its proof."""
        self._convergence.observe(seconds)

    def render(self) -> bytes:
        """Return the text exposition format; its media type is `CONTENT_TYPE`."""
        return prometheus_client.generate_latest(_WithoutCreated(self._registry))

    def _upstream(self, instance: InstanceName) -> str:
        return instance if instance in self._instances else OTHER

    def _operation(self, operation: str) -> str:
        """Operations are literals in our clients; this keeps a mistake there from growing labels without end."""
        if operation not in self._operations:
            if not _OPERATION.fullmatch(operation) or len(self._operations) >= _MOST_OPERATIONS:
                return OTHER
            self._operations.add(operation)
        return operation


class _WithoutCreated(Collector):
    """The registry without the `_created` series, which are clock readings that nobody asks for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Any]:
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family
