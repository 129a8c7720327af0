"""Programs that some tests need: in CI a missing one is a failure, elsewhere a clearly reported skip."""

import os

import pytest

from reconciler.simulators.real_qbittorrent import find_executable


def require_real_qbittorrent() -> None:
    """End the running test when `qbittorrent-nox` is not installed."""
    if find_executable() is not None:
        return
    if os.environ.get("CI"):
        pytest.fail("qbittorrent-nox must be installed in CI")
    pytest.skip("qbittorrent-nox is not installed: the real program was not tested")
