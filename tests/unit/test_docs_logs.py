"""What `docs/logs.md` says of the log is what the code writes."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from reconciler.model import SettledAs
from tests.support.pages import ROOT, code, read, rows_of

LEVELS = frozenset({"debug", "info", "warning", "error", "exception"})
OF_OUTAGES = ({"error", "kind"}, {"seconds"})
"""The fields of the two events of an `Outage`."""

Written = dict[str, set[str]]


def calls() -> Iterator[ast.Call]:
    for path in sorted((ROOT / "reconciler").rglob("*.py")):
        if not {"simulators", "telemetry"} & set(path.parts):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield node


def is_logging(function: ast.expr) -> bool:
    """Tell whether a call is to a logger, also where the level is chosen in place."""
    if isinstance(function, ast.IfExp):
        return is_logging(function.body)
    return isinstance(function, ast.Attribute) and function.attr in LEVELS and "log" in ast.unparse(function.value)


@cache
def written() -> Written:
    """Return every event with its fields; what a call adds by `**` is not seen."""
    events: Written = {}
    for call in calls():
        texts = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if is_logging(call.func) and call.args:
            fields = {keyword.arg for keyword in call.keywords if keyword.arg}
            for event in texts[:1] or [settled.value for settled in SettledAs]:
                events.setdefault(event, set()).update(fields)
        elif isinstance(call.func, ast.Name) and call.func.id == "Outage":
            for event, of_outage in zip(texts, OF_OUTAGES, strict=True):
                events.setdefault(event, set()).update(of_outage)
    return events


def documented() -> Written:
    rows = [row for row in rows_of(read("docs/logs.md")) if row[0].startswith("`")]
    events = {code(row[0]): set(re.findall(r"`(\w+)`", row[2])) for row in rows}
    assert len(events) == len(rows), "an event is listed twice"
    return events


def test_the_events_were_found() -> None:
    assert {
        "upstream lost",
        "database lost",
        "passes succeed again",
        "heard",
        "request",
        "converged",
    } <= written().keys()


def test_every_event_is_listed_and_no_other() -> None:
    assert written().keys() == documented().keys()


@pytest.mark.parametrize("event", sorted(written()))
def test_the_fields_of_an_event_are_listed(event: str) -> None:
    optional = {"fields"} if event == "webhook_refused" else set()
    assert documented()[event] == written()[event] | optional
