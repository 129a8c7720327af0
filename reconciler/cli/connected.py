"""What `reconciler connect` shows: the changes before, and what came of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from reconciler.connect.steps import Found
from reconciler.connections import Step
from reconciler.words import plain

_LONG = 1000


def show_found(found: Sequence[tuple[Found, bool]], *, to_stderr: bool) -> None:
    """Show what would be changed, instance by instance; beside each is whether it is left alone."""
    console = Console(stderr=to_stderr, highlight=False)
    for one, is_left_alone in found:
        console.print(_heading(one, is_left_alone=is_left_alone))
        comparison = one.comparison
        if comparison is None:
            continue
        table = _table("", "what", "now", "then")
        for change in comparison.changes if not is_left_alone else comparison.changes[:1]:
            table.add_row("", *(Text(plain(text, _LONG)) for text in (change.what, change.now, change.then)))
        if table.row_count:
            console.print(table)
        for note in comparison.notes:
            console.print(Text(f"  {plain(note, _LONG)}", style="dim"))


def show_outcomes(outcomes: Sequence[Mapping[str, Any]]) -> None:
    """Show what came of it, one line for each instance."""
    is_wrong = any(one["problem"] for one in outcomes)
    table = _table("instance", "webhook", "test", *(("what is wrong", "what to do") if is_wrong else ()))
    for one in outcomes:
        said = [Text(plain(one[key], _LONG) if one[key] else "") for key in ("problem", "fix")]
        table.add_row(
            Text(plain(one["instance"])),
            Text("connected", style="green") if one["connected"] else Text("not connected", style="bold red"),
            Text(_test_of(one)),
            *(said if is_wrong else ()),
        )
    console = Console(highlight=False)
    console.print()
    console.print(table)


def _heading(found: Found, *, is_left_alone: bool) -> Text:
    name, comparison = plain(found.wanted.instance), found.comparison
    if comparison is None:
        return Text(f"{name}: {plain(found.problem, _LONG)}", style="bold red")
    if is_left_alone:
        return Text(f"{name}: somebody else's webhook is there and left alone", style="bold red")
    match comparison.step:
        case Step.NOTHING:
            return Text(f"{name}: nothing to do", style="green")
        case Step.CREATE:
            return Text(f"{name}: a new webhook", style="bold")
        case Step.REPAIR:
            called = f' "{plain(comparison.seen.name)}"' if comparison.seen and comparison.seen.name else ""
            return Text(f"{name}: its webhook{called} is put right", style="bold")
        case Step.REPLACE:
            return Text(f"{name}: somebody else's webhook is replaced", style="bold yellow")


def _test_of(one: Mapping[str, Any]) -> str:
    if not one["tested"]:
        return "not sent" if not one["connected"] else "failed"
    match one["confirmed"]:
        case True:
            return "arrived"
        case False:
            return "lost"
        case _:
            return "answered"


def _table(*columns: str) -> Table:
    folding = (Column(name, overflow="fold") for name in columns)
    return Table(*folding, box=None, header_style="dim", pad_edge=False)
