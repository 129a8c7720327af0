"""What comes in over `/webhooks/...`, what is written, and what is answered."""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from reconciler.config import RadarrSettings
from reconciler.model import InstanceName, MediaKind, Source
from reconciler.ports import Accepted, AcceptedDeletion, Heard, IngestResult
from tests.unit.web.fakes import UNKNOWN_ID, World, database_down, id_of, settings

WISH = {"media_type": "movie", "tmdb_id": 603, "title": "A Film", "year": 1999}
KEY = SecretStr("a-key-of-an-upstream")
TWO_RADARRS = (
    RadarrSettings(name=InstanceName("radarr"), url="http://radarr:7878", api_key=KEY),
    RadarrSettings(name=InstanceName("radarr-4k"), url="http://radarr-4k:7878", api_key=KEY),
)
MOVIE_DELETE = {
    "eventType": "MovieDelete",
    "movie": {"id": 7, "title": "A Film", "year": 1999, "tmdbId": 603, "folderPath": "/m/A Film"},
    "deletedFiles": True,
}
DECLINED = {
    "notification_type": "MEDIA_DECLINED",
    "event": "Movie Request Declined",
    "subject": "A Film (1999)",
    "media": {"media_type": "movie", "tmdbId": "603", "tvdbId": "", "status": "PENDING", "status4k": "UNKNOWN"},
    "request": {"request_id": "12", "requestedBy_email": "ann@example.org", "requestedBy_username": "ann"},
    "extra": [],
}


async def send(world: World, path: str, payload: Any, **headers: str) -> httpx.Response:
    async with world.sender() as client:
        return await client.post(path, json=payload, headers=headers)


async def test_a_dashboard_wish_is_202_with_id_and_address(world: World) -> None:
    response = await send(world, "/webhooks/dashboard", WISH)
    assert response.status_code == 202
    expected = {"id": id_of(1), "url": f"/deletions/{id_of(1)}", "outcome": "created"}
    assert response.json() == {"deletions": [expected]}
    [(receipt, understood)] = world.store.written
    assert receipt.source is Source.DASHBOARD
    assert understood.heard is Heard.DELETE
    assert understood.deletions[0].media.tmdb_id == 603
    assert world.store.instances == {
        MediaKind.MOVIE: frozenset({"radarr"}),
        MediaKind.SERIES: frozenset({"sonarr"}),
    }
    assert world.store.grace.total_seconds() == 30
    assert world.metrics.webhooks == [(Source.DASHBOARD, "delete")]


async def test_several_wishes_are_answered_in_their_order(world: World) -> None:
    wishes = [WISH, {"media_type": "tv", "tvdb_id": 81189}]
    response = await send(world, "/webhooks/dashboard", {"deletions": wishes})
    assert [one["id"] for one in response.json()["deletions"]] == [id_of(1), id_of(2)]


async def test_the_loop_is_woken_only_after_the_commit(world: World) -> None:
    await send(world, "/webhooks/dashboard", WISH)
    assert world.wakes == [1]


@pytest.mark.parametrize("header", ["Idempotency-Key", "webhook-id"])
async def test_the_idempotency_key_reaches_the_log(world: World, header: str) -> None:
    await send(world, "/webhooks/dashboard", WISH, **{header: "wish-1"})
    receipt, _ = world.store.written[0]
    assert receipt.idempotency_key == "wish-1"
    assert len(receipt.body_digest) == 64


@pytest.mark.parametrize("key", ["", "k" * 256, "with\ttab"])
async def test_an_unusable_idempotency_key_is_400(world: World, key: str) -> None:
    response = await send(world, "/webhooks/dashboard", WISH, **{"Idempotency-Key": key})
    assert response.status_code == 400
    assert not world.store.written


async def test_a_key_used_for_another_body_is_422(world: World) -> None:
    world.store.answer = IngestResult(key_reused=True)
    response = await send(world, "/webhooks/dashboard", WISH, **{"Idempotency-Key": "wish-1"})
    assert response.status_code == 422
    assert response.json()["type"] == "urn:reconciler:problem:key-reused"
    assert not world.wakes


