"""What comes in over `/webhooks/...`, what is written, and what is answered."""

from datetime import timedelta

import pytest
from pydantic import SecretStr

from reconciler.config import JellyseerrSettings, Settings
from reconciler.model import IssueCommand, MediaKind, Source
from reconciler.ports import Accepted, AcceptedDeletion, Heard, IngestResult
from tests.unit.web.fakes import UNKNOWN_ID, World, database_down, id_of, send, settings

WISH = {"media_type": "movie", "tmdb_id": 603, "title": "A Film", "year": 1999}
KEY = SecretStr("a-key-of-an-upstream")
MOVIE_DELETE = {
    "eventType": "MovieDelete",
    "movie": {"id": 7, "title": "A Film", "year": 1999, "tmdbId": 603, "folderPath": "/m/A Film"},
    "deletedFiles": True,
}
LEFT_JELLYFIN = {"NotificationType": "ItemDeleted", "ItemType": "Movie", "Name": "A Film", "Provider_tmdb": "603"}
ISSUE = {
    "notification_type": "ISSUE_CREATED",
    "event": "New Video Issue Reported",
    "subject": "A Film (1999)",
    "message": "!delete It is green.",
    "media": {"media_type": "movie", "tmdbId": "603", "tvdbId": ""},
    "issue": {"issue_id": "7", "reportedBy_email": "ann@example.org", "reportedBy_username": "ann"},
    "extra": [],
}
DECLINED = {
    "notification_type": "MEDIA_DECLINED",
    "event": "Movie Request Declined",
    "subject": "A Film (1999)",
    "media": {"media_type": "movie", "tmdbId": "603", "tvdbId": "", "status": "PENDING", "status4k": "UNKNOWN"},
    "request": {"request_id": "12", "requestedBy_email": "ann@example.org", "requestedBy_username": "ann"},
    "extra": [],
}


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


class Ruled(Settings):
    """A configuration by which wishes of Radarr and the dashboard wait for different times, and some for a person."""

    def grace_for(self, source: Source) -> timedelta:
        return timedelta(hours=2) if source is Source.RADARR else timedelta(0)

    def needs_approval(self, source: Source) -> bool:
        return source is Source.DASHBOARD


def ruled() -> World:
    return World(settings=Ruled.model_validate(dict(settings())))


@pytest.mark.parametrize(
    ("path", "payload", "grace", "needs_approval"),
    [("/webhooks/dashboard", WISH, timedelta(0), True), ("/webhooks/radarr", MOVIE_DELETE, timedelta(hours=2), False)],
)
async def test_each_source_waits_as_long_and_for_whom_the_configuration_says(
    path: str, payload: object, grace: timedelta, needs_approval: bool
) -> None:
    world = ruled()
    await send(world, path, payload)
    [(_, understood)] = world.store.written
    assert (world.store.grace, understood.deletions[0].needs_approval) == (grace, needs_approval)


async def test_seasons_and_instances_of_a_wish_reach_the_log(world: World) -> None:
    wish = {"media_type": "tv", "tvdb_id": 81189, "seasons": [2, 1], "instances": ["sonarr"]}
    assert (await send(world, "/webhooks/dashboard", wish)).status_code == 202
    [taken] = world.store.written[0][1].deletions
    assert (taken.seasons, taken.instances) == (frozenset({1, 2}), frozenset({"sonarr"}))


@pytest.mark.parametrize("value", ["true", "false", ""])
async def test_a_dashboard_that_means_a_dry_run_deletes_nothing(world: World, value: str) -> None:
    response = await send(world, f"/webhooks/dashboard?dry_run={value}", WISH)
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["dry_run"]
    assert not world.store.written


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
    assert response.json()["detail"].startswith(f"It is {UNKNOWN_ID}. Cancel it first")
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
        ({**WISH, "instances": ["sonarr"], "seasons": []}, {"instances[0]", "seasons"}),
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
        ("/webhooks/jellyfin", LEFT_JELLYFIN),
        ("/webhooks/radarr", MOVIE_DELETE),
        ("/webhooks/sonarr", {"eventType": "Rename"}),
        ("/webhooks/sonarr", {"eventType": "Test"}),
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
        ("/webhooks/jellyseerr", ISSUE),
        ("/webhooks/jellyfin", {"NotificationType": "ItemAdded"}),
        ("/webhooks/jellyfin", {**LEFT_JELLYFIN, "ItemType": "Season"}),
        ("/webhooks/jellyfin", [1, 2]),
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
        ("/webhooks/jellyfin", {"NotificationType": "Test", "ItemType": "Movie", "Provider_tmdb": "603"}),
    ],
)
async def test_a_test_is_answered_200_when_it_is_noted_and_leaves_no_receipt(
    world: World, path: str, payload: object
) -> None:
    response = await send(world, path, payload)
    assert (response.status_code, response.json()["heard"]) == (200, "test")
    assert not world.store.written
    assert [(noted.source.value, noted.body) for noted in world.store.tests] == [(path.rpartition("/")[2], "")]
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


async def test_an_issue_that_begins_with_the_configured_phrase_is_a_wish_whose_author_nobody_knows_yet() -> None:
    jellyseerr = JellyseerrSettings(url="http://jellyseerr:5055", api_key=KEY, command_phrase="!delete")
    world = World(settings=settings(jellyseerr=(jellyseerr,)))
    response = await send(world, "/webhooks/jellyseerr", ISSUE)
    assert (response.status_code, response.json()["heard"]) == (202, "delete")
    [(receipt, understood)] = world.store.written
    [wish] = understood.deletions
    assert wish.hints.command == IssueCommand(7, "!delete It is green.")
    assert wish.requested_by is None
    assert "ann@example.org" not in receipt.body


@pytest.mark.parametrize(
    ("meaning", "heard", "needs_approval"),
    [("ignore", "ignored", []), ("hold", "delete", [True]), ("delete", "delete", [False])],
)
async def test_what_left_jellyfin_is_taken_as_the_configuration_says(
    meaning: str, heard: str, needs_approval: list[bool]
) -> None:
    jellyfin = {"url": "http://jellyfin:8096", "api_key": KEY, "on_item_deleted": meaning}
    world = World(settings=settings(jellyfin=(jellyfin,)))
    response = await send(world, "/webhooks/jellyfin", LEFT_JELLYFIN)
    assert (response.status_code, response.json()["heard"]) == (202, heard)
    [(receipt, understood)] = world.store.written
    assert (receipt.source, receipt.instance) == (Source.JELLYFIN, "jellyfin")
    assert [wish.needs_approval for wish in understood.deletions] == needs_approval
    assert all(wish.inferred for wish in understood.deletions)


async def test_what_left_a_jellyfin_that_nobody_configured_is_ignored() -> None:
    world = World(settings=settings(jellyfin=()))
    response = await send(world, "/webhooks/jellyfin", LEFT_JELLYFIN)
    assert (response.status_code, response.json()["heard"]) == (202, "ignored")
    assert world.metrics.webhooks == [(Source.JELLYFIN, "ignored")]


async def test_without_a_jellyseerr_to_ask_no_notification_deletes() -> None:
    world = World(settings=settings(jellyseerr=()))
    response = await send(world, "/webhooks/jellyseerr", DECLINED)
    assert response.json()["heard"] == "ignored"


async def test_our_secrets_are_not_kept_in_receipts(world: World) -> None:
    await send(world, "/webhooks/radarr", {"eventType": "Rename", "applicationUrl": "http://x/a-key-of-an-upstream"})
    assert "a-key-of-an-upstream" not in world.store.written[0][0].body
