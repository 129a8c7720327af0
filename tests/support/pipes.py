"""A pipe in the place of stdout whose reader pauses."""

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

PATIENCE_SECONDS = 10.0


class Pipe:
    """It is full until it is read."""

    def __init__(self) -> None:
        self._ours, self.theirs = os.pipe()
        os.set_blocking(self._ours, False)
        os.set_blocking(self.theirs, False)
        with suppress(BlockingIOError):
            while True:
                os.write(self.theirs, b"." * 65_536)
        with suppress(BlockingIOError):
            while True:
                os.write(self.theirs, b".")
        os.set_blocking(self.theirs, True)

    def is_waited_for(self) -> bool:
        """Tell whether something in this loop waits to write; from then on only being cancelled can end that."""
        return asyncio.get_running_loop().remove_writer(self.theirs)

    def read(self) -> bytes:
        text = b""
        with suppress(BlockingIOError):
            while chunk := os.read(self._ours, 65_536):
                text += chunk
        return text.lstrip(b".")

    def close(self) -> None:
        os.close(self._ours)


@contextmanager
def paused_reader() -> Iterator[Pipe]:
    """Whoever waits for it without giving way goes on after a while, so that the test can fail."""
    pipe = Pipe()
    is_over = threading.Event()

    def read_after_all() -> None:
        pause = PATIENCE_SECONDS
        while not is_over.wait(pause):
            pipe.read()
            pause = 0.05

    thread = threading.Thread(target=read_after_all)
    thread.start()
    try:
        with os.fdopen(pipe.theirs, "w", encoding="utf-8") as stdout, pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdout", stdout)
            yield pipe
    finally:
        is_over.set()
        thread.join()
        pipe.close()
