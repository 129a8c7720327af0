"""Each fact about Jellyfin that upstreams.md lists (section 6.1), held against the simulator."""

import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.simulators.jellyfin import API_KEY, JellyfinSimulator
from reconciler.simulators.server import serve

RIGHT = {"Authorization": f'MediaBrowser Client="test", Token="{API_KEY}", Version="1"'}
ALL = {"recursive": "true", "includeItemTypes": "Movie,Series,Season", "fields": "Path,ProviderIds"}


@pytest.fixture
def jellyfin(tmp_path: Path) -> JellyfinSimulator:
    return JellyfinSimulator(tmp_path)


@pytest.fixture
async def http(jellyfin: JellyfinSimulator) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(jellyfin.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://jellyfin.test", headers=RIGHT) as client:
        yield client


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"content")
    return path


def fill(jellyfin: JellyfinSimulator) -> Path:
    """List a movie and a series of two seasons; return the root."""
    root = jellyfin.library.root
    jellyfin.library.add_movie(write(root / "Heat (1995)" / "Heat.mkv"), "Heat", tmdb_id=949)
    seasons = {number: write(root / "Show" / f"Season {number}" / "e.mkv").parent for number in (1, 2)}
    jellyfin.library.add_series(root / "Show", "Show", tmdb_id=1000, tvdb_id=2000, seasons=seasons)
    return root


async def names(http: httpx.AsyncClient, **query: str) -> list[str]:
    reply = await http.get("/Items", params=ALL | query)
    assert reply.status_code == 200
    return [row["Name"] for row in reply.json()["Items"]]


