"""The Jellyfin client against answers that no well-behaved Jellyfin gives, and the exact requests it sends."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from reconciler.clients import jellyfin
from reconciler.errors import Rejected, Throttled, Unauthorized, Unintelligible, Unreachable, UpstreamError
from reconciler.model import InstanceName, Media, MediaKind, UpstreamKind
from reconciler.observed import AppInfo, MediaItem
from reconciler.ports import MediaServerClient

Answer = Callable[[httpx.Request], httpx.Response]

NAME = InstanceName("jellyfin")
KEY = "0123456789abcdef"
INFO = {"ProductName": "Jellyfin Server", "Version": "10.11.2", "ServerName": "home", "Id": "a" * 32}


class Wire:
    """A transport that answers with a function and keeps what was asked."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.asked: list[httpx.Request] = []

    def client(self, url: str = "http://jellyfin.test/base/") -> jellyfin.Jellyfin:
        def handle(request: httpx.Request) -> httpx.Response:
            self.asked.append(request)
            return self._answer(request)

        return jellyfin.connect(NAME, url, KEY, transport=httpx.MockTransport(handle))


def answering(body: object, status: int = 200) -> Wire:
    return Wire(lambda _request: httpx.Response(status, json=body))


def page(*rows: object, total: object = None, start: object = 0) -> dict[str, object]:
    return {"Items": list(rows), "TotalRecordCount": len(rows) if total is None else total, "StartIndex": start}


def row(id_: str = "m1", **changes: object) -> dict[str, Any]:
    made = {"Id": id_, "Name": "Heat", "Type": "Movie", "Path": "/data/Heat.mkv", "ProviderIds": {"Tmdb": "949"}}
    return made | changes


def series(id_: str = "s1", **changes: object) -> dict[str, Any]:
    return row(id_, Name="Show", Type="Series", Path="/data/Show", ProviderIds={"Tvdb": "2000"}) | changes


def season(id_: str = "n1", **changes: object) -> dict[str, Any]:
    made = {"Id": id_, "Name": "Season 1", "Type": "Season", "SeriesId": "s1", "IndexNumber": 1, "ProviderIds": {}}
    return made | changes


async def items_of(*rows: object) -> tuple[MediaItem, ...]:
    return await answering(page(*rows)).client().items()


async def test_it_is_a_media_server_client() -> None:
    port: MediaServerClient = answering({}).client()
    assert (port.instance, port.kind) == (NAME, UpstreamKind.JELLYFIN)
    port.forget_refusal()
    assert await port.obstacle() == ""
    await port.aclose()


# --- identity ------------------------------------------------------------------------------------------------------


async def test_identify_asks_for_what_needs_the_key_below_the_url_base() -> None:
    wire = answering(INFO)
    assert await wire.client().identify() == AppInfo("Jellyfin", "10.11.2")
    (asked,) = wire.asked
    assert str(asked.url) == "http://jellyfin.test/base/System/Info"
    assert asked.headers["Authorization"] == f'MediaBrowser Token="{KEY}"'


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        "Jellyfin Server",
        INFO | {"ProductName": "Emby Server"},
        INFO | {"Version": None},
        {"Version": "10"},
    ],
)
async def test_another_program_is_unintelligible(body: object) -> None:
    with pytest.raises(Unintelligible):
        await answering(body).client().identify()


async def test_a_404_is_another_program() -> None:
    with pytest.raises(Unintelligible, match="not a Jellyfin"):
        await answering({}, 404).client().identify()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, Unauthorized),
        (403, Unauthorized),
        (400, Rejected),
        (429, Throttled),
        (500, Unreachable),
        (302, Unintelligible),
    ],
)
async def test_each_status_means_one_kind_of_trouble(status: int, error: type[UpstreamError]) -> None:
    client = answering({"title": f"no entry for {KEY}"}, status).client()
    for call in (client.items(), client.announce(["/data"])):
        with pytest.raises(error) as caught:
            await call
        assert KEY not in f"{caught.value} {caught.value!r}"


# --- the listing ---------------------------------------------------------------------------------------------------


async def test_the_list_is_asked_for_by_type_with_the_fields_that_are_read() -> None:
    wire = answering(page(row()))
    await wire.client().items()
    (asked,) = wire.asked
    assert (asked.method, asked.url.path) == ("GET", "/base/Items")
    assert dict(asked.url.params) == {
        "recursive": "true",
        "includeItemTypes": "Movie,Series,Season",
        "fields": "ProviderIds,Path",
        "startIndex": "0",
        "limit": str(jellyfin.PAGE_SIZE),
    }


async def test_rows_are_read_whatever_order_they_come_in() -> None:
    assert await items_of(season(), row(), series()) == (
        MediaItem("m1", Media(MediaKind.MOVIE, 949), "Heat", "/data/Heat.mkv"),
        MediaItem("s1", Media(MediaKind.SERIES, None, 2000), "Show", "/data/Show"),
        MediaItem("n1", Media(MediaKind.SERIES, None, 2000), "Season 1", "", 1),
    )


