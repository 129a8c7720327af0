"""The deletion log over HTTP."""

import json
from dataclasses import replace

import pytest

from reconciler.errors import Unreachable
from reconciler.model import (
    DeletionId,
    Event,
    InstanceName,
    Media,
    MediaKind,
    Phase,
    SettledAs,
    Source,
    Target,
    TargetKind,
)
from reconciler.ports import DeletionFilter, PlanPreview
from reconciler.reasons import Reason
from tests.unit.web.fakes import NOW, UNKNOWN_ID, World, condition, database_down, id_of, movie, settled

WISH = {"media_type": "movie", "tmdb_id": 603}
HOSTILE = [
    "line\r\nSet-Cookie: a=b",
    "<script>alert(1)</script>{{7*7}}",
    "x" * 10_000,
    "\u202egnp.exe\u202c",
    "\x1b[2Jgone",
    '"quoted" \\ back',
]


async def test_a_deletion_asked_for_over_the_api_names_the_api_as_its_source(world: World) -> None:
    async with world.person() as client:
        response = await client.post("/deletions", json=WISH)
        own = await client.post("/deletions", json=WISH, headers={"Reconciler-Client": "cli"})
    assert (response.status_code, own.status_code) == (202, 202)
    assert [understood.deletions[0].source for _, understood in world.store.written] == [Source.API, Source.CLI]
    assert [receipt.source for receipt, _ in world.store.written] == [Source.API, Source.CLI]


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("", DeletionFilter()),
        ("phase=held", DeletionFilter(phase=Phase.HELD)),
        ("media=movie", DeletionFilter(kind=MediaKind.MOVIE)),
        ("media=tv&tvdb_id=81189", DeletionFilter(kind=MediaKind.SERIES, tvdb_id=81189)),
        ("source=radarr&tmdb_id=603", DeletionFilter(source=Source.RADARR, tmdb_id=603)),
    ],
)
async def test_filters_reach_the_store(world: World, query: str, where: DeletionFilter) -> None:
    async with world.person() as client:
        response = await client.get(f"/deletions?{query}")
    assert response.status_code == 200
    assert world.store.asked == [(where, None, 50)]


async def test_pages_follow_the_cursor(world: World) -> None:
    for number in (1, 2, 3):
        world.store.add(movie(number))
    async with world.person() as client:
        first = await client.get("/deletions?limit=2")
        await client.get("/deletions?limit=200&cursor=more")
    assert [one["id"] for one in first.json()["deletions"]] == [id_of(1), id_of(2)]
    assert first.json()["next_cursor"] == "more"
    assert world.store.asked[-1] == (DeletionFilter(), "more", 200)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("phase=done", "phase"),
        ("media=series", "media"),
        ("source=nobody", "source"),
        ("tmdb_id=0", "tmdb_id"),
        ("tvdb_id=abc", "tvdb_id"),
        ("tmdb_id=99999999999", "tmdb_id"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("cursor=nonsense", "cursor"),
        ("phaze=held", "phaze"),
        ("phase=held&phase=waiting", "phase"),
    ],
)
async def test_a_filter_that_cannot_be_applied_is_422_and_never_ignored(world: World, query: str, field: str) -> None:
    async with world.person() as client:
        response = await client.get(f"/deletions?{query}")
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]


async def test_one_deletion_shows_everything_known_about_it(world: World) -> None:
    state = replace(
        movie(bound_at=NOW, destroyed_at=NOW),
        targets=(
            Target(
                TargetKind.TORRENT,
                InstanceName("qbittorrent"),
                "a" * 40,
                media=Media(MediaKind.MOVIE, 603),
                name="A.Film",
                path="/d/A.Film",
                files=("/d/A.Film/a.mkv",),
                size=5,
                sent_at=NOW,
            ),
        ),
        conditions=(condition(Reason.REMOVING, "was asked to go"),),
    )
    deletion = world.store.add(state)
    world.store.timeline[deletion] = (Event("Bound", "1 torrent", NOW, {"torrents": 1}, 1),)
    async with world.person() as client:
        shown = (await client.get(f"/deletions/{deletion}")).json()
    assert shown["media"] == {"media_type": "movie", "tmdb_id": 603, "tvdb_id": None}
    assert (shown["title"], shown["requested_by"], shown["source"]) == ("A Film", "ann", "dashboard")
    assert (shown["phase"], shown["requested_at"]) == ("converging", "2026-03-04T05:06:07Z")
    assert shown["options"] == {"delete_files": True, "add_exclusion": False}
    assert shown["instances"] == ["radarr"]
    assert shown["conditions"] == [
        {
            "type": "TorrentsAbsent",
            "instance": "qbittorrent",
            "status": "Unknown",
            "reason": "Removing",
            "message": "was asked to go",
            "last_transition_time": "2026-03-04T05:06:07Z",
        }
    ]
    assert shown["targets"][0]["external_id"] == "a" * 40
    assert shown["targets"][0]["files"] == ["/d/A.Film/a.mkv"]
    assert shown["timeline"][0]["data"] == {"torrents": 1}
    assert shown["settled"] is None
    assert shown["needs"] == []
    assert shown["decisions"] == ["cancel", "retry"]


