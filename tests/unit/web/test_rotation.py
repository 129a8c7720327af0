"""A secret is changed while its senders still use the previous one, and nothing of theirs is refused meanwhile."""

import base64

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from tests.unit.web.fakes import API_TOKEN, WEBHOOK_SECRET, World, settings

OLD_SECRET, OLD_TOKEN = "the-webhook-secret-before", "the-api-token-before"
NOW = "2026-03-04T05:06:07Z"
TEST = {"eventType": "Test"}


@pytest.fixture
def rotating() -> World:
    previous = {"previous_webhook_secret": SecretStr(OLD_SECRET), "previous_api_token": SecretStr(OLD_TOKEN)}
    return World(settings=settings(**previous))


async def test_both_secrets_are_accepted_and_each_only_where_it_belongs(rotating: World) -> None:
    app = rotating.app()
    for secret, webhook, status in [
        (WEBHOOK_SECRET, 200, 401),
        (OLD_SECRET, 200, 401),
        (API_TOKEN, 401, 200),
        (OLD_TOKEN, 401, 200),
        ("neither-of-them-at-all", 401, 401),
    ]:
        async with rotating.client(secret=secret, app=app) as client:
            assert (await client.post("/webhooks/radarr", json=TEST)).status_code == webhook
            assert (await client.get("/status")).status_code == status


async def test_the_previous_secret_is_taken_in_every_spelling(rotating: World) -> None:
    basic = base64.b64encode(f"radarr:{OLD_SECRET}".encode()).decode()
    async with rotating.client() as client:
        for headers in ({"Authorization": OLD_SECRET}, {"Authorization": f"Basic {basic}"}, {"X-Api-Key": OLD_SECRET}):
            assert (await client.post("/webhooks/radarr", json=TEST, headers=headers)).status_code == 200


async def test_without_a_previous_secret_the_old_one_is_refused(world: World) -> None:
    async with world.client(secret=OLD_SECRET) as client:
        assert (await client.post("/webhooks/radarr", json=TEST)).status_code == 401
    async with world.person() as client:
        shown = (await client.get("/status")).json()
    assert (shown["verdict"], shown["previous_secrets"]) == ("All clear", [])


async def test_the_status_tells_who_still_uses_a_previous_secret_and_when(rotating: World) -> None:
    app = rotating.app()
    with capture_logs() as logged:
        async with rotating.client(secret=OLD_SECRET, app=app) as client:
            for path in ("/webhooks/sonarr", "/webhooks/radarr/radarr", "/webhooks/radarr", "/webhooks/radarr/nobody"):
                await client.post(path, json=TEST)
        async with rotating.client(secret=WEBHOOK_SECRET, app=app) as client:
            await client.post("/webhooks/jellyfin", json={"NotificationType": "Test"})
        async with rotating.client(secret=API_TOKEN, app=app) as client:
            answer = await client.get("/status")
    shown = answer.json()
    assert shown["ok"] is True, "changing a secret is no trouble"
    assert shown["verdict"] == (
        "All clear; the previous webhook secret is still accepted (used by radarr, sonarr); "
        "the previous API token is still accepted (not used since the start)"
    )
    assert shown["previous_secrets"] == [
        {
            "setting": "previous_webhook_secret",
            "since": NOW,
            "last_used": [{"by": "radarr", "at": NOW}, {"by": "sonarr", "at": NOW}],
        },
        {"setting": "previous_api_token", "since": NOW, "last_used": []},
    ]
    warned = [(line["sender"], line["setting"]) for line in logged if line["event"] == "previous_secret_used"]
    assert warned == [("sonarr", "webhook_secret"), ("radarr", "webhook_secret")], "once for each"
    for secret in (OLD_SECRET, OLD_TOKEN, WEBHOOK_SECRET, API_TOKEN):
        assert secret not in answer.text + str(logged)


async def test_a_command_line_with_the_previous_token_is_told_from_other_programs(rotating: World) -> None:
    app = rotating.app()
    async with rotating.client(secret=OLD_TOKEN, app=app) as client:
        await client.get("/deletions", headers={"Reconciler-Client": "cli"})
        shown = (await client.get("/status")).json()
    assert [use["by"] for use in shown["previous_secrets"][1]["last_used"]] == ["api", "cli"]
