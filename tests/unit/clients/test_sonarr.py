"""The Sonarr client where it differs from Radarr's, and where answers are odd."""

import json
from typing import Any

import httpx
import pytest

from reconciler.clients.sonarr import Sonarr, connect
from reconciler.errors import Rejected, Unintelligible, Unreachable
from reconciler.model import InstanceName, Media, MediaKind, Monitoring

SERIES: dict[str, Any] = {
    "id": 5,
    "title": "Night Shift",
    "year": 2020,
    "tvdbId": 2000,
    "tmdbId": 0,
    "path": "/data/shows/Night Shift",
    "added": "2024-01-01T00:00:00Z",
    "monitored": False,
    "monitorNewItems": "none",
    "qualityProfileId": 4,
    "seasons": [
        {"seasonNumber": 0, "monitored": False, "statistics": {"episodeFileCount": 1}},
        {"seasonNumber": 1, "monitored": False},
        {"seasonNumber": 2, "monitored": True},
    ],
    "statistics": {"episodeFileCount": 3, "sizeOnDisk": 42},
}
GRAB: dict[str, Any] = {
    "id": 9,
    "seriesId": 5,
    "episodeId": 77,
    "eventType": "grabbed",
    "downloadId": "A" * 40,
    "date": "2024-01-01T00:00:00Z",
}


