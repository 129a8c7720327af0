"""Logs, call counts and metrics."""

from reconciler.telemetry.calls import CallCounts, Calls, Observer, fan_out
from reconciler.telemetry.context import answering, asked_about, begin_anew, request_id, working_on
from reconciler.telemetry.logs import configure_logging, get_logger, redact
from reconciler.telemetry.metrics import (
    CALL_OUTCOMES,
    CONTENT_TYPE,
    METRIC_NAMES,
    NOTIFICATION_OUTCOMES,
    OTHER,
    WEBHOOK_OUTCOMES,
    Metrics,
)
from reconciler.telemetry.outage import Outage
from reconciler.telemetry.state import WEBHOOK_SOURCES

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
    "Outage",
    "answering",
    "asked_about",
    "begin_anew",
    "configure_logging",
    "fan_out",
    "get_logger",
    "redact",
    "request_id",
    "working_on",
]
