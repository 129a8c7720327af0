"""What the simulators answer fits the schemas that Radarr and Sonarr publish, where those are at hand."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.simulators.arr_state import Followed, Part
from reconciler.simulators.radarr import RadarrSimulator
from reconciler.simulators.server import serve
from reconciler.simulators.sonarr import SonarrSimulator
from tests.support.arr import KEY, api

SPECS = Path(__file__).parents[3] / "shared" / "reference" / "openapi"


def schemas(name: str) -> dict[str, Any]:
    path = SPECS / f"{name}-v3.json"
    if not path.exists():
        pytest.skip(f"the OpenAPI file {path.name} is not at hand")
    components: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["components"]["schemas"]
    return components


def complain(schema: str, components: Mapping[str, Any], answer: object) -> list[str]:
    """Return what is wrong with an answer. Nulls are never sent, so `nullable` needs no translation."""
    validator = Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": dict(components)}}
    )
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(answer)]


async def answers(simulator: RadarrSimulator | SonarrSimulator, paths: Mapping[str, str]) -> dict[str, list[Any]]:
    """Return the rows that each path shows, by the name of their schema."""
    found: dict[str, list[Any]] = {}
    async with serve(simulator.app) as url, api(url) as client:
        await client.post("/command", json={"name": "RefreshMonitoredDownloads"})
        for path, schema in paths.items():
            reply = await client.get(path)
            assert reply.status_code == 200, path
            body = reply.json()
            rows = body if isinstance(body, list) else [body]
            assert rows, path
            found.setdefault(schema, []).extend(rows)
    return found


SHARED = {
    "/history": "HistoryResourcePagingResource",
    "/history/since?date=2000-01-01T00:00:00Z": "HistoryResource",
    "/blocklist": "BlocklistResourcePagingResource",
    "/queue": "QueueResourcePagingResource",
    "/queue/details": "QueueResource",
    "/rootfolder": "RootFolderResource",
    "/tag": "TagResource",
    "/system/status": "SystemResource",
    "/command": "CommandResource",
    "/downloadclient": "DownloadClientResource",
    "/config/mediamanagement": "MediaManagementConfigResource",
    "/notification": "NotificationResource",
    "/notification/1": "NotificationResource",
    "/notification/schema": "NotificationResource",
}


async def test_radarrs_answers_fit_its_published_schemas(tmp_path: Path) -> None:
    components = schemas("radarr")
    simulator = RadarrSimulator(tmp_path, api_key=KEY)
    movie_id = simulator.add_movie_with_file(603, "Night Train", 2020, tags=["keep"])
    simulator.add_movie(604, "Day Train", 2021)
    (tmp_path / "Leftover").mkdir()
    simulator.connect("http://reconciler.test/hook", password="a password", headers={"X-Key": "a key"})
    for event in simulator.history_numbers:
        simulator.add_history_row(movie_id, event, download_id="A" * 40, data={"protocol": "2"})
    simulator.mark_failed(1)
    simulator.add_queue_item(Followed("A" * 40, movie_id, "A.Release", "qBittorrent"))
    simulator.add_queue_item(Followed("B" * 40, None, "B.Release", "qBittorrent"))
    found = await answers(
        simulator, {**SHARED, "/movie": "MovieResource", f"/moviefile?movieId={movie_id}": "MovieFileResource"}
    )
    wrong = [problem for schema, rows in found.items() for row in rows for problem in complain(schema, components, row)]
    assert wrong == []


async def test_sonarrs_answers_fit_its_published_schemas(tmp_path: Path) -> None:
    components = schemas("sonarr")
    simulator = SonarrSimulator(tmp_path, api_key=KEY)
    series_id = simulator.add_series(2000, "Night Shift", 2020, seasons={0: 1, 1: 2}, tags=["keep"])
    simulator.add_series(3000, "Not Aired", 2030, seasons={})
    simulator.add_episode_file(series_id, 1, [1, 2])
    episode = simulator.episode(series_id, 1, 1)
    simulator.connect("http://reconciler.test/hook", import_complete=True, tags=frozenset({1}))
    for event in simulator.history_numbers:
        simulator.add_history_row(series_id, event, download_id="A" * 40, episode_id=episode.id)
    simulator.mark_failed(1)
    part = Part(episode.id, episode.season)
    simulator.add_queue_item(Followed("A" * 40, series_id, "A.Release", "qBittorrent", parts=(part,)))
    paths = {
        **SHARED,
        "/history/since?date=2000-01-01T00:00:00Z&includeEpisode=true": "HistoryResource",
        "/queue/details?includeEpisode=true": "QueueResource",
        "/series": "SeriesResource",
        f"/episode?seriesId={series_id}": "EpisodeResource",
        f"/episodefile?seriesId={series_id}": "EpisodeFileResource",
    }
    found = await answers(simulator, paths)
    wrong = [problem for schema, rows in found.items() for row in rows for problem in complain(schema, components, row)]
    assert wrong == []


def test_a_wrong_answer_is_noticed() -> None:
    components = {"TagResource": {"type": "object", "properties": {"id": {"type": "integer"}}}}
    assert complain("TagResource", components, {"id": "one"}) == ["id: 'one' is not of type 'integer'"]