@pytest.mark.parametrize(
    "ids",
    [
        None,
        {},
        {"Imdb": "tt1"},
        {"Tmdb": ""},
        {"Tmdb": "0"},
        {"Tmdb": "tt949"},
        {"Tmdb": "-1"},
        {"Tmdb": None},
        {"Tmdb": 949},
        {"Tvdb": "5"},
    ],
)
async def test_a_movie_without_a_usable_tmdb_id_is_left_out(ids: object) -> None:
    assert await items_of(row(ProviderIds=ids)) == ()


@pytest.mark.parametrize(
    ("ids", "media"),
    [
        ({"tmdb": "1000", "TVDB": " 2000 "}, Media(MediaKind.SERIES, 1000, 2000)),
        ({"Tmdb": "1000", "Tvdb": "x"}, Media(MediaKind.SERIES, 1000, None)),
    ],
)
async def test_ids_of_a_series_are_read_in_any_spelling(ids: object, media: Media) -> None:
    (item,) = await items_of(series(ProviderIds=ids))
    assert item.media == media


@pytest.mark.parametrize(
    "change",
    [{"SeriesId": None}, {"SeriesId": "elsewhere"}, {"SeriesId": "m1"}, {"IndexNumber": None}, {"IndexNumber": "1"}],
)
async def test_a_season_without_its_series_or_number_is_left_out(change: dict[str, object]) -> None:
    items = await items_of(row(), series(), season() | change)
    assert [item.id for item in items] == ["m1", "s1"]


async def test_specials_are_season_0() -> None:
    items = await items_of(series(), season(IndexNumber=0))
    assert [item.season for item in items] == [None, 0]


async def test_types_that_were_not_asked_for_are_left_out_but_counted() -> None:
    assert [item.id for item in await items_of(row("e1", Type="Episode"), row(), row("b", Type="BoxSet"))] == ["m1"]


async def test_a_count_that_moves_between_pages_makes_the_list_be_read_again() -> None:
    answers = [
        page(row("1"), total=2),
        page(row("2"), total=3, start=1),
        page(row("1"), total=2),
        page(row("2"), total=2, start=1),
    ]
    wire = Wire(lambda _request: httpx.Response(200, json=answers.pop(0)))
    assert [item.id for item in await wire.client().items()] == ["1", "2"]
    assert [request.url.params["startIndex"] for request in wire.asked] == ["0", "1", "0", "1"]


@pytest.mark.parametrize("second", [page(row("1"), total=2, start=1), page(total=2, start=1)])
async def test_rows_missing_or_read_twice_are_never_a_complete_list(second: dict[str, object]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=page(row("1"), total=2) if request.url.params["startIndex"] == "0" else second)

    wire = Wire(answer)
    with pytest.raises(Unintelligible, match="changed while it was read"):
        await wire.client().items()
    assert len(wire.asked) == 4


@pytest.mark.parametrize(
    "body",
    [
        [],
        None,
        {},
        page(total="1"),
        page(total=True),
        page(total=-1),
        page(start=5),
        page(start=None),
        {"Items": None, "TotalRecordCount": 0, "StartIndex": 0},
        page(1),
        page({}),
        page(row(Id=None)),
        page(row(Type=None)),
        page(row(Type=1)),
        page(row(Name=1)),
        page(row(Path=1)),
        page(row(ProviderIds=[])),
    ],
)
async def test_a_listing_of_another_shape_is_unintelligible(body: object) -> None:
    with pytest.raises(Unintelligible):
        await answering(body).client().items()


# --- announcing ----------------------------------------------------------------------------------------------------


async def test_paths_are_announced_in_one_call_and_each_once() -> None:
    wire = Wire(lambda _request: httpx.Response(204))
    await wire.client().announce(["/data/Heat (1995)", "/data/Show", "/data/Heat (1995)"])
    (asked,) = wire.asked
    assert (asked.method, asked.url.path, asked.url.query) == ("POST", "/base/Library/Media/Updated", b"")
    assert json.loads(asked.content) == {
        "Updates": [
            {"Path": "/data/Heat (1995)", "UpdateType": "Deleted"},
            {"Path": "/data/Show", "UpdateType": "Deleted"},
        ]
    }


async def test_no_path_is_no_call() -> None:
    wire = answering({})
    await wire.client().announce([])
    assert wire.asked == []


async def test_a_login_page_is_not_taken_for_an_answer() -> None:
    wire = Wire(
        lambda _request: httpx.Response(200, text="<html>Sign in</html>", headers={"content-type": "text/html"})
    )
    for call in (wire.client().announce(["/data"]), wire.client().items(), wire.client().identify()):
        with pytest.raises(Unintelligible):
            await call


async def test_calls_are_observed_by_name_and_outcome() -> None:
    seen: list[tuple[str, str]] = []
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, json=page()))
    client = jellyfin.connect(
        NAME,
        "http://jellyfin.test",
        KEY,
        transport=transport,
        observer=lambda _i, name, ok, _s: seen.append((name, ok)),
    )
    await client.items()
    await client.announce(["/data"])
    with pytest.raises(Unintelligible):
        await client.identify()
    assert seen == [("items", "ok"), ("announce", "ok"), ("identify", "ok")]
