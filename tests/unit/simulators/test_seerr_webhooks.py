"""The simulated Seerr as a sender of webhooks (upstreams.md 1, 8, 9.2), against a real receiver."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.observed import MediaStatus, RequestStatus
from reconciler.simulators.radarr import RadarrSimulator
from reconciler.simulators.seerr import SeerrSimulator
from reconciler.simulators.seerr_notifications import NotificationType
from reconciler.simulators.seerr_servers import Server
from reconciler.simulators.seerr_state import RequestRow
from reconciler.simulators.server import serve

KEY = "a-key-for-tests"


@dataclass
class Receiver:
    """Whoever gets the webhooks."""

    url: str = ""
    status: int = 200
    bodies: list[Any] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    async def take(self, request: Request) -> Response:
        self.paths.append(request.url.path + (f"?{request.url.query}" if request.url.query else ""))
        self.headers.append(dict(request.headers))
        self.bodies.append(await request.json())
        return Response(status_code=self.status)

    @property
    def types(self) -> list[str]:
        return [body["notification_type"] for body in self.bodies]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = Starlette(routes=[Route("/{path:path}", receiver.take, methods=["POST"])])
    async with serve(app) as url:
        receiver.url = f"{url}/webhooks/jellyseerr"
        yield receiver


@pytest.fixture
async def seerr(receiver: Receiver) -> AsyncIterator[SeerrSimulator]:
    simulator = SeerrSimulator(KEY)
    simulator.database.know("movie", 603, "Example Movie", year=1999)
    simulator.database.know("tv", 1000, "Example Show", year=2021, tvdb_id=2000, seasons=(1, 2))
    simulator.configure_webhook(receiver.url, auth_header="Bearer abc")
    yield simulator
    await simulator.aclose()


@pytest.fixture
async def http(seerr: SeerrSimulator) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(seerr.app)
    headers = {"X-Api-Key": KEY}
    async with httpx.AsyncClient(transport=transport, base_url="http://seerr.test/api/v1", headers=headers) as client:
        yield client


def pending_movie(seerr: SeerrSimulator, status: MediaStatus = MediaStatus.PENDING) -> RequestRow:
    media = seerr.database.add_media("movie", 603, status=status)
    return seerr.database.add_request(media, status=RequestStatus.PENDING)


async def decide(http: httpx.AsyncClient, seerr: SeerrSimulator, request: RequestRow, decision: str) -> None:
    reply = await http.post(f"/request/{request.id}/{decision}")
    assert reply.status_code == 200
    await seerr.settled()


def template(**keys: Any) -> str:
    return json.dumps({"notification_type": "{{notification_type}}"} | keys)


# --- what is sent --------------------------------------------------------------------------------------------------


async def test_a_decline_is_worded_as_seerr_words_it(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    media = seerr.database.add_media("tv", 1000, tvdb_id=2000, status=MediaStatus.PENDING)
    request = seerr.database.add_request(media, status=RequestStatus.PENDING, seasons=(1, 2))
    await decide(http, seerr, request, "decline")
    (body,) = receiver.bodies
    assert body == {
        "notification_type": "MEDIA_DECLINED",
        "event": "Series Request Declined",
        "subject": "Example Show (2021)",
        "message": "An invented title.",
        "image": "https://image.tmdb.org/t/p/w600_and_h900_bestv2/1000.jpg",
        "media": {
            "media_type": "tv",
            "tmdbId": "1000",
            "tvdbId": "2000",
            "status": "PENDING",
            "status4k": "UNKNOWN",
        },
        "request": {
            "request_id": "1",
            "requestedBy_email": "owner@example.org",
            "requestedBy_username": "owner",
            "requestedBy_avatar": "/avatarproxy/1",
            "requestedBy_settings_discordId": "",
            "requestedBy_settings_telegramChatId": "",
        },
        "issue": None,
        "comment": None,
        "extra": [{"name": "Requested Seasons", "value": "1, 2"}],
    }


async def test_a_movie_has_string_ids_an_empty_tvdb_id_and_no_extra(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    await http.post("/request", json={"mediaType": "movie", "mediaId": 603})
    await seerr.settled()
    (body,) = receiver.bodies
    assert body["notification_type"] == "MEDIA_AUTO_APPROVED"
    assert body["media"] == {
        "media_type": "movie",
        "tmdbId": "603",
        "tvdbId": "",
        "status": "PENDING",
        "status4k": "UNKNOWN",
    }
    assert body["extra"] == []


async def test_the_prefix_of_the_event_is_the_only_hint_at_4k(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    await http.post("/request", json={"mediaType": "movie", "mediaId": 603, "is4k": True})
    await seerr.settled()
    assert receiver.bodies[0]["event"] == "4K Movie Request Automatically Approved"
    assert "is4k" not in json.dumps(receiver.bodies[0])


async def test_a_request_that_waits_is_pending_and_then_approved(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    seerr.service.auto_approve = False
    request = (await http.post("/request", json={"mediaType": "movie", "mediaId": 603})).json()
    await seerr.settled()
    await decide(http, seerr, seerr.database.requests[request["id"]], "approve")
    assert receiver.types == ["MEDIA_PENDING", "MEDIA_APPROVED"]


async def test_an_arrival_completes_the_request_and_is_announced(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    media = seerr.database.add_media("movie", 603, status=MediaStatus.PROCESSING)
    request = seerr.database.add_request(media)
    await http.post(f"/media/{media.id}/available")
    await seerr.settled()
    assert receiver.types == ["MEDIA_AVAILABLE"]
    assert request.status is RequestStatus.COMPLETED


async def test_a_series_is_announced_only_when_all_requested_seasons_are_there(
    seerr: SeerrSimulator, receiver: Receiver
) -> None:
    media = seerr.database.add_media("tv", 1000, tvdb_id=2000, seasons=(1, 2))
    seerr.database.add_request(media, seasons=(1, 2))
    seerr.service.make_available(media, seasons=[1])
    await seerr.settled()
    assert receiver.types == []


async def test_a_failed_order_is_announced(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver, tmp_path: Path
) -> None:
    radarr = RadarrSimulator(tmp_path, api_key="another")
    async with serve(radarr.app) as url:
        seerr.add_server(Server(0, "radarr", url, "wrong"))
        await http.post("/request", json={"mediaType": "movie", "mediaId": 603})
        await seerr.settled()
    assert sorted(receiver.types) == ["MEDIA_AUTO_APPROVED", "MEDIA_FAILED"]


# --- what is not sent ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decision", ["approve", "decline"])
async def test_deciding_about_fully_available_media_sends_nothing(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver, decision: str
) -> None:
    await decide(http, seerr, pending_movie(seerr, MediaStatus.AVAILABLE), decision)
    assert receiver.bodies == []


@pytest.mark.parametrize(
    "status", [status for status in MediaStatus if status is not MediaStatus.AVAILABLE], ids=lambda s: s.name
)
async def test_declining_about_any_other_media_sends_exactly_one(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver, status: MediaStatus
) -> None:
    await decide(http, seerr, pending_movie(seerr, status), "decline")
    assert receiver.types == ["MEDIA_DECLINED"]


async def test_declining_again_sends_nothing_and_approving_afterwards_does(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    request = pending_movie(seerr)
    for decision in ("decline", "decline", "approve"):
        await decide(http, seerr, request, decision)
    assert receiver.types == ["MEDIA_DECLINED", "MEDIA_APPROVED"]


async def test_approvals_repeat_when_a_request_is_sent_again(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    request = pending_movie(seerr)
    await decide(http, seerr, request, "approve")
    await decide(http, seerr, request, "retry")
    assert receiver.types == ["MEDIA_APPROVED", "MEDIA_APPROVED"]


async def test_a_new_issue_is_announced_with_the_affected_season_and_episode(
    seerr: SeerrSimulator, receiver: Receiver
) -> None:
    media = seerr.database.add_media("tv", 1000, tvdb_id=2000, status=MediaStatus.AVAILABLE)
    seerr.service.report(media, "It stutters", by=seerr.database.owner, season=2, episode=5)
    await seerr.settled()
    (body,) = receiver.bodies
    assert (body["notification_type"], body["event"]) == ("ISSUE_CREATED", "New Video Issue Reported")
    assert (body["subject"], body["message"]) == ("Example Show (2021)", "It stutters")
    assert body["media"]["tmdbId"] == "1000"
    assert (body["request"], body["comment"]) == (None, None)
    assert body["issue"] | {"reportedBy_avatar": ""} == {
        "issue_id": "1",
        "issue_type": "VIDEO",
        "issue_status": "OPEN",
        "reportedBy_email": "owner@example.org",
        "reportedBy_username": "owner",
        "reportedBy_avatar": "",
        "reportedBy_settings_discordId": "",
        "reportedBy_settings_telegramChatId": "",
    }
    assert body["extra"] == [
        {"name": "Affected Season", "value": "2"},
        {"name": "Affected Episode", "value": "5"},
    ]


async def test_a_comment_is_announced_with_the_issues_first_comment_as_message(
    seerr: SeerrSimulator, receiver: Receiver
) -> None:
    ann = seerr.database.add_user("ann")
    media = seerr.database.add_media("tv", 1000, tvdb_id=2000, status=MediaStatus.AVAILABLE)
    issue = seerr.database.add_issue(media, "It stutters", season=1)
    seerr.service.comment(issue, "!delete", by=ann)
    await seerr.settled()
    (body,) = receiver.bodies
    assert (body["notification_type"], body["event"]) == ("ISSUE_COMMENT", "New Comment on Video Issue")
    assert (body["message"], body["comment"]["comment_message"]) == ("It stutters", "!delete")
    assert (body["comment"]["commentedBy_username"], body["issue"]["reportedBy_username"]) == ("ann", "owner")
    assert body["extra"] == [{"name": "Affected Season", "value": "1"}]


async def test_an_issue_about_a_movie_or_all_seasons_has_no_extra(seerr: SeerrSimulator, receiver: Receiver) -> None:
    for media in (seerr.database.add_media("movie", 603), seerr.database.add_media("tv", 1000, tvdb_id=2000)):
        seerr.service.report(media, "It stutters", by=seerr.database.owner)
    await seerr.settled()
    assert [body["extra"] for body in receiver.bodies] == [[], []]


async def test_issues_are_announced_when_they_are_resolved_and_reopened_and_not_when_they_go(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    issue = seerr.database.add_issue(seerr.database.add_media("movie", 603), "It stutters")
    for word in ("resolved", "resolved", "open"):
        assert (await http.post(f"/issue/{issue.id}/{word}")).status_code == 200
        await seerr.settled()
    await http.delete(f"/issue/{issue.id}")
    await seerr.settled()
    assert receiver.types == ["ISSUE_RESOLVED", "ISSUE_REOPENED"]


async def test_our_own_deletes_have_no_echo(seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver) -> None:
    request = pending_movie(seerr)
    await http.delete(f"/request/{request.id}")
    await http.post(f"/media/{request.media.id}/unknown", json={})
    await http.delete(f"/media/{request.media.id}")
    await http.post("/blocklist", json={"tmdbId": 603, "mediaType": "movie"})
    await seerr.settled()
    assert receiver.bodies == []


async def test_availability_sync_sends_nothing(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    media = seerr.database.add_media("movie", 603, status=MediaStatus.AVAILABLE)
    seerr.database.add_request(media)
    await http.post("/settings/jobs/availability-sync/run")
    await seerr.settled()
    assert media.normal.status is MediaStatus.DELETED
    assert receiver.bodies == []


async def test_a_notification_is_lost_when_tmdb_is_down_although_the_decline_is_done(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    request = pending_movie(seerr)
    seerr.service.tmdb_up = False
    await decide(http, seerr, request, "decline")
    assert request.status is RequestStatus.DECLINED
    assert receiver.bodies == []


async def test_only_the_selected_types_are_sent(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    seerr.configure_webhook(receiver.url, types=NotificationType.MEDIA_DECLINED)
    request = pending_movie(seerr)
    await decide(http, seerr, request, "approve")
    await decide(http, seerr, request, "decline")
    assert receiver.types == ["MEDIA_DECLINED"]


# --- how it is sent ------------------------------------------------------------------------------------------------


async def test_the_request_on_the_wire_looks_like_axios(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    await decide(http, seerr, pending_movie(seerr), "decline")
    (headers,) = receiver.headers
    assert headers["connection"] == "close"
    assert headers["user-agent"].startswith("axios/1.13.")
    assert headers["accept"] == "application/json, text/plain, */*"
    assert headers["content-type"] == "application/json"
    assert headers["authorization"] == "Bearer abc"


@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
async def test_a_refused_webhook_is_sent_once_and_lost(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver, status: int
) -> None:
    receiver.status = status
    await decide(http, seerr, pending_movie(seerr), "decline")
    assert receiver.types == ["MEDIA_DECLINED"]
    assert [delivery.accepted for delivery in seerr.agent.deliveries] == [False]


async def test_a_receiver_that_is_away_costs_the_event_and_nothing_else(
    seerr: SeerrSimulator, http: httpx.AsyncClient
) -> None:
    async with serve(Starlette()) as url:
        gone = url
    seerr.configure_webhook(gone)
    request = pending_movie(seerr)
    await decide(http, seerr, request, "decline")
    assert request.status is RequestStatus.DECLINED
    assert [delivery.accepted for delivery in seerr.agent.deliveries] == [False]


async def test_seerr_does_not_wait_for_the_receiver(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    request = pending_movie(seerr)
    seerr.agent.held = True
    assert (await http.post(f"/request/{request.id}/decline")).json()["status"] == 3
    assert receiver.bodies == []


async def test_webhooks_can_be_sent_twice_and_out_of_order(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    seerr.agent.copies = 2
    seerr.agent.held = True
    request = pending_movie(seerr)
    for decision in ("decline", "approve"):
        await decide(http, seerr, request, decision)
    seerr.agent.release(newest_first=True)
    await seerr.settled()
    assert receiver.types == ["MEDIA_APPROVED", "MEDIA_APPROVED", "MEDIA_DECLINED", "MEDIA_DECLINED"]
    assert receiver.bodies[0] == receiver.bodies[1]


# --- templates -----------------------------------------------------------------------------------------------------


async def test_a_key_that_was_removed_from_the_template_is_missing(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    seerr.configure_webhook(receiver.url, template=template())
    await decide(http, seerr, pending_movie(seerr), "decline")
    assert receiver.bodies == [{"notification_type": "MEDIA_DECLINED"}]


async def test_constants_of_every_type_pass_through(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    constants = {"event": "delete", "number": 3, "truth": True, "nothing": None, "list": [1, {"a": "{{media_tmdbid}}"}]}
    seerr.configure_webhook(receiver.url, template=template(**constants))
    await decide(http, seerr, pending_movie(seerr), "approve")
    (body,) = receiver.bodies
    assert body == {"notification_type": "MEDIA_APPROVED"} | constants | {"list": [1, {"a": "603"}]}


async def test_a_plain_key_is_filled_with_empty_texts_instead_of_null(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    keys = {"issue": {"id": "{{issue_id}}", "by": "{{reportedBy_email}}"}, "{{issue}}": {"id": "{{issue_id}}"}}
    for name, value in keys.items():
        seerr.configure_webhook(receiver.url, template=template(**{name: value}))
        await decide(http, seerr, pending_movie(seerr), "decline")
    assert [body["issue"] for body in receiver.bodies] == [{"id": "", "by": ""}, None]


async def test_only_the_first_occurrence_of_a_variable_in_a_text_is_replaced(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    text = "{{media_tmdbid}}/{{media_type}}/{{media_tmdbid}}/{{unknown}}"
    seerr.configure_webhook(receiver.url, template=template(text=text))
    await decide(http, seerr, pending_movie(seerr), "decline")
    assert receiver.bodies[0]["text"] == "603/movie/{{media_tmdbid}}/{{unknown}}"


async def test_variables_in_the_url_are_encoded_and_become_test_when_missing(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    seerr.configure_webhook(receiver.url + "?subject={{subject}}&tvdb={{media_tvdbid}}")
    seerr.agent.settings.supports_variables = True
    await decide(http, seerr, pending_movie(seerr), "decline")
    assert receiver.paths == ["/webhooks/jellyseerr?subject=Example%20Movie%20%281999%29&tvdb=test"]


# --- the settings page ---------------------------------------------------------------------------------------------


def form(url: str, payload: str) -> dict[str, Any]:
    options = {"webhookUrl": url, "authHeader": "Bearer form", "jsonPayload": payload, "supportVariables": False}
    return {"enabled": True, "embedPoster": True, "types": 64, "options": options}


async def test_the_test_button_sends_the_values_of_the_form(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    shown = (await http.get("/settings/notifications/webhook")).json()
    seerr.configure_webhook("http://unused.test")
    body = form(receiver.url, json.dumps(shown["options"]["jsonPayload"]))
    assert (await http.post("/settings/notifications/webhook/test", json=body)).status_code == 204
    (sent,) = receiver.bodies
    assert (sent["notification_type"], sent["event"], sent["subject"]) == (
        "TEST_NOTIFICATION",
        "",
        "Test Notification",
    )
    assert [sent[name] for name in ("media", "request", "issue", "comment", "extra")] == [None] * 4 + [[]]
    assert receiver.headers[0]["authorization"] == "Bearer form"
    assert seerr.agent.settings.url == "http://unused.test"


async def test_a_refused_test_is_500(seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver) -> None:
    receiver.status = 401
    body = form(receiver.url, json.dumps(seerr.agent.settings.template))
    assert (await http.post("/settings/notifications/webhook/test", json=body)).status_code == 500


async def test_settings_take_the_template_encoded_twice(
    seerr: SeerrSimulator, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    body = form(receiver.url, json.dumps(template(event="delete")))
    assert (await http.post("/settings/notifications/webhook", json=body)).status_code == 200
    await decide(http, seerr, pending_movie(seerr), "decline")
    assert receiver.bodies == [{"notification_type": "MEDIA_DECLINED", "event": "delete"}]
    assert receiver.headers[0]["authorization"] == "Bearer form"


async def test_posting_back_what_was_read_is_500_and_changes_nothing(
    seerr: SeerrSimulator, http: httpx.AsyncClient
) -> None:
    before = seerr.agent.settings
    shown = (await http.get("/settings/notifications/webhook")).json()
    assert (await http.post("/settings/notifications/webhook", json=shown)).status_code == 500
    assert seerr.agent.settings is before
