"""The Radarr client where answers are odd; ordinary ones are in tests/contract/test_libraries.py."""

import json
from typing import Any

import httpx
import pytest

from reconciler.clients.radarr import Radarr, connect
from reconciler.errors import Rejected, Unintelligible, Unreachable
from reconciler.model import DownloadProtocol, InstanceName, Media, MediaKind, UpstreamKind, WantedWebhook
from reconciler.observed import DownloadClient

NAME = InstanceName("radarr")
KEY = "a-long-secret-key"
MOVIE: dict[str, Any] = {
    "id": 12,
    "title": "Night Train",
    "year": 2020,
    "tmdbId": 603,
    "path": "/data/movies/Night Train (2020)",
    "added": "2024-01-01T00:00:00Z",
    "monitored": True,
    "hasFile": False,
    "tags": [],
}
GRAB: dict[str, Any] = {
    "id": 9,
    "movieId": 12,
    "sourceTitle": "Night.Train",
    "eventType": "grabbed",
    "downloadId": "A" * 40,
    "date": "2024-01-01T00:00:00Z",
    "data": {},
}


class Script:
    """A scripted upstream: answers by "METHOD path", and remembers what it was asked."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path = request.url.path.removeprefix("/api/v3")
        answer = self.answers.get(f"{request.method} {path}", [])
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)


def client_of(answers: dict[str, Any]) -> tuple[Radarr, Script]:
    script = Script(answers)
    return connect(NAME, "http://radarr.test/", KEY, transport=httpx.MockTransport(script)), script


def history(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"GET /history/since": list(rows)}


async def test_requests_carry_the_key_in_its_header_and_go_below_the_api() -> None:
    client, script = client_of({"GET /movie": []})
    await client.entries()
    assert str(script.requests[0].url) == "http://radarr.test/api/v3/movie"
    assert {request.headers["x-api-key"] for request in script.requests} == {KEY}


@pytest.mark.parametrize("field", ["id", "title", "path", "added", "monitored"])
async def test_a_movie_without_a_required_field_is_unintelligible(field: str) -> None:
    client, _ = client_of({"GET /movie": [{name: value for name, value in MOVIE.items() if name != field}]})
    with pytest.raises(Unintelligible, match=field):
        await client.entries()


async def test_ids_and_years_of_zero_are_unknown() -> None:
    client, _ = client_of({"GET /movie": [{**MOVIE, "tmdbId": 0, "year": 0}]})
    (entry,) = await client.entries()
    assert (entry.media, entry.year) == (Media(MediaKind.MOVIE), None)


async def test_a_movie_with_a_file_that_is_not_listed_has_unknown_files() -> None:
    client, _ = client_of({"GET /movie": [{**MOVIE, "hasFile": True}]})
    (entry,) = await client.entries()
    assert (entry.files, entry.file_count) == (None, 1)


async def test_a_movie_without_a_file_has_none() -> None:
    client, _ = client_of({"GET /movie": [MOVIE]})
    (entry,) = await client.entries()
    assert (entry.files, entry.file_count, entry.size) == ((), 0, 0)


async def test_tags_are_read_after_the_titles_and_lingering_ids_are_ignored() -> None:
    client, script = client_of({"GET /movie": [{**MOVIE, "tags": [1, 7]}], "GET /tag": [{"id": 1, "label": "keep"}]})
    (entry,) = await client.entries()
    assert entry.tags == {"keep"}
    assert [request.url.path for request in script.requests] == ["/api/v3/movie", "/api/v3/tag"]


@pytest.mark.parametrize("answer", [{}, "text", None, [1], 5])
async def test_a_list_that_is_none_is_unintelligible(answer: object) -> None:
    client, _ = client_of({"GET /movie": httpx.Response(200, json=answer)})
    with pytest.raises(Unintelligible):
        await client.entries()


async def test_another_movie_than_asked_for_is_unintelligible() -> None:
    client, _ = client_of({"GET /movie/13": MOVIE})
    with pytest.raises(Unintelligible, match="movie 12 when asked for 13"):
        await client.entry(13)


@pytest.mark.parametrize("body", [{"title": "Not Found", "status": 404}, None])
async def test_only_the_programs_own_404_says_that_there_is_no_movie(body: object) -> None:
    client, _ = client_of({"GET /movie/13": httpx.Response(404, json=body) if body else httpx.Response(404)})
    assert await client.entry(13) is None


async def test_a_404_page_of_a_proxy_says_nothing() -> None:
    page = httpx.Response(404, html="<html>no such site</html>")
    client, _ = client_of({"GET /movie/13": page, "GET /moviefile": page})
    with pytest.raises(Unintelligible):
        await client.entry(13)
    with pytest.raises(Unintelligible):
        await client.entry_files(13)


async def test_files_of_other_movies_are_filtered_out_again() -> None:
    rows = [
        {"id": 1, "movieId": 12, "path": "/a.mkv", "size": 1},
        {"id": 2, "movieId": 13, "path": "/b.mkv", "size": 1},
    ]
    client, _ = client_of({"GET /moviefile": rows})
    assert [file.id for file in await client.entry_files(12)] == [1]


async def test_the_hash_of_a_row_without_download_id_comes_from_the_indexer() -> None:
    row = {**GRAB, "data": {"torrentInfoHash": "b" * 40}}
    del row["downloadId"]
    client, _ = client_of(history(row))
    (reference,) = (await client.history_since("2024-01-01T00:00:00Z")).references
    assert reference.raw_hash == "b" * 40


async def test_the_names_of_history_data_come_in_any_case() -> None:
    data = {"Protocol": "2", "ReleaseSource": "interactiveSearch", "DownloadClient": "qBittorrent"}
    client, _ = client_of(history({**GRAB, "data": data}))
    (reference,) = (await client.history_since("2024-01-01T00:00:00Z")).references
    assert (reference.protocol, reference.by_person, reference.client) == (
        DownloadProtocol.TORRENT,
        True,
        "qBittorrent",
    )


async def test_what_an_indexer_claims_of_a_release_is_not_taken_for_its_title() -> None:
    client, _ = client_of(history({**GRAB, "data": {"tmdbId": "999"}}))
    (reference,) = (await client.history_since("2024-01-01T00:00:00Z")).references
    assert (reference.media, reference.entry_id) == (None, 12)


@pytest.mark.parametrize("field", ["id", "movieId", "date", "eventType"])
async def test_a_history_row_without_a_required_field_is_unintelligible(field: str) -> None:
    client, _ = client_of(history({name: value for name, value in GRAB.items() if name != field}))
    with pytest.raises(Unintelligible, match=field):
        await client.history_since("2024-01-01T00:00:00Z")


async def test_a_history_date_that_is_none_is_unintelligible() -> None:
    client, _ = client_of(history({**GRAB, "date": "yesterday"}))
    with pytest.raises(Unintelligible, match="date"):
        await client.history_since("2024-01-01T00:00:00Z")


async def test_the_newest_date_is_found_among_fractions_of_different_length() -> None:
    dates = ["2024-01-01T00:00:00.1234567Z", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.2Z"]
    client, _ = client_of(history(*[{**GRAB, "id": n, "date": date} for n, date in enumerate(dates, start=1)]))
    page = await client.history_since("2024-01-01T00:00:00Z")
    assert (page.newest_date, page.newest_id) == ("2024-01-01T00:00:00.2Z", 3)


async def test_an_empty_history_has_no_cursor() -> None:
    client, _ = client_of(history())
    page = await client.history_since("2024-01-01T00:00:00Z")
    assert (page.rows, page.newest_id, page.newest_date) == (0, 0, None)


async def test_another_page_than_asked_for_is_unintelligible() -> None:
    client, _ = client_of({"GET /history": {"page": 1, "pageSize": 10, "totalRecords": 0, "records": []}})
    with pytest.raises(Unintelligible, match="page 1 of its history, not 2"):
        await client.history_page(2, 10)


async def test_a_queue_item_of_an_unknown_kind_is_still_shown() -> None:
    client, _ = client_of({"GET /queue/details": [{"id": 5, "status": "delay", "protocol": "carrierPigeon"}]})
    (item,) = await client.queue()
    assert (item.protocol, item.download_id, item.client, item.title) == (DownloadProtocol.UNKNOWN, None, None, "")


async def test_ending_downloads_never_blocklists_nor_searches_again() -> None:
    client, script = client_of({"DELETE /queue/bulk": {}})
    await client.end_downloads([5, 6])
    (request,) = script.requests
    assert dict(request.url.params) == {"removeFromClient": "true", "blocklist": "false", "skipRedownload": "true"}
    assert json.loads(request.content) == {"ids": [5, 6]}
    assert request.extensions["timeout"]["read"] == 120


async def test_ending_downloads_one_by_one_goes_on_after_a_404() -> None:
    gone = httpx.Response(404, json={"message": "NotFound"})
    client, script = client_of({"DELETE /queue/bulk": gone, "DELETE /queue/5": gone, "DELETE /queue/6": {}})
    await client.end_downloads([5, 6])
    assert [request.url.path for request in script.requests[1:]] == ["/api/v3/queue/5", "/api/v3/queue/6"]
    assert {request.url.params["blocklist"] for request in script.requests} == {"false"}


async def test_deletes_spell_the_exclusion_as_radarr_does_and_wait_for_slow_webhooks() -> None:
    client, script = client_of({})
    await client.delete_entry(12, delete_files=True, add_exclusion=True)
    await client.delete_entries([12], delete_files=False, add_exclusion=True)
    single, bulk = script.requests
    assert dict(single.url.params) == {"deleteFiles": "true", "addImportExclusion": "true"}
    assert json.loads(bulk.content) == {"movieIds": [12], "deleteFiles": False, "addImportExclusion": True}
    assert [request.extensions["timeout"]["read"] for request in script.requests] == [120, 120]


async def test_a_refused_file_delete_is_rejected_with_the_programs_words() -> None:
    refusal = httpx.Response(409, json={"message": "Root folder (/data) doesn't exist."})
    files = [{"id": 1, "movieId": 12, "path": "/a.mkv", "size": 1}]
    client, _ = client_of({"GET /moviefile": files, "DELETE /moviefile/bulk": refusal})
    with pytest.raises(Rejected, match="doesn't exist"):
        await client.delete_files(12, [1])


async def test_files_that_are_already_gone_are_not_asked_for() -> None:
    client, script = client_of({"GET /moviefile": []})
    await client.delete_files(12, [1])
    assert [request.method for request in script.requests] == ["GET"]


async def test_a_locked_database_is_unreachable_and_not_rejected() -> None:
    locked = httpx.Response(500, json={"message": "database is locked"})
    client, _ = client_of({"PUT /movie/editor": locked, "DELETE /movie/editor": locked, "DELETE /movie/12": locked})
    for call in (
        client.unmonitor([12]),
        client.delete_entries([12], delete_files=True, add_exclusion=False),
        client.delete_entry(12, delete_files=True, add_exclusion=False),
    ):
        with pytest.raises(Unreachable, match="database is locked"):
            await call


async def test_radarr_has_no_seasons_and_does_nothing_in_their_place() -> None:
    client, script = client_of({})
    await client.unmonitor_seasons({12: []})
    with pytest.raises(Rejected, match="no seasons to unmonitor"):
        await client.unmonitor_seasons({12: [1]})
    with pytest.raises(Rejected, match="no seasons to search"):
        await client.search(12, 0)
    assert script.requests == []


@pytest.mark.parametrize("status", [200, 404])
async def test_blocklisting_fails_the_grab_that_a_history_row_tells(status: int) -> None:
    client, script = client_of({"POST /history/failed/9": httpx.Response(status, json={})})
    await client.blocklist(9)
    assert [(request.method, request.url.path) for request in script.requests] == [("POST", "/api/v3/history/failed/9")]


async def test_a_404_page_of_a_proxy_has_blocklisted_nothing() -> None:
    client, _ = client_of({"POST /history/failed/9": httpx.Response(404, html="<html>no such site</html>")})
    with pytest.raises(Unintelligible, match="web page"):
        await client.blocklist(9)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"host": " QB.Example ", "port": 443, "urlBase": "/tools/qb/"}, ("qb.example", 443, "tools/qb")),
        ({"host": "qb", "port": "9090", "urlBase": None}, ("qb", 9090, "")),
        ({"host": "qb", "port": True}, ("qb", 8080, "")),
        ({"host": "qb", "port": "many"}, ("qb", 8080, "")),
        ({}, ("", 8080, "")),
    ],
)
async def test_the_address_of_a_download_client_is_put_in_one_form(
    fields: dict[str, object], expected: tuple[str, int, str]
) -> None:
    listed = [{"name": name, "value": value} for name, value in fields.items()]
    row = {"name": "Attic", "enable": False, "implementation": "QBittorrent", "fields": listed}
    client, _ = client_of({"GET /downloadclient": [row]})
    assert await client.torrent_clients() == (DownloadClient("Attic", *expected),)


@pytest.mark.parametrize("row", [{"fields": []}, {"name": "Attic"}])
async def test_a_qbittorrent_without_name_or_settings_is_unintelligible(row: dict[str, object]) -> None:
    client, _ = client_of({"GET /downloadclient": [{"implementation": "QBittorrent", **row}]})
    with pytest.raises(Unintelligible):
        await client.torrent_clients()


@pytest.mark.parametrize(
    ("said", "size"),
    [("17", 17), (17, None), ("017", None), ("1" * 19, None), ("1e9", None), (" 7", None), (None, None)],
)
async def test_only_a_plain_number_of_bytes_is_the_size_of_an_import(said: object, size: int | None) -> None:
    client, _ = client_of(history({**GRAB, "eventType": "downloadFolderImported", "data": {"Size": said}}))
    (reference,) = (await client.history_since("2024-01-01T00:00:00Z")).references
    assert reference.size == size


async def test_a_folder_of_a_windows_host_keeps_its_separator() -> None:
    client, script = client_of({"GET /filesystem": {"directories": [], "files": []}})
    await client.list_folder("D:\\movies")
    await client.list_folder("/data/movies/")
    assert [request.url.params["path"] for request in script.requests] == ["D:\\movies\\", "/data/movies/"]


async def test_a_missing_recycle_bin_is_an_empty_text() -> None:
    client, _ = client_of({"GET /config/mediamanagement": {"id": 1, "recycleBin": None}})
    assert await client.recycle_bin() == ""


async def test_calls_are_observed_by_names_without_ids() -> None:
    seen: list[tuple[str, str]] = []
    client = connect(
        NAME,
        "http://radarr.test",
        KEY,
        transport=httpx.MockTransport(Script({"GET /movie/12": MOVIE})),
        observer=lambda _instance, operation, outcome, _seconds: seen.append((operation, outcome)),
    )
    await client.entry(12)
    assert seen == [("entry", "ok"), ("tags", "ok")]


async def test_the_key_is_in_no_error_and_no_repr() -> None:
    client, _ = client_of({"GET /movie": httpx.Response(401)})
    with pytest.raises(Exception, match="refused our credentials") as caught:
        await client.entries()
    assert KEY not in str(caught.value) + repr(caught.value) + repr(client)


@pytest.mark.parametrize(
    ("health", "is_muted"),
    [
        (httpx.Response(500), False),  # it does not say, and the webhook is shown all the same
        ({"message": "no list"}, False),
        ([{"source": "NotificationStatusCheck", "type": "error", "message": "Alle Benachrichtigungen …"}], True),
        ([{"source": "NotificationStatusCheck", "type": "warning", "message": "由于故障而不可用：Us, Chat"}], True),
        ([{"source": "NotificationStatusCheck", "type": "warning", "message": "unavailable: Chat, Us 2"}], False),
        ([{"source": "NotificationStatusCheck", "type": "warning", "message": None}], False),
        ([{"source": "IndexerStatusCheck", "type": "error", "message": "All indexers are unavailable"}], False),
    ],
)
async def test_a_webhook_is_muted_where_the_health_says_so_in_whatever_language(health: Any, is_muted: bool) -> None:
    row = {"id": 3, "name": "Us", "implementation": "Webhook", "onGrab": True, "fields": []}
    radarr, _ = client_of({"GET /notification": [row], "GET /health": health})
    wanted = WantedWebhook(NAME, UpstreamKind.RADARR, "/webhooks/radarr", ("http://us/webhooks/radarr",), ("onGrab",))
    assert [(one.name, one.is_muted) for one in await radarr.webhooks.read(wanted)] == [("Us", is_muted)]
