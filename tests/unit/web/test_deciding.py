"""What a person decides about a deletion, over HTTP."""

from dataclasses import replace

import pytest

from reconciler.model import (
    SettledAs,
)
from reconciler.reasons import Reason
from tests.unit.web.fakes import World, condition, id_of, movie, settled

HASH = "c2c60f66c126652a86f7f2ee73dc83d4e255929e"


async def test_an_approval_lifts_and_wakes(world: World) -> None:
    world.store.add(replace(movie(), conditions=(condition(Reason.PROTECTED), condition(Reason.BREAKER_OPEN))))
    async with world.person() as client:
        response = await client.post(f"/deletions/{id_of(1)}/approve")
    assert response.status_code == 200
    assert response.json() == {
        "id": id_of(1),
        "url": f"/deletions/{id_of(1)}",
        "decision": "approve",
        "lifted": ["BreakerOpen", "Protected"],
        "unlisted": [],
    }
    assert world.store.decided == [("approve", id_of(1), "api")]
    assert len(world.wakes) == 1


async def test_an_approval_of_nothing_is_409(world: World) -> None:
    world.store.add(movie())
    async with world.person() as client:
        response = await client.post(f"/deletions/{id_of(1)}/approve")
    assert response.status_code == 409
    assert not world.wakes


async def test_torrents_that_a_person_names_are_written_down_then_the_loop_is_woken(world: World) -> None:
    world.store.add(movie())
    world.store.listed = frozenset({HASH})
    async with world.person() as client:
        response = await client.post(f"/deletions/{id_of(1)}/attribute", json={"hashes": [HASH.upper(), "b" * 64]})
    assert response.json()["unlisted"] == ["b" * 64]
    assert (response.status_code, response.json()["decision"], response.json()["lifted"]) == (200, "attribute", [])
    assert world.store.decided == [(f"attribute {HASH} {'b' * 64}", id_of(1), "api")]
    assert len(world.wakes) == 1


@pytest.mark.parametrize(
    ("payload", "fields"),
    [
        ({}, ["hashes"]),
        ({"hashes": []}, ["hashes"]),
        ({"hashes": ["all", HASH, "x"]}, ["hashes[0]", "hashes[2]"]),
        ([HASH], [""]),
    ],
)
async def test_hashes_that_are_none_are_422_and_nothing_is_bound(
    world: World, payload: object, fields: list[str]
) -> None:
    world.store.add(movie())
    async with world.person() as client:
        response = await client.post(f"/deletions/{id_of(1)}/attribute", json=payload)
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == fields
    assert response.json()["detail"] == "Nothing was changed."
    assert not world.store.decided
    assert not world.wakes


@pytest.mark.parametrize(
    ("content", "declared", "status"),
    [(b"{}", "text/plain", 415), (b"{", "application/json", 400), (b" " * 65_537, "application/json", 413)],
)
async def test_an_attribution_that_cannot_be_read_is_refused(
    world: World, content: bytes, declared: str, status: int
) -> None:
    world.store.add(movie())
    async with world.person() as client:
        response = await client.post(
            f"/deletions/{id_of(1)}/attribute", content=content, headers={"Content-Type": declared}
        )
    assert response.status_code == status
    assert not world.store.decided


async def test_nothing_can_be_bound_to_a_settled_deletion(world: World) -> None:
    world.store.add(settled(movie()))
    async with world.person() as client:
        response = await client.post(f"/deletions/{id_of(1)}/attribute", json={"hashes": [HASH]})
    assert response.status_code == 409
    assert response.json()["type"] == "urn:reconciler:problem:settled"


async def test_the_breaker_lets_go_of_all_that_it_holds(world: World) -> None:
    for number, reason in enumerate((Reason.BREAKER_OPEN, Reason.PROTECTED, Reason.BREAKER_OPEN), start=1):
        world.store.add(replace(movie(number), conditions=(condition(reason),)))
    async with world.person() as client:
        response = await client.post("/breaker/release", headers={"Reconciler-Client": "cli"})
    assert (response.status_code, response.json()) == (200, {"released": [id_of(1), id_of(3)]})
    assert world.store.decided == [("release", id_of(1), "cli"), ("release", id_of(3), "cli")]
    assert len(world.wakes) == 1


async def test_a_breaker_that_holds_nothing_releases_nothing(world: World) -> None:
    async with world.person() as client:
        response = await client.post("/breaker/release")
    assert (response.status_code, response.json()) == (200, {"released": []})
    assert not world.wakes


@pytest.mark.parametrize("decision", ["cancel", "retry"])
async def test_a_decision_is_written_down_then_the_loop_is_woken(world: World, decision: str) -> None:
    world.store.add(movie())
    async with world.person() as client:
        response = await client.post(f"/deletions/{id_of(1)}/{decision}", headers={"Reconciler-Client": "cli"})
    assert (response.status_code, response.json()["decision"]) == (200, decision)
    assert world.store.decided == [(decision, id_of(1), "cli")]
    assert len(world.wakes) == 1


@pytest.mark.parametrize("decision", ["cancel", "retry"])
async def test_a_decision_about_a_settled_deletion_is_409(world: World, decision: str) -> None:
    world.store.add(settled(movie(), SettledAs.CANCELLED))
    async with world.person() as client:
        response = await client.post(f"/deletions/{id_of(1)}/{decision}")
    assert response.status_code == 409
    assert response.json()["type"] == "urn:reconciler:problem:settled"
    assert not world.wakes
