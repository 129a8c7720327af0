"""The simulated Seerr's answers against Seerr's own schemas, where those are at hand.

The specification is a description for people: it leaves out fields, and calls fields strings that are sent as null.
So unknown fields are fine, null is fine anywhere, and everything else must fit.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

from reconciler.observed import MediaStatus, RequestStatus
from reconciler.simulators.seerr import SeerrSimulator
from reconciler.simulators.seerr_servers import Server

SPECIFICATION = Path(__file__).parents[3] / "shared" / "reference" / "openapi" / "seerr.yml"

pytestmark = pytest.mark.skipif(not SPECIFICATION.exists(), reason="Seerr's OpenAPI file is not at hand")


def tolerant(node: Any) -> Any:
    """Turn an OpenAPI 3.0 schema into a JSON schema that takes null anywhere."""
    if isinstance(node, list):
        return [tolerant(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {key: tolerant(value) for key, value in node.items() if key not in {"nullable", "readOnly", "example"}}
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    return schema


@pytest.fixture(scope="module")
def specification() -> dict[str, Any]:
    loaded: dict[str, Any] = tolerant(yaml.safe_load(SPECIFICATION.read_text()))
    return loaded


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    simulator = SeerrSimulator("a-key-for-tests")
    database = simulator.database
    database.know("movie", 603, "Example Movie")
    database.know("tv", 1000, "Example Show", tvdb_id=2000, seasons=(1, 2))
    database.add_request(database.add_media("movie", 603, status=MediaStatus.AVAILABLE))
    series = database.add_media("tv", 1000, tvdb_id=2000, status=MediaStatus.PENDING, seasons=(1, 2))
    database.add_comment(database.add_issue(series, "It stutters", season=1, episode=2), "It still does")
    simulator.add_server(Server(0, "radarr", "http://radarr.test:7878", "key"))
    simulator.add_server(Server(0, "sonarr", "http://sonarr.test:8989", "key"))
    database.add_request(series, status=RequestStatus.PENDING, seasons=(1, 2), is_4k=True)
    transport = httpx.ASGITransport(simulator.app)
    headers = {"X-Api-Key": "a-key-for-tests"}
    async with httpx.AsyncClient(transport=transport, base_url="http://seerr.test/api/v1", headers=headers) as client:
        yield client
    await simulator.aclose()


@pytest.mark.parametrize(
    ("method", "path", "documented"),
    [
        ("GET", "/status", "/status"),
        ("GET", "/auth/me", "/auth/me"),
        ("GET", "/media", "/media"),
        ("GET", "/request", "/request"),
        ("GET", "/request/2", "/request/{requestId}"),
        ("GET", "/movie/603", "/movie/{movieId}"),
        ("GET", "/tv/1000", "/tv/{tvId}"),
        ("POST", "/request/2/approve", "/request/{requestId}/{status}"),
        ("POST", "/request/2/retry", "/request/{requestId}/retry"),
        ("POST", "/media/1/unknown", "/media/{mediaId}/{status}"),
        ("GET", "/issue", "/issue"),
        ("GET", "/issue/1", "/issue/{issueId}"),
        ("POST", "/issue/1/resolved", "/issue/{issueId}/{status}"),
        ("GET", "/settings/radarr", "/settings/radarr"),
        ("GET", "/settings/sonarr", "/settings/sonarr"),
        ("GET", "/settings/jobs", "/settings/jobs"),
        ("POST", "/settings/jobs/download-sync/run", "/settings/jobs/{jobId}/run"),
        ("GET", "/settings/notifications/webhook", "/settings/notifications/webhook"),
    ],
)
async def test_an_answer_fits_the_documented_schema(
    http: httpx.AsyncClient, specification: dict[str, Any], method: str, path: str, documented: str
) -> None:
    reply = await http.request(method, path)
    assert reply.status_code == 200
    responses = specification["paths"][documented][method.lower()]["responses"]
    schema = responses["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(reply.json(), schema | {"components": specification["components"]})


@pytest.mark.parametrize(
    ("method", "path", "documented", "status"),
    [
        ("DELETE", "/request/1", "/request/{requestId}", "204"),
        ("DELETE", "/media/1", "/media/{mediaId}", "204"),
        ("DELETE", "/issue/1", "/issue/{issueId}", "204"),
    ],
)
async def test_a_delete_answers_the_documented_status(
    http: httpx.AsyncClient, specification: dict[str, Any], method: str, path: str, documented: str, status: str
) -> None:
    reply = await http.request(method, path)
    assert str(reply.status_code) == status
    assert status in specification["paths"][documented][method.lower()]["responses"]


async def test_a_new_request_fits_the_documented_schema(http: httpx.AsyncClient, specification: dict[str, Any]) -> None:
    reply = await http.post("/request", json={"mediaType": "movie", "mediaId": 603, "is4k": True})
    assert reply.status_code == 201
    schema = specification["components"]["schemas"]["MediaRequest"]
    jsonschema.validate(reply.json(), schema | {"components": specification["components"]})


async def test_a_wrong_answer_would_be_noticed(specification: dict[str, Any]) -> None:
    schema = specification["components"]["schemas"]["MediaRequest"] | {"components": specification["components"]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"id": 1, "status": "approved"}, schema)
