"""Log lines: events with fields.

Whatever reaches them, secrets are starred out and no text can start a line of its own.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

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
_QUIET = ("apscheduler", "asyncio", "httpx", "httpcore", "uvicorn.access", "aiosqlite", "asyncpg", "databases")


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
