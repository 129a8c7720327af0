"""What `status --watch` shows: a table that fills the terminal, or a snapshot per change where there is none."""

import asyncio
import io
import os
import signal
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from rich.console import Console, ConsoleDimensions, Group, RenderableType
from rich.screen import Screen as WholePage
from rich.table import Column, Table
from rich.text import Text

from reconciler.cli.render import (
    bare_table,
    cells,
    label_of,
    phase_in_colour,
    say,
    show_json_line,
    show_status,
    state_of_upstream,
    time_in_short,
)
from reconciler.cli.staying import put, put_within
from reconciler.cli.watching import OPEN_PHASES, Away, View
from reconciler.clock import Clock
from reconciler.model import ConditionType, Phase
from reconciler.words import duration_in_short, plain

_TICK = timedelta(seconds=1)
_LAST_WORDS = timedelta(seconds=1)
"""How long an end waits for a terminal that pauses, to give it back as it was."""

_HOME = "\x1b[H"
_ENTER = f"\x1b[?1049h{_HOME}\x1b[?25l"
_LEAVE = "\x1b[0m\x1b[?25h\x1b[?1049l"
"""To a page of its own, without a cursor, and back."""

_LOW = 20
"""In a terminal of fewer lines only the upstreams that are in trouble are shown, for the deletions' sake."""

_NARROWEST = 20
_SENTENCES_LENGTH = 1000
_WIDE = 120
"""From so many columns on a deletion takes one line; below, two, and a third with its id if somebody needs that."""

_SHORT = {
    ConditionType.TORRENTS_ABSENT: "torrents",
    ConditionType.ENTRY_ABSENT: "entry",
    ConditionType.FILES_ABSENT: "files",
    ConditionType.REQUEST_CLEARED: "request",
    ConditionType.LIBRARY_REFRESHED: "library",
}
_WIDE_COLUMNS = ("phase", "title", "conditions", "age", "id")
_NARROW_COLUMNS = ("phase", "title", "age")
_COLUMNS = {
    "phase": Column("phase", min_width=10, no_wrap=True),
    "title": Column("title", ratio=2, no_wrap=True, overflow="ellipsis"),
    "conditions": Column("conditions", ratio=3, no_wrap=True, overflow="ellipsis"),
    "age": Column("age", min_width=9, no_wrap=True),
    "id": Column("id", min_width=36, no_wrap=True),
}
_STYLES = {"True": "green", "False": "cyan", "Unknown": "yellow"}


class Screen:
    """Fills the terminal, on a page of its own that gives way to what was there before."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._terminal = Console(highlight=False)
        self._view: View | None = None
        self._is_shown = False
        self._is_resized = asyncio.Event()
        self._drawing = asyncio.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_shown:
            put_within(_LEAVE, _LAST_WORDS)

    async def show(self, view: View) -> None:
        self._view = view
        await self._draw()  # only once there is something to see: what is wrong at first is told in the ordinary way

    async def keep(self) -> None:
        """Let the ages grow, and follow the size of the window at once."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGWINCH, self._is_resized.set)
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_TICK.total_seconds()):
                        await self._is_resized.wait()
                self._is_resized.clear()
                await self._draw()
        finally:
            loop.remove_signal_handler(signal.SIGWINCH)

    async def _draw(self) -> None:
        async with self._drawing:
            if self._view is None:
                return
            columns, rows = os.get_terminal_size(self._terminal.file.fileno())  # COLUMNS would never change
            columns, rows = columns or 80, rows or 24  # some terminals do not say
            page = self._page(drawn(self._view, self._clock.monotonic(), columns, rows), columns, rows)
            begin, self._is_shown = _HOME if self._is_shown else _ENTER, True
            await put(begin + page)

    def _page(self, content: RenderableType, columns: int, rows: int) -> str:
        """Return the whole page as text: written by rich, it would keep a signal waiting while the terminal pauses."""
        self._terminal.size = ConsoleDimensions(columns, rows)
        with self._terminal.capture() as captured:
            self._terminal.print(WholePage(content), end="")
        return captured.get()


