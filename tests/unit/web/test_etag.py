"""`/status` is asked every few seconds: what says nothing new is not sent again."""

from datetime import datetime, timedelta

import pytest

from reconciler.model import Phase
from reconciler.ports import Overview
from tests.unit.web.fakes import FakeClock, World


async def test_a_client_that_knows_the_status_gets_304(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.person() as client:
        first = await client.get("/status")
        etag = first.headers["etag"]
        assert etag.startswith('W/"')
        now = FakeClock().now()
        monkeypatch.setattr(FakeClock, "now", lambda _: now + timedelta(seconds=5))
        again = await client.get("/status", headers={"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")
        for response in (first, again):
            assert response.headers["etag"] == etag
            assert response.headers["cache-control"] == "private, no-cache"
            assert response.headers["vary"] == "Accept, Authorization, Cookie, X-Api-Key"
            assert response.headers["x-content-type-options"] == "nosniff"
        unasked = await client.get("/status")
        assert (unasked.headers["etag"], unasked.status_code) == (etag, 200)
        assert datetime.fromisoformat(unasked.json()["now"]) == now + timedelta(seconds=5)
        world.store.shown = Overview(by_phase={Phase.HELD: 1})
        changed = await client.get("/status", headers={"If-None-Match": etag})
        assert changed.status_code == 200
        assert changed.headers["etag"] != etag


@pytest.mark.parametrize(
    ("named", "status"),
    [
        ("*", 304),
        ("{strong}", 304),
        ('"a", {etag}', 304),
        ('W/"a"', 200),
        ("", 200),
        ("{etag}x", 200),
    ],
)
async def test_names_are_compared_weakly(world: World, named: str, status: int) -> None:
    async with world.person() as client:
        etag = (await client.head("/status")).headers["etag"]
        header = named.format(etag=etag, strong=etag.removeprefix("W/"))
        assert (await client.get("/status", headers={"If-None-Match": header})).status_code == status


async def test_a_name_opens_nothing(world: World) -> None:
    async with world.client() as client:
        response = await client.get("/status", headers={"If-None-Match": "*"})
    assert response.status_code == 401
    assert response.headers["cache-control"] == "no-store"
