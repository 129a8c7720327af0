"""Logs, call counts and metrics.

Log lines are events with fields. Whatever reaches them, secrets are starred out and no text can start a line of its
own. Metric labels come from closed sets only; titles, hashes and ids are log fields.
"""

import logging
import re
import sys
from collections import Counter as Tally
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TextIO

import prometheus_client
import structlog
from prometheus_client.registry import Collector, CollectorRegistry
from structlog.typing import EventDict, Processor, WrappedLogger

from reconciler.model import InstanceName, Phase, Source
from reconciler.ports import Heard

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST

Observer = Callable[[InstanceName, str, str, float], None]
"""The `CallObserver` of the clients: instance, operation, outcome, seconds."""

# --- logs ----------------------------------------------------------------------------------------------------------

_STARS = "***"
_SECRET_KEY = re.compile(
    r"authorization|api[-_ ]?key|passw(or)?d|passphrase|token|cookie|secret|credential|^sid$", re.IGNORECASE
)
_SENSITIVE = r"(?:x-)?api[-_]?key|passw(?:or)?d|\w*token|(?:set-)?cookie|\w*secret|sid|authorization"
_SECRET_TEXT = (
    (re.compile(r"(\w://)[^/\s@]*@"), rf"\1{_STARS}@"),  # credentials in a URL
    (re.compile(rf"\b((?:{_SENSITIVE})=)[^\s&;,\"']+", re.IGNORECASE), rf"\1{_STARS}"),  # a query or a form
    (re.compile(rf"([\"'](?:{_SENSITIVE})[\"']\s*:\s*)([\"']).*?\2", re.IGNORECASE), rf"\1\2{_STARS}\2"),  # JSON
    (re.compile(r"\b((?:x-api-key|(?:set-)?cookie|authorization)\s*:\s*)[^\r\n\"']+", re.IGNORECASE), rf"\1{_STARS}"),
    (re.compile(r"\b(Bearer\s+)[\w.~+/=-]{12,}", re.IGNORECASE), rf"\1{_STARS}"),
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_QUIET = ("apscheduler", "httpx", "httpcore", "uvicorn.access", "aiosqlite", "asyncpg", "databases")


def configure_logging(
    format: Literal["console", "json"],  # noqa: A002 - the setting's own name
    level: str,
    *,
    stream: TextIO | None = None,
) -> None:
    """Send every log line, ours and the libraries', through one formatter to `stream` (standard error).

    `level` is a name of the standard library. Raises `ValueError` for any other. May be called again.
    """
    levels = logging.getLevelNamesMapping()
    if level.upper() not in levels:
        raise ValueError(f"unknown log level {level!r}: use one of {', '.join(levels)}")
    output = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: list[Processor] = (
        [structlog.processors.JSONRenderer(ensure_ascii=True, default=str)]
        if format == "json"
        else [
            _indent_traceback,
            structlog.dev.ConsoleRenderer(colors=output.isatty(), exception_formatter=structlog.dev.plain_traceback),
        ]
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "uvicorn":  # it brings handlers of its own
            logging.getLogger(name).handlers.clear()
            logging.getLogger(name).propagate = True
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, levels[level.upper()]))
    # That a run is left out because the one before is still at it is how the schedule is meant to work.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str = "reconciler") -> structlog.stdlib.BoundLogger:
    """Return a logger; `name` says which part of the program speaks."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Star out secrets, by the name of their field or by how they look, and escape control characters."""
    for key in list(event):
        if key.startswith("_"):  # the formatter's own: the original record
            continue
        value = event.pop(key)
        event[_escaped(key)] = (
            _STARS if _SECRET_KEY.search(key) and value else _cleaned(value, is_trace=key in {"exception", "stack"})
        )
    return event


