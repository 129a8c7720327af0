"""What a deletion shows over HTTP, in the words of a test."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]


def told(shown: Mapping[str, Any]) -> str:
    """Put what a deletion shows in a few lines, for a failing test."""
    conditions = [f"{c['type']}: {c['status']} {c['reason']}, {c['message']}" for c in shown.get("conditions", ())]
    events = [f"{e['kind']}: {e['message']}" for e in shown.get("timeline", ())]
    return "\n  ".join([f"{shown.get('phase')} {shown.get('settled')}", *conditions, *events])


def condition(shown: Mapping[str, Any], type_: str) -> Json:
    """Return one condition of a deletion."""
    return next(dict(c) for c in shown["conditions"] if c["type"] == type_)


def reasons(shown: Mapping[str, Any]) -> dict[str, str]:
    """Return the reason of every condition by its type; one that is not there yet has none."""
    return defaultdict(str, {str(c["type"]): str(c["reason"]) for c in shown["conditions"]})


def events(shown: Mapping[str, Any], kind: str) -> list[str]:
    """Return the messages of one kind in a timeline."""
    return [str(e["message"]) for e in shown["timeline"] if e["kind"] == kind]