def client_of(answers: dict[str, Any]) -> tuple[Sonarr, list[httpx.Request]]:
    """Return a client of a scripted upstream, with the list of what it asks."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        found = answers.get(f"{request.method} {request.url.path.removeprefix('/api/v3')}", [])
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json=found)

    transport = httpx.MockTransport(answer)
    return connect(InstanceName("sonarr"), "http://sonarr.test", "a-long-secret-key", transport=transport), requests


async def test_a_series_carries_its_seasons_and_counts() -> None:
    client, _ = client_of({"GET /series": [SERIES]})
    (entry,) = await client.entries()
    assert entry.media == Media(MediaKind.SERIES, tvdb_id=2000)
    assert entry.monitoring == Monitoring(False, ((0, False), (1, False), (2, True)), "none")
    assert (entry.file_count, entry.size, entry.files) == (3, 42, None)


async def test_a_series_without_episodes_has_no_statistics_and_no_files() -> None:
    client, _ = client_of({"GET /series": [{k: v for k, v in SERIES.items() if k != "statistics"}]})
    (entry,) = await client.entries()
    assert (entry.file_count, entry.size) == (0, 0)


@pytest.mark.parametrize("season", [{"monitored": True}, {"seasonNumber": 1}])
async def test_a_season_without_number_or_flag_is_unintelligible(season: dict[str, Any]) -> None:
    client, _ = client_of({"GET /series": [{**SERIES, "seasons": [season]}]})
    with pytest.raises(Unintelligible):
        await client.entries()


async def test_history_asks_for_episodes_and_tolerates_their_absence() -> None:
    rows = [
        {**GRAB, "episode": {"id": 77, "seasonNumber": 0, "episodeNumber": 3}},
        {**GRAB, "id": 10},
        {**GRAB, "id": 11, "episode": {"id": 77}},
    ]
    client, requests = client_of({"GET /history/since": rows})
    page = await client.history_since("2024-01-01T00:00:00Z")
    assert [(r.season, r.episode) for r in page.references] == [(0, 3), (None, None), (None, None)]
    assert dict(requests[0].url.params) == {"date": "2024-01-01T00:00:00Z", "includeEpisode": "true"}


async def test_restoring_puts_the_complete_object_back_with_only_the_flags_changed() -> None:
    client, requests = client_of({"GET /series/5": SERIES, "PUT /series/5": httpx.Response(202, json={})})
    await client.restore_monitoring(5, Monitoring(True, ((1, True), (2, True)), "all"))
    sent = json.loads(requests[-1].content)
    assert (sent["monitored"], sent["monitorNewItems"]) == (True, "all")
    assert [(s["seasonNumber"], s["monitored"]) for s in sent["seasons"]] == [(0, False), (1, True), (2, True)]
    changed = {"monitored", "monitorNewItems", "seasons"}
    assert {k: v for k, v in sent.items() if k not in changed} == {k: v for k, v in SERIES.items() if k not in changed}
    assert sent["seasons"][0]["statistics"] == {"episodeFileCount": 1}


async def test_restoring_takes_no_monitoring_away_that_came_meanwhile() -> None:
    client, requests = client_of({"GET /series/5": {**SERIES, "monitored": True, "monitorNewItems": "all"}})
    await client.restore_monitoring(5, Monitoring(False, ((1, True), (2, False)), "none"))
    sent = json.loads(requests[-1].content)
    assert (sent["monitored"], sent["monitorNewItems"]) == (True, "all")
    assert [(s["seasonNumber"], s["monitored"]) for s in sent["seasons"]] == [(0, False), (1, True), (2, True)]


async def test_restoring_without_a_known_rule_for_new_items_leaves_it() -> None:
    client, requests = client_of({"GET /series/5": SERIES})
    await client.restore_monitoring(5, Monitoring(monitored=True))
    assert json.loads(requests[-1].content)["monitorNewItems"] == "none"


async def test_restoring_a_series_that_is_gone_is_rejected_and_writes_nothing() -> None:
    client, requests = client_of({"GET /series/5": httpx.Response(404)})
    with pytest.raises(Rejected, match="knows no series 5"):
        await client.restore_monitoring(5, Monitoring(monitored=True))
    assert [request.method for request in requests] == ["GET"]


async def test_the_500_for_an_unknown_series_is_no_error() -> None:
    gone = httpx.Response(500, json={"message": "Expected query to return 1 rows but returned 0", "description": "x"})
    client, requests = client_of({"DELETE /series/5": gone})
    await client.delete_entry(5, delete_files=True, add_exclusion=False)
    assert len(requests) == 1


async def test_any_other_500_is_an_error() -> None:
    client, _ = client_of({"DELETE /series/5": httpx.Response(500, json={"message": "database is locked"})})
    with pytest.raises(Unreachable, match="database is locked"):
        await client.delete_entry(5, delete_files=True, add_exclusion=False)


async def test_deletes_spell_the_exclusion_as_sonarr_does() -> None:
    client, requests = client_of({})
    await client.delete_entry(5, delete_files=False, add_exclusion=True)
    await client.delete_entries([5], delete_files=True, add_exclusion=False)
    assert dict(requests[0].url.params) == {"deleteFiles": "false", "addImportListExclusion": "true"}
    assert json.loads(requests[1].content) == {
        "seriesIds": [5],
        "deleteFiles": True,
        "addImportListExclusion": False,
    }


async def test_files_are_deleted_in_bulk_and_only_those_of_the_series() -> None:
    files = [
        {"id": 1, "seriesId": 5, "seasonNumber": 1, "path": "/a.mkv", "size": 1},
        {"id": 2, "seriesId": 6, "seasonNumber": 1, "path": "/b.mkv", "size": 1},
    ]
    client, requests = client_of({"GET /episodefile": files})
    await client.delete_files(5, [1, 2])
    assert requests[-1].url.path == "/api/v3/episodefile/bulk"
    assert json.loads(requests[-1].content) == {"episodeFileIds": [1]}


async def test_a_search_is_for_the_whole_series() -> None:
    client, requests = client_of({"POST /command": httpx.Response(201, json={"id": 1})})
    await client.search(5)
    assert json.loads(requests[0].content) == {"name": "SeriesSearch", "seriesId": 5}


async def test_a_search_for_a_season_names_it_even_if_it_is_that_of_specials() -> None:
    client, requests = client_of({"POST /command": httpx.Response(201, json={"id": 1})})
    await client.search(5, 2)
    await client.search(5, 0)
    assert [json.loads(request.content) for request in requests] == [
        {"name": "SeasonSearch", "seriesId": 5, "seasonNumber": 2},
        {"name": "SeasonSearch", "seriesId": 5, "seasonNumber": 0},
    ]


async def test_a_season_pass_carries_the_flags_of_the_seasons_and_nothing_else() -> None:
    client, requests = client_of({"POST /seasonpass": httpx.Response(202, json={})})
    await client.unmonitor_seasons({6: {2021, 0}, 5: [2, 2], 7: []})
    (request,) = requests
    assert json.loads(request.content) == {
        "series": [
            {"id": 5, "seasons": [{"seasonNumber": 2, "monitored": False}]},
            {"id": 6, "seasons": [{"seasonNumber": 0, "monitored": False}, {"seasonNumber": 2021, "monitored": False}]},
        ]
    }


async def test_a_season_pass_that_fails_otherwise_is_not_taken_for_an_unknown_series() -> None:
    client, _ = client_of({"POST /seasonpass": httpx.Response(500, json={"message": "database is locked"})})
    with pytest.raises(Unreachable, match="database is locked"):
        await client.unmonitor_seasons({5: [1]})


async def test_the_queue_tells_the_season_itself_or_through_its_episode() -> None:
    item = {"id": 1, "status": "downloading", "seriesId": 5}
    rows: list[dict[str, Any]] = [
        {**item, "seasonNumber": 0, "episode": {"seasonNumber": 3}},
        {**item, "episode": {"seasonNumber": 2021}},
        {**item, "episode": {"seasonNumber": None}},
        {**item, "seasonNumber": "1"},
        item,
    ]
    client, requests = client_of({"GET /queue/details": rows})
    assert [found.season for found in await client.queue()] == [0, 2021, None, None, None]
    assert dict(requests[0].url.params) == {"includeEpisode": "true"}


@pytest.mark.parametrize("odd", [None, "1", -1, True, 1.5])
async def test_a_file_with_an_odd_season_belongs_to_no_known_season(odd: object) -> None:
    file = {"id": 1, "seriesId": 5, "seasonNumber": odd, "path": "/a.mkv", "size": 1}
    client, _ = client_of({"GET /episodefile": [file]})
    (found,) = await client.entry_files(5)
    assert found.season is None


async def test_files_of_an_unknown_series_are_none() -> None:
    client, _ = client_of({"GET /episodefile": httpx.Response(404, json={"message": "NotFound"})})
    assert await client.entry_files(5) == ()
