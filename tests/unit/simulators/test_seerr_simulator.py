"""Each fact about Seerr that upstreams.md lists (sections 1, 2, 8, 9.2, 9.4), held against the simulator."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.observed import MediaStatus, RequestStatus
from reconciler.simulators.jellyfin import JellyfinSimulator
from reconciler.simulators.loopback import loopback_client
from reconciler.simulators.radarr import RadarrSimulator
from reconciler.simulators.seerr import SeerrSimulator
from reconciler.simulators.seerr_servers import Server
from reconciler.simulators.seerr_state import MediaRow, RequestRow
from reconciler.simulators.server import serve
from reconciler.simulators.sonarr import SonarrSimulator

KEY = "a-key-for-tests"
ARR_KEY = "simulated-key"

Json = Any


@pytest.fixture
async def seerr() -> AsyncIterator[SeerrSimulator]:
    simulator = SeerrSimulator(KEY)
    simulator.database.know("movie", 603, "Example Movie", year=1999)
    simulator.database.know("tv", 1000, "Example Show", year=2021, tvdb_id=2000, seasons=(1, 2))
    yield simulator
    await simulator.aclose()


@pytest.fixture
async def http(seerr: SeerrSimulator) -> AsyncIterator[httpx.AsyncClient]:
    """Seerr's API, asked with its key."""
    transport = httpx.ASGITransport(seerr.app)
    headers = {"X-Api-Key": KEY}
    async with httpx.AsyncClient(transport=transport, base_url="http://seerr.test/api/v1", headers=headers) as client:
        yield client


@pytest.fixture
async def radarr(seerr: SeerrSimulator, tmp_path: Path) -> AsyncIterator[RadarrSimulator]:
    """A Radarr that Seerr is configured with."""
    simulator = RadarrSimulator(tmp_path / "movies", api_key=ARR_KEY)
    async with serve(simulator.app) as url:
        seerr.add_server(Server(0, "radarr", url, ARR_KEY))
        yield simulator


@pytest.fixture
async def sonarr(seerr: SeerrSimulator, tmp_path: Path) -> AsyncIterator[SonarrSimulator]:
    simulator = SonarrSimulator(tmp_path / "series", api_key=ARR_KEY)
    simulator.catalog[2000] = {1: 2, 2: 2}
    async with serve(simulator.app) as url:
        seerr.add_server(Server(0, "sonarr", url, ARR_KEY))
        yield simulator


def movie(seerr: SeerrSimulator, status: MediaStatus = MediaStatus.UNKNOWN) -> MediaRow:
    return seerr.database.add_media("movie", 603, status=status)


def show(seerr: SeerrSimulator, status: MediaStatus = MediaStatus.UNKNOWN) -> MediaRow:
    return seerr.database.add_media("tv", 1000, tvdb_id=2000, status=status, seasons=(1, 2))


async def ask(http: httpx.AsyncClient, media_type: str = "movie", tmdb_id: int = 603, **more: Json) -> httpx.Response:
    return await http.post("/request", json={"mediaType": media_type, "mediaId": tmdb_id} | more)


# --- errors --------------------------------------------------------------------------------------------------------