# --- who may ask ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": f"Bearer {API_KEY}"},
        {"Authorization": 'MediaBrowser Token="wrong"'},
        {"Authorization": f'Emby Token="{API_KEY}"'},
        {"X-Emby-Token": API_KEY},
        {"X-MediaBrowser-Token": API_KEY},
    ],
)
async def test_without_the_key_in_the_right_header_everything_but_the_public_part_is_401(
    jellyfin: JellyfinSimulator, headers: dict[str, str]
) -> None:
    transport = httpx.ASGITransport(jellyfin.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://jellyfin.test", headers=headers) as client:
        assert (await client.get("/System/Info/Public")).json()["ProductName"] == "Jellyfin Server"
        for path in ("/System/Info", "/Items"):
            assert (await client.get(path)).status_code == 401


async def test_the_key_may_be_in_the_query(jellyfin: JellyfinSimulator) -> None:
    transport = httpx.ASGITransport(jellyfin.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://jellyfin.test") as client:
        assert (await client.get("/System/Info", params={"ApiKey": API_KEY})).status_code == 200


# --- the list ------------------------------------------------------------------------------------------------------


async def test_an_unknown_filter_narrows_nothing(jellyfin: JellyfinSimulator, http: httpx.AsyncClient) -> None:
    fill(jellyfin)
    assert await names(http, anyProviderIdEquals="tmdb.949") == ["Heat", "Show", "Season 1", "Season 2"]
    assert await names(http, includeitemtypes="movie", includeItemTypes="Movie") == ["Heat"]


async def test_pages_tell_the_total_and_where_they_start(jellyfin: JellyfinSimulator, http: httpx.AsyncClient) -> None:
    fill(jellyfin)
    reply = (await http.get("/Items", params=ALL | {"startIndex": "1", "limit": "2"})).json()
    assert [row["Name"] for row in reply["Items"]] == ["Show", "Season 1"]
    assert (reply["TotalRecordCount"], reply["StartIndex"]) == (4, 1)


async def test_paths_and_ids_are_shown_to_whoever_asks_for_them(
    jellyfin: JellyfinSimulator, http: httpx.AsyncClient
) -> None:
    root = fill(jellyfin)
    (plain,) = (await http.get("/Items", params={"recursive": "true", "includeItemTypes": "Movie"})).json()["Items"]
    assert not {"Path", "ProviderIds"} & set(plain)
    (full,) = (await http.get("/Items", params=ALL | {"includeItemTypes": "Movie"})).json()["Items"]
    assert full["Path"] == str(root / "Heat (1995)" / "Heat.mkv")
    assert full["ProviderIds"] == {"Tmdb": "949"}
    assert len(full["Id"]) == 32


async def test_a_season_names_its_series_and_number(jellyfin: JellyfinSimulator, http: httpx.AsyncClient) -> None:
    fill(jellyfin)
    series, first, _ = (await http.get("/Items", params=ALL | {"includeItemTypes": "Series,Season"})).json()["Items"]
    assert (first["SeriesId"], first["IndexNumber"], first["ProviderIds"]) == (series["Id"], 1, {})


async def test_one_item_is_looked_up_by_id_and_a_missing_one_is_an_empty_list(
    jellyfin: JellyfinSimulator, http: httpx.AsyncClient
) -> None:
    fill(jellyfin)
    (movie,) = jellyfin.library.of_type("Movie")
    assert [row["Id"] for row in (await http.get("/Items", params={"ids": movie.id})).json()["Items"]] == [movie.id]
    assert (await http.get("/Items", params={"ids": "0" * 32})).json()["Items"] == []


# --- scans ---------------------------------------------------------------------------------------------------------


async def announce(http: httpx.AsyncClient, *paths: Path) -> None:
    updates = [{"Path": str(path), "UpdateType": "Created"} for path in paths]
    assert (await http.post("/Library/Media/Updated", json={"Updates": updates})).status_code == 204


async def test_what_is_gone_stays_listed_until_a_scan_looks_there(
    jellyfin: JellyfinSimulator, http: httpx.AsyncClient
) -> None:
    root = fill(jellyfin)
    shutil.rmtree(root / "Heat (1995)")
    shutil.rmtree(root / "Show" / "Season 2")
    await announce(http, root / "Show" / "Season 2")
    assert len(await names(http)) == 4
    await jellyfin.scan()
    assert await names(http) == ["Heat", "Show", "Season 1"]
    await announce(http, root / "Heat (1995)")
    await jellyfin.scan()
    assert await names(http) == ["Show", "Season 1"]


async def test_a_scan_comes_by_itself_after_the_delay(jellyfin: JellyfinSimulator, http: httpx.AsyncClient) -> None:
    root = fill(jellyfin)
    jellyfin.scan_delay = timedelta(milliseconds=10)
    shutil.rmtree(root / "Show")
    await announce(http, root / "Show")
    assert len(await names(http)) == 4
    await jellyfin.settled()
    assert await names(http) == ["Heat"]


async def test_a_refresh_looks_everywhere_so_an_unmounted_disk_empties_the_library(
    jellyfin: JellyfinSimulator, http: httpx.AsyncClient
) -> None:
    root = fill(jellyfin)
    root.rename(root.with_name("unmounted"))
    assert (await http.post("/Library/Refresh")).status_code == 204
    await jellyfin.settled()
    assert await names(http) == []
    assert len(jellyfin.plugin.sent) == 4


# --- deleting ------------------------------------------------------------------------------------------------------


async def test_deleting_a_movie_takes_the_whole_folder_it_is_alone_in(
    jellyfin: JellyfinSimulator, http: httpx.AsyncClient
) -> None:
    root = fill(jellyfin)
    write(root / "Heat (1995)" / "notes.txt")
    (movie,) = jellyfin.library.of_type("Movie")
    assert (await http.delete(f"/Items/{movie.id}")).status_code == 204
    assert not (root / "Heat (1995)").exists()
    assert await names(http) == ["Show", "Season 1", "Season 2"]
    assert (await http.delete(f"/Items/{movie.id}")).status_code == 404


async def test_deleting_several_items_takes_their_files_and_leaves_the_others(
    jellyfin: JellyfinSimulator, http: httpx.AsyncClient
) -> None:
    root = fill(jellyfin)
    pair = [jellyfin.library.add_movie(write(root / f"{n}.mkv"), f"Movie {n}", tmdb_id=n) for n in (1, 2)]
    (series,) = jellyfin.library.of_type("Series")
    assert (await http.delete("/Items", params={"ids": f"{pair[0].id},{series.id},{'0' * 32}"})).status_code == 204
    assert await names(http) == ["Heat", "Movie 2"]
    assert [path.name for path in sorted(root.iterdir())] == ["2.mkv", "Heat (1995)"]


def test_nothing_outside_the_root_is_ever_listed(jellyfin: JellyfinSimulator) -> None:
    with pytest.raises(ValueError, match="outside"):
        jellyfin.library.add_movie(Path("/elsewhere/movie.mkv"), "Movie")


# --- the webhook plugin --------------------------------------------------------------------------------------------


@dataclass
class Receiver:
    url: str = ""
    status: int = 200
    requests: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    async def take(self, request: Request) -> Response:
        self.requests.append((request.headers["content-type"], json.loads(await request.body())))
        return Response(status_code=self.status)


@pytest.fixture
async def receiver(jellyfin: JellyfinSimulator) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with serve(Starlette(routes=[Route("/webhooks/jellyfin", receiver.take, methods=["POST"])])) as url:
        jellyfin.plugin.url = f"{url}/webhooks/jellyfin"
        yield receiver


async def test_every_item_that_leaves_is_told_as_plain_text(jellyfin: JellyfinSimulator, receiver: Receiver) -> None:
    root = fill(jellyfin)
    (series,) = jellyfin.library.of_type("Series")
    shutil.rmtree(root / "Show")
    shutil.rmtree(root / "Heat (1995)")
    await jellyfin.scan_everything()
    assert {content_type for content_type, _ in receiver.requests} == {"text/plain; charset=utf-8"}
    bodies = [body for _, body in receiver.requests]
    assert sorted(str(body["ItemType"]) for body in bodies) == ["Movie", "Season", "Season", "Series"]
    movie = next(body for body in bodies if body["ItemType"] == "Movie")
    assert (movie["NotificationType"], movie["Name"], movie["Provider_tmdb"]) == ("ItemDeleted", "Heat", "949")
    season = next(body for body in bodies if body["ItemType"] == "Season")
    assert (season["SeriesId"], season["SeasonNumber"], season["SeriesName"]) == (series.id, 1, "Show")
    assert "Provider_tvdb" not in season


async def test_a_content_type_of_ones_own_is_sent(jellyfin: JellyfinSimulator, receiver: Receiver) -> None:
    fill(jellyfin)
    jellyfin.plugin.headers = {"Content-Type": "application/json"}
    shutil.rmtree(jellyfin.library.root / "Heat (1995)")
    await jellyfin.scan_everything()
    assert [content_type for content_type, _ in receiver.requests] == ["application/json"]


@pytest.mark.parametrize("status", [401, 500])
async def test_a_refused_webhook_is_sent_once_and_lost(
    jellyfin: JellyfinSimulator, receiver: Receiver, status: int
) -> None:
    fill(jellyfin)
    receiver.status = status
    shutil.rmtree(jellyfin.library.root / "Heat (1995)")
    await jellyfin.scan_everything()
    await jellyfin.scan_everything()
    assert len(receiver.requests) == len(jellyfin.plugin.sent) == 1
    jellyfin.plugin.url = "http://127.0.0.1:9/webhooks/jellyfin"
    shutil.rmtree(jellyfin.library.root / "Show")
    await jellyfin.scan_everything()
    assert len(jellyfin.plugin.sent) == 4
