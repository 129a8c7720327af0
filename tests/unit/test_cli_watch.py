"""`reconciler status --watch`: what it looks at, what it shows, and a real terminal that gets it."""

import asyncio
import codecs
import errno
import fcntl
import io
import json
import os
import pty
import re
import signal
import struct
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console
from structlog.testing import capture_logs

from reconciler.cli import watching
from reconciler.cli.live import Snapshots, conditions_in_short, drawn
from reconciler.cli.service import Connection
from reconciler.cli.watching import Away, View, Watcher
from reconciler.clock import SystemClock
from reconciler.model import Condition, ConditionType, DeletionState, Event, InstanceName, Phase, Status, UpstreamKind
from reconciler.ports import Overview, UpstreamHealth
from reconciler.reasons import Reason
from reconciler.simulators.server import serve
from reconciler.web import stream
from reconciler.web.views import deletion_out
from tests.support.pipes import paused_reader
from tests.unit.web.fakes import API_TOKEN, NOW, World, condition, database_down, id_of, movie

SENTENCE = "radarr: cannot be reached (it refused the connection)"


@pytest.fixture
def world() -> World:
    """One to be served behind a real socket, with a deletion that is held and one that is not."""
    world = World()
    held = replace(movie(1, title="A\x1b[2J\u202e Film"), conditions=(condition(Reason.BREAKER_OPEN),))
    world.store.add(held)
    world.store.add(movie(2, title="Another"))
    health = UpstreamHealth(InstanceName("radarr"), UpstreamKind.RADARR, False, NOW, last_error=SENTENCE)
    world.store.shown = Overview(by_phase={Phase.HELD: 1, Phase.PENDING: 1}, upstreams=(health,))
    return world


async def until(fulfilled: Callable[[], bool]) -> None:
    """Wait for what a command prints."""
    async with asyncio.timeout(30):
        for _ in iter(fulfilled, True):
            await asyncio.sleep(0.01)


# --- looking -------------------------------------------------------------------------------------------------------


async def test_every_change_is_one_json_document_and_what_is_no_change_is_none(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(stream, "RECONNECT_MILLISECONDS", 20)
    monkeypatch.setattr(watching, "AT_MOST_EVERY", timedelta(0))
    monkeypatch.setattr(watching, "LOOK_AGAIN", timedelta(hours=1))  # what happens is heard from the stream
    monkeypatch.setattr(watching, "LOOK_WITHOUT_EVENTS", timedelta(milliseconds=20))
    out = err = ""
    numbers = iter(range(1, 100))

    def happen() -> None:
        known = world.store.timeline.get(id_of(1), ())
        world.store.timeline[id_of(1)] = (*known, Event("Bound", "something", NOW, number=next(numbers)))

    def read() -> tuple[list[dict[str, Any]], str]:
        nonlocal out, err
        new = capsys.readouterr()
        out, err = out + new.out, err + new.err
        return [json.loads(line) for line in out.splitlines()], err

    with capture_logs():
        async with serve(world.app()) as url, Connection(url, API_TOKEN) as connection:
            watcher = Watcher(connection, SystemClock(), Snapshots(as_json=True))
            task = asyncio.create_task(watcher.run())
            await until(lambda: len(read()[0]) == 1)
            happen()  # changes nothing that is shown
            world.loop = replace(world.loop, next_pass_at=NOW + timedelta(hours=1))
            looks = len(world.store.asked)
            await until(lambda: len(world.store.asked) >= looks + 2)
            world.store.add(replace(movie(1), conditions=(condition(Reason.PROTECTED),)))
            happen()
            await until(lambda: len(read()[0]) == 2)
            world.store.broken = database_down()
            happen()
            await until(lambda: "Away since" in read()[1])
            world.store.broken = None
            await until(lambda: "Back; it was away since" in read()[1])
            world.loop = replace(world.loop, running=False)
            await until(lambda: len(read()[0]) == 3)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    first, second, third = read()[0]
    assert [one["id"] for one in first["deletions"]] == [id_of(1), id_of(2)], "what needs a person comes first"
    assert first["counts"]["held"] == 1
    assert [c["reason"] for one in second["deletions"] for c in one["conditions"]] == ["Protected"]
    assert "reconciling is stopped" in third["verdict"]
    assert err.count("Away since") == err.count("Back;") == 1


# --- what is shown -------------------------------------------------------------------------------------------------


def view_of(*states: DeletionState, away: Away | None = None) -> View:
    counts = {phase.value: sum(state.phase is phase for state in states) for phase in Phase}
    upstream = {"name": "radarr", "kind": "radarr", "configured": True, "reachable": True, "version": "6.0.3"}
    status = {
        "verdict": "1 needs you: a title",
        "ok": False,
        "now": "2026-03-04T08:06:07Z",
        "mode": "enforce",
        "version": "1",
        "counts": counts,
        "last_pass": None,
        "loop": {"next_pass_at": None, "leader": "pod-2", "process": "pod-1"},
        "upstreams": [upstream | {"since": "2026-03-04T05:06:07Z", "last_error": None}],
    }
    documents = tuple(deletion_out(state, "").model_dump(mode="json", by_alias=True) for state in states)
    return View(status, documents, looked_at=100.0, away=away)


def shown(view: View, width: int, height: int, now: float = 100.0) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, highlight=False)
    console.print(drawn(view, now, width, height))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def crowd(count: int) -> list[DeletionState]:
    held = replace(movie(1, title="A\x1b[2J\u202e Film"), conditions=(condition(Reason.BREAKER_OPEN),))
    return [held, *(movie(number, title=f"{'Very ' * 30}long") for number in range(2, count + 1))]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 14), (40, 24), (200, 24), (200, 60), (20, 5)])
