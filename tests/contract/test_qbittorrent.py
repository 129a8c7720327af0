"""One suite for the client of qBittorrent, on every simulated version and on the real program."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.clients.qbittorrent import QBittorrent, connect
from reconciler.clock import SystemClock
from reconciler.errors import Unauthorized, UpstreamError
from reconciler.model import InfoHash, InstanceName, TorrentId
from reconciler.observed import TorrentKey, Trackers
from reconciler.simulators.qbittorrent import QBittorrentSimulator
from reconciler.simulators.qbittorrent_dialects import Mode
from reconciler.simulators.qbittorrent_user import QBittorrentUser
from reconciler.simulators.real_qbittorrent import RealQBittorrent
from reconciler.simulators.server import serve
from reconciler.simulators.torrentfile import MadeTorrent, TorrentKind, make_torrent
from reconciler.simulators.web_seed import web_seed
from tests.support.real_parts import require_real_qbittorrent

NAME = InstanceName("qbittorrent")
UNKNOWN = TorrentId("0" * 40)
REAL = "real"
DEADLINE_SECONDS = 15.0


@dataclass
class World:
    """A running qBittorrent, real or simulated, and the folder in which its torrents live."""

    url: str
    username: str
    password: str
    version: str
    root: Path
    restart: Callable[[], Awaitable[None]]

    def __post_init__(self) -> None:
        self.user = QBittorrentUser(self.url, self.username, self.password)

    def client(self, *, password: str | None = None, clock: SystemClock | None = None) -> QBittorrent:
        return connect(NAME, self.url, username=self.username, password=password or self.password, clock=clock)

    def write(self, name: str, content: bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    async def add(self, made: MadeTorrent, *, category: str = "", tags: tuple[str, ...] = ()) -> TorrentId:
        """Add a torrent whose content is there or can be fetched, and wait until it seeds."""
        answer = await self.user.add(made.data, save_path=self.root, category=category, tags=tags)
        assert answer.status == 200
        await self.until(lambda: self.seeds(made.meta.torrent_id))
        return made.meta.torrent_id

    async def add_all(self, *paths: Path) -> list[TorrentId]:
        """Add a torrent of each path at once; the real program needs a second for one as for many."""
        return await asyncio.gather(*[self.add(make_torrent(path)) for path in paths])

    async def seeds(self, torrent_id: TorrentId) -> bool:
        return (await self.user.rows()).get(torrent_id, {}).get("state") in {"stalledUP", "uploading"}

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        deadline = asyncio.get_running_loop().time() + DEADLINE_SECONDS
        while not await holds():
            assert asyncio.get_running_loop().time() < deadline, "not in time"
            await asyncio.sleep(0.02)

    async def until_gone(self, path: Path) -> None:
        async def is_gone() -> bool:
            return not path.exists()

        await self.until(is_gone)


@pytest.fixture(params=[*Mode, REAL])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    root = tmp_path / "data"
    root.mkdir()
    async with AsyncExitStack() as stack:
        if request.param == REAL:
            require_real_qbittorrent()
            real = await stack.enter_async_context(RealQBittorrent())
            yield World(real.url, real.username, real.password, real.version, root, real.restart)
        else:
            simulator = QBittorrentSimulator(request.param, username="admin", password="adminadmin", save_root=root)
            url = await stack.enter_async_context(serve(simulator.app))
            yield World(url, "admin", "adminadmin", simulator.dialect.app, root, simulator.restart)


@pytest.fixture
async def client(world: World) -> AsyncIterator[QBittorrent]:
    client = world.client()
    yield client
    await client.aclose()


async def test_it_identifies_itself(world: World, client: QBittorrent) -> None:
    app = await client.identify()
    assert (app.name, app.version) == ("qBittorrent", world.version)


async def test_the_list_shows_every_torrent_with_its_paths_category_and_tags(world: World, client: QBittorrent) -> None:
    assert await client.torrents() == ()
    single = world.write("Heat.1995.mkv", b"heat" * 9_000)
    world.write("Show.S01/e01.mkv", b"one" * 9_000)
    world.write("Show.S01/extras/e02.mkv", b"two" * 9_000)
    movie, show = await asyncio.gather(
        world.add(make_torrent(single), category="radarr", tags=("keep", "two words")),
        world.add(make_torrent(world.root / "Show.S01", private=True)),
    )

    listed = {torrent.id: torrent for torrent in await client.torrents()}

    assert set(listed) == {movie, show}
    assert listed[movie].name == "Heat.1995.mkv"
    assert listed[movie].save_path == str(world.root)
    assert listed[movie].content_path == str(single)
    assert listed[movie].size == 36_000
    assert listed[movie].progress == 1
    assert listed[movie].category == "radarr"
    assert listed[movie].tags == {"keep", "two words"}
    assert listed[movie].added_on > 0
    assert listed[movie].aliases == {InfoHash(movie)}
    assert listed[movie].key == TorrentKey(NAME, movie)
    assert listed[show].content_path == str(world.root / "Show.S01")
    assert listed[show].category == ""
    assert listed[show].tags == frozenset()


async def test_files_are_named_below_the_save_path(world: World, client: QBittorrent) -> None:
    world.write("Show.S01/e01.mkv", b"1" * 20_000)
    world.write("Show.S01/sub/e01.srt", b"2" * 10)
    show = await world.add(make_torrent(world.root / "Show.S01"))

    files = await client.files(show)

    assert files is not None
    assert {(file.name, file.size) for file in files} == {("Show.S01/e01.mkv", 20_000), ("Show.S01/sub/e01.srt", 10)}


async def test_the_files_of_an_unknown_torrent_are_none(world: World, client: QBittorrent) -> None:
    assert await client.files(UNKNOWN) is None


async def test_the_hosts_of_all_trackers_are_named_and_a_private_torrent_is_told_from_a_public_one(
    world: World, client: QBittorrent
) -> None:
    announces = ["udp://127.0.0.1:9/announce", "http://LocalHost:9/announce?passkey=1"]
    first, second = world.write("1.mkv", b"1" * 20_000), world.write("2.mkv", b"2" * 20_000)
    tracked, untracked = await asyncio.gather(
        world.add(make_torrent(first, private=True, trackers=announces)), world.add(make_torrent(second))
    )

    assert await client.trackers(tracked) == Trackers(frozenset({"127.0.0.1", "localhost"}), private=True)
    assert await client.trackers(untracked) == Trackers(frozenset(), private=False)
    assert await client.trackers(TorrentId(tracked.upper())) == await client.trackers(tracked)
    assert await client.trackers(UNKNOWN) is None


async def test_a_torrent_that_was_added_whole_has_a_ratio_of_0_and_begins_to_seed_then(
    world: World, client: QBittorrent
) -> None:
    torrent = await world.add(make_torrent(world.write("Movie.mkv", b"m" * 20_000)))
    (row,) = await client.torrents()
    assert (row.progress, row.ratio) == (1, 0)
    assert 0 <= row.seeding_seconds < DEADLINE_SECONDS
    before = row.seeding_seconds

    async def has_seeded_longer() -> bool:
        await world.user.refresh(torrent)  # an idle torrent's time is not shown to move on by itself
        (row,) = await client.torrents()
        return row.seeding_seconds >= before + 2 and row.tags == frozenset()

    await world.until(has_seeded_longer)


async def test_a_torrent_without_a_root_folder_has_its_save_path_as_content_path(
    world: World, client: QBittorrent
) -> None:
    world.write("Show/a.mkv", b"a" * 20_000)
    world.write("Show/b.mkv", b"b" * 20_000)
    made = make_torrent(world.root / "Show")
    await world.user.add(made.data, save_path=world.root / "Show", without_root=True)
    await world.until(lambda: world.seeds(made.meta.torrent_id))

    (torrent,) = await client.torrents()

    assert torrent.content_path == torrent.save_path == str(world.root / "Show")
    files = await client.files(torrent.id)
    assert files is not None
    assert {file.name for file in files} == {"a.mkv", "b.mkv"}


async def test_a_cross_seed_of_other_pieces_shares_the_files_of_the_first(world: World, client: QBittorrent) -> None:
    path = world.write("Movie/a.mkv", b"m" * 100_000).parent
    world.write("Movie/a.nfo", b"n" * 10)
    one, other = await asyncio.gather(
        world.add(make_torrent(path)), world.add(make_torrent(path, private=True, piece_length=32 * 1024))
    )
    assert one != other
    assert await client.files(one) == await client.files(other)
    assert {torrent.content_path for torrent in await client.torrents()} == {str(path)}


async def test_the_content_path_of_a_folder_with_one_file_is_that_file(world: World, client: QBittorrent) -> None:
    path = world.write("Movie/a.mkv", b"m" * 100_000)
    await world.add(make_torrent(path.parent))
    (torrent,) = await client.torrents()
    assert torrent.content_path == str(path)


@pytest.mark.parametrize("kind", list(TorrentKind))
async def test_longer_pieces_are_understood_in_every_kind_of_torrent(
    world: World, client: QBittorrent, kind: TorrentKind
) -> None:
    world.write("Movie/a.mkv", bytes(range(256)) * 500)
    world.write("Movie/b.mkv", b"b" * 40_000)
    torrent = await world.add(make_torrent(world.root / "Movie", kind=kind, piece_length=64 * 1024))
    assert [found.id for found in await client.torrents()] == [torrent]


async def test_removing_with_data_takes_the_files_and_nothing_else(world: World, client: QBittorrent) -> None:
    world.write("Gone/a.mkv", b"a" * 20_000)
    world.write("Gone/sub/b.srt", b"b" * 10)
    gone, stays = await world.add_all(world.root / "Gone", world.write("Stays.mkv", b"s" * 20_000))
    foreign = world.write("Foreign/notes.txt", b"not ours")

    await client.remove([gone], delete_files=True)

    assert [torrent.id for torrent in await client.torrents()] == [stays]
    await world.until_gone(world.root / "Gone")
    assert (world.root / "Stays.mkv").read_bytes() == b"s" * 20_000
    assert foreign.read_bytes() == b"not ours"


async def test_foreign_files_in_a_torrents_folder_survive(world: World, client: QBittorrent) -> None:
    ours = world.write("Movie/a.mkv", b"a" * 20_000)
    gone = await world.add(make_torrent(world.root / "Movie"))
    foreign = world.write("Movie/unpacked.nfo", b"not in the torrent")

    await client.remove([gone], delete_files=True)

    await world.until_gone(ours)
    assert foreign.exists()


async def test_removing_without_data_keeps_the_files(world: World, client: QBittorrent) -> None:
    kept = world.write("Kept.mkv", b"k" * 20_000)
    later = world.write("Later.mkv", b"x" * 20_000)
    torrent, last = await world.add_all(kept, later)

    await client.remove([torrent], delete_files=False)
    await client.remove([last], delete_files=True)

    assert await client.torrents() == ()
    await world.until_gone(later)
    assert kept.read_bytes() == b"k" * 20_000


async def test_several_torrents_go_in_one_call(world: World, client: QBittorrent) -> None:
    paths = [world.write(f"{number}.mkv", bytes([number]) * 20_000) for number in range(3)]
    ids = await world.add_all(*paths)

    await client.remove(ids[:2], delete_files=True)

    assert [torrent.id for torrent in await client.torrents()] == [ids[2]]
    await world.until_gone(paths[0])
    await world.until_gone(paths[1])
    assert paths[2].exists()


async def test_removing_unknown_ids_is_silently_fine_and_repeatable(world: World, client: QBittorrent) -> None:
    stays = await world.add(make_torrent(world.write("Stays.mkv", b"s" * 20_000)))

    await client.remove([UNKNOWN], delete_files=True)
    await client.remove([UNKNOWN], delete_files=True)
    await client.remove([], delete_files=True)

    assert [torrent.id for torrent in await client.torrents()] == [stays]


async def test_ids_are_understood_in_upper_case(world: World, client: QBittorrent) -> None:
    path = world.write("Movie.mkv", b"m" * 20_000)
    torrent = await world.add(make_torrent(path))
    shouted = TorrentId(torrent.upper())

    assert [found.id for found in await client.present([shouted])] == [torrent]
    assert await client.files(shouted) is not None
    await client.remove([shouted], delete_files=True)

    assert await client.torrents() == ()
    await world.until_gone(path)


async def test_nothing_but_torrent_ids_can_be_removed(world: World, client: QBittorrent) -> None:
    stays = await world.add(make_torrent(world.write("Stays.mkv", b"s" * 20_000)))

    for word in ("all", "ALL", "", "0" * 64, f"all|{UNKNOWN}", f"{stays}|{UNKNOWN}"):
        with pytest.raises(ValueError, match="not a torrent id"):
            await client.remove([stays, TorrentId(word)], delete_files=True)

    assert [torrent.id for torrent in await client.torrents()] == [stays]


async def test_present_answers_only_what_was_asked_for(world: World, client: QBittorrent) -> None:
    first, _ = await world.add_all(world.write("1.mkv", b"1" * 20_000), world.write("2.mkv", b"2" * 20_000))

    assert [torrent.id for torrent in await client.present([first, UNKNOWN])] == [first]
    assert await client.present([UNKNOWN]) == ()
    assert await client.present([]) == ()


async def test_present_reads_more_ids_than_one_url_carries(world: World, client: QBittorrent) -> None:
    known = await world.add(make_torrent(world.write("1.mkv", b"1" * 20_000)))
    strangers = [TorrentId(f"{number:040x}") for number in range(250)]

    assert [torrent.id for torrent in await client.present([*strangers, known])] == [known]


async def test_a_hybrid_torrent_is_known_under_all_its_hashes(world: World, client: QBittorrent) -> None:
    made = make_torrent(world.write("Hybrid.mkv", b"h" * 40_000), kind=TorrentKind.HYBRID)
    torrent_id = await world.add(made)
    v1, v2 = made.meta.infohash_v1, made.meta.infohash_v2
    assert v1 is not None
    assert v2 is not None

    (torrent,) = await client.torrents()

    assert torrent.id == torrent_id == v2[:40]
    assert torrent.aliases == {InfoHash(torrent_id), v1, v2}
    assert await client.present([TorrentId(v1)]) == ()


async def test_a_version_2_torrent_goes_by_its_truncated_hash(world: World, client: QBittorrent) -> None:
    world.write("Two/a.mkv", b"a" * 40_000)
    world.write("Two/b.mkv", b"b" * 100)
    made = make_torrent(world.root / "Two", kind=TorrentKind.V2)
    torrent_id = await world.add(made)

    (torrent,) = await client.torrents()
    assert (torrent.infohash_v1, torrent.infohash_v2) == (None, made.meta.infohash_v2)
    files = await client.files(torrent_id)
    assert files is not None
    assert {file.name for file in files} == {"Two/a.mkv", "Two/b.mkv"}
    await client.remove([torrent_id], delete_files=True)

    assert await client.torrents() == ()
    await world.until_gone(world.root / "Two")


async def test_a_cross_seed_loses_its_data_and_does_not_notice_before_a_restart(
    world: World, client: QBittorrent
) -> None:
    path = world.write("Movie.mkv", b"m" * 40_000)
    original, cross_seed = await asyncio.gather(
        world.add(make_torrent(path)), world.add(make_torrent(path, source="another tracker"))
    )

    await client.remove([original], delete_files=True)
    await world.until_gone(path)

    (left,) = await client.torrents()
    assert (left.id, left.state, left.progress) == (cross_seed, "stalledUP", 1)

    await world.restart()

    async def has_noticed() -> bool:
        (row,) = await client.torrents()
        return row.state == "missingFiles"

    await world.until(has_noticed)


@pytest.mark.parametrize("names", [["Movie.mkv"], ["Movie/a b.mkv"], ["Movie/a b.mkv", "Movie/subs/a.srt"]])
async def test_the_same_torrent_can_be_added_again_and_downloads_afresh(
    world: World, client: QBittorrent, tmp_path: Path, names: list[str]
) -> None:
    for name in names:
        (tmp_path / "seed" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "seed" / name).write_bytes(name.encode() * 10_000)
        world.write(name, name.encode() * 10_000)
    async with serve(web_seed(tmp_path / "seed")) as url:
        made = make_torrent(tmp_path / "seed" / names[0].split("/", maxsplit=1)[0], web_seeds=[url])
        torrent = await world.add(made)
        await client.remove([torrent], delete_files=True)
        await world.until_gone(world.root / names[0])

        assert await world.add(made) == torrent

    for name in names:
        assert (world.root / name).read_bytes() == name.encode() * 10_000
    assert [found.id for found in await client.torrents()] == [torrent]


async def test_a_lost_session_heals_by_one_login(world: World, client: QBittorrent) -> None:
    torrent = await world.add(make_torrent(world.write("Movie.mkv", b"m" * 20_000)))
    await client.torrents()

    await world.restart()

    assert [found.id for found in await client.torrents()] == [torrent]


async def test_many_calls_at_once_share_a_fresh_session(client: QBittorrent) -> None:
    answers = await asyncio.gather(*[client.torrents() for _ in range(10)])
    assert answers == [()] * 10


async def test_a_wrong_password_is_unauthorized_and_never_named(world: World) -> None:
    client = world.client(password="not the password")
    with pytest.raises(Unauthorized, match="user name and password") as caught:
        await client.torrents()
    await client.aclose()
    assert "not the password" not in str(caught.value)


async def test_the_client_never_provokes_a_ban(world: World, client: QBittorrent) -> None:
    wrong = world.client(password="not the password")
    for _ in range(20):
        with pytest.raises(Unauthorized):
            await wrong.torrents()
    answers = await asyncio.gather(*[wrong.torrents() for _ in range(10)], return_exceptions=True)
    await wrong.aclose()
    assert {type(answer) for answer in answers} == {Unauthorized}

    assert await client.torrents() == ()


async def test_a_ban_is_explained(world: World) -> None:
    stranger = QBittorrentUser(world.url, world.username, "wrong")
    for _ in range(5):
        await stranger.log_in()
    client = world.client()

    with pytest.raises(Unauthorized, match="banned our address"):
        await client.torrents()

    await client.aclose()
    await world.restart()
    fresh = world.client()
    assert await fresh.torrents() == ()
    await fresh.aclose()


async def test_every_refusal_is_an_upstream_error_that_names_the_instance(world: World) -> None:
    nobody = connect(NAME, world.url)
    with pytest.raises(UpstreamError, match="qbittorrent: asks for a login") as caught:
        await nobody.torrents()
    await nobody.aclose()
    assert isinstance(caught.value, Unauthorized)


@pytest.mark.parametrize("headers", [{"Host": "elsewhere:1"}, {"Origin": "http://elsewhere"}], ids=["host", "origin"])
async def test_a_foreign_host_port_or_origin_is_refused_everywhere(world: World, headers: dict[str, str]) -> None:
    for path in ("app/version", "auth/login", "torrents/info"):
        assert (await world.user.get(path, headers=headers)).status == 401