async def test_an_existing_deletion_is_answered_as_such(world: World) -> None:
    world.store.answer = IngestResult((AcceptedDeletion(Accepted.EXISTING, id_of(9)),))
    response = await send(world, "/webhooks/dashboard", WISH)
    assert response.status_code == 202
    assert response.json()["deletions"][0]["outcome"] == "existing"


@pytest.mark.parametrize(
    ("others", "words"),
    [((), "Nothing was accepted."), ((AcceptedDeletion(Accepted.CREATED, id_of(1)),), "The others were accepted.")],
)
async def test_a_conflict_is_409_and_names_the_deletion_under_way(
    world: World, others: tuple[AcceptedDeletion, ...], words: str
) -> None:
    world.store.answer = IngestResult((*others, AcceptedDeletion(Accepted.CONFLICT, UNKNOWN_ID)))
    response = await send(world, "/webhooks/dashboard", WISH)
    assert response.status_code == 409
    assert response.json()["detail"].endswith(words)
    assert response.json()["deletions"][-1] == {
        "id": UNKNOWN_ID,
        "url": f"/deletions/{UNKNOWN_ID}",
        "outcome": "conflict",
    }


@pytest.mark.parametrize(
    ("payload", "fields"),
    [
        ({"media_type": "movie"}, {"tmdb_id"}),
        ({"media_type": "film", "tmdb_id": 1}, {"media_type"}),
        ({**WISH, "qbit_hash": "all"}, {"qbit_hash"}),
        ({**WISH, "sonarr_id": 3, "delete_files": "no"}, {"sonarr_id", "delete_files"}),
        ({"deletions": [WISH, {"media_type": "tv"}]}, {"deletions[1].tvdb_id"}),
        ([], {""}),
    ],
)
async def test_an_unusable_wish_is_422_naming_each_field_and_nothing_is_taken(
    world: World, payload: object, fields: set[str]
) -> None:
    response = await send(world, "/webhooks/dashboard", payload)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert {error["field"] for error in response.json()["errors"]} == fields
    assert not world.store.written
    assert not world.wakes


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        ("/webhooks/dashboard", WISH),
        ("/webhooks/jellyseerr", DECLINED),
        ("/webhooks/radarr", MOVIE_DELETE),
        ("/webhooks/sonarr", {"eventType": "Rename"}),
    ],
)
async def test_without_the_database_nothing_is_acknowledged(world: World, path: str, payload: object) -> None:
    world.store.broken = database_down()
    response = await send(world, path, payload)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert "hunter2" not in response.text
    assert not world.wakes
    assert world.metrics.webhooks[0][1] == "unavailable"


async def test_a_radarr_delete_becomes_a_deletion_of_that_instance(world: World) -> None:
    response = await send(world, "/webhooks/radarr", MOVIE_DELETE)
    assert response.status_code == 202
    assert response.json()["heard"] == "delete"
    assert response.json()["deletions"] == [{"id": id_of(1), "url": f"/deletions/{id_of(1)}", "outcome": "created"}]
    [(receipt, understood)] = world.store.written
    assert receipt.instance == "radarr"
    assert understood.internal_entry == ("radarr", 7)
    assert understood.deletions[0].instances == frozenset({"radarr"})


@pytest.mark.parametrize(("policy", "heard"), [("ignore", "ignored"), ("delete", "delete")])
async def test_a_delete_that_kept_the_files_follows_the_policy(policy: str, heard: str) -> None:
    world = World(settings=settings(delete_without_files=policy))
    response = await send(world, "/webhooks/radarr", {**MOVIE_DELETE, "deletedFiles": False})
    assert response.json()["heard"] == heard


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        ("/webhooks/radarr", {"eventType": "SomethingNew"}),
        ("/webhooks/radarr", {"no": "event"}),
        ("/webhooks/sonarr", [1, 2]),
        ("/webhooks/sonarr", "text"),
        ("/webhooks/jellyseerr", {"notification_type": "ISSUE_CREATED"}),
        ("/webhooks/jellyseerr", {}),
    ],
)
async def test_an_unusable_event_is_2xx_recorded_and_says_why(world: World, path: str, payload: object) -> None:
    response = await send(world, path, payload)
    assert response.status_code == 202
    assert response.json()["heard"] == "ignored"
    assert response.json()["reason"]
    assert len(world.store.written) == 1
    assert not world.wakes


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        ("/webhooks/radarr", {"eventType": "Test", "movie": {"id": 1, "tmdbId": 603}}),
        ("/webhooks/sonarr", {"eventType": "Test", "series": {"id": 1, "tvdbId": 1234}}),
        ("/webhooks/jellyseerr", {"notification_type": "TEST_NOTIFICATION"}),
    ],
)
async def test_a_test_is_answered_200_and_stores_nothing(world: World, path: str, payload: object) -> None:
    response = await send(world, path, payload)
    assert (response.status_code, response.json()["heard"]) == (200, "test")
    assert not world.store.written
    assert not world.wakes


