"""Settings → Connect of the simulated Radarr and Sonarr: what is saved is tried, and passwords are never shown."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.simulators.arr_notifications import MASK
from reconciler.simulators.radarr import RadarrSimulator
from reconciler.simulators.server import serve
from reconciler.simulators.sonarr import SonarrSimulator
from tests.support.arr import KEY, RadarrWorld, Receiver, api, radarr_world, receiving


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[RadarrWorld]:
    async with radarr_world(tmp_path) as found:
        yield found


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


async def template(client: httpx.AsyncClient) -> dict[str, Any]:
    rows = (await client.get("/notification/schema")).json()
    (row,) = [row for row in rows if row["implementation"] == "Webhook"]
    return dict(row)


def filled(row: dict[str, Any], name: str, triggers: tuple[str, ...], **values: object) -> dict[str, Any]:
    fields = [{**field, "value": values.get(field["name"], field.get("value"))} for field in row["fields"]]
    return {**row, **dict.fromkeys(triggers, True), "name": name, "fields": fields}


def value(row: dict[str, Any], name: str) -> object:
    return next(field.get("value") for field in row["fields"] if field["name"] == name)


async def test_a_new_webhook_is_tried_and_then_told_of_what_was_ticked(world: RadarrWorld, receiver: Receiver) -> None:
    row = filled(await template(world.api), "Ours", ("onMovieDelete",), url=receiver.url)
    made = await world.api.post("/notification", json=row)
    assert (made.status_code, made.json()["id"]) == (201, 1)
    assert [payload["eventType"] for payload in receiver.events] == ["Test"]
    await world.api.delete(f"/movie/{world.simulator.add_movie(603, 'Night Train', 2020)}")
    await world.simulator.send_test()
    assert [payload["eventType"] for payload in receiver.events] == ["Test", "MovieDelete"]
    assert [one["name"] for one in (await world.api.get("/notification")).json()] == ["Ours"]


async def test_a_receiver_that_refuses_is_told_as_a_validation_array(world: RadarrWorld, receiver: Receiver) -> None:
    receiver.status = 401
    row = filled(await template(world.api), "Ours", ("onGrab",), url=receiver.url)
    refused = await world.api.post("/notification", json=row)
    assert refused.status_code == 400
    (problem,) = refused.json()
    assert problem["propertyName"] == "Url"
    assert "HTTP request failed: [401:Unauthorized] [POST]" in problem["errorMessage"]
    nowhere = await world.api.post(
        "/notification/test", json={**row, **filled(row, "Ours", (), url="http://127.0.0.1:9/")}
    )
    assert (nowhere.status_code, nowhere.json()["message"]) == (500, "Connection refused (127.0.0.1:9)")
    assert (await world.api.get("/notification")).json() == []


async def test_everything_that_is_wrong_is_named_at_once(world: RadarrWorld) -> None:
    world.simulator.connections.add_other("Chat")
    row = filled(await template(world.api), "Chat", ("onGrab",), url="nowhere")
    refused = await world.api.post("/notification", json=row)
    assert [(one["propertyName"], one["errorMessage"]) for one in refused.json()] == [
        ("Name", "Should be unique"),
        ("Url", "Invalid Url: 'nowhere'"),
    ]


async def test_a_password_is_masked_and_its_mask_keeps_it(world: RadarrWorld, receiver: Receiver) -> None:
    row = filled(await template(world.api), "Ours", ("onGrab",), url=receiver.url, username="me", password="hidden")
    made = (await world.api.post("/notification", json=row)).json()
    assert value(made, "password") == MASK
    changed = await world.api.put(f"/notification/{made['id']}", json={**made, "onRename": True})
    assert changed.status_code == 202
    (kept,) = world.simulator.connections.all
    assert (kept.password, kept.events) == ("hidden", frozenset({"Grab", "Rename"}))
    assert len(receiver.events) == 2
    await world.api.put(f"/notification/{made['id']}", json={**made, "onRename": True})
    assert len(receiver.events) == 2  # nothing was changed, so nothing is tried
    assert (await world.api.put("/notification/99", json={**made, "id": 99})).status_code == 404


@pytest.mark.parametrize(("version", "has"), [("5.15.9", False), ("5.16.0.1", True)])
async def test_radarr_has_headers_since_5_16(tmp_path: Path, version: str, has: bool) -> None:
    simulator = RadarrSimulator(tmp_path, api_key=KEY, version=version)
    async with serve(simulator.app) as url, api(url) as client:
        assert ("headers" in {field["name"] for field in (await template(client))["fields"]}) is has


@pytest.mark.parametrize(("version", "has"), [("4.0.5.1", set()), ("4.0.9.1", {"onImportComplete"})])
async def test_sonarr_has_import_complete_since_4_0_6(tmp_path: Path, version: str, has: set[str]) -> None:
    simulator = SonarrSimulator(tmp_path, api_key=KEY, version=version)
    async with serve(simulator.app) as url, api(url) as client:
        assert (await template(client)).keys() & {"onImportComplete", "onMovieAdded"} == has
