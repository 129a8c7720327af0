"""How torrents come into the simulated qBittorrent, with their content."""

from pathlib import Path

import httpx
import pytest

from reconciler.simulators.qbittorrent import QBittorrentSimulator
from reconciler.simulators.server import serve
from reconciler.simulators.torrentfile import make_torrent
from reconciler.simulators.web_seed import web_seed
from tests.unit.simulators.qbittorrent.support import BEFORE_5_2, add, rows, upload, write

# --- adding --------------------------------------------------------------------------------------------------------


async def test_an_add_answers_as_its_version_does(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path
) -> None:
    made = make_torrent(write(root / "a.mkv", b"a" * 20_000))
    first = await upload(user, made.data)
    again = await upload(user, made.data)
    if simulator.mode in BEFORE_5_2:
        assert (first.status_code, first.text) == (200, "Ok.")
        assert (again.status_code, again.text) == (200, "Fails.")
    else:
        assert first.status_code == 200
        assert first.json() == {
            "success_count": 1,
            "failure_count": 0,
            "pending_count": 0,
            "added_torrent_ids": [made.meta.torrent_id],
        }
        assert again.status_code == 409


async def test_garbage_is_415(user: httpx.AsyncClient) -> None:
    assert (await upload(user, b"garbage")).status_code == 415


async def test_an_add_takes_path_category_tags_and_the_stopped_flag_of_its_version(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path
) -> None:
    made = make_torrent(write(root / "movies" / "a.mkv", b"a" * 20_000))
    flag = simulator.dialect.stopped
    await upload(
        user, made.data, savepath=str(root / "movies"), category="radarr", tags="keep, two words", **{flag: "true"}
    )
    row = (await rows(user))[made.meta.torrent_id]
    assert row["save_path"] == str(root / "movies")
    assert row["content_path"] == str(root / "movies" / "a.mkv")
    assert (row["category"], row["tags"], row["state"]) == ("radarr", "keep, two words", f"{flag}UP")
    assert (await user.get("torrents/categories")).json() == {"radarr": {"name": "radarr", "savePath": ""}}
    assert (await user.get("torrents/tags")).json() == ["keep", "two words"]


async def test_nothing_is_added_outside_the_save_root(simulator: QBittorrentSimulator, tmp_path: Path) -> None:
    made = make_torrent(write(tmp_path / "elsewhere" / "a.mkv", b"a"))
    assert simulator.session.add(made.meta, save_path=tmp_path / "elsewhere") is None
    assert simulator.session.torrents == {}


async def test_a_torrent_can_be_added_by_its_address(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path, tmp_path: Path
) -> None:
    made = make_torrent(write(root / "a.mkv", b"a" * 20_000))
    write(tmp_path / "shelf" / "a.torrent", made.data)
    async with serve(web_seed(tmp_path / "shelf")) as url:
        reply = await user.post("torrents/add", data={"urls": f"{url}/a.torrent\n{url}/missing.torrent"})
        await simulator.session.settle()
    assert reply.status_code == (200 if simulator.mode in BEFORE_5_2 else 202)
    assert set(await rows(user)) == {made.meta.torrent_id}


async def test_missing_content_added_unchecked_shows_as_in_its_version(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path
) -> None:
    path = write(root / "a.mkv", b"a" * 20_000)
    made = make_torrent(path)
    path.unlink()
    torrent = add(simulator, made, skip_checking=True)
    row = (await rows(user))[torrent]
    assert row["state"] == ("missingFiles" if simulator.mode in BEFORE_5_2 else "stalledDL")
    assert row["progress"] == 0


async def test_wrong_content_is_not_taken_for_the_torrents(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path
) -> None:
    path = write(root / "a.mkv", b"a" * 20_000)
    made = make_torrent(path)
    path.write_bytes(b"b" * 20_000)
    torrent = add(simulator, made)
    assert (await rows(user))[torrent]["state"] == "stalledDL"


# --- downloading ---------------------------------------------------------------------------------------------------


async def test_missing_content_is_downloaded_from_a_source_folder(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path, tmp_path: Path
) -> None:
    write(tmp_path / "swarm" / "Show" / "e01.mkv", b"1" * 20_000)
    write(tmp_path / "swarm" / "Show" / "sub" / "e01.srt", b"2")
    simulator.session.sources.append(tmp_path / "swarm")
    torrent = add(simulator, make_torrent(tmp_path / "swarm" / "Show"))
    assert (await rows(user))[torrent]["state"] == "downloading"
    await simulator.session.settle()
    row = (await rows(user))[torrent]
    assert (row["state"], row["progress"]) == ("stalledUP", 1)
    assert (root / "Show" / "sub" / "e01.srt").read_bytes() == b"2"


@pytest.mark.parametrize("name", ["a b.mkv", "Show/e 01.mkv"])
async def test_missing_content_is_downloaded_from_a_web_seed(
    simulator: QBittorrentSimulator, root: Path, tmp_path: Path, name: str
) -> None:
    write(tmp_path / "seed" / name, b"1" * 40_000)
    async with serve(web_seed(tmp_path / "seed")) as url:
        add(simulator, make_torrent(tmp_path / "seed" / name.split("/", maxsplit=1)[0], web_seeds=[f"{url}/"]))
        await simulator.session.settle()
    assert (root / name).read_bytes() == b"1" * 40_000


async def test_a_dead_web_seed_leaves_a_stalled_download(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, tmp_path: Path
) -> None:
    made = make_torrent(write(tmp_path / "seed" / "a.mkv", b"1"), web_seeds=["http://127.0.0.1:1/"])
    torrent = add(simulator, made)
    await simulator.session.settle()
    assert (await rows(user))[torrent]["state"] == "stalledDL"


async def test_a_stopped_torrent_downloads_only_when_started(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path, tmp_path: Path
) -> None:
    simulator.session.sources.append(tmp_path / "swarm")
    torrent = add(simulator, make_torrent(write(tmp_path / "swarm" / "a.mkv", b"1" * 99)), stopped=True)
    await simulator.session.settle()
    assert (await rows(user))[torrent]["state"] == f"{simulator.dialect.stopped}DL"
    simulator.session.start([torrent])
    await simulator.session.settle()
    assert (root / "a.mkv").read_bytes() == b"1" * 99


async def test_a_download_that_is_deleted_leaves_nothing(
    simulator: QBittorrentSimulator, root: Path, tmp_path: Path
) -> None:
    simulator.session.sources.append(tmp_path / "swarm")
    torrent = add(simulator, make_torrent(write(tmp_path / "swarm" / "a.mkv", b"1" * 99)))
    simulator.session.delete([torrent], delete_files=True)
    await simulator.session.settle()
    assert list(root.iterdir()) == []