async def test_an_approval_wakes_the_want_check(world: World) -> None:
    response = await send(world, "/webhooks/jellyseerr", {**DECLINED, "notification_type": "MEDIA_APPROVED"})
    assert response.json()["heard"] == "want"
    assert world.wakes == [1]


async def test_a_decline_is_inferred_and_keeps_no_e_mail_address(world: World) -> None:
    response = await send(world, "/webhooks/jellyseerr", DECLINED)
    assert response.status_code == 202
    [(receipt, understood)] = world.store.written
    assert understood.deletions[0].inferred
    assert receipt.instance == "jellyseerr"
    assert "ann@example.org" not in receipt.body


async def test_without_a_jellyseerr_to_ask_no_notification_deletes() -> None:
    world = World(settings=settings(jellyseerr=()))
    response = await send(world, "/webhooks/jellyseerr", DECLINED)
    assert response.json()["heard"] == "ignored"


async def test_our_secrets_are_not_kept_in_receipts(world: World) -> None:
    await send(world, "/webhooks/radarr", {"eventType": "Rename", "applicationUrl": "http://x/a-key-of-an-upstream"})
    assert "a-key-of-an-upstream" not in world.store.written[0][0].body


async def test_a_test_to_an_unknown_instance_is_404_so_that_the_mistake_shows(world: World) -> None:
    response = await send(world, "/webhooks/radarr/other", {"eventType": "Test"})
    assert response.status_code == 404
    assert response.json()["type"] == "urn:reconciler:problem:unknown-instance"
    assert "instances: radarr" in response.json()["detail"]
    assert not world.store.written


async def test_an_event_to_an_unknown_instance_is_recorded_and_ignored_lest_the_sender_be_muted(world: World) -> None:
    response = await send(world, "/webhooks/radarr/other", MOVIE_DELETE)
    assert (response.status_code, response.json()["heard"]) == (202, "ignored")
    reason = "AmbiguousInstance: the address names none of the configured radarr instances: radarr"
    assert response.json()["reason"] == reason
    [(receipt, understood)] = world.store.written
    assert receipt.instance is None
    assert not understood.deletions
    assert not world.wakes


async def test_the_address_tells_which_of_several_instances_sent() -> None:
    world = World(settings=settings(radarr=TWO_RADARRS))
    await send(world, "/webhooks/radarr/radarr-4k", MOVIE_DELETE)
    assert world.store.written[0][0].instance == "radarr-4k"
    assert world.store.written[0][1].deletions[0].instances == frozenset({"radarr-4k"})


@pytest.mark.parametrize("instances", [TWO_RADARRS, ()])
async def test_an_ambiguous_sender_is_recorded_and_nothing_follows(instances: tuple[RadarrSettings, ...]) -> None:
    world = World(settings=settings(radarr=instances))
    response = await send(world, "/webhooks/radarr", MOVIE_DELETE)
    assert response.status_code == 202
    assert response.json()["heard"] == "ignored"
    assert response.json()["reason"].startswith("AmbiguousInstance")
    [(receipt, understood)] = world.store.written
    assert receipt.instance is None
    assert not understood.deletions
    assert not world.wakes


async def test_even_an_ambiguous_sender_may_test() -> None:
    world = World(settings=settings(radarr=()))
    response = await send(world, "/webhooks/radarr", {"eventType": "Test"})
    assert response.status_code == 200