class Snapshots:
    """Prints the whole state whenever it has changed, without any control codes, or as one JSON document per line."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._shown: object = None
        self._away: Away | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    async def show(self, view: View) -> None:
        self._tell_whether_away(view.away)
        essence = view.essence()
        if view.away is not None or essence == self._shown:
            return
        self._shown = essence
        if self._as_json:
            await show_json_line({**view.status, "deletions": view.deletions})
        else:
            await put(_snapshot(view))

    async def keep(self) -> None:
        await asyncio.Event().wait()

    def _tell_whether_away(self, away: Away | None) -> None:
        if away is not None and self._away is None:
            say(f"Away since {_clock_time(away.since)}: {away.message}. Trying again.")
        elif away is None and self._away is not None:
            say(f"Back; it was away since {_clock_time(self._away.since)}.")
        self._away = away


def drawn(view: View, now: float, width: int, height: int) -> RenderableType:
    """Return the view as it fits a terminal of this size; `now` is our own monotonic time."""
    passed = timedelta(seconds=max(0.0, now - view.looked_at))
    head = list(_head(view, width))
    upstreams = _upstreams(view.status, only_trouble=height < _LOW)
    room = height - len(head) - upstreams.row_count - 3  # the heads of both tables, and what does not fit any more
    at = datetime.fromisoformat(view.status["now"]) + passed
    return Group(*head, upstreams, *_deletions(view, at, width, room))


def conditions_in_short(conditions: Sequence[Mapping[str, Any]]) -> Text:
    """Return one word for each condition that is met, and the reason of each that is not.

    Where several instances have the same condition, those that differ are named.
    """
    text = Text()
    for kind, name in _SHORT.items():
        of_kind = [condition for condition in conditions if condition["type"] == kind]
        open_ones = [condition for condition in of_kind if condition["status"] != "True"]
        if not of_kind:
            continue
        text.append(" · " if text else "")
        if not open_ones:
            text.append(f"{name} ok", _STYLES["True"])
            continue
        where = len(of_kind) > 1
        said = [f"{one['reason']} at {one['instance']}" if where else one["reason"] for one in open_ones]
        text.append(plain(f"{name} {', '.join(said)}"), _STYLES.get(open_ones[0]["status"], ""))
    return text


def _head(view: View, width: int) -> Iterator[Text]:
    """Say in a few lines how things are."""
    status = view.status
    if view.away is not None:
        away = f"Away since {_clock_time(view.away.since)}, what is below is older: {view.away.message}."
        yield from _sentences(away, width, "bold red")
    yield from _sentences(status["verdict"], width, "bold green" if status["ok"] else "bold red")
    counts = Text("  ", no_wrap=True, overflow="ellipsis").join(
        Text.assemble(phase_in_colour(phase), f" {plain(count)}") for phase, count in status["counts"].items()
    )
    counts.no_wrap, counts.overflow = True, "ellipsis"
    yield counts
    yield _line("; ".join(_passes(status)), "dim")


def _passes(status: Mapping[str, Any]) -> Iterator[str]:
    yield f"{plain(status['mode'])}, version {plain(status['version'])}"
    last, loop = status["last_pass"], status["loop"]
    if last:
        yield f"last pass {_hour(last['finished_at'])} ({last['duration_seconds']:.1f} s)"
    if loop["next_pass_at"]:
        yield f"next {_hour(loop['next_pass_at'])}"
    elif loop["leader"]:
        yield f"{plain(loop['leader'])} reconciles"


def _upstreams(status: Mapping[str, Any], *, only_trouble: bool) -> Table:
    names = (Column(name, no_wrap=True) for name in ("upstream", "state", "version", "since"))
    table = bare_table(*names, Column("what it said", no_wrap=True, overflow="ellipsis", ratio=1))
    table.expand = True
    for one in status["upstreams"]:
        if one["configured"] and not (only_trouble and one["reachable"] and not one["last_error"]):
            said = one["last_error"] or ""
            table.add_row(
                *cells(one["name"]), state_of_upstream(one), *cells(one["version"], time_in_short(one["since"]), said)
            )
    return table


def _deletions(view: View, now: datetime, width: int, room: int) -> Iterator[RenderableType]:
    """Return the open deletions, as many as there is room for, and how many there are beside them."""
    count = sum(view.status["counts"].get(phase, 0) for phase in OPEN_PHASES)
    if not count:
        return
    is_wide = width >= _WIDE
    table = bare_table(*(_COLUMNS[name].copy() for name in (_WIDE_COLUMNS if is_wide else _NARROW_COLUMNS)))
    table.expand = True
    shown = 0
    for one in view.deletions:
        age = duration_in_short(now - datetime.fromisoformat(one["requested_at"]))
        title, conditions = cells(label_of(one))[0], conditions_in_short(one["conditions"])
        lines = [title, conditions, *([Text(plain(one["id"]), "dim")] if one["phase"] == Phase.HELD else [])]
        room -= 1 if is_wide else len(lines)
        if room < 0:
            break
        shown += 1
        phase = phase_in_colour(one["phase"])
        if is_wide:
            table.add_row(phase, title, conditions, *cells(age, one["id"]))
        else:
            table.add_row(phase, Text("\n", no_wrap=True, overflow="ellipsis").join(lines), *cells(age))
    yield table
    if shown < count:
        yield _line(f"and {count - shown} more; reconciler list shows them", "dim")


def _snapshot(view: View) -> str:
    text = io.StringIO()
    console = Console(file=text, highlight=False)
    console.print(Text(time_in_short(view.status["now"]), style="dim"))
    show_status(view.status, console)
    for one in view.deletions:  # a line for each, whatever its length: who reads this may be a program, too
        said = Text.assemble(phase_in_colour(one["phase"]), " ", plain(one["id"]), " ", plain(label_of(one)))
        conditions = conditions_in_short(one["conditions"])
        console.print(Text.assemble(said, ": ", conditions) if conditions else said, soft_wrap=True)
    console.print()
    return text.getvalue()


def _line(text: str, style: str) -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _sentences(text: str, width: int, style: str) -> Iterator[Text]:
    """Return what people must read in full, on as many lines as that takes, within reason."""
    for line in textwrap.wrap(plain(text, _SENTENCES_LENGTH), max(width, _NARROWEST), max_lines=4, placeholder=" …"):
        yield _line(line, style)


def _clock_time(at: datetime) -> str:
    return time_in_short(at.isoformat())


def _hour(at: str) -> str:
    return f"{time_in_short(at)[11:]}"
