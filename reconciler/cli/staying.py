"""Commands that stay until they are told to end: an orderly end for signals, and for whichever part ends first."""

import asyncio
import os
import select
import signal
import sys
from collections.abc import Awaitable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import typer

_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_BY_A_SIGNAL = 128
"""What a shell adds to the number of the signal that ended a command."""


def stay(work: Coroutine[Any, Any, int], *, interrupted: int) -> int:
    """Run a command that stays, and return its exit code; `interrupted` is that for Ctrl-C.

    A signal cancels it, so that whatever it holds is put back first, the terminal too.
    """
    return asyncio.run(_until_told(work, interrupted))


async def _until_told(work: Coroutine[Any, Any, int], interrupted: int) -> int:
    told: list[signal.Signals] = []
    task = asyncio.ensure_future(work)

    def end(by: signal.Signals) -> None:
        told.append(by)
        task.cancel()

    loop = asyncio.get_running_loop()
    ends = [one for one in _ENDS if signal.getsignal(one) is not signal.SIG_IGN]  # nohup, or a script's `&`
    for one in ends:
        loop.add_signal_handler(one, end, one)
    try:
        return await task
    except asyncio.CancelledError:
        if not told:
            raise
    finally:
        for one in ends:
            loop.remove_signal_handler(one)
    if told[0] is not signal.SIGINT:
        raise typer.Exit(_BY_A_SIGNAL + told[0])
    return interrupted


async def put(text: str) -> None:
    """Write text on stdout. Where a reader pauses this waits, as it must, but so that a signal still ends the command.

    It never leaves anything for the end of the process to write, which would wait for that reader, too.
    """
    out = sys.stdout
    try:
        descriptor = out.fileno()
    except (OSError, ValueError):  # nothing of the system's
        out.write(text)
        out.flush()
        return
    left = memoryview(text.encode(out.encoding, out.errors or "strict"))
    with _unblocked(descriptor) as ours:
        while left:
            await _writable(ours)
            with suppress(BlockingIOError):
                left = left[os.write(ours, left[: select.PIPE_BUF]) :]


def put_within(text: str, time: timedelta) -> None:
    """Write text on stdout if whoever reads it takes it in this time; what is left then is dropped."""
    left = memoryview(text.encode())
    with suppress(OSError, ValueError), _unblocked(sys.stdout.fileno()) as ours:
        while left and select.select([], [ours], [], time.total_seconds())[1]:
            left = left[os.write(ours, left[: select.PIPE_BUF]) :]


@contextmanager
def _unblocked(descriptor: int) -> Iterator[int]:
    """Return the descriptor of a terminal of which a write takes only what there is room for; others as they are.

    A terminal counts as ready while there is any room. It is opened anew, as others have the same one open as we do.
    """
    try:
        ours = os.open(os.ttyname(descriptor), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:  # no terminal, or one that has no name here
        yield descriptor
        return
    try:
        yield ours
    finally:
        os.close(ours)


async def _writable(descriptor: int) -> None:
    """Wait until so much as a pipe takes at once can be written."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_writer(descriptor, ready.set)
    except OSError:  # a file on a disk, which need not be waited for
        return
    try:
        await ready.wait()
    finally:
        loop.remove_writer(descriptor)


async def first_of(*parts: Awaitable[Any]) -> None:
    """Run all until one ends or fails; then the others are cancelled, and what it raised is raised."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
