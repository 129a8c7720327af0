"""Behind a reverse proxy under a path: with it, without it, and in everything that is given out."""

import pytest
from starlette.routing import Route
from structlog.testing import capture_logs

from reconciler.config.kinds import OWN_ADDRESSES
from tests.unit.web.fakes import World, movie, settings

FORMS = pytest.mark.parametrize("form", ["/tools/reconciler", ""], ids=["handed on", "stripped"])


@pytest.fixture
def prefixed() -> World:
    return World(settings=settings(root_path="/tools/reconciler"))


@FORMS
async def test_every_address_given_out_carries_the_root_path(prefixed: World, form: str) -> None:
    app = prefixed.app()
    wish = {"media_type": "movie", "tmdb_id": 603}
    async with prefixed.sender(app) as client:
        asked = await client.post(f"{form}/webhooks/dashboard", json=wish)
        told = await client.post(f"{form}/webhooks/radarr", json={"eventType": "MovieDelete", "deletedFiles": True,
                                 "movie": {"id": 1, "tmdbId": 604, "title": "A Film"}})  # fmt: skip
    async with prefixed.person(app) as client:
        listed = await client.get(f"{form}/deletions")
        (first, *_) = listed.json()["deletions"]
        one = await client.get(f"{form}/deletions/{first['id']}")
        decided = await client.post(f"{form}/deletions/{first['id']}/retry")
    for answer, status in [(asked, 202), (told, 202), (listed, 200), (one, 200), (decided, 200)]:
        assert answer.status_code == status, answer.text
    documents = [*asked.json()["deletions"], *told.json()["deletions"], *listed.json()["deletions"], one.json()]
    assert len(documents) >= 5
    for document in [*documents, decided.json()]:
        assert document["url"] == f"/tools/reconciler/deletions/{document['id']}"


@FORMS
async def test_what_is_given_out_leads_back(prefixed: World, form: str) -> None:
    deletion = prefixed.store.add(movie())
    async with prefixed.person() as client:
        shown = (await client.get(f"{form}/deletions/{deletion}")).json()
        assert (await client.get(shown["url"])).json()["id"] == deletion


@FORMS
async def test_probes_secrets_and_errors_are_the_same(prefixed: World, form: str) -> None:
    with capture_logs() as logged:
        async with prefixed.client() as client:
            assert (await client.get(f"{form}/livez")).status_code == 200
            assert (await client.get(f"{form}/readyz")).status_code == 200
            assert (await client.get(f"{form}/status")).status_code == 401
            assert (await client.post(f"{form}/webhooks/radar", json={})).status_code == 404
            assert (await client.get(f"{form}/webhooks/radarr")).status_code == 405
    assert [line["problem"] for line in logged if line["event"] == "webhook_refused"] == [
        "not-found",
        "method-not-allowed",
    ]


@pytest.mark.parametrize(
    "path",
    ["/reconciler/livez", "/tools/livez", "/tools/reconcilerlivez", "/tools/reconciler/tools/reconciler/livez"],
)  # fmt: skip
async def test_another_prefix_leads_nowhere(prefixed: World, path: str) -> None:
    async with prefixed.client() as client:
        assert (await client.get(path)).status_code == 404


async def test_without_a_root_path_nothing_is_taken_off_or_added(world: World) -> None:
    deletion = world.store.add(movie())
    async with world.person() as client:
        assert (await client.get("/tools/reconciler/livez")).status_code == 404
        assert (await client.get(f"/deletions/{deletion}")).json()["url"] == f"/deletions/{deletion}"


def test_no_root_path_can_hide_an_address_of_the_service(world: World) -> None:
    addresses = {route.path.split("/")[1] for route in world.app().routes if isinstance(route, Route)} - {""}
    assert addresses <= OWN_ADDRESSES
