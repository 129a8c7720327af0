"""What the simulated qBittorrent answers (upstreams.md 5.3 to 5.6 and 8)."""

from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from reconciler.model import TorrentId
from reconciler.simulators.qbittorrent import QBittorrentSimulator
from reconciler.simulators.qbittorrent_dialects import Mode
from reconciler.simulators.torrentfile import TorrentKind, make_torrent
from tests.unit.simulators.qbittorrent.support import OLD, ManualClock, add, rows, upload, write

# --- methods, parameters, statuses ---------------------------------------------------------------------------------


async def test_a_post_reads_its_body_only(simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path) -> None:
    torrent = add(simulator, make_torrent(write(root / "a.mkv", b"a")))
    in_query = await user.post("torrents/delete", params={"hashes": torrent, "deleteFiles": "false"})
    assert in_query.status_code == 400
    assert (await user.post("torrents/info", params={"hashes": "0" * 40})).json() != []
    assert (await user.post("torrents/info", data={"hashes": "0" * 40})).json() == []


@pytest.mark.parametrize("path", ["torrents/delete", "torrents/add", "torrents/recheck", "auth/login"])
async def test_changes_are_post_only(user: httpx.AsyncClient, path: str) -> None:
    assert (await user.get(path)).status_code == 405


async def test_missing_and_wrong_parameters_are_400(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path
) -> None:
    add(simulator, make_torrent(write(root / "a.mkv", b"a")))
    assert (await user.post("torrents/delete", data={"hashes": ""})).status_code == 400
    assert (await user.post("torrents/delete", data={"deleteFiles": "true"})).status_code == 400
    assert (await user.get("torrents/files")).status_code == 400
    assert (await user.get("torrents/info", params={"sort": "bogus"})).status_code == 400


async def test_unknown_endpoints_and_torrents_are_404(user: httpx.AsyncClient) -> None:
    assert (await user.get("torrents/bogus")).status_code == 404
    assert (await user.get("torrents/files", params={"hash": "0" * 40})).status_code == 404
    assert (await user.get("torrents/properties", params={"hash": "0" * 40})).status_code == 404


async def test_stop_and_pause_are_verbs_and_states_of_their_versions(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path
) -> None:
    torrent = add(simulator, make_torrent(write(root / "a.mkv", b"a")))
    old = simulator.mode in OLD
    known, unknown = (("pause", "resume"), ("stop", "start")) if old else (("stop", "start"), ("pause", "resume"))
    for verb in unknown:
        assert (await user.post(f"torrents/{verb}", data={"hashes": torrent})).status_code == 404
    assert (await user.post(f"torrents/{known[0]}", data={"hashes": torrent})).is_success
    assert (await rows(user))[torrent]["state"] == ("pausedUP" if old else "stoppedUP")
    assert (await user.post(f"torrents/{known[1]}", data={"hashes": torrent})).is_success
    assert (await rows(user))[torrent]["state"] == "stalledUP"


# --- hashes --------------------------------------------------------------------------------------------------------


async def test_empty_hashes_list_everything_and_unknown_ones_nothing(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path
) -> None:
    one = add(simulator, make_torrent(write(root / "1.mkv", b"1")))
    two = add(simulator, make_torrent(write(root / "2.mkv", b"2")))
    assert set(await rows(user, hashes="")) == {one, two}
    assert set(await rows(user)) == {one, two}
    assert set(await rows(user, hashes=one.upper())) == {one}
    assert set(await rows(user, hashes=f"{one}|{'0' * 40}|nonsense")) == {one}
    assert await rows(user, hashes="0" * 40) == {}
    assert await rows(user, hashes="all") == {}


async def test_an_unknown_filter_shows_everything(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path
) -> None:
    seeding = add(simulator, make_torrent(write(root / "1.mkv", b"1")), category="radarr", tags=["keep"])
    halted = add(simulator, make_torrent(write(root / "2.mkv", b"2")), stopped=True)
    unknown = "stopped" if simulator.mode in OLD else "paused"
    known = simulator.dialect.stopped
    assert set(await rows(user, filter="bogus")) == set(await rows(user, filter=unknown)) == {seeding, halted}
    assert set(await rows(user, filter=known)) == {halted}
    assert set(await rows(user, category="radarr")) == {seeding}
    assert set(await rows(user, category="")) == {halted}
    assert set(await rows(user, tag="keep")) == {seeding}
    assert list(await rows(user, sort="name", reverse="true", limit="1")) == [halted]
    assert list(await rows(user, sort="name", offset="1")) == [halted]


async def test_deleting_unknown_empty_or_malformed_hashes_is_a_silent_200(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path
) -> None:
    kept = add(simulator, make_torrent(write(root / "1.mkv", b"1")))
    for hashes in ("", "0" * 40, "nonsense", "all|x", "ALL"):
        reply = await user.post("torrents/delete", data={"hashes": hashes, "deleteFiles": "true"})
        assert (reply.status_code, reply.text) == (200, "")
    assert set(await rows(user)) == {kept}


async def test_deleting_all_deletes_everything(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path
) -> None:
    add(simulator, make_torrent(write(root / "1.mkv", b"1")))
    await user.post("torrents/delete", data={"hashes": "all", "deleteFiles": "false"})
    assert await rows(user) == {}


async def test_v1_v2_and_hybrid_torrents_show_their_hashes(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path
) -> None:
    for kind in TorrentKind:
        meta = make_torrent(write(root / f"{kind}.mkv", kind.encode() * 9_000), kind=kind).meta
        assert simulator.session.add(meta) == meta.torrent_id
        row = (await rows(user))[meta.torrent_id]
        assert row["infohash_v1"] == (meta.infohash_v1 or "")
        assert row["infohash_v2"] == (meta.infohash_v2 or "")
        expected = meta.infohash_v1 if kind is TorrentKind.V1 else (meta.infohash_v2 or "")[:40]
        assert row["hash"] == expected
        if kind is TorrentKind.HYBRID:
            assert await rows(user, hashes=meta.infohash_v1 or "") == {}
            assert await rows(user, hashes=meta.infohash_v2 or "") == {}


