"""The deletion log over HTTP."""

import json
from dataclasses import replace
from typing import Any, get_args

import pytest

from reconciler.model import (
    Event,
    InstanceName,
    Media,
    MediaKind,
    Options,
    Phase,
    Source,
    Target,
    TargetKind,
    Unit,
)
from reconciler.ports import DeletionFilter
from reconciler.reasons import Reason
from reconciler.web.queries import PhaseWord
from tests.unit.web.fakes import NOW, UNKNOWN_ID, World, condition, database_down, id_of, movie, settled

WISH: dict[str, Any] = {"media_type": "movie", "tmdb_id": 603}
HASH = "c2c60f66c126652a86f7f2ee73dc83d4e255929e"
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


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("phase=open", DeletionFilter(settled=False)),
        ("phase=converged", DeletionFilter(phase=Phase.CONVERGED)),
        ("q=%20A%25_%00film&media=tv", DeletionFilter(text="A%_\0film", kind=MediaKind.SERIES)),
        (f"q={'é' * 200}", DeletionFilter(text="é" * 200)),
    ],
)
async def test_people_ask_for_what_is_open_and_for_a_piece_of_a_name(
    world: World, query: str, where: DeletionFilter
) -> None:
    async with world.person() as client:
        assert (await client.get(f"/deletions?{query}")).status_code == 200
    assert world.store.asked == [(where, None, 50)]


def test_every_phase_can_be_asked_for() -> None:
    assert set(get_args(PhaseWord)) == {"open", *Phase}


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
        ("q=", "q"),
        ("q=%20%20", "q"),
        (f"q={'a' * 201}", "q"),
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
    assert shown["options"] == {
        "delete_files": True,
        "add_exclusion": False,
        "blocklist": False,
        "remove_empty_series": False,
    }
    assert (shown["seasons"], shown["needs_approval"], shown["withdrawn"], shown["finishing"]) == (None, False, [], [])
    assert shown["targets"][0]["season"] is None
    assert shown["instances"] == ["radarr"]
    assert shown["conditions"] == [
        {
            "type": "TorrentsAbsent",
            "instance": "qbittorrent",
            "status": "Unknown",
            "reason": "Removing",
            "message": "was asked to go",
            "last_transition_time": "2026-03-04T05:06:07Z",
            "reason_since": None,
        }
    ]
    assert shown["targets"][0]["external_id"] == "a" * 40
    assert shown["targets"][0]["files"] == ["/d/A.Film/a.mkv"]
    assert shown["timeline"][0]["data"] == {"torrents": 1}
    assert shown["settled"] is None
    assert shown["needs"] == []
    assert shown["decisions"] == ["cancel", "retry"]


async def test_seasons_are_shown_with_what_was_wanted_again_of_them(world: World) -> None:
    sonarr = InstanceName("sonarr")
    state = movie(
        media=Media(MediaKind.SERIES, tvdb_id=81189),
        instances=frozenset({sonarr}),
        seasons=frozenset({3, 0, 10}),
        options=Options(blocklist=True, remove_empty_series=True),
        needs_approval=True,
        withdrawn=frozenset({Unit(sonarr, 10), Unit(sonarr, 3), Unit(InstanceName("sonarr-4k"), 0)}),
        finishing=frozenset({Unit(sonarr)}),
    )
    file = Target(TargetKind.FILE, sonarr, "5", season=3)
    world.store.add(replace(state, targets=(file,)))
    async with world.person() as client:
        shown = (await client.get(f"/deletions/{id_of(1)}")).json()
        [listed] = (await client.get("/deletions")).json()["deletions"]
    assert (shown["seasons"], listed["seasons"], listed["needs_approval"]) == ([0, 3, 10], [0, 3, 10], True)
    assert (listed["options"]["blocklist"], listed["options"]["remove_empty_series"]) == (True, True)
    assert shown["withdrawn"] == ["season 3 in sonarr", "season 10 in sonarr", "season 0 in sonarr-4k"]
    assert shown["finishing"] == ["sonarr"]
    assert shown["targets"][0]["season"] == 3


async def test_a_torrent_that_nobody_can_attribute_can_be_bound_by_a_person(world: World) -> None:
    world.store.add(replace(movie(), conditions=(condition(Reason.UNATTRIBUTED_TORRENT),)))
    async with world.person() as client:
        shown = (await client.get(f"/deletions/{id_of(1)}")).json()
    assert shown["decisions"] == ["approve", "attribute", "cancel", "retry"]


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
    world.store.add(replace(movie(), conditions=(condition(Reason.SHARED_FOLDER),)))
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
        "message": "done, but not proven gone everywhere: torrents at qbittorrent: because",
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


@pytest.mark.parametrize(
    "method_and_path", ["GET ", "GET /plan", "POST /approve", "POST /attribute", "POST /cancel", "POST /retry"]
)
@pytest.mark.parametrize("deletion", [UNKNOWN_ID, "1", "all", "%2e%2e", "'; drop table deletions"])
async def test_an_unknown_deletion_is_404(world: World, method_and_path: str, deletion: str) -> None:
    method, path = method_and_path.split(" ")
    async with world.person() as client:
        response = await client.request(method, f"/deletions/{deletion}{path}", json={"hashes": [HASH]})
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
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
