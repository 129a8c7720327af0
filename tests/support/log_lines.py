"""The log as a program reads it: lines of JSON, from the real processors."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from reconciler.telemetry import configure_logging
from reconciler.telemetry.logs import _QUIET

Line = dict[str, Any]


@dataclass
class Log:
    """Everything written so far."""

    stream: io.StringIO = field(default_factory=io.StringIO)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[Line]:
        """Every line; each must be one JSON object, whatever was in it."""
        return [json.loads(line) for line in self.text.split("\n")[:-1]]

    def of(self, event: str) -> list[Line]:
        return [line for line in self.lines if line["event"] == event]


@contextmanager
def logged(level: str = "debug") -> Iterator[Log]:
    """Write JSON lines into a text, and leave logging as it was."""
    root = logging.getLogger()
    handlers, before = root.handlers[:], root.level
    quiet = {name: logging.getLogger(name).level for name in (*_QUIET, "apscheduler.scheduler")}
    log = Log()
    configure_logging("json", level, stream=log.stream)
    try:
        yield log
    finally:
        root.handlers = handlers
        root.setLevel(before)
        for name, was in quiet.items():
            logging.getLogger(name).setLevel(was)
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
