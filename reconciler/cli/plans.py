"""A plan as people read it: what would be done, in order, how much goes, and how it would end."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from reconciler.cli.render import console_for_results, show_conditions, show_targets
from reconciler.words import plain, size_in_words

_PATHS_SHOWN = 5


def show_plan(plan: Mapping[str, Any]) -> None:
    """Print one plan on stdout."""
    console = console_for_results()
    steps = plan["steps"]
    for step in steps:
        console.print(Text(plain(_headline(step))))
        if step["detail"]:
            console.print(Text(f"      {plain(step['detail'])}"), soft_wrap=True)
        for line in _paths(step["paths"]):
            console.print(Text(f"      {plain(line)}", style="dim"), soft_wrap=True)
    console.print(Text(_total(steps) if steps else "Nothing would be sent."))
    console.print(Text(f"If every upstream does as it is told, the deletion is then {plain(plan['ends_as'])}."))
    for note in plan["notes"]:
        console.print(Text(plain(note), style="dim"))
    show_targets(plan["targets"])
    show_conditions(plan["conditions"])


def _headline(step: Mapping[str, Any]) -> str:
    name = f": {step['name']}" if step["name"] else ""
    size = f" ({size_in_words(step['size'])})" if step["size"] else ""
    return f"{step['number']:>3}. {step['action']} at {step['instance']}{name}{size}"


def _paths(paths: Sequence[str]) -> list[str]:
    """Return the first few paths, and how many more there are."""
    more = len(paths) - _PATHS_SHOWN
    return [*paths[:_PATHS_SHOWN], *([f"and {more} more"] if more > 0 else [])]


def _total(steps: Sequence[Mapping[str, Any]]) -> str:
    """Return what all steps come to. Files that several of them name, as hard links do, count for each."""
    count = f"{len(steps)} step{'' if len(steps) == 1 else 's'}"
    size = sum(step["size"] for step in steps)
    paths = sum(len(step["paths"]) for step in steps)
    parts = [
        count,
        *([size_in_words(size)] if size else []),
        *([f"{paths} path{'' if paths == 1 else 's'}"] if paths else []),
    ]
    return f"Together {', '.join(parts)}."