async def test_without_a_key_the_validator_answers_401_and_names_the_cookie(seerr: SeerrSimulator) -> None:
    transport = httpx.ASGITransport(seerr.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://seerr.test") as client:
        reply = await client.get("/api/v1/media")
    message = "cookie 'connect.sid' required"
    assert reply.status_code == 401
    assert reply.json() == {"message": message, "errors": [{"path": "/api/v1/media", "message": message}]}


async def test_a_wrong_key_is_403_with_error_instead_of_message(http: httpx.AsyncClient) -> None:
    reply = await http.get("/auth/me", headers={"X-Api-Key": "wrong"})
    assert reply.status_code == 403
    assert reply.json() == {"status": 403, "error": "You do not have permission to access this endpoint"}


async def test_the_status_needs_no_key(http: httpx.AsyncClient) -> None:
    reply = await http.get("/status", headers={"X-Api-Key": "wrong"})
    assert reply.status_code == 200
    assert reply.json()["version"] == "3.1.0"


async def test_the_key_acts_as_the_owner_or_as_the_user_it_names(
    seerr: SeerrSimulator, http: httpx.AsyncClient
) -> None:
    other = seerr.database.add_user("ann")
    assert (await http.get("/auth/me")).json()["id"] == 1
    assert (await http.get("/auth/me", headers={"X-API-User": str(other.id)})).json()["username"] == "ann"


@pytest.mark.parametrize("query", ["tmdbId=603", "take=many", "filter=gone", "sort=title", "take=1&skip=-1"])
async def test_an_unknown_or_bad_query_parameter_is_400(http: httpx.AsyncClient, query: str) -> None:
    for path in ("/media", "/request"):
        reply = await http.get(f"{path}?{query}")
        assert reply.status_code == 400
        assert reply.json()["errors"][0]["path"].startswith("/query/")


async def test_an_unknown_path_or_method_has_the_validators_shape(http: httpx.AsyncClient) -> None:
    unknown, wrong_method = await http.get("/nothing"), await http.put("/media")
    assert (unknown.status_code, wrong_method.status_code) == (404, 405)
    assert unknown.json()["errors"]
    assert wrong_method.json()["errors"]


# --- reading -------------------------------------------------------------------------------------------------------


async def test_media_info_is_absent_without_a_row_and_present_with_one(
    seerr: SeerrSimulator, http: httpx.AsyncClient
) -> None:
    for path in ("/movie/603", "/tv/1000"):
        assert "mediaInfo" not in (await http.get(path)).json()
    request = seerr.database.add_request(movie(seerr))
    show(seerr)
    assert (await http.get("/movie/603")).json()["mediaInfo"]["requests"][0]["id"] == request.id
    series = (await http.get("/tv/1000")).json()
    assert series["externalIds"]["tvdbId"] == 2000
    assert [season["seasonNumber"] for season in series["mediaInfo"]["seasons"]] == [1, 2]


@pytest.mark.parametrize(("path", "message"), [("/movie/603", "movie"), ("/tv/1000", "series")])
async def test_tmdb_down_is_500(seerr: SeerrSimulator, http: httpx.AsyncClient, path: str, message: str) -> None:
    seerr.service.tmdb_up = False
    reply = await http.get(path)
    assert reply.status_code == 500
    assert reply.json() == {"message": f"Unable to retrieve {message}."}


async def test_a_tmdb_id_that_does_not_exist_is_500_and_never_404(http: httpx.AsyncClient) -> None:
    assert (await http.get("/movie/999999")).status_code == 500


async def test_media_come_twenty_at_a_time_newest_first(seerr: SeerrSimulator, http: httpx.AsyncClient) -> None:
    for number in range(1, 46):
        seerr.database.add_media("movie", number)
    first, last = (await http.get("/media")).json(), (await http.get("/media?take=20&skip=40")).json()
    assert first["pageInfo"] == {"pages": 3, "pageSize": 20, "results": 45, "page": 1}
    assert [row["id"] for row in first["results"]] == list(range(45, 25, -1))
    assert last["pageInfo"]["page"] == 3
    assert [row["id"] for row in last["results"]] == [5, 4, 3, 2, 1]


async def test_requests_come_ten_at_a_time(seerr: SeerrSimulator, http: httpx.AsyncClient) -> None:
    for number in range(1, 13):
        seerr.database.add_request(seerr.database.add_media("movie", number))
    reply = (await http.get("/request")).json()
    assert reply["pageInfo"] == {"pages": 2, "pageSize": 10, "results": 12, "page": 1}
    assert [row["id"] for row in reply["results"]] == list(range(12, 2, -1))
    assert reply["serviceErrors"] == {"radarr": [], "sonarr": []}


@pytest.mark.parametrize("word", ["deleted", "all"])
async def test_media_filters_deleted_and_all_are_accepted_and_ignored(
    seerr: SeerrSimulator, http: httpx.AsyncClient, word: str
) -> None:
    movie(seerr, MediaStatus.AVAILABLE)
    show(seerr, MediaStatus.DELETED)
    assert (await http.get(f"/media?filter={word}")).json()["pageInfo"]["results"] == 2


async def test_media_filters_look_at_the_normal_variant_only(seerr: SeerrSimulator, http: httpx.AsyncClient) -> None:
    seerr.database.add_media("movie", 1, status_4k=MediaStatus.AVAILABLE)
    seerr.database.add_media("movie", 2, status=MediaStatus.AVAILABLE)
    rows = (await http.get("/media?filter=available")).json()["results"]
    assert [row["tmdbId"] for row in rows] == [2]


async def test_requests_of_blocklisted_media_are_hidden_under_every_filter(
    seerr: SeerrSimulator, http: httpx.AsyncClient
) -> None:
    hidden = seerr.database.add_request(movie(seerr, MediaStatus.BLOCKLISTED))
    for query in ("", "?filter=all", "?filter=approved"):
        assert (await http.get(f"/request{query}")).json()["results"] == []
    assert (await http.get(f"/request/{hidden.id}")).status_code == 200


async def test_requests_are_filtered_by_status_type_and_person(seerr: SeerrSimulator, http: httpx.AsyncClient) -> None:
    ann = seerr.database.add_user("ann")
    seerr.database.add_request(movie(seerr), status=RequestStatus.PENDING)
    seerr.database.add_request(show(seerr), status=RequestStatus.DECLINED, requested_by=ann)

    async def listed(query: str) -> list[int]:
        return [row["id"] for row in (await http.get(f"/request?{query}")).json()["results"]]

    assert await listed("filter=pending") == [1]
    assert await listed("mediaType=tv") == [2]
    assert await listed(f"requestedBy={ann.id}") == [2]
    assert await listed("sortDirection=asc") == [1, 2]


async def test_declined_requests_are_listed_with_status_3(seerr: SeerrSimulator, http: httpx.AsyncClient) -> None:
    seerr.database.add_request(movie(seerr), status=RequestStatus.DECLINED)
    assert (await http.get("/request?filter=all")).json()["results"][0]["status"] == 3


# --- deleting ------------------------------------------------------------------------------------------------------


async def test_deleting_media_cascades_to_requests_of_both_variants(
    seerr: SeerrSimulator, http: httpx.AsyncClient
) -> None:
    media = movie(seerr)
    seerr.database.add_request(media)
    seerr.database.add_request(media, is_4k=True)
    assert (await http.delete(f"/media/{media.id}")).status_code == 204
    assert (seerr.database.media, seerr.database.requests) == ({}, {})
    assert "mediaInfo" not in (await http.get("/movie/603")).json()


async def test_a_blocklisted_row_answers_204_to_its_delete_and_stays(
    seerr: SeerrSimulator, http: httpx.AsyncClient
) -> None:
    media = movie(seerr, MediaStatus.BLOCKLISTED)
    media.normal.external_service_id = 12
    assert (await http.delete(f"/media/{media.id}")).status_code == 204
    assert media.id in seerr.database.media
    assert media.normal.external_service_id is None


@pytest.mark.parametrize("path", ["/media/99", "/media/x", "/media/1", "/media/1/file"])
async def test_deleting_media_is_404_for_any_error(seerr: SeerrSimulator, http: httpx.AsyncClient, path: str) -> None:
    movie(seerr)
    seerr.service.database_locked = True
    reply = await http.delete(path)
    assert reply.status_code == 404
    assert reply.json() == {"message": "Media not found"}
    assert 1 in seerr.database.media


@pytest.mark.parametrize("path", ["/request/99", "/request/x", "/request/1"])
async def test_a_request_is_404_for_any_error(seerr: SeerrSimulator, http: httpx.AsyncClient, path: str) -> None:
    seerr.database.add_request(movie(seerr))
    seerr.service.database_locked = True
    for reply in (await http.get(path), await http.delete(path)):
        assert reply.status_code == 404
        assert reply.json() == {"message": "Request not found."}
    assert 1 in seerr.database.requests


@pytest.mark.parametrize(
    "status",
    [MediaStatus.DELETED, MediaStatus.PARTIALLY_AVAILABLE, MediaStatus.PROCESSING, MediaStatus.BLOCKLISTED],
)
async def test_the_last_request_of_a_variant_leaves_it_unknown(
    seerr: SeerrSimulator, http: httpx.AsyncClient, status: MediaStatus
) -> None:
    media = movie(seerr, status)
    media.uhd.status = MediaStatus.AVAILABLE
    request = seerr.database.add_request(media)
    assert (await http.delete(f"/request/{request.id}")).status_code == 204
    assert media.normal.status is MediaStatus.UNKNOWN
    assert media.uhd.status is MediaStatus.AVAILABLE
    assert media.id in seerr.database.media


async def test_a_deleted_request_leaves_the_status_while_another_remains(
    seerr: SeerrSimulator, http: httpx.AsyncClient
) -> None:
    media = movie(seerr, MediaStatus.PROCESSING)
    first = seerr.database.add_request(media)
    seerr.database.add_request(media)
    await http.delete(f"/request/{first.id}")
    assert media.normal.status is MediaStatus.PROCESSING


async def test_deleting_files_hangs_for_ever_when_no_server_is_configured(seerr: SeerrSimulator) -> None:
    movie(seerr)
    async with serve(seerr.app) as url, loopback_client(headers={"X-Api-Key": KEY}, timeout=0.2) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.delete(f"{url}/api/v1/media/1/file")
        assert (await client.get(f"{url}/api/v1/status")).status_code == 200


async def test_deleting_files_removes_the_title_from_radarr_and_keeps_the_row(
    seerr: SeerrSimulator, http: httpx.AsyncClient, radarr: RadarrSimulator
) -> None:
    radarr.add_movie_with_file(603, "Example Movie", 1999)
    radarr.add_movie_with_file(604, "Another Movie", 2003)
    movie(seerr, MediaStatus.AVAILABLE)
    assert (await http.delete("/media/1/file?is4k=false")).status_code == 204
    assert [title.tmdb_id for title in radarr.titles.values()] == [604]
    assert radarr.exclusions == {}
    assert seerr.database.media[1].normal.status is MediaStatus.AVAILABLE


async def test_deleting_files_of_a_title_that_radarr_does_not_have_is_404(
    seerr: SeerrSimulator, http: httpx.AsyncClient, radarr: RadarrSimulator
) -> None:
    movie(seerr)
    assert (await http.delete("/media/1/file")).status_code == 404
    assert radarr.titles == {}


async def test_deleting_files_of_a_series_needs_tmdb(
    seerr: SeerrSimulator, http: httpx.AsyncClient, sonarr: SonarrSimulator
) -> None:
    sonarr.add_series(2000, "Example Show", 2021)
    show(seerr)
    seerr.service.tmdb_up = False
    assert (await http.delete("/media/1/file")).status_code == 404
    seerr.service.tmdb_up = True
    assert (await http.delete("/media/1/file")).status_code == 204
    assert sonarr.titles == {}


# --- statuses ------------------------------------------------------------------------------------------------------


async def test_one_variant_can_be_set_to_unknown_and_seasons_stay(
    seerr: SeerrSimulator, http: httpx.AsyncClient
) -> None:
    media = show(seerr, MediaStatus.AVAILABLE)
    media.uhd.status = MediaStatus.AVAILABLE
    reply = await http.post("/media/1/unknown", json={"is4k": True})
    assert reply.status_code == 200
    assert (reply.json()["status"], reply.json()["status4k"]) == (5, 1)
    assert {season.status for season in media.seasons} == {MediaStatus.AVAILABLE}


async def test_only_available_touches_the_seasons_it_names(seerr: SeerrSimulator, http: httpx.AsyncClient) -> None:
    media = show(seerr)
    await http.post("/media/1/available", json={"seasons": [{"seasonNumber": 2}]})
    assert [season.status for season in media.seasons] == [MediaStatus.UNKNOWN, MediaStatus.AVAILABLE]


async def test_the_documented_status_deleted_answers_200_and_changes_nothing(
    seerr: SeerrSimulator, http: httpx.AsyncClient
) -> None:
    media = movie(seerr, MediaStatus.AVAILABLE)
    assert (await http.post("/media/1/deleted")).status_code == 200
    assert media.normal.status is MediaStatus.AVAILABLE


async def test_a_movie_cannot_be_partly_available(seerr: SeerrSimulator, http: httpx.AsyncClient) -> None:
    movie(seerr)
    assert (await http.post("/media/1/partial")).status_code == 400


async def test_setting_the_status_of_an_unknown_row_says_so(http: httpx.AsyncClient) -> None:
    reply = await http.post("/media/9/unknown")
    assert (reply.status_code, reply.json()) == (404, {"message": "Media does not exist."})


async def test_blocklisting_twice_is_412(seerr: SeerrSimulator, http: httpx.AsyncClient) -> None:
    body = {"tmdbId": 603, "mediaType": "movie", "title": "Example Movie", "user": 1}
    assert [(await http.post("/blocklist", json=body)).status_code for _time in range(2)] == [201, 412]
    media = seerr.database.media_of("movie", 603)
    assert media is not None
    assert media.is_blocklisted


# --- asking --------------------------------------------------------------------------------------------------------


async def test_a_request_creates_the_row_and_orders_the_movie_with_a_search(
    seerr: SeerrSimulator, http: httpx.AsyncClient, radarr: RadarrSimulator
) -> None:
    reply = await ask(http)
    await seerr.settled()
    assert reply.status_code == 201
    assert reply.json()["status"] == 2
    (ordered,) = radarr.titles.values()
    media = seerr.database.media[reply.json()["media"]["id"]]
    assert (ordered.tmdb_id, ordered.monitored) == (603, True)
    assert media.normal.status is MediaStatus.PROCESSING
    assert (media.normal.service_id, media.normal.external_service_id) == (0, ordered.id)


async def test_a_series_request_orders_the_seasons_it_names(
    seerr: SeerrSimulator, http: httpx.AsyncClient, sonarr: SonarrSimulator
) -> None:
    reply = await ask(http, "tv", 1000, seasons=[2])
    await seerr.settled()
    (ordered,) = sonarr.titles.values()
    assert [season["seasonNumber"] for season in reply.json()["seasons"]] == [2]
    assert ordered.seasons == {1: False, 2: True}
    again = await ask(http, "tv", 1000, seasons="all")
    await seerr.settled()
    assert [season["seasonNumber"] for season in again.json()["seasons"]] == [1]
    assert ordered.seasons == {1: True, 2: True}


async def test_ordering_does_nothing_when_radarr_has_the_movie_with_a_file(
    seerr: SeerrSimulator, http: httpx.AsyncClient, radarr: RadarrSimulator
) -> None:
    radarr.titles[radarr.add_movie_with_file(603, "Example Movie", 1999)].monitored = False
    await ask(http)
    await seerr.settled()
    (title,) = radarr.titles.values()
    assert not title.monitored
    assert not any(call.startswith(("POST", "PUT")) for call in radarr.calls)


async def test_ordering_monitors_and_searches_a_movie_without_file_that_radarr_gave_up(
    seerr: SeerrSimulator, http: httpx.AsyncClient, radarr: RadarrSimulator
) -> None:
    radarr.add_movie(603, "Example Movie", 1999, monitored=False)
    await ask(http)
    await seerr.settled()
    (title,) = radarr.titles.values()
    assert title.monitored
    assert [command.name for command in radarr.commands.values()] == ["MoviesSearch"]


async def test_a_radarr_that_refuses_fails_the_request(
    seerr: SeerrSimulator, http: httpx.AsyncClient, radarr: RadarrSimulator
) -> None:
    radarr.faults.fail_next(1, 503)
    reply = await ask(http)
    await seerr.settled()
    assert seerr.database.requests[reply.json()["id"]].status is RequestStatus.FAILED


@pytest.mark.parametrize("status", [RequestStatus.PENDING, RequestStatus.APPROVED, RequestStatus.FAILED])
async def test_a_movie_that_is_already_requested_is_409(
    seerr: SeerrSimulator, http: httpx.AsyncClient, status: RequestStatus
) -> None:
    seerr.database.add_request(movie(seerr), status=status)
    assert (await ask(http)).status_code == 409
    assert (await ask(http, is4k=True)).status_code == 201


@pytest.mark.parametrize("status", [RequestStatus.DECLINED, RequestStatus.COMPLETED])
async def test_a_movie_whose_request_is_over_can_be_requested_again(
    seerr: SeerrSimulator, http: httpx.AsyncClient, status: RequestStatus
) -> None:
    seerr.database.add_request(movie(seerr, MediaStatus.DELETED), status=status)
    assert (await ask(http)).status_code == 201


async def test_an_old_auto_request_of_the_same_user_is_409(seerr: SeerrSimulator, http: httpx.AsyncClient) -> None:
    seerr.database.add_request(movie(seerr), status=RequestStatus.COMPLETED, is_auto_request=True)
    reply = await ask(http)
    assert (reply.status_code, reply.json()["message"]) == (
        409,
        "Auto-request for this media and user already exists.",
    )


async def test_no_season_left_is_202_in_the_shape_of_an_error(seerr: SeerrSimulator, http: httpx.AsyncClient) -> None:
    seerr.database.add_request(show(seerr), seasons=(1, 2))
    reply = await ask(http, "tv", 1000, seasons=[1, 2])
    assert (reply.status_code, reply.json()) == (202, {"message": "No seasons available to request"})


async def test_a_blocklisted_title_cannot_be_requested(seerr: SeerrSimulator, http: httpx.AsyncClient) -> None:
    movie(seerr, MediaStatus.BLOCKLISTED)
    assert (await ask(http)).status_code == 403


async def test_a_person_without_the_right_waits_for_approval(seerr: SeerrSimulator, http: httpx.AsyncClient) -> None:
    ann = seerr.database.add_user("ann")
    reply = await http.post(
        "/request", json={"mediaType": "movie", "mediaId": 603}, headers={"X-API-User": str(ann.id)}
    )
    assert reply.json()["status"] == 1
    assert reply.json()["media"]["status"] == 2


async def test_a_request_after_its_row_was_deleted_starts_afresh(
    seerr: SeerrSimulator, http: httpx.AsyncClient
) -> None:
    first = (await ask(http)).json()
    await http.delete(f"/media/{first['media']['id']}")
    second = (await ask(http)).json()
    assert second["id"] != first["id"]
    assert second["media"]["id"] != first["media"]["id"]


async def test_retrying_sends_the_order_again(
    seerr: SeerrSimulator, http: httpx.AsyncClient, radarr: RadarrSimulator
) -> None:
    request = seerr.database.add_request(movie(seerr), status=RequestStatus.FAILED)
    assert (await http.post(f"/request/{request.id}/retry")).json()["status"] == 2
    await seerr.settled()
    assert [title.tmdb_id for title in radarr.titles.values()] == [603]


# --- declining -----------------------------------------------------------------------------------------------------


async def test_a_declined_movie_falls_back_to_unknown(seerr: SeerrSimulator, http: httpx.AsyncClient) -> None:
    request = seerr.database.add_request(movie(seerr, MediaStatus.PENDING), status=RequestStatus.PENDING)
    assert (await http.post(f"/request/{request.id}/decline")).json()["status"] == 3
    assert request.media.normal.status is MediaStatus.UNKNOWN


async def test_a_declined_series_stays_pending_while_another_request_is(
    seerr: SeerrSimulator, http: httpx.AsyncClient
) -> None:
    media = show(seerr, MediaStatus.PENDING)
    first, second = (
        seerr.database.add_request(media, status=RequestStatus.PENDING, seasons=(number,)) for number in (1, 2)
    )
    statuses = []
    for request in (first, second):
        await http.post(f"/request/{request.id}/decline")
        statuses.append(media.normal.status)
    assert statuses == [MediaStatus.PENDING, MediaStatus.UNKNOWN]


# --- jobs ----------------------------------------------------------------------------------------------------------


async def run(http: httpx.AsyncClient, seerr: SeerrSimulator, job: str) -> Json:
    reply = await http.post(f"/settings/jobs/{job}/run")
    await seerr.settled()
    return reply.json()


async def test_a_job_is_started_and_answered_at_once(seerr: SeerrSimulator, http: httpx.AsyncClient) -> None:
    started = await run(http, seerr, "radarr-scan")
    assert (started["id"], started["running"]) == ("radarr-scan", True)
    listed = (await http.get("/settings/jobs")).json()
    assert {"availability-sync", "radarr-scan", "sonarr-scan"} <= {job["id"] for job in listed}
    assert not any(job["running"] for job in listed)


async def test_an_unknown_job_is_404(http: httpx.AsyncClient) -> None:
    reply = await http.post("/settings/jobs/plex-full-scan/run")
    assert (reply.status_code, reply.json()) == (404, {"message": "Job not found."})


async def test_a_scan_creates_the_row_again_while_radarr_lists_the_movie(
    seerr: SeerrSimulator, http: httpx.AsyncClient, radarr: RadarrSimulator
) -> None:
    radarr.add_movie_with_file(603, "Example Movie", 1999)
    await http.delete(f"/media/{movie(seerr, MediaStatus.AVAILABLE).id}")
    await run(http, seerr, "radarr-scan")
    media = seerr.database.media_of("movie", 603)
    assert media is not None
    assert media.normal.status is MediaStatus.AVAILABLE


async def test_a_scan_leaves_out_unmonitored_movies_without_file(
    seerr: SeerrSimulator, http: httpx.AsyncClient, radarr: RadarrSimulator
) -> None:
    movie_id = radarr.add_movie(603, "Example Movie", 1999, monitored=False)
    await run(http, seerr, "radarr-scan")
    assert seerr.database.media == {}
    radarr.titles[movie_id].monitored = True
    await run(http, seerr, "radarr-scan")
    assert [media.normal.status for media in seerr.database.media.values()] == [MediaStatus.PROCESSING]


async def test_a_scan_creates_a_series_with_its_seasons(
    seerr: SeerrSimulator, http: httpx.AsyncClient, sonarr: SonarrSimulator
) -> None:
    series_id = sonarr.add_series(2000, "Example Show", 2021, tmdb_id=1000, seasons={1: 1, 2: 1})
    sonarr.add_episode_file(series_id, 1, [1])
    await run(http, seerr, "sonarr-scan")
    (media,) = seerr.database.media.values()
    assert (media.tmdb_id, media.tvdb_id, media.normal.status) == (1000, 2000, MediaStatus.PARTIALLY_AVAILABLE)
    statuses = {season.number: season.status for season in media.seasons}
    assert statuses == {1: MediaStatus.AVAILABLE, 2: MediaStatus.PROCESSING}


async def test_a_jellyfin_scan_creates_the_row_again_while_jellyfin_lists_the_title(
    seerr: SeerrSimulator, http: httpx.AsyncClient
) -> None:
    seerr.service.jellyfin.add(("movie", 603))
    await run(http, seerr, "jellyfin-recently-added-scan")
    assert [media.normal.status for media in seerr.database.media.values()] == [MediaStatus.AVAILABLE]


async def test_availability_sync_marks_deleted_what_nobody_has_and_completes_its_requests(
    seerr: SeerrSimulator, http: httpx.AsyncClient, radarr: RadarrSimulator
) -> None:
    media = movie(seerr, MediaStatus.AVAILABLE)
    request = seerr.database.add_request(media)
    await run(http, seerr, "availability-sync")
    assert radarr.titles == {}
    assert media.normal.status is MediaStatus.DELETED
    assert request.status is RequestStatus.COMPLETED
    assert (await ask(http)).status_code == 201


async def test_availability_sync_keeps_what_a_server_has_or_cannot_be_asked_about(
    seerr: SeerrSimulator, http: httpx.AsyncClient, radarr: RadarrSimulator
) -> None:
    media = movie(seerr, MediaStatus.AVAILABLE)
    radarr.add_movie_with_file(603, "Example Movie", 1999)
    await run(http, seerr, "availability-sync")
    assert media.normal.status is MediaStatus.AVAILABLE
    radarr.titles.clear()
    radarr.faults.fail_next(1, 503)
    await run(http, seerr, "availability-sync")
    assert media.normal.status is MediaStatus.AVAILABLE


async def test_availability_sync_goes_season_by_season(
    seerr: SeerrSimulator, http: httpx.AsyncClient, sonarr: SonarrSimulator
) -> None:
    media = show(seerr, MediaStatus.AVAILABLE)
    series_id = sonarr.add_series(2000, "Example Show", 2021, seasons={1: 1, 2: 1})
    sonarr.add_episode_file(series_id, 2, [1])
    await run(http, seerr, "availability-sync")
    assert media.normal.status is MediaStatus.PARTIALLY_AVAILABLE
    assert [season.status for season in media.seasons] == [MediaStatus.DELETED, MediaStatus.AVAILABLE]


async def test_a_jellyfin_on_http_is_asked_for_what_it_lists(
    seerr: SeerrSimulator, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    jellyfin = JellyfinSimulator(tmp_path)
    folder = tmp_path / "movies" / "Example Movie (1999)"
    jellyfin.library.add_movie(disk_file(folder / "movie.mkv"), "Example Movie", tmdb_id=603)
    async with serve(jellyfin.app) as url:
        seerr.connect_jellyfin(url, jellyfin.api_key)
        await run(http, seerr, "jellyfin-recently-added-scan")
        (media,) = seerr.database.media.values()
        assert (media.tmdb_id, media.normal.status) == (603, MediaStatus.AVAILABLE)

        seerr.database.delete_media(media)
        await run(http, seerr, "jellyfin-recently-added-scan")
        assert [row.tmdb_id for row in seerr.database.media.values()] == [603]

        shutil.rmtree(folder)
        await jellyfin.scan_everything()
        await run(http, seerr, "availability-sync")
        assert [row.normal.status for row in seerr.database.media.values()] == [MediaStatus.DELETED]


async def test_availability_sync_loses_the_seasons_that_neither_jellyfin_nor_sonarr_has(
    seerr: SeerrSimulator, http: httpx.AsyncClient, sonarr: SonarrSimulator, tmp_path: Path
) -> None:
    media = show(seerr, MediaStatus.AVAILABLE)
    jellyfin = JellyfinSimulator(tmp_path)
    seasons = {number: disk_file(tmp_path / f"Show/Season {number}/e.mkv").parent for number in (1, 2)}
    jellyfin.library.add_series(tmp_path / "Show", "Show", tmdb_id=1000, tvdb_id=2000, seasons=seasons)
    async with serve(jellyfin.app) as url:
        seerr.connect_jellyfin(url, jellyfin.api_key)
        await run(http, seerr, "availability-sync")
        assert [season.status for season in media.seasons] == [MediaStatus.AVAILABLE] * 2

        shutil.rmtree(seasons[2])
        await jellyfin.scan_everything()
        await run(http, seerr, "availability-sync")
        assert [season.status for season in media.seasons] == [MediaStatus.AVAILABLE, MediaStatus.DELETED]
        assert media.normal.status is MediaStatus.PARTIALLY_AVAILABLE
    assert sonarr.titles == {}


@pytest.mark.parametrize(
    ("answer", "status"),
    [(503, MediaStatus.AVAILABLE), (500, MediaStatus.DELETED)],  # Seerr takes a 500 for "not there"
)
async def test_availability_sync_takes_a_500_of_jellyfin_and_nothing_else_for_an_empty_one(
    seerr: SeerrSimulator, http: httpx.AsyncClient, tmp_path: Path, answer: int, status: MediaStatus
) -> None:
    media = movie(seerr, MediaStatus.AVAILABLE)
    jellyfin = JellyfinSimulator(tmp_path)
    jellyfin.library.add_movie(disk_file(tmp_path / "movie.mkv"), "Example Movie", tmdb_id=603)
    async with serve(jellyfin.app) as url:
        seerr.connect_jellyfin(url, jellyfin.api_key)
        jellyfin.faults.fail_next(1, answer)
        await run(http, seerr, "availability-sync")
    assert media.normal.status is status


def disk_file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"content")
    return path


# --- several servers -----------------------------------------------------------------------------------------------


@pytest.fixture
async def radarr_4k(seerr: SeerrSimulator, tmp_path: Path) -> AsyncIterator[RadarrSimulator]:
    """A second Radarr, for 4K."""
    simulator = RadarrSimulator(tmp_path / "movies-4k", api_key=ARR_KEY, instance_name="radarr-4k")
    async with serve(simulator.app) as url:
        seerr.add_server(Server(1, "radarr", url, ARR_KEY, is_4k=True, name="4K"))
        yield simulator


async def test_a_4k_request_goes_to_the_4k_server_and_any_other_to_the_normal_one(
    seerr: SeerrSimulator, http: httpx.AsyncClient, radarr: RadarrSimulator, radarr_4k: RadarrSimulator
) -> None:
    assert (await ask(http, is4k=True)).json()["serverId"] is None
    await seerr.settled()
    assert (len(radarr.titles), len(radarr_4k.titles)) == (0, 1)
    await ask(http)
    await seerr.settled()
    assert (len(radarr.titles), len(radarr_4k.titles)) == (1, 1)
    (media,) = seerr.database.media.values()
    assert (media.normal.service_id, media.uhd.service_id) == (0, 1)


async def test_a_request_that_names_a_server_goes_there(
    seerr: SeerrSimulator, http: httpx.AsyncClient, radarr: RadarrSimulator, radarr_4k: RadarrSimulator
) -> None:
    reply = await ask(http, serverId=1)
    await seerr.settled()
    assert (reply.json()["serverId"], reply.json()["is4k"]) == (1, False)
    assert (len(radarr.titles), len(radarr_4k.titles)) == (0, 1)
    listed = (await http.get("/request")).json()["results"]
    assert [row["serverId"] for row in listed] == [1]


async def test_a_scan_fills_the_variant_of_each_radarr(
    seerr: SeerrSimulator, http: httpx.AsyncClient, radarr: RadarrSimulator, radarr_4k: RadarrSimulator
) -> None:
    radarr.add_movie(603, "Example Movie", 1999)
    radarr_4k.add_movie_with_file(603, "Example Movie", 1999)
    await run(http, seerr, "radarr-scan")
    (media,) = seerr.database.media.values()
    assert (media.normal.status, media.uhd.status) == (MediaStatus.PROCESSING, MediaStatus.AVAILABLE)


async def test_availability_sync_marks_one_variant_deleted_and_leaves_the_other(
    seerr: SeerrSimulator, http: httpx.AsyncClient, radarr: RadarrSimulator, radarr_4k: RadarrSimulator
) -> None:
    media = movie(seerr, MediaStatus.AVAILABLE)
    media.uhd.status = MediaStatus.AVAILABLE
    radarr_4k.add_movie_with_file(603, "Example Movie", 1999)
    await run(http, seerr, "availability-sync")
    assert (media.normal.status, media.uhd.status) == (MediaStatus.DELETED, MediaStatus.AVAILABLE)
    assert radarr.titles == {}


async def test_settings_list_the_servers_of_each_kind_to_administrators(
    seerr: SeerrSimulator, http: httpx.AsyncClient
) -> None:
    seerr.add_server(Server(0, "radarr", "http://radarr.test:7878", "one"))
    seerr.add_server(Server(1, "radarr", "http://radarr.test/4k", "two", is_4k=True, is_default=False))
    seerr.add_server(Server(0, "sonarr", "http://sonarr.test:8989/", "three"))
    shown = (await http.get("/settings/radarr")).json()
    assert [
        (row["id"], row["hostname"], row["port"], row["baseUrl"], row["is4k"], row["isDefault"]) for row in shown
    ] == [
        (0, "radarr.test", 7878, "", False, True),
        (1, "radarr.test", 80, "/4k", True, False),
    ]
    assert [row["port"] for row in (await http.get("/settings/sonarr")).json()] == [8989]
    other = seerr.database.add_user("ann")
    assert (await http.get("/settings/radarr", headers={"X-API-User": str(other.id)})).status_code == 403


# --- issues --------------------------------------------------------------------------------------------------------


async def test_an_issue_shows_its_comments_with_the_permissions_of_their_authors(
    seerr: SeerrSimulator, http: httpx.AsyncClient
) -> None:
    ann = seerr.database.add_user("ann", permissions=32 | 1 << 22)
    media = show(seerr, MediaStatus.AVAILABLE)
    body = {"issueType": 1, "message": "It stutters", "mediaId": media.id, "problemSeason": 2, "problemEpisode": 0}
    made = await http.post("/issue", json=body, headers={"X-API-User": str(ann.id)})
    await http.post(f"/issue/{made.json()['id']}/comment", json={"message": "!delete"})
    shown = (await http.get(f"/issue/{made.json()['id']}")).json()
    assert (shown["problemSeason"], shown["problemEpisode"], shown["media"]["tmdbId"]) == (2, 0, 1000)
    assert [(c["message"], c["user"]["permissions"]) for c in shown["comments"]] == [
        ("It stutters", ann.permissions),
        ("!delete", 2),
    ]
    assert shown["comments"][0]["id"] < shown["comments"][1]["id"]


async def test_an_issue_is_404_for_any_error(seerr: SeerrSimulator, http: httpx.AsyncClient) -> None:
    issue = seerr.database.add_issue(movie(seerr), "It stutters")
    for path in ("/issue/99", "/issue/x"):
        reply = await http.get(path)
        assert (reply.status_code, reply.json()) == (404, {"message": "Issue not found."})
    seerr.service.database_locked = True
    assert (await http.get(f"/issue/{issue.id}")).status_code == 404


async def test_issues_go_with_their_media(seerr: SeerrSimulator, http: httpx.AsyncClient) -> None:
    media = movie(seerr)
    issue = seerr.database.add_issue(media, "It stutters")
    assert (await http.get("/issue")).json()["pageInfo"]["results"] == 1
    await http.delete(f"/media/{media.id}")
    assert (await http.get(f"/issue/{issue.id}")).status_code == 404


async def test_someone_without_the_right_neither_reports_nor_reads_nor_comments(
    seerr: SeerrSimulator, http: httpx.AsyncClient
) -> None:
    ann = {"X-API-User": str(seerr.database.add_user("ann").id)}
    media = movie(seerr)
    issue = seerr.database.add_issue(media, "It stutters")
    answers = [
        await http.post("/issue", json={"message": "x", "mediaId": media.id}, headers=ann),
        await http.get(f"/issue/{issue.id}", headers=ann),
        await http.post(f"/issue/{issue.id}/comment", json={"message": "x"}, headers=ann),
        await http.post(f"/issue/{issue.id}/resolved", headers=ann),
        await http.delete(f"/issue/{issue.id}", headers=ann),
    ]
    forbidden = {"status": 403, "error": "You do not have permission to access this endpoint"}
    assert [(answer.status_code, answer.json()) for answer in answers] == [(403, forbidden)] * 5
    assert len(issue.comments) == 1
    assert (await http.delete(f"/issue/{issue.id}")).status_code == 204


# --- two at once ---------------------------------------------------------------------------------------------------


async def test_a_row_deleted_while_its_order_is_under_way_stays_deleted(
    seerr: SeerrSimulator, http: httpx.AsyncClient, radarr: RadarrSimulator
) -> None:
    reply = (await ask(http)).json()
    await asyncio.gather(http.delete(f"/media/{reply['media']['id']}"), seerr.settled())
    assert seerr.database.media == {}
    assert len(radarr.titles) == 1


async def test_faults_of_every_kind_can_be_switched_on(seerr: SeerrSimulator, http: httpx.AsyncClient) -> None:
    seerr.faults.fail_next(1, 502)
    assert (await http.get("/status")).status_code == 502
    seerr.faults.html = True
    assert (await http.get("/status")).headers["content-type"] == "text/html"
    seerr.faults.heal()
    assert json.loads((await http.get("/status")).text)["version"] == "3.1.0"
    assert seerr.calls == ["GET /api/v1/status"] * 3


def test_rows_are_numbered_upward_and_numbers_are_never_used_again(seerr: SeerrSimulator) -> None:
    request: RequestRow = seerr.database.add_request(movie(seerr))
    seerr.database.delete_media(request.media)
    again = seerr.database.add_request(movie(seerr))
    assert (again.id, again.media.id) == (2, 2)