async def test_a_held_deletion_says_what_it_needs_and_what_can_be_decided(world: World) -> None:
    state = movie()
    world.store.add(replace(state, conditions=(condition(Reason.BREAKER_OPEN), condition(Reason.ABSENT))))
    async with world.person() as client:
        shown = (await client.get(f"/deletions/{id_of(1)}")).json()
    assert shown["phase"] == "held"
    [need] = shown["needs"]
    assert (need["reason"], need["approvable"]) == ("BreakerOpen", True)
    assert "approve" in need["advice"]
    assert shown["decisions"] == ["approve", "cancel", "retry"]


async def test_what_was_approved_needs_no_second_approval(world: World) -> None:
    held = movie(approved=frozenset({Reason.BREAKER_OPEN}))
    world.store.add(replace(held, conditions=(condition(Reason.BREAKER_OPEN),)))
    async with world.person() as client:
        shown = (await client.get(f"/deletions/{id_of(1)}")).json()
    assert shown["approved"] == ["BreakerOpen"]
    assert shown["decisions"] == ["cancel", "retry"]


async def test_a_reason_nobody_can_approve_offers_no_approval(world: World) -> None:
    world.store.add(replace(movie(), conditions=(condition(Reason.SHARED_WITH_WANTED),)))
    async with world.person() as client:
        shown = (await client.get(f"/deletions/{id_of(1)}")).json()
    assert shown["needs"][0]["approvable"] is False
    assert shown["decisions"] == ["cancel", "retry"]


async def test_a_settled_deletion_needs_nothing_and_allows_nothing(world: World) -> None:
    world.store.add(settled(replace(movie(), conditions=(condition(Reason.BREAKER_OPEN),))))
    async with world.person() as client:
        shown = (await client.get(f"/deletions/{id_of(1)}")).json()
    assert shown["settled"] == {
        "at": "2026-03-04T05:06:07Z",
        "as": "converged",
        "reason": "Absent",
        "watch_until": None,
    }
    assert (shown["needs"], shown["decisions"]) == ([], [])


@pytest.mark.parametrize("title", HOSTILE)
async def test_hostile_titles_come_back_as_data(world: World, title: str) -> None:
    state = movie(title=title, requested_by=title)
    hostile = replace(condition(Reason.BREAKER_OPEN, title))
    deletion = world.store.add(replace(state, conditions=(hostile,)))
    world.store.timeline[deletion] = (Event("Held", title, NOW),)
    async with world.person() as client:
        one = await client.get(f"/deletions/{deletion}")
        many = await client.get("/deletions")
    assert one.headers["content-type"] == "application/json"
    assert set(one.headers) == set(many.headers), "no title may add a header"
    shown = json.loads(one.text)
    assert (shown["title"], shown["requested_by"], shown["timeline"][0]["message"]) == (title, title, title)
    assert many.json()["deletions"][0]["title"] == title


async def test_a_plan_shows_what_would_be_done(world: World) -> None:
    def preview(deletion: DeletionId) -> PlanPreview:
        return PlanPreview(deletion, ("remove 1 torrent",), (condition(Reason.PRESENT),), ("observe mode",))

    world.preview = preview
    async with world.person() as client:
        response = await client.get(f"/deletions/{id_of(1)}/plan")
    shown = response.json()
    assert (shown["deletion"], shown["actions"], shown["notes"]) == (id_of(1), ["remove 1 torrent"], ["observe mode"])
    assert shown["conditions"][0]["reason"] == "Present"


async def test_a_plan_that_needs_an_upstream_that_is_out_is_502(world: World) -> None:
    def preview(_: DeletionId) -> PlanPreview | None:
        raise Unreachable("radarr", "did not answer in time")

    world.preview = preview
    async with world.person() as client:
        response = await client.get(f"/deletions/{id_of(1)}/plan")
    assert response.status_code == 502
    assert response.json()["detail"] == "radarr: did not answer in time"


@pytest.mark.parametrize("method_and_path", ["GET ", "GET /plan", "POST /approve", "POST /cancel", "POST /retry"])
@pytest.mark.parametrize("deletion", [UNKNOWN_ID, "1", "all", "%2e%2e", "'; drop table deletions"])
async def test_an_unknown_deletion_is_404(world: World, method_and_path: str, deletion: str) -> None:
    method, path = method_and_path.split(" ")
    async with world.person() as client:
        response = await client.request(method, f"/deletions/{deletion}{path}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert not world.wakes


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
    }
    assert world.store.decided == [("approve", id_of(1), "api")]
    assert len(world.wakes) == 1


async def test_an_approval_of_nothing_is_409(world: World) -> None:
    world.store.add(movie())
    async with world.person() as client:
        response = await client.post(f"/deletions/{id_of(1)}/approve")
    assert response.status_code == 409
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


@pytest.mark.parametrize(
    "method_and_path", ["GET ", "GET /{id}", "POST /{id}/approve", "POST /{id}/cancel", "POST /{id}/retry"]
)
async def test_without_the_database_nothing_is_shown_or_decided(world: World, method_and_path: str) -> None:
    world.store.broken = database_down()
    method, path = method_and_path.format(id=UNKNOWN_ID).split(" ")
    async with world.person() as client:
        response = await client.request(method, f"/deletions{path}")
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert not world.wakes
