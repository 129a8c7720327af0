"""The launcher of the real qBittorrent, which the demo and the end-to-end tests rely on."""

import asyncio
from pathlib import Path

import pytest

from reconciler.clients.qbittorrent import QBittorrent, connect
from reconciler.errors import Unreachable
from reconciler.model import InstanceName
from reconciler.simulators import real_qbittorrent
from reconciler.simulators.qbittorrent_user import QBittorrentUser
from reconciler.simulators.real_qbittorrent import RealQBittorrent
from reconciler.simulators.torrentfile import make_torrent
from tests.support.real_parts import require_real_qbittorrent

NAME = InstanceName("qbittorrent")
DEADLINE_SECONDS = 15.0


async def test_it_goes_away_and_comes_back_at_the_same_address_with_its_torrents(tmp_path: Path) -> None:
    require_real_qbittorrent()
    path = tmp_path / "a.mkv"
    path.write_bytes(b"a" * 20_000)
    made = make_torrent(path)
    async with RealQBittorrent() as real:
        url, profile = real.url, real.profile
        client = connect(NAME, url, username=real.username, password=real.password)
        await QBittorrentUser(url, real.username, real.password).add(made.data, save_path=tmp_path)
        await _until_seeding(client)
        for end in (real.stop, real.kill):
            await end()
            with pytest.raises(Unreachable):
                await client.torrents()
            await real.start()
            assert real.url == url
            assert [torrent.id for torrent in await client.torrents()] == [made.meta.torrent_id]
        await client.aclose()
    assert not real.is_running
    assert not profile.exists()
    assert path.exists()


async def _until_seeding(client: QBittorrent) -> None:
    deadline = asyncio.get_running_loop().time() + DEADLINE_SECONDS
    while [torrent.state for torrent in await client.torrents()] != ["stalledUP"]:
        assert asyncio.get_running_loop().time() < deadline, "not in time"
        await asyncio.sleep(0.02)


async def test_the_seeding_time_it_shows_of_an_idle_torrent_stands_still_until_something_happens(
    tmp_path: Path,
) -> None:
    """Whoever waits for a seeding time must know: it moves on with an answer of the tracker, or with a change."""
    require_real_qbittorrent()
    path = tmp_path / "a.mkv"
    path.write_bytes(b"a" * 20_000)
    made = make_torrent(path)
    async with RealQBittorrent() as real:
        client = connect(NAME, real.url, username=real.username, password=real.password)
        user = QBittorrentUser(real.url, real.username, real.password)
        await user.add(made.data, save_path=tmp_path)
        await _until_seeding(client)
        await asyncio.sleep(2)  # what the last change of its state still moves
        (before,) = await client.torrents()
        await asyncio.sleep(3)
        (idle,) = await client.torrents()
        await user.refresh(made.meta.torrent_id)
        await asyncio.sleep(2)
        (after,) = await client.torrents()
        await client.aclose()
    assert (before.ratio, before.state, idle.state) == (0, "stalledUP", "stalledUP")
    assert before.seeding_seconds == idle.seeding_seconds
    assert after.seeding_seconds >= idle.seeding_seconds + 3
    assert after.tags == frozenset()


async def test_with_local_authentication_off_no_credentials_are_needed() -> None:
    require_real_qbittorrent()
    async with RealQBittorrent(bypass_local=True) as real:
        client = connect(NAME, real.url)
        assert (await client.identify()).version == real.version
        await client.aclose()


async def test_a_program_that_ends_at_once_is_reported(tmp_path: Path) -> None:
    broken = tmp_path / "qbittorrent-nox"
    broken.write_text("#!/bin/sh\necho broken\n", encoding="utf-8")
    broken.chmod(0o755)
    with pytest.raises(RuntimeError, match="did not start: broken"):
        async with RealQBittorrent(executable=broken):
            pass


async def test_without_the_program_there_is_nothing_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real_qbittorrent, "find_executable", lambda: None)
    with pytest.raises(RuntimeError, match="not installed"):
        await RealQBittorrent().start()


def test_a_missing_program_is_found_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert real_qbittorrent.find_executable() is None