def test_it_fits_the_terminal_and_says_how_many_do_not(width: int, height: int) -> None:
    for away in (None, Away(NOW, "reconciler: cannot be reached at http://somewhere/; is it running? " * 2)):
        lines = shown(view_of(*crowd(80), away=away), width, height)
        assert max(map(len, lines)) <= width
        assert not {"\x1b", "\u202e"} & set("".join(lines))
        if height >= 14:
            assert len(lines) <= height
            assert lines[-1].startswith("and ")


def test_a_deletion_is_shown_with_its_conditions_and_age_and_its_id_where_somebody_needs_it() -> None:
    narrow = shown(view_of(*crowd(2)), 80, 24, now=160.0)
    at = next(number for number, line in enumerate(narrow) if line.startswith("held  "))
    assert narrow[at].split() == ["held", "A\ufffd[2J\ufffd", "Film", "(1999)", "3", "h", "1", "min"]
    assert narrow[at + 1].strip() == "torrents BreakerOpen"
    assert narrow[at + 2].strip() == id_of(1)
    assert id_of(2) not in "".join(narrow), "nobody has to do anything about it"
    wide = shown(view_of(*crowd(2)), 160, 24)
    assert {id_of(1), id_of(2)} <= set(" ".join(wide).split())


def test_nothing_open_is_a_status_without_a_table() -> None:
    lines = shown(view_of(), 80, 24)
    assert lines[0] == "1 needs you: a title"
    assert not [line for line in lines if line.startswith("phase")]


def test_a_low_terminal_leaves_out_the_upstreams_that_are_well() -> None:
    assert [line for line in shown(view_of(*crowd(3)), 80, 24) if line.startswith("radarr")]
    assert not [line for line in shown(view_of(*crowd(3)), 80, 12) if line.startswith("radarr")]


def test_conditions_are_told_in_a_word_each_and_by_instance_where_there_are_several() -> None:
    def at(kind: ConditionType, instance: str, status: Status, reason: Reason) -> dict[str, Any]:
        one = Condition(kind, InstanceName(instance), status, reason, "because", NOW)
        return {"type": one.type.value, "instance": instance, "status": status.value, "reason": reason.value}

    conditions = [
        at(ConditionType.ENTRY_ABSENT, "radarr", Status.TRUE, Reason.ABSENT),
        at(ConditionType.ENTRY_ABSENT, "radarr-4k", Status.FALSE, Reason.PRESENT),
        at(ConditionType.TORRENTS_ABSENT, "main", Status.TRUE, Reason.ABSENT),
        at(ConditionType.TORRENTS_ABSENT, "seedbox", Status.TRUE, Reason.ABSENT),
        at(ConditionType.REQUEST_CLEARED, "jellyseerr", Status.UNKNOWN, Reason.REQUESTS_UNSEEN),
    ]
    assert conditions_in_short(conditions).plain == "torrents ok · entry Present at radarr-4k · request RequestsUnseen"
    assert conditions_in_short([]).plain == ""


