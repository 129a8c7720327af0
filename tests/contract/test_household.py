"""The household that the demo and the whole-product tests live in: its extras, packs, collections and cross-seeds."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.clients import jellyfin, qbittorrent, seerr
from reconciler.model import InfoHash, InstanceName, Media, MediaKind
from reconciler.observed import MediaStatus, Trackers
from reconciler.simulators.household import API_KEY, PASSWORD, USERNAME, Extra, Household, TorrentBox
from reconciler.simulators.loopback import loopback_client
from reconciler.simulators.radarr import RadarrSimulator
from reconciler.simulators.server import serve
from reconciler.simulators.sonarr import SonarrSimulator
from tests.support.real_parts import require_real_qbittorrent


@pytest.fixture(params=["simulated", "real"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Household]:
    """A household with everything."""
    if request.param == "real":
        require_real_qbittorrent()
    async with Household(tmp_path, real_torrents=request.param == "real", extras=list(Extra)) as house:
        yield house


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Household]:
    """A household with the usual four."""
    async with Household(tmp_path, real_torrents=False) as house:
        yield house


def client_of(box: TorrentBox) -> qbittorrent.QBittorrent:
    return qbittorrent.connect(InstanceName(box.name), box.url, username=USERNAME, password=PASSWORD)


async def test_without_extras_there_are_four_instances_and_asking_for_more_says_so(small: Household) -> None:
    assert {kind: [row["name"] for row in rows] for kind, rows in small.configuration().items()} == {
        "qbittorrent": ["qbittorrent"],
        "radarr": ["radarr"],
        "sonarr": ["sonarr"],
        "jellyseerr": ["jellyseerr"],
    }
    for look in (
        lambda: small.radarr_4k,
        lambda: small.sonarr_4k,
        lambda: small.second,
        lambda: small.jellyfin,
        lambda: small.url_of(Extra.JELLYFIN),
    ):
        with pytest.raises(RuntimeError, match="this household has no"):
            look()


async def test_the_configuration_names_every_instance_as_the_environment_does_the_usual_four(house: Household) -> None:
    sections = house.configuration()
    assert {kind: [(row["name"], row.get("is_4k", False)) for row in rows] for kind, rows in sections.items()} == {
        "qbittorrent": [("qbittorrent", False), ("qbittorrent-2", False)],
        "radarr": [("radarr", False), ("radarr-4k", True)],
        "sonarr": [("sonarr", False), ("sonarr-4k", True)],
        "jellyseerr": [("jellyseerr", False)],
        "jellyfin": [("jellyfin", False)],
    }
    first = {f"{kind}_url".upper(): rows[0]["url"] for kind, rows in sections.items() if kind != "jellyfin"}
    assert first.items() <= house.environment().items()
    assert len({row["url"] for rows in sections.values() for row in rows}) == 8


async def test_hd_and_4k_copies_of_a_movie_live_in_two_libraries_and_two_qbittorrents(house: Household) -> None:
    hd, uhd = house.movie_release(949, "Heat.1995.1080p"), house.movie_release(949, "Heat.1995.2160p")
    await house.get_movie(house.radarr.add_movie(949, "Heat", 1995), hd)
    await house.get_movie(house.radarr_4k.add_movie(949, "Heat", 1995), uhd, radarr=house.radarr_4k)

    assert await house.torrents() == {hd.meta.torrent_id: "Heat.1995.1080p"}
    assert await house.torrents(house.second) == {uhd.meta.torrent_id: "Heat.1995.2160p"}
    kept = [Path(name).parts[:2] for name in house.files() if name.endswith(".mkv")]
    assert kept == [
        ("downloads", "radarr"),
        ("downloads-2", "radarr-4k"),
        ("library", "movies"),
        ("library", "movies-4k"),
    ]


async def test_a_4k_request_reaches_the_4k_radarr_which_fetches_with_its_own_qbittorrent(house: Household) -> None:
    house.seerr.database.know("movie", 949, "Heat", year=1995)
    release = house.movie_release(949, "Heat.1995.2160p")
    house.indexer.add(release)
    async with loopback_client(base_url=house.seerr_url, headers={"X-Api-Key": API_KEY}) as http:
        body = {"mediaType": "movie", "mediaId": 949, "is4k": True}
        assert (await http.post("/api/v1/request", json=body)).status_code == 201

    def is_imported() -> bool:
        return any(house.radarr_4k.file_of(movie) for movie in house.radarr_4k.titles.values())

    await house.until(is_imported, "the movie to be imported")
    assert house.radarr.titles == {}
    assert list(await house.torrents(house.second)) == [release.meta.torrent_id]
    client = seerr.connect(InstanceName("jellyseerr"), house.seerr_url, API_KEY)
    servers = await client.servers()
    await client.aclose()
    assert [(server.kind, server.id, server.is_4k) for server in servers] == [
        (MediaKind.MOVIE, 0, False),
        (MediaKind.MOVIE, 1, True),
        (MediaKind.SERIES, 0, False),
        (MediaKind.SERIES, 1, True),
    ]


async def test_a_pack_of_several_seasons_is_imported_episode_by_episode(house: Household) -> None:
    series = house.sonarr.add_series(2000, "Show", 2020, tmdb_id=1000, seasons={1: 2, 2: 1, 3: 1})
    pack = house.pack_release(2000, "Show.S01-S02.1080p", {1: 2, 2: 1})

    await house.get_series(series, pack)

    assert pack.episodes == ((1, 1), (1, 2), (2, 1))
    assert [file.season for file in house.sonarr.files_of(series)] == [1, 1, 2]
    grabs = [row.download_id for row in house.sonarr.history if row.event == "grabbed"]
    assert grabs == [pack.info_hash.upper()] * 3


async def test_a_cross_seed_shares_the_files_of_its_twin_under_another_hash(house: Household) -> None:
    release = house.movie_release(949, "Heat.1995.1080p")
    await house.get_movie(house.radarr.add_movie(949, "Heat", 1995), release)
    before = house.files()

    twin = house.cross_seed(release, trackers=["http://127.0.0.1:9/announce"])
    torrent = await house.add_torrent(twin, house.downloads / "radarr", category="cross-seed", tags=["twin"])

    assert house.files() == before
    client = client_of(house.first)
    one, other = sorted(await client.torrents(), key=lambda row: row.id == torrent)
    assert (one.id, other.id) == (release.meta.torrent_id, twin.meta.torrent_id)
    assert one.content_path == other.content_path
    assert await client.files(one.id) == await client.files(other.id)
    assert await client.trackers(other.id) == Trackers(frozenset({"127.0.0.1"}), private=True)
    assert (other.category, other.tags) == ("cross-seed", frozenset({"twin"}))
    await client.aclose()


async def test_a_collection_is_one_torrent_of_several_movies(house: Household) -> None:
    movies = {949: "Heat.1995", 8195: "Ronin.1998"}
    heat, ronin = house.collection_release("Crime.Collection", movies)
    assert heat.info_hash == ronin.info_hash
    assert [release.media for release in (heat, ronin)] == [Media(MediaKind.MOVIE, number) for number in movies]

    torrent = await house.add_torrent(heat, house.downloads / "radarr", category="radarr")

    client = client_of(house.first)
    files = await client.files(torrent)
    await client.aclose()
    assert files is not None
    assert {file.name for file in files} == {"Crime.Collection/Heat.1995.mkv", "Crime.Collection/Ronin.1998.mkv"}
    with pytest.raises(RuntimeError, match="not taken"):
        await house.add_torrent(ronin, house.downloads / "radarr")


async def test_jellyfin_lists_what_the_libraries_have_and_looks_where_it_is_told_to(house: Household) -> None:
    house.radarr.add_movie_with_file(949, "Heat", 1995)
    house.radarr_4k.add_movie_with_file(949, "Heat", 1995)
    series = house.sonarr.add_series(2000, "Show", 2020, tmdb_id=1000, seasons={1: 1, 2: 1})
    for season in (1, 2):
        house.sonarr.add_episode_file(series, season, [1])
    house.show_in_jellyfin()
    house.show_in_jellyfin()
    client = jellyfin.connect(InstanceName("jellyfin"), house.url_of(Extra.JELLYFIN), API_KEY)
    heat, show = Media(MediaKind.MOVIE, 949), Media(MediaKind.SERIES, 1000, 2000)
    listed = [(item.media, item.season) for item in await client.items()]
    assert listed == [(heat, None), (heat, None), (show, None), (show, 1), (show, 2)]

    (movie,) = house.radarr.titles.values()
    await asyncio.to_thread(shutil.rmtree, movie.path)
    await client.announce([str(movie.path)])

    async def has_noticed() -> bool:
        return len(await client.items()) == 4

    await house.until(has_noticed, "Jellyfin to look")
    await client.aclose()
    assert house.files()
    assert not any(call.startswith("DELETE") for call in house.jellyfin.calls)


async def test_jellyseerr_makes_a_record_again_while_jellyfin_lists_the_title(house: Household) -> None:
    house.seerr.database.know("movie", 949, "Heat", year=1995)
    house.radarr.add_movie_with_file(949, "Heat", 1995)
    house.show_in_jellyfin()
    async with loopback_client(base_url=house.seerr_url, headers={"X-Api-Key": API_KEY}) as http:
        assert (await http.post("/api/v1/settings/jobs/jellyfin-recently-added-scan/run")).status_code == 200
    await house.seerr.settled()
    assert [row.normal.status for row in house.seerr.database.media.values()] == [MediaStatus.AVAILABLE]


@pytest.mark.parametrize(
    ("extras", "paths"),
    [
        ((), {"/radarr", "/sonarr", "/jellyseerr"}),
        (
            tuple(Extra),
            {"/radarr/radarr", "/radarr/radarr-4k", "/sonarr/sonarr", "/sonarr/sonarr-4k", "/jellyfin", "/jellyseerr"},
        ),
    ],
)
async def test_everyone_is_told_where_the_service_is(
    tmp_path: Path, extras: tuple[Extra, ...], paths: set[str]
) -> None:
    heard: set[str] = set()

    async def take(request: Request) -> Response:
        heard.add(request.url.path.removeprefix("/webhooks"))
        assert request.headers["authorization"] == "Bearer a-secret"
        return Response(status_code=202)

    service = Starlette(routes=[Route("/webhooks/{path:path}", take, methods=["POST"])])
    async with serve(service) as url, Household(tmp_path, real_torrents=False, extras=extras) as house:
        house.tell(url, "a-secret")
        libraries: list[RadarrSimulator | SonarrSimulator] = [house.radarr, house.sonarr]
        if extras:
            libraries += [house.radarr_4k, house.sonarr_4k]
            item = house.jellyfin.library.add_movie(house.movies / "gone.mkv", "Gone")
            assert not item.path.exists()
            await house.jellyfin.scan_everything()
        for library in libraries:
            await library.connections.send({"eventType": "Test"})
        await house.seerr.agent.test(house.seerr.agent.settings)
    assert heard == paths


async def test_a_release_that_was_made_twice_has_the_same_hash(small: Household) -> None:
    hashes: set[InfoHash] = {small.movie_release(949, "Heat.1995.1080p").info_hash for _ in range(2)}
    assert len(hashes) == 1
