"""The simulated qBittorrent over a real socket, in good times and bad."""

import asyncio
from pathlib import Path

import pytest

from reconciler.errors import Unintelligible, Unreachable
from reconciler.simulators.qbittorrent_dialects import Mode
from reconciler.simulators.qbittorrent_user import QBittorrentUser
from reconciler.simulators.server import serve
from reconciler.simulators.torrentfile import make_torrent
from tests.unit.simulators.qbittorrent.support import PASSWORD, USERNAME, add, client_of, simulate, write

# --- trouble on command, over a real socket ------------------------------------------------------------------------


async def test_outages_come_and_go_on_command(root: Path) -> None:
    simulator = simulate(Mode.V5_1, root)
    add(simulator, make_torrent(write(root / "1.mkv", b"1")))
    async with serve(simulator.app) as url:
        client = client_of(url)
        simulator.faults.fail_next(2, 502)
        for _ in range(2):
            with pytest.raises(Unreachable, match="502"):
                await client.torrents()
        assert len(await client.torrents()) == 1

        simulator.faults.html = True
        with pytest.raises(Unintelligible, match="web page"):
            await client.torrents()
        simulator.faults.heal()

        simulator.faults.half_body = True
        with pytest.raises(Unreachable, match="broke off"):
            await client.torrents()
        simulator.faults.heal()

        simulator.faults.only = "torrents/info"
        simulator.faults.hang = True
        waiting = asyncio.create_task(client.torrents())
        assert (await client.identify()).version == "v5.1.4"
        simulator.faults.heal()
        with pytest.raises(Unreachable, match="503"):
            await waiting
        assert len(await client.torrents()) == 1
        await client.aclose()


async def test_a_caller_that_gives_up_does_not_hold_the_server(root: Path) -> None:
    simulator = simulate(Mode.V5_1, root)
    simulator.faults.hang = True
    async with serve(simulator.app) as url:
        client = client_of(url)
        waiting = asyncio.create_task(client.torrents())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await client.aclose()
    assert not simulator.requests


async def test_a_server_can_return_at_its_old_address(root: Path) -> None:
    simulator = simulate(Mode.V5_1, root)
    client = None
    port = 0
    for _ in range(2):
        async with serve(simulator.app, port=port) as url:
            port = int(url.rpartition(":")[2])
            client = client or client_of(url)
            assert await client.torrents() == ()
        with pytest.raises(Unreachable):
            await client.torrents()
    assert client is not None
    await client.aclose()


async def test_a_user_of_any_version_adds_stops_and_reads(root: Path) -> None:
    for mode in Mode:
        simulator = simulate(mode, root)
        made = make_torrent(write(root / "1.mkv", b"1"))
        async with serve(simulator.app) as url:
            user = QBittorrentUser(url, USERNAME, PASSWORD)
            await user.add(made.data, save_path=root, category="radarr", tags=["a", "b"], stopped=True)
            row = (await user.rows())[made.meta.torrent_id]
            assert (row["state"], row["category"], row["tags"]) == (
                f"{simulator.dialect.stopped}UP",
                "radarr",
                "a, b",
            )
            await user.start(made.meta.torrent_id)
            assert (await user.rows())[made.meta.torrent_id]["state"] == "stalledUP"
            await user.stop(made.meta.torrent_id)
            assert (await user.rows())[made.meta.torrent_id]["state"] == f"{simulator.dialect.stopped}UP"
