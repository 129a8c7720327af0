"""What all tests share, and the order in which they begin."""

import gc
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.postgres import postgres_server

__all__ = ["postgres_server"]

if find_spec("sniffio") is None:
    # httpcore asks for it at every request. What is not there is looked for in every folder, every time; this says no.
    sys.modules["sniffio"] = None  # type: ignore[assignment] # that is how Python knows that a module is not there

ORDER = ("property", "e2e", "fault", "contract", "image", "chart", "release", "unit")
"""Folders of tests: first what takes long, and of it what computes beside what waits, in the end short files. What is
not named here begins before them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what takes longest begin first, so that no processor is idle while another one works at the last file."""
    items.sort(key=lambda item: _place(item.path))  # stable: a file stays whole and in its order


def pytest_collection_finish() -> None:
    """Thousands of tests stay as long as the process does: they need not be looked through for garbage."""
    gc.freeze()


def _place(file: Path) -> int:
    folder = file.relative_to(Path(__file__).parent).parts[0]
    return ORDER.index(folder) if folder in ORDER else -1