def _cleaned(value: object, *, is_trace: bool = False) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {
            _escaped(str(key)): _STARS if _SECRET_KEY.search(str(key)) and item else _cleaned(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(item) for item in value]
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    for pattern, replacement in _SECRET_TEXT:
        text = pattern.sub(replacement, text)
    if is_trace:
        return "\n".join(_escaped(line) for line in text.splitlines())
    return _escaped(text)


def _escaped(text: str) -> str:
    """Write control characters, line ends among them, the way Python source does."""
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def _indent_traceback(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Keep tracebacks on several lines that cannot be taken for events."""
    for key in ("exception", "stack"):
        if isinstance(event.get(key), str):
            event[key] = "\n".join(f"    | {line}" for line in event[key].splitlines())
    return event


# --- counting calls ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallCounts:
    """Calls by (instance, operation, outcome)."""

    by_call: Mapping[tuple[InstanceName, str, str], int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.by_call.values())

    def of(self, instance: InstanceName) -> int:
        """Return how many calls one instance got."""
        return sum(count for (name, _operation, _outcome), count in self.by_call.items() if name == instance)


class Calls:
    """Counts upstream calls, for example of one pass; an `Observer`."""

    def __init__(self) -> None:
        self._tally: Tally[tuple[InstanceName, str, str]] = Tally()

    def __call__(self, instance: InstanceName, operation: str, outcome: str, _seconds: float) -> None:
        self._tally[instance, operation, outcome] += 1

    def snapshot(self) -> CallCounts:
        """Return the counts since the last reset."""
        return CallCounts(dict(self._tally))

    def reset(self) -> CallCounts:
        """Start from zero, and return what was counted until now."""
        counts = self.snapshot()
        self._tally.clear()
        return counts


def fan_out(*observers: Observer) -> Observer:
    """Return an observer that tells all of these."""

    def tell(instance: InstanceName, operation: str, outcome: str, seconds: float) -> None:
        for observer in observers:
            observer(instance, operation, outcome, seconds)

    return tell


# --- metrics -------------------------------------------------------------------------------------------------------

METRIC_NAMES = (
    "reconciler_convergence_seconds",
    "reconciler_deletions",
    "reconciler_oldest_change_timestamp_seconds",
    "reconciler_pass_seconds",
    "reconciler_passes_total",
    "reconciler_upstream_call_seconds",
    "reconciler_upstream_calls_total",
    "reconciler_upstream_up",
    "reconciler_webhooks_total",
)
"""Every metric, as Prometheus names it."""

OTHER = "other"
"""The label for anything outside a closed set."""

WEBHOOK_OUTCOMES = frozenset(heard.value for heard in Heard) | {"rejected", "unavailable"}
"""How a webhook was understood, or that it was refused (4xx) or could not be stored (503)."""

WEBHOOK_SOURCES = (Source.DASHBOARD, Source.JELLYFIN, Source.JELLYSEERR, Source.RADARR, Source.SONARR)
"""Who sends webhooks."""

CALL_OUTCOMES = frozenset(
    {"ok", "Unreachable", "Throttled", "Unauthorized", "Rejected", "Unintelligible", "CancelledError"}
)

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
        self._up = prometheus_client.Gauge(
            "reconciler_upstream_up",
            "Whether an upstream answered when last asked (1) or not (0).",
            ("upstream",),
            registry=self._registry,
        )
        self._deletions = prometheus_client.Gauge(
            "reconciler_deletions", "Deletions in the log, by phase.", ("phase",), registry=self._registry
        )
        self._oldest_change = prometheus_client.Gauge(
            "reconciler_oldest_change_timestamp_seconds",
            "When the open deletion that has stood still for longest changed last, of those not told to wait.",
            ("phase",),
            registry=self._registry,
        )
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
        self._convergence = prometheus_client.Histogram(
            "reconciler_convergence_seconds",
            "Seconds from a deletion's arrival until it was proven gone everywhere.",
            buckets=_CONVERGENCE_BUCKETS,
            registry=self._registry,
        )
        for phase in Phase:
            self._deletions.labels(phase.value).set(0)
        for outcome in ("ok", "error"):  # series that begin at 0 show their first increase, too
            self._passes.labels(outcome)
        for source in WEBHOOK_SOURCES:
            for outcome in WEBHOOK_OUTCOMES:
                self._webhooks.labels(source.value, outcome)

    def call(self, instance: InstanceName, operation: str, outcome: str, seconds: float) -> None:
        """Count one upstream call; an `Observer`."""
        upstream = self._upstream(instance)
        name = self._operation(operation)
        self._calls.labels(upstream, name, outcome if outcome in CALL_OUTCOMES else OTHER).inc()
        self._call_seconds.labels(upstream, name).observe(seconds)

    def upstream_up(self, instance: InstanceName, *, up: bool) -> None:
        self._up.labels(self._upstream(instance)).set(1 if up else 0)

    def deletions(self, by_phase: Mapping[Phase, int]) -> None:
        """Show how many deletions are in each phase; phases not given have none."""
        for phase in Phase:
            self._deletions.labels(phase.value).set(by_phase.get(phase, 0))

    def oldest_changes(self, by_phase: Mapping[Phase, datetime]) -> None:
        """Show since when the deletion of each phase that stands still longest has not changed; others have none."""
        self._oldest_change.clear()
        for phase, at in by_phase.items():
            self._oldest_change.labels(phase.value).set(at.timestamp())

    def passed(self, seconds: float, *, ok: bool) -> None:
        """Count one pass."""
        self._passes.labels("ok" if ok else "error").inc()
        self._pass_seconds.observe(seconds)

    def webhook(self, source: Source, outcome: str) -> None:
        """Count one webhook; `outcome` is one of `WEBHOOK_OUTCOMES`."""
        self._webhooks.labels(source.value, outcome if outcome in WEBHOOK_OUTCOMES else OTHER).inc()

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
