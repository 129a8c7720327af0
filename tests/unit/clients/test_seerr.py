"""The Seerr client against answers that no well-behaved Seerr gives, and the exact requests it sends."""

import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from reconciler.clients import seerr
from reconciler.errors import Rejected, Throttled, Unauthorized, Unintelligible, Unreachable, UpstreamError
from reconciler.model import InstanceName, Media, MediaKind, UpstreamKind
from reconciler.observed import (
    AppInfo,
    Issue,
    IssueComment,
    MediaRequest,
    MediaStatus,
    Record,
    RequestServer,
    RequestStatus,
)
from reconciler.ports import RequestClient

Answer = Callable[[httpx.Request], httpx.Response]

NAME = InstanceName("jellyseerr")


class Wire:
    """A transport that answers with a function and keeps what was asked."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.asked: list[httpx.Request] = []

    def client(self, url: str = "http://seerr.test/base/") -> seerr.Seerr:
        def handle(request: httpx.Request) -> httpx.Response:
            self.asked.append(request)
            return self._answer(request)

        return seerr.connect(NAME, url, "the-key", transport=httpx.MockTransport(handle))


def answering(body: object, status: int = 200) -> Wire:
    return Wire(lambda _request: httpx.Response(status, json=body))


def pages(*rows: dict[str, Any], results: int | None = None) -> Wire:
    count = len(rows) if results is None else results
    return answering({"pageInfo": {"pages": 1, "pageSize": 100, "results": count, "page": 1}, "results": list(rows)})


def media_row(number: int = 1, **changes: object) -> dict[str, Any]:
    row = {
        "id": number,
        "mediaType": "movie",
        "tmdbId": 603,
        "tvdbId": None,
        "status": 5,
        "status4k": 1,
        "createdAt": "2024-05-01T10:00:00.000Z",
    }
    return row | changes


def request_row(number: int = 1, **changes: object) -> dict[str, Any]:
    row = {
        "id": number,
        "type": "movie",
        "is4k": False,
        "status": 2,
        "createdAt": "2024-05-02T10:00:00.000Z",
        "media": media_row(31),
        "seasons": [],
        "requestedBy": {"id": 3, "email": "user@example.org", "displayName": "user"},
    }
    return row | changes


def without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


# --- requests on the wire ------------------------------------------------------------------------------------------


async def test_every_call_carries_the_key_and_starts_at_the_api_base_below_the_url_base() -> None:
    wire = pages()
    client = wire.client()
    await client.records()
    assert str(wire.asked[0].url).startswith("http://seerr.test/base/api/v1/media?")
    assert wire.asked[0].headers["X-Api-Key"] == "the-key"


async def test_media_rows_are_read_with_take_and_skip_alone() -> None:
    wire = pages()
    await wire.client().records()
    assert dict(wire.asked[0].url.params) == {"take": "100", "skip": "0"}


async def test_requests_are_read_with_every_status_by_age() -> None:
    wire = pages()
    await wire.client().requests()
    assert dict(wire.asked[0].url.params) == {"take": "100", "skip": "0", "filter": "all", "sort": "added"}


async def test_resetting_a_variant_names_it_in_the_body() -> None:
    wire = answering(media_row(7))
    await wire.client().reset_variant(7, is_4k=True)
    assert wire.asked[0].method == "POST"
    assert wire.asked[0].url.path == "/base/api/v1/media/7/unknown"
    assert json.loads(wire.asked[0].content) == {"is4k": True}


def test_the_client_is_a_request_client() -> None:
    client: RequestClient = pages().client()
    assert client.kind is UpstreamKind.JELLYSEERR
    assert client.instance == NAME


# --- identity ------------------------------------------------------------------------------------------------------


def seerr_that(me: httpx.Response, status: object | None = None) -> Wire:
    shown = {"version": "3.1.0", "commitTag": "abc"} if status is None else status
    return Wire(lambda request: httpx.Response(200, json=shown) if request.url.path.endswith("/status") else me)


async def test_identify_asks_for_the_version_and_proves_the_key() -> None:
    wire = seerr_that(httpx.Response(200, json={"id": 1, "email": "owner@example.org"}))
    assert await wire.client().identify() == AppInfo("Seerr", "3.1.0")
    assert [request.url.path for request in wire.asked] == ["/base/api/v1/status", "/base/api/v1/auth/me"]


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_unauthorized_although_the_version_is_public(status: int) -> None:
    wire = seerr_that(httpx.Response(status, json={"status": status, "error": "You do not have permission"}))
    with pytest.raises(Unauthorized):
        await wire.client().identify()


@pytest.mark.parametrize("status", [{}, {"version": "3.1.0"}, {"appName": "Radarr", "version": "6.0"}, [], "3.1.0"])
async def test_another_program_is_not_taken_for_seerr(status: object) -> None:
    wire = seerr_that(httpx.Response(200, json={"id": 1}), status)
    with pytest.raises(Unintelligible):
        await wire.client().identify()


# --- rows ----------------------------------------------------------------------------------------------------------


async def test_a_media_row_becomes_a_record() -> None:
    series = media_row(2, mediaType="tv", tmdbId=1000, tvdbId=2000, status=4, status4k=7)
    records = await pages(series, media_row(1)).client().records()
    assert records == (
        Record(1, Media(MediaKind.MOVIE, 603), MediaStatus.AVAILABLE, MediaStatus.UNKNOWN, "2024-05-01T10:00:00.000Z"),
        Record(
            2,
            Media(MediaKind.SERIES, 1000, 2000),
            MediaStatus.PARTIALLY_AVAILABLE,
            MediaStatus.DELETED,
            "2024-05-01T10:00:00.000Z",
        ),
    )


async def test_a_request_row_becomes_a_request() -> None:
    seasons = [{"id": 9, "seasonNumber": 2}, {"id": 8, "seasonNumber": 1}]
    media = media_row(31, mediaType="tv", tmdbId=1000, tvdbId=2000)
    row = request_row(12, type="tv", is4k=True, status=5, seasons=seasons, media=media)
    assert await pages(row).client().requests() == (
        MediaRequest(
            id=12,
            record_id=31,
            media=Media(MediaKind.SERIES, 1000, 2000),
            is_4k=True,
            status=RequestStatus.COMPLETED,
            requested_by="user",
            seasons=(1, 2),
            created_at="2024-05-02T10:00:00.000Z",
        ),
    )


async def test_an_unknown_media_status_is_read_as_unknown() -> None:
    (record,) = await pages(media_row(status=8, status4k=0)).client().records()
    assert (record.status, record.status_4k) == (MediaStatus.UNKNOWN, MediaStatus.UNKNOWN)


async def test_an_unknown_request_status_counts_as_live() -> None:
    (request,) = await pages(request_row(status=9)).client().requests()
    assert request.is_live


async def test_media_that_are_neither_movie_nor_series_are_left_out_but_counted() -> None:
    assert await pages(media_row(1, mediaType="music")).client().records() == ()
    assert await pages(request_row(1, type="music")).client().requests() == ()


async def test_a_zero_or_missing_tvdb_id_is_unknown() -> None:
    rows = [media_row(1, mediaType="tv", tvdbId=0), without(media_row(2, mediaType="tv"), "tvdbId")]
    records = await pages(*rows).client().records()
    assert [record.media.tvdb_id for record in records] == [None, None]


@pytest.mark.parametrize("name", ["id", "mediaType", "status", "status4k", "createdAt"])
async def test_a_media_row_without_a_needed_field_is_unintelligible(name: str) -> None:
    with pytest.raises(Unintelligible, match=name):
        await pages(without(media_row(), name)).client().records()


@pytest.mark.parametrize("name", ["id", "type", "is4k", "status", "media", "createdAt"])
async def test_a_request_row_without_a_needed_field_is_unintelligible(name: str) -> None:
    with pytest.raises(Unintelligible, match=name):
        await pages(without(request_row(), name)).client().requests()


@pytest.mark.parametrize(
    "row",
    [
        media_row(id="1"),
        media_row(id=0),
        media_row(id=True),
        media_row(status="5"),
        media_row(mediaType=5),
    ],
)
async def test_a_media_row_with_a_field_of_another_type_is_unintelligible(row: dict[str, Any]) -> None:
    with pytest.raises(Unintelligible):
        await pages(row).client().records()


@pytest.mark.parametrize(
    "row",
    [
        request_row(is4k="true"),
        request_row(media=[]),
        request_row(seasons=3),
        request_row(seasons=[1]),
        request_row(seasons=[{"id": 1}]),
    ],
)
async def test_a_request_row_with_a_field_of_another_type_is_unintelligible(row: dict[str, Any]) -> None:
    with pytest.raises(Unintelligible):
        await pages(row).client().requests()


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ({"id": 3, "displayName": "Ann", "username": "ann"}, "Ann"),
        ({"id": 3, "displayName": "ann@example.org", "jellyfinUsername": "annj"}, "annj"),
        ({"id": 3, "displayName": "ann@example.org"}, "user 3"),
        (None, None),
        ({}, None),
    ],
)
async def test_the_requester_is_named_without_an_e_mail_address(user: object, name: str | None) -> None:
    (request,) = await pages(request_row(requestedBy=user)).client().requests()
    assert request.requested_by == name


# --- listings ------------------------------------------------------------------------------------------------------


def one_page_each(answers: Iterable[dict[str, Any]]) -> Wire:
    stream = iter(answers)
    return Wire(lambda _request: httpx.Response(200, json=next(stream)))


def listing(numbers: Iterable[int], results: int) -> dict[str, Any]:
    return {"pageInfo": {"results": results}, "results": [media_row(number) for number in numbers]}


async def test_an_empty_list_is_complete_after_one_page() -> None:
    wire = pages()
    assert await wire.client().records() == ()
    assert len(wire.asked) == 1


async def test_a_count_that_moves_between_pages_makes_the_list_be_read_again() -> None:
    wire = one_page_each([listing(range(101, 201), 200), listing(range(1, 100), 199), listing([1], 1)])
    records = await wire.client().records()
    assert [record.id for record in records] == [1]


async def test_a_row_read_twice_in_place_of_another_makes_the_list_be_read_again() -> None:
    wire = one_page_each([listing(range(100, 200), 150), listing(range(51, 101), 150), listing([7], 1)])
    records = await wire.client().records()
    assert [record.id for record in records] == [7]


async def test_a_list_that_keeps_changing_is_unintelligible() -> None:
    wire = pages(media_row(1), results=2)
    with pytest.raises(Unintelligible, match="changed while it was read"):
        await wire.client().records()
    assert len(wire.asked) == 2


async def test_an_absurd_count_does_not_make_it_read_for_ever() -> None:
    wire = one_page_each([listing([1], 10**9), listing([], 10**9)] * 2)
    with pytest.raises(Unintelligible, match="changed while it was read"):
        await wire.client().records()
    assert len(wire.asked) == 4


@pytest.mark.parametrize(
    "body", [[], {}, {"results": []}, {"pageInfo": {"results": 0}}, {"pageInfo": {}, "results": []}]
)
async def test_a_listing_of_another_shape_is_unintelligible(body: object) -> None:
    with pytest.raises(Unintelligible):
        await answering(body).client().records()


# --- single things -------------------------------------------------------------------------------------------------


async def test_a_request_that_is_not_shown_is_none() -> None:
    assert await answering({"message": "Request not found."}, 404).client().request(5) is None


async def test_another_request_than_the_one_asked_for_is_not_taken_for_it() -> None:
    with pytest.raises(Unintelligible):
        await answering(request_row(6)).client().request(5)


async def test_a_404_that_is_not_seerrs_own_says_nothing() -> None:
    wire = Wire(lambda _request: httpx.Response(404, text="<html>nginx</html>"))
    client = wire.client()
    with pytest.raises(Unintelligible):
        await client.request(5)
    with pytest.raises(Unintelligible):
        await client.delete_request(5)
    with pytest.raises(Unintelligible):
        await client.delete_record(5)
    with pytest.raises(Unintelligible):
        await client.reset_variant(5, is_4k=False)


async def test_the_tvdb_id_comes_from_the_external_ids() -> None:
    wire = answering({"id": 1000, "externalIds": {"tvdbId": 2000}})
    assert await wire.client().tvdb_id(1000) == 2000
    assert wire.asked[0].url.path == "/base/api/v1/tv/1000"


@pytest.mark.parametrize("ids", [{}, {"tvdbId": None}, {"tvdbId": 0}])
async def test_a_series_that_tmdb_gives_no_tvdb_id_has_none(ids: dict[str, Any]) -> None:
    assert await answering({"id": 1000, "externalIds": ids}).client().tvdb_id(1000) is None


@pytest.mark.parametrize("body", [{"id": 1001, "externalIds": {"tvdbId": 2}}, {"id": 1000}, {"externalIds": {}}])
async def test_an_answer_about_another_series_is_not_used(body: object) -> None:
    with pytest.raises(Unintelligible):
        await answering(body).client().tvdb_id(1000)


async def test_seerrs_500_for_a_series_is_told_as_trouble_with_tmdb() -> None:
    with pytest.raises(Unreachable, match="TMDB"):
        await answering({"message": "Unable to retrieve series."}, 500).client().tvdb_id(1000)


async def test_a_proxys_502_for_a_series_is_not_blamed_on_tmdb() -> None:
    with pytest.raises(Unreachable) as caught:
        await answering({}, 502).client().tvdb_id(1000)
    assert "TMDB" not in str(caught.value)


async def test_deleting_what_is_not_there_is_no_error() -> None:
    client = answering({"message": "Media not found"}, 404).client()
    await client.delete_record(5)
    await client.delete_request(5)
    await client.reset_variant(5, is_4k=False)


# --- trouble -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, Unintelligible),
        (400, Rejected),
        (401, Unauthorized),
        (403, Unauthorized),
        (404, Rejected),
        (409, Rejected),
        (429, Throttled),
        (500, Unreachable),
        (502, Unreachable),
    ],
)
async def test_each_status_means_one_kind_of_trouble(status: int, error: type[UpstreamError]) -> None:
    with pytest.raises(error) as caught:
        await answering({"message": "no"}, status).client().records()
    assert caught.value.upstream == "jellyseerr"
    assert caught.value.status == status


@pytest.mark.parametrize("text", ["<html>Sign in</html>", '{"pageInfo": {"res', "", "null", "5"])
async def test_a_body_that_is_not_data_is_unintelligible(text: str) -> None:
    wire = Wire(lambda _request: httpx.Response(200, text=text))
    with pytest.raises(Unintelligible):
        await wire.client().records()


async def test_no_error_quotes_the_key() -> None:
    key = "the-key-that-is-long"
    transport = httpx.MockTransport(lambda _request: httpx.Response(400, json={"message": f"bad key {key}"}))
    client = seerr.connect(NAME, "http://seerr.test", key, transport=transport)
    with pytest.raises(Rejected) as caught:
        await client.records()
    assert key not in str(caught.value)


async def test_the_request_list_may_take_longer_than_other_calls() -> None:
    wire = Wire(
        lambda request: httpx.Response(
            200, json={"pageInfo": {"results": 0}, "results": []} if "take" in request.url.params else request_row(1)
        )
    )
    client = wire.client()
    await client.requests()
    await client.request(1)
    listing_timeout, call_timeout = (request.extensions["timeout"]["read"] for request in wire.asked)
    assert (listing_timeout, call_timeout) == (60, 30)


async def test_timeouts_are_injectable() -> None:
    allowed: list[float] = []

    def handle(request: httpx.Request) -> httpx.Response:
        allowed.append(request.extensions["timeout"]["read"])
        return httpx.Response(200, json={"pageInfo": {"results": 0}, "results": []})

    timeouts = seerr.Timeouts(call=timedelta(seconds=1), listing=timedelta(seconds=2))
    transport = httpx.MockTransport(handle)
    client = seerr.connect(NAME, "http://seerr.test", "k", transport=transport, timeouts=timeouts)
    await client.records()
    assert allowed == [2]


async def test_calls_are_observed_by_name_and_outcome() -> None:
    seen: list[tuple[str, str, str]] = []
    client = seerr.connect(
        NAME,
        "http://seerr.test",
        "k",
        observer=lambda instance, operation, outcome, _seconds: seen.append((instance, operation, outcome)),
        transport=httpx.MockTransport(lambda _request: httpx.Response(500)),
    )
    with pytest.raises(Unreachable):
        await client.records()
    with pytest.raises(Unreachable):
        await client.delete_record(3)
    assert seen == [("jellyseerr", "records", "Unreachable"), ("jellyseerr", "delete_record", "Unreachable")]


# --- servers and issues --------------------------------------------------------------------------------------------


def server_row(number: int = 0, **changes: object) -> dict[str, Any]:
    row = {
        "id": number,
        "name": "Radarr",
        "hostname": "radarr",
        "port": 7878,
        "apiKey": "a-key-of-radarr",
        "useSsl": False,
        "baseUrl": "",
        "is4k": False,
        "isDefault": True,
    }
    return row | changes


def issue_row(number: int = 4, **changes: object) -> dict[str, Any]:
    row = {
        "id": number,
        "issueType": 1,
        "status": 1,
        "problemSeason": 2,
        "problemEpisode": 0,
        "media": media_row(31, mediaType="tv", tmdbId=1000, tvdbId=2000),
        "createdBy": {"id": 3},
        "comments": [comment_row(9, "!delete", 16), comment_row(8, "It stutters", 32)],
    }
    return row | changes


def comment_row(number: int, text: str, permissions: object) -> dict[str, Any]:
    return {"id": number, "message": text, "user": {"id": 3, "permissions": permissions, "displayName": "owner"}}


@pytest.mark.parametrize(("sent", "meant"), [(None, None), (0, 0), (2, 2), (-1, None)])
async def test_the_server_of_a_request_is_its_number_in_the_settings(sent: int | None, meant: int | None) -> None:
    (request,) = await pages(request_row(serverId=sent)).client().requests()
    assert request.server_id == meant


@pytest.mark.parametrize("sent", ["0", True, [], 1.5])
async def test_a_server_that_is_no_number_is_unintelligible(sent: object) -> None:
    with pytest.raises(Unintelligible, match="serverId"):
        await pages(request_row(serverId=sent)).client().requests()


async def test_servers_are_read_from_both_settings_and_0_is_a_number() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/settings/radarr"):
            uhd = server_row(1, hostname=" Radarr-4K.LAN ", port=443, baseUrl="/radarr/", is4k=True)
            return httpx.Response(200, json=[server_row(0), uhd])
        return httpx.Response(200, json=[server_row(0, hostname="sonarr", port=8989, baseUrl=None, isDefault=False)])

    wire = Wire(answer)
    assert await wire.client().servers() == (
        RequestServer(MediaKind.MOVIE, 0, is_4k=False, is_default=True, host="radarr", port=7878),
        RequestServer(
            MediaKind.MOVIE, 1, is_4k=True, is_default=True, host="radarr-4k.lan", port=443, url_base="radarr"
        ),
        RequestServer(MediaKind.SERIES, 0, is_4k=False, is_default=False, host="sonarr", port=8989),
    )
    assert [request.url.path for request in wire.asked] == [
        "/base/api/v1/settings/radarr",
        "/base/api/v1/settings/sonarr",
    ]


@pytest.mark.parametrize("body", [{}, None, [1], [without(server_row(), "id")]])
async def test_servers_in_another_shape_are_unintelligible(body: object) -> None:
    with pytest.raises(Unintelligible):
        await answering(body).client().servers()


@pytest.mark.parametrize(
    "change",
    [{"is4k": None}, {"isDefault": 1}, {"hostname": 1}, {"port": "7878"}, {"baseUrl": 1}, {"id": "0"}, {"id": True}],
)
async def test_a_server_with_a_field_of_another_type_is_unintelligible(change: dict[str, object]) -> None:
    with pytest.raises(Unintelligible) as caught:
        await answering([server_row() | change]).client().servers()
    assert "a-key-of-radarr" not in str(caught.value)


async def test_an_issue_is_read_with_its_comments_by_age() -> None:
    wire = answering(issue_row())
    assert await wire.client().issue(4) == Issue(
        id=4,
        media=Media(MediaKind.SERIES, 1000, 2000),
        comments=(IssueComment(8, "It stutters", 32), IssueComment(9, "!delete", 16)),
        season=2,
    )
    assert wire.asked[0].url.path == "/base/api/v1/issue/4"


async def test_season_0_of_an_issue_means_all_of_it() -> None:
    issue = await answering(issue_row(problemSeason=0)).client().issue(4)
    assert issue is not None
    assert issue.season is None


async def test_an_issue_about_a_movie_has_no_season() -> None:
    issue = await answering(issue_row(media=media_row(31), problemSeason=1)).client().issue(4)
    assert issue is not None
    assert (issue.media, issue.season) == (Media(MediaKind.MOVIE, 603), None)


@pytest.mark.parametrize(
    "comment",
    [
        without(comment_row(9, "!delete", 2), "user"),
        comment_row(9, "!delete", None),
        comment_row(9, "!delete", "2"),
        comment_row(9, "!delete", True),
        comment_row(9, "!delete", -2),
        comment_row(9, "!delete", 2) | {"user": None},
        comment_row(9, "!delete", 2) | {"user": "owner"},
    ],
)
async def test_an_author_whose_permissions_are_not_shown_has_none(comment: dict[str, Any]) -> None:
    issue = await answering(issue_row(comments=[comment])).client().issue(4)
    assert issue is not None
    assert issue.comments == (IssueComment(9, "!delete", 0),)


@pytest.mark.parametrize(
    "body",
    [
        issue_row(5),
        without(issue_row(), "problemSeason"),
        issue_row(problemSeason=None),
        issue_row(problemSeason="2"),
        issue_row(problemSeason=-1),
        issue_row(problemSeason=True),
        issue_row(comments=None),
        issue_row(comments=[{"id": 1}]),
        issue_row(comments=[comment_row(0, "!delete", 2)]),
        issue_row(media=None),
        issue_row(media={}),
        [],
    ],
)
async def test_an_issue_that_cannot_be_read_is_unintelligible_and_never_about_everything(body: object) -> None:
    with pytest.raises(Unintelligible):
        await answering(body).client().issue(4)


async def test_an_issue_that_is_not_shown_or_about_something_else_is_none() -> None:
    assert await answering({"message": "Issue not found."}, 404).client().issue(4) is None
    assert await answering(issue_row(media=media_row(31, mediaType="music"))).client().issue(4) is None


async def test_settings_that_the_key_may_not_read_are_unauthorized() -> None:
    forbidden = {"status": 403, "error": "You do not have permission to access this endpoint"}
    with pytest.raises(Unauthorized):
        await answering(forbidden, 403).client().servers()
