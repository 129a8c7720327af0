"""Programs that some tests need: in CI a missing one is a failure, elsewhere a clearly reported skip."""

import os
import shutil
from typing import NoReturn

import pytest

from reconciler.simulators.real_qbittorrent import find_executable


def require_real_qbittorrent() -> None:
    """End the running test when `qbittorrent-nox` is not installed."""
    if find_executable() is None:
        _without("qbittorrent-nox")


def require_chromium() -> str:
    """Return where the browser is; end the running test when there is none."""
    return shutil.which("chromium") or _without("chromium")


def _without(program: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"{program} must be installed in CI")
    pytest.skip(f"{program} is not installed: the real program was not tested")