async def test_without_a_terminal_a_deletion_is_a_line_without_control_codes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    view = view_of(*crowd(2))
    view = replace(view, status={**view.status, "previous_secrets": [], "upstreams": []})
    display = Snapshots(as_json=False)
    await display.show(view)
    await display.show(view)
    out = capsys.readouterr().out
    assert out.count("needs you") == 1, "what has not changed is not printed again"
    assert f"held {id_of(1)} A\ufffd[2J\ufffd Film (1999): torrents BreakerOpen\n" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("as_json", [True, False])
async def test_a_reader_that_pauses_does_not_keep_it_from_ending(as_json: bool) -> None:
    view = view_of(*crowd(2))
    view = replace(view, status={**view.status, "previous_secrets": [], "upstreams": []})
    with paused_reader() as pipe:
        showing = asyncio.ensure_future(Snapshots(as_json=as_json).show(view))
        await until(pipe.is_waited_for)
        showing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await showing


# --- a real terminal -----------------------------------------------------------------------------------------------


IN_THE_TERMINAL = (
    "import fcntl, os, signal, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from reconciler.cli import main; main()"
)
"""What makes the terminal the program's own, so that it sends what is typed and how it is resized as signals.

As a shell does for what it starts in a terminal, it lets Ctrl-C be heard. A script ignores that for what it runs in the
background, which may be these tests; all that they start would inherit it, and the program rightly leaves it so.
"""


@contextmanager
def in_the_background() -> Iterator[None]:
    """Ignore Ctrl-C, as everything does that a script has put in the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Terminal:
    """A pseudo terminal with a program in it, and everything that the program has written there."""

    def __init__(self) -> None:
        self._ours, self.theirs = pty.openpty()
        os.set_blocking(self._ours, False)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.text = ""

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def shows(self, text: str) -> bool:
        with suppress(BlockingIOError):
            try:
                while chunk := os.read(self._ours, 65_536):
                    self.text += self._decoder.decode(chunk)
            except OSError as error:
                if error.errno not in {errno.EIO, errno.EAGAIN}:  # EIO: nobody has it open any more
                    raise
        return text in self.text

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())


PAUSE = "\x13"  # Ctrl-S


@pytest.mark.parametrize(
    ("pause", "end", "code"),
    [("", "\x03", 0), ("", signal.SIGTERM, 128 + signal.SIGTERM), (PAUSE, signal.SIGTERM, 128 + signal.SIGTERM)],
)
async def test_a_terminal_is_filled_resized_and_given_back_and_one_that_pauses_does_not_keep_it_from_ending(
    world: World, pause: str, end: str | signal.Signals, code: int
) -> None:
    terminal = Terminal()
    terminal.resize(80, 24)
    with capture_logs():
        async with serve(world.app()) as url:
            environment = {
                "RECONCILER_URL": url,
                "RECONCILER_API_TOKEN": API_TOKEN,
                "TERM": "xterm",
                "NO_COLOR": "1",
                "COLUMNS": "60",
            }
            with in_the_background():
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-c", IN_THE_TERMINAL, "status", "--watch"),
                    stdin=terminal.theirs,
                    stdout=terminal.theirs,
                    stderr=terminal.theirs,
                    env={**os.environ, **environment},
                )
            try:
                await until(lambda: terminal.shows(id_of(1)))
                assert id_of(2) not in terminal.text, "80 columns have no room for it"
                terminal.resize(160, 40)
                await until(lambda: terminal.shows(id_of(2)))
                terminal.type(pause)
                terminal.type(end) if isinstance(end, str) else process.send_signal(end)
                ended = asyncio.ensure_future(process.wait())
                await until(lambda: terminal.shows("") and ended.done())  # what nobody reads, nobody can write
                assert ended.result() == code
            finally:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            world.loop = replace(world.loop, running=False)
    terminal.shows("")
    assert "Traceback" not in terminal.text
    if pause:
        return  # nothing can be given back to it
    before, _, after = terminal.text.rpartition("\x1b[?1049l")
    assert "\x1b[?1049h" in before, "it was a page of its own"
    assert terminal.text.rpartition("\x1b[?25h")[0].count("\x1b[?25l") == 1, "the cursor is back"
    assert "Aborted" not in after
    assert re.findall(r"\x1b\[[0-9;]*3[0-7][0-9;]*m", terminal.text) == [], "no colours where they are not wanted"
