"""How torrents leave the simulated qBittorrent, and sometimes come back (upstreams.md 5.4, 8 and 9.1)."""

from datetime import timedelta
from pathlib import Path

import httpx

from reconciler.simulators.qbittorrent import QBittorrentSimulator
from reconciler.simulators.torrentfile import make_torrent
from tests.unit.simulators.qbittorrent.support import CREDENTIALS, ManualClock, add, browser, rows, write

# --- delete --------------------------------------------------------------------------------------------------------


async def test_a_delete_changes_the_list_at_once_and_the_disk_later(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path
) -> None:
    write(root / "Show" / "sub" / "e01.mkv", b"1")
    torrent = add(simulator, make_torrent(root / "Show"))
    simulator.session.removal_delay = timedelta(milliseconds=30)

    reply = await user.post("torrents/delete", data={"hashes": torrent.upper(), "deleteFiles": "true"})

    assert (reply.status_code, reply.text) == (200, "")
    assert await rows(user) == {}
    assert (root / "Show" / "sub" / "e01.mkv").exists()
    await simulator.session.settle()
    assert list(root.iterdir()) == []


async def test_a_removal_of_data_can_fail_silently(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path
) -> None:
    path = write(root / "a.mkv", b"1")
    torrent = add(simulator, make_torrent(path))
    simulator.session.fail_data_removal = True
    reply = await user.post("torrents/delete", data={"hashes": torrent, "deleteFiles": "true"})
    await simulator.session.settle()
    assert reply.status_code == 200
    assert await rows(user) == {}
    assert path.exists()


async def test_shared_files_go_with_the_first_delete_and_the_cross_seed_notices_at_the_restart(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path
) -> None:
    path = write(root / "a.mkv", b"1" * 20_000)
    original = add(simulator, make_torrent(path))
    cross_seed = add(simulator, make_torrent(path, source="other"))
    simulator.session.delete([original], delete_files=True)
    await simulator.session.settle()
    assert not path.exists()
    assert (await rows(user))[cross_seed]["state"] == "stalledUP"
    await simulator.restart()
    await user.post("auth/login", data=CREDENTIALS)
    assert (await rows(user))[cross_seed]["state"] == "missingFiles"


async def test_a_recheck_finds_lost_data(simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path) -> None:
    path = write(root / "a.mkv", b"1" * 20_000)
    torrent = add(simulator, make_torrent(path))
    path.unlink()
    assert (await rows(user))[torrent]["progress"] == 1
    await user.post("torrents/recheck", data={"hashes": torrent})
    row = (await rows(user))[torrent]
    assert (row["state"], row["progress"]) == ("stalledDL", 0)


async def test_a_crash_brings_back_what_was_deleted_a_moment_ago(
    simulator: QBittorrentSimulator, root: Path, clock: ManualClock
) -> None:
    early = add(simulator, make_torrent(write(root / "1.mkv", b"1")))
    late = add(simulator, make_torrent(write(root / "2.mkv", b"2")))
    simulator.session.delete([early], delete_files=True)
    clock.elapsed += timedelta(milliseconds=60)
    simulator.session.delete([late], delete_files=True)
    await simulator.session.settle()

    simulator.crash()

    assert set(simulator.session.torrents) == {late}
    async with browser(simulator) as web:
        await web.post("auth/login", data=CREDENTIALS)
        assert (await rows(web))[late]["state"] == "missingFiles"


async def test_a_crash_stops_a_removal_under_way(simulator: QBittorrentSimulator, root: Path) -> None:
    path = write(root / "1.mkv", b"1")
    torrent = add(simulator, make_torrent(path))
    simulator.session.removal_delay = timedelta(minutes=1)
    simulator.session.delete([torrent], delete_files=True)
    simulator.crash()
    await simulator.session.settle()
    assert path.exists()
    assert set(simulator.session.torrents) == {torrent}


async def test_a_good_restart_finishes_removals_and_brings_nothing_back(
    simulator: QBittorrentSimulator, root: Path
) -> None:
    path = write(root / "1.mkv", b"1")
    simulator.session.delete([add(simulator, make_torrent(path))], delete_files=True)
    await simulator.restart()
    simulator.crash()
    assert not path.exists()
    assert simulator.session.torrents == {}