async def test_a_hybrid_added_by_a_v1_magnet_changes_its_id_when_metadata_arrives(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path
) -> None:
    meta = make_torrent(write(root / "a.mkv", b"a" * 40_000), kind=TorrentKind.HYBRID).meta
    v1 = TorrentId(meta.infohash_v1 or "")
    await user.post("torrents/add", data={"urls": f"magnet:?xt=urn:btih:{v1}&dn=a"})
    row = (await rows(user))[v1]
    assert (row["state"], row["infohash_v2"]) == ("metaDL", "")
    assert (await user.get("torrents/files", params={"hash": v1})).json() == []

    changed = simulator.session.give_metadata(v1, meta)

    assert changed == (meta.infohash_v2 or "")[:40]
    assert (await rows(user))[changed]["infohash_v1"] == v1
    assert (await user.get("torrents/files", params={"hash": v1})).status_code == 404


async def test_rows_carry_the_fields_of_their_version(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path
) -> None:
    made = make_torrent(write(root / "1.mkv", b"1"), private=True, trackers=["http://t.test/announce"])
    torrent = add(simulator, made)
    row = (await rows(user))[torrent]
    assert ("private" in row, "root_path" in row) == (simulator.mode not in OLD, simulator.mode not in OLD)
    assert ("share_limit_action" in row) is (simulator.mode is Mode.V5_2)
    assert row["tracker"] == "http://t.test/announce"
    properties = (await user.get("torrents/properties", params={"hash": torrent})).json()
    assert (properties["hash"], properties["is_private"], properties["total_size"]) == (torrent, True, 1)
    preferences = (await user.get("app/preferences")).json()
    assert ("torrent_content_remove_option" in preferences) is (simulator.mode not in OLD)


async def test_tags_and_categories_can_be_changed(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path
) -> None:
    torrent = add(simulator, make_torrent(write(root / "1.mkv", b"1")), tags=["a"])
    assert (await user.post("torrents/addTags", data={"hashes": torrent, "tags": "b,keep"})).is_success
    assert (await user.post("torrents/removeTags", data={"hashes": torrent, "tags": "a"})).is_success
    assert (await rows(user))[torrent]["tags"] == "b, keep"
    set_tags = await user.post("torrents/setTags", data={"hashes": torrent, "tags": "only"})
    assert set_tags.status_code == 404 if simulator.mode in OLD else set_tags.is_success
    assert (await user.post("torrents/setCategory", data={"hashes": torrent, "category": "new"})).status_code == 409
    assert (await user.post("torrents/createCategory", data={"category": "new"})).is_success
    assert (await user.post("torrents/createCategory", data={"category": "new"})).status_code == 409
    assert (await user.post("torrents/setCategory", data={"hashes": torrent, "category": "new"})).is_success
    assert (await rows(user))[torrent]["category"] == "new"


async def test_requests_are_remembered(simulator: QBittorrentSimulator, user: httpx.AsyncClient) -> None:
    await user.get("torrents/info")
    assert list(simulator.requests) == [("POST", "auth/login"), ("GET", "torrents/info")]
    assert (simulator.door.logins, simulator.door.failed_logins) == (1, 0)


async def test_a_private_torrent_says_so_where_the_other_sources_of_peers_are_listed(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path
) -> None:
    torrent = add(simulator, make_torrent(write(root / "1.mkv", b"1"), trackers=["http://t.test/announce"]))
    for private, said in ((False, ""), (True, "This torrent is private")):
        simulator.session.torrents[torrent].private = private
        listed = (await user.get("torrents/trackers", params={"hash": torrent})).json()
        assert [(row["url"], row["msg"]) for row in listed] == [
            ("** [DHT] **", said),
            ("** [PeX] **", said),
            ("** [LSD] **", said),
            ("http://t.test/announce", ""),
        ]
    assert (await user.get("torrents/trackers", params={"hash": "0" * 40})).status_code == 404


async def test_a_test_can_say_how_much_and_how_long_a_torrent_has_seeded(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path, clock: ManualClock
) -> None:
    torrent = add(simulator, make_torrent(write(root / "1.mkv", b"1")), category="radarr", tags={"keep"})
    clock.elapsed += timedelta(minutes=50)
    row = (await rows(user))[torrent]
    assert (row["seeding_time"], row["ratio"], row["category"], row["tags"]) == (3000, 0, "radarr", "keep")

    chosen = simulator.session.torrents[torrent]
    chosen.seeding_seconds, chosen.ratio, chosen.trackers = 50, 1.25, ["udp://other.test:80"]
    row = (await rows(user))[torrent]
    assert (row["seeding_time"], row["ratio"], row["tracker"]) == (50, 1.25, "udp://other.test:80")


async def test_a_torrent_can_be_added_without_its_root_folder(
    simulator: QBittorrentSimulator, user: httpx.AsyncClient, root: Path
) -> None:
    write(root / "Show" / "a.mkv", b"a")
    made = make_torrent(write(root / "Show" / "b.mkv", b"b").parent)
    reply = await upload(user, made.data, savepath=str(root / "Show"), contentLayout="NoSubfolder")
    assert reply.status_code == 200
    row = (await rows(user))[made.meta.torrent_id]
    assert (row["content_path"], row["save_path"]) == (str(root / "Show"), str(root / "Show"))
    assert row["progress"] == 1
