"""Logs, call counts and metrics."""

from reconciler.telemetry.calls import CallCounts, Calls, Observer, fan_out
from reconciler.telemetry.logs import configure_logging, get_logger, redact
from reconciler.telemetry.metrics import (
    CALL_OUTCOMES,
    CONTENT_TYPE,
    METRIC_NAMES,
    NOTIFICATION_OUTCOMES,
    OTHER,
    WEBHOOK_OUTCOMES,
    WEBHOOK_SOURCES,
    Metrics,
)

__all__ = [
    "CALL_OUTCOMES",
    "CONTENT_TYPE",
    "METRIC_NAMES",
    "NOTIFICATION_OUTCOMES",
    "OTHER",
    "WEBHOOK_OUTCOMES",
    "WEBHOOK_SOURCES",
    "CallCounts",
    "Calls",
    "Metrics",
    "Observer",
    "configure_logging",
    "fan_out",
    "get_logger",
    "redact",
]
