"""Commands that stay: they end when they are told to, and only then."""

import asyncio
import os
import signal

import pytest
import typer

from reconciler.cli.staying import put, stay
from tests.support.pipes import paused_reader


def test_a_signal_ends_a_command_whose_reader_pauses() -> None:
    async def work() -> int:
        writing = asyncio.ensure_future(put("one line\n"))
        while not pipe.is_waited_for():
            await asyncio.sleep(0)
            assert not writing.done()
        os.kill(os.getpid(), signal.SIGTERM)
        await writing
        return 0

    with paused_reader() as pipe:
        with pytest.raises(typer.Exit) as ended:
            stay(work(), interrupted=0)
        assert ended.value.exit_code == 128 + signal.SIGTERM
        assert pipe.read() == b""


async def test_what_waits_for_a_reader_arrives_whole() -> None:
    text = "Heat \N{EN DASH} " * 20_000
    read = b""
    with paused_reader() as pipe:
        writing = asyncio.ensure_future(put(text))
        await asyncio.sleep(0)
        assert not writing.done()
        while not writing.done():
            read += pipe.read()
            await asyncio.sleep(0)
        assert (read + pipe.read()).decode() == text


def test_a_signal_that_was_ignored_before_stays_ignored() -> None:
    async def work() -> int:
        for one in (signal.SIGHUP, signal.SIGTERM):
            os.kill(os.getpid(), one)
        await asyncio.Event().wait()
        return 0

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with pytest.raises(typer.Exit) as ended:
            stay(work(), interrupted=0)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert ended.value.exit_code == 128 + signal.SIGTERM
