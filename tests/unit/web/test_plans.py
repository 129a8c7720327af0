"""Plans over HTTP: of a deletion in the log, and of a wish that is only looked at."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.errors import Unreachable
from reconciler.model import (
    DeletionId,
    DeletionRequest,
    InstanceName,
    Phase,
    Source,
    Target,
    TargetKind,
)
from reconciler.ports import PlannedStep, PlanPreview
from reconciler.reasons import Reason
from tests.unit.web.fakes import NOW, World, condition, id_of, settings

WISH: dict[str, Any] = {"media_type": "movie", "tmdb_id": 603}


def plan_of(deletion: DeletionId | None) -> PlanPreview:
    torrent, entry = InstanceName("qbittorrent"), InstanceName("radarr")
    return PlanPreview(
        deletion,
        steps=(
            PlannedStep("RemoveTorrent", torrent, "A.Film", "with its data", 5, ("/d/a.mkv", "/d/b.mkv")),
            PlannedStep("DeleteEntry", entry),
        ),
        conditions=(condition(Reason.PRESENT),),
        targets=(Target(TargetKind.TORRENT, torrent, "a" * 40),),
        ends_as=Phase.CONVERGED,
        notes=("observe mode",),
    )


async def test_a_plan_shows_what_would_be_done_in_order(world: World) -> None:
    world.preview = plan_of
    async with world.person() as client:
        response = await client.get(f"/deletions/{id_of(1)}/plan")
    shown = response.json()
    assert (shown["deletion"], shown["ends_as"], shown["notes"]) == (id_of(1), "converged", ["observe mode"])
    assert shown["steps"] == [
        {
            "number": 1,
            "action": "RemoveTorrent",
            "instance": "qbittorrent",
            "name": "A.Film",
            "detail": "with its data",
            "size": 5,
            "paths": ["/d/a.mkv", "/d/b.mkv"],
        },
        {
            "number": 2,
            "action": "DeleteEntry",
            "instance": "radarr",
            "name": "",
            "detail": "",
            "size": 0,
            "paths": [],
        },
    ]
    assert shown["conditions"][0]["reason"] == "Present"
    assert shown["targets"][0]["external_id"] == "a" * 40


async def test_a_dry_run_plans_each_wish_as_it_would_be_taken_and_writes_nothing(world: World) -> None:
    world.dry_plan = lambda wish: replace(plan_of(None), notes=(str(wish.media),))
    wishes = [WISH, {"media_type": "tv", "tvdb_id": 81189, "seasons": [1]}]
    async with world.person() as client:
        response = await client.post("/deletions?dry_run=true", json={"deletions": wishes})
    assert response.status_code == 200
    plans = response.json()["plans"]
    assert [(plan["deletion"], plan["notes"]) for plan in plans] == [
        (None, ["movie tmdb 603"]),
        (None, ["series tvdb 81189"]),
    ]
    assert [(wish.source, wish.seasons) for wish in world.planned] == [
        (Source.API, None),
        (Source.API, frozenset({1})),
    ]
    assert not world.store.written
    assert not world.wakes


@pytest.mark.parametrize(
    ("asked", "begins"),
    [
        (None, NOW + timedelta(seconds=30)),
        ("2026-03-04T05:06:00Z", NOW + timedelta(seconds=30)),
        ("2027-01-01T00:00:00Z", datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
async def test_a_dry_run_waits_as_the_real_wish_would(world: World, asked: str | None, begins: datetime) -> None:
    async with world.person() as client:
        await client.post("/deletions?dry_run=true", json=WISH | {"not_before": asked})
    assert [wish.not_before for wish in world.planned] == [begins]


async def test_a_dry_run_without_a_grace_period_begins_at_once() -> None:
    world = World(settings=settings(grace_seconds=0))
    async with world.person() as client:
        await client.post("/deletions?dry_run=true", json=WISH)
    assert [wish.not_before for wish in world.planned] == [None]


async def test_a_dry_run_refuses_an_idempotency_key_that_the_wish_itself_could_not_have(world: World) -> None:
    async with world.person() as client:
        for key, status in (("k" * 255, 200), ("k" * 255, 200), ("k" * 256, 400)):
            response = await client.post("/deletions?dry_run=true", json=WISH, headers={"Idempotency-Key": key})
            assert response.status_code == status


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("dry_run=false", "dry_run"),
        ("dry_run=", "dry_run"),
        ("dry_run=1", "dry_run"),
        ("dry_run=True", "dry_run"),
        ("dry_run=true&dry_run=true", "dry_run"),
        ("dryrun=true", "dryrun"),
        ("dry-run=true", "dry-run"),
    ],
)
async def test_a_dry_run_that_is_not_spelt_as_one_deletes_nothing(world: World, query: str, field: str) -> None:
    async with world.person() as client:
        response = await client.post(f"/deletions?{query}", json=WISH)
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert not world.store.written
    assert not world.planned


@pytest.mark.parametrize(
    ("query", "message"), [("dryrun=true", "is not known; remove it"), ("dry_run=yes", "must be 'true'")]
)
async def test_a_wrong_parameter_is_told_in_our_own_words(world: World, query: str, message: str) -> None:
    async with world.person() as client:
        response = await client.post(f"/deletions?{query}", json=WISH)
    assert [error["message"] for error in response.json()["errors"]] == [message]


async def test_a_dry_run_of_an_unusable_wish_is_422_naming_each_field(world: World) -> None:
    async with world.person() as client:
        response = await client.post("/deletions?dry_run=true", json={"media_type": "tv", "seasons": []})
    assert response.status_code == 422
    assert {error["field"] for error in response.json()["errors"]} == {"tvdb_id", "seasons"}
    assert not world.planned


async def test_a_dry_run_that_needs_an_upstream_that_is_out_is_502(world: World) -> None:
    def dry_plan(_: DeletionRequest) -> PlanPreview:
        raise Unreachable("radarr", "did not answer in time")

    world.dry_plan = dry_plan
    async with world.person() as client:
        response = await client.post("/deletions?dry_run=true", json=WISH)
    assert response.status_code == 502


async def test_a_plan_that_needs_an_upstream_that_is_out_is_502(world: World) -> None:
    def preview(_: DeletionId) -> PlanPreview | None:
        raise Unreachable("radarr", "did not answer in time")

    world.preview = preview
    async with world.person() as client:
        response = await client.get(f"/deletions/{id_of(1)}/plan")
    assert response.status_code == 502
    assert response.json()["detail"] == "radarr: did not answer in time"
