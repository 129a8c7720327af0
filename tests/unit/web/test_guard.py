"""Who may come in, and that nothing of a stranger's body is looked at."""

import base64
import hmac

import httpx
import pytest

from reconciler import auth
from tests.unit.web.fakes import API_TOKEN, WEBHOOK_SECRET, Chunks, World, movie, settings

WEBHOOKS = [
    "/webhooks/dashboard",
    "/webhooks/jellyseerr",
    "/webhooks/jellyfin",
    "/webhooks/radarr",
    "/webhooks/radarr/radarr",
    "/webhooks/sonarr",
    "/webhooks/sonarr/nobody",
]
MOVIE_ID = movie().deletion.id
API = [
    ("GET", "/status"),
    ("GET", "/deletions"),
    ("POST", "/deletions"),
    ("POST", "/deletions?dry_run=true"),
    ("POST", "/breaker/release"),
    ("POST", f"/deletions/{MOVIE_ID}/attribute"),
    ("GET", f"/deletions/{MOVIE_ID}"),
    ("GET", f"/deletions/{MOVIE_ID}/plan"),
    ("POST", f"/deletions/{MOVIE_ID}/approve"),
    ("POST", f"/deletions/{MOVIE_ID}/cancel"),
    ("POST", f"/deletions/{MOVIE_ID}/retry"),
]
OPEN = {"webhook_secret": None, "api_token": None}


def assert_refused(response: httpx.Response) -> None:
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["www-authenticate"].startswith("Bearer ")
    assert response.json()["title"] == "A secret is required"


@pytest.mark.parametrize("path", WEBHOOKS)
@pytest.mark.parametrize("secret", [None, "wrong", API_TOKEN])
async def test_a_webhook_without_the_secret_is_refused_before_a_byte_of_it_is_read(
    world: World, path: str, secret: str | None
) -> None:
    body = Chunks(3)
    async with world.client(secret=secret) as client:
        response = await client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert_refused(response)
    assert body.taken == 0
    assert not world.store.written
    assert [outcome for _, outcome in world.metrics.webhooks] == ["rejected"]


@pytest.mark.parametrize(("method", "path"), API)
@pytest.mark.parametrize("secret", [None, "wrong", WEBHOOK_SECRET])
async def test_the_api_without_the_token_is_refused_before_a_byte_is_read(
    world: World, method: str, path: str, secret: str | None
) -> None:
    world.store.add(movie())
    body = Chunks(3)
    async with world.client(secret=secret) as client:
        response = await client.request(method, path, content=body)
    assert_refused(response)
    assert body.taken == 0
    assert not world.store.decided
    assert not world.wakes


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_probes_and_metrics_need_no_secret(world: World, path: str) -> None:
    async with world.client() as client:
        assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": WEBHOOK_SECRET},
        {"Authorization": f"bearer {WEBHOOK_SECRET}"},
        {"Authorization": "Basic " + base64.b64encode(f"radarr:{WEBHOOK_SECRET}".encode()).decode()},
        {"X-Api-Key": WEBHOOK_SECRET},
    ],
)
async def test_the_secret_is_taken_in_every_spelling_a_sender_has(world: World, headers: dict[str, str]) -> None:
    async with world.client() as client:
        response = await client.post("/webhooks/radarr", json={"eventType": "Test"}, headers=headers)
    assert response.status_code == 200


async def test_secrets_are_compared_in_constant_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def spy(one: bytes, other: bytes) -> bool:
        compared.append(len(one))
        return hmac.compare_digest(one, other)

    class SpiedHmac:
        compare_digest = staticmethod(spy)

    monkeypatch.setattr(auth, "hmac", SpiedHmac)
    async with world.client(secret="wrong") as client:
        assert_refused(await client.get("/status"))
    assert compared


async def test_without_secrets_the_service_is_open() -> None:
    world = World(settings=settings(**OPEN))
    async with world.client() as client:
        assert (await client.get("/status")).status_code == 200
        assert (await client.post("/webhooks/radarr", json={"eventType": "Rename"})).status_code == 202


@pytest.mark.parametrize("host", ["evil.example.org", "127.0.0.1.evil.org"])
async def test_an_open_service_is_not_served_under_a_domain_name_that_was_pointed_at_it(host: str) -> None:
    world = World(settings=settings(**OPEN))
    async with world.client(base_url=f"http://{host}:8585") as client:
        assert (await client.get("/deletions")).status_code == 403
        assert (await client.post("/webhooks/radarr", json={"eventType": "MovieDelete"})).status_code == 403
    assert not world.store.written


@pytest.mark.parametrize("host", ["localhost:8585", "[::1]:8585", "192.168.1.5", "reconciler:8585"])
async def test_an_open_service_answers_to_addresses_and_short_names(host: str) -> None:
    world = World(settings=settings(**OPEN))
    async with world.client(base_url=f"http://{host}") as client:
        assert (await client.get("/deletions")).status_code == 200


async def test_another_web_site_cannot_make_a_browser_send_a_delete() -> None:
    world = World(settings=settings(**OPEN))
    world.store.add(movie())
    foreign = {"Origin": "http://evil.example.org", "Content-Type": "text/plain"}
    async with world.client() as client:
        webhook = await client.post("/webhooks/radarr", content=b'{"eventType":"MovieDelete"}', headers=foreign)
        approval = await client.post(f"/deletions/{MOVIE_ID}/approve", headers=foreign)
        own = await client.post(f"/deletions/{MOVIE_ID}/retry", headers={"Origin": "http://127.0.0.1:8585"})
    assert (webhook.status_code, approval.status_code, own.status_code) == (403, 403, 200)
    assert not world.store.written
