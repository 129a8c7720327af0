"""Which Radarr or Sonarr a webhook is taken to come from."""

import pytest
from pydantic import SecretStr

from reconciler.config import RadarrSettings
from reconciler.model import InstanceName
from tests.unit.web.fakes import World, send, settings

KEY = SecretStr("a-key-of-an-upstream")
TWO_RADARRS = (
    RadarrSettings(name=InstanceName("radarr"), url="http://radarr:7878", api_key=KEY),
    RadarrSettings(name=InstanceName("radarr-4k"), url="http://radarr-4k:7878", api_key=KEY),
)
MOVIE_DELETE = {
    "eventType": "MovieDelete",
    "movie": {"id": 7, "title": "A Film", "year": 1999, "tmdbId": 603, "folderPath": "/m/A Film"},
    "deletedFiles": True,
}
THREE_RADARRS = (
    *TWO_RADARRS,
    RadarrSettings(name=InstanceName("kids"), url="http://kids:7878", api_key=KEY, instance_name="Radarr"),
)


async def test_a_test_to_an_unknown_instance_is_404_so_that_the_mistake_shows(world: World) -> None:
    response = await send(world, "/webhooks/radarr/other", {"eventType": "Test"})
    assert response.status_code == 404
    assert response.json()["type"] == "urn:reconciler:problem:unknown-instance"
    assert "instances: radarr" in response.json()["detail"]
    assert not world.store.written


async def test_an_event_to_an_unknown_instance_is_recorded_and_ignored_lest_the_sender_be_muted(world: World) -> None:
    response = await send(world, "/webhooks/radarr/other", MOVIE_DELETE)
    assert (response.status_code, response.json()["heard"]) == (202, "ignored")
    reason = "AmbiguousInstance: the address names none of the configured radarr instances: radarr"
    assert response.json()["reason"] == reason
    [(receipt, understood)] = world.store.written
    assert receipt.instance is None
    assert not understood.deletions
    assert not world.wakes


async def test_the_address_tells_which_of_several_instances_sent() -> None:
    world = World(settings=settings(radarr=TWO_RADARRS))
    await send(world, "/webhooks/radarr/radarr-4k", MOVIE_DELETE)
    assert world.store.written[0][0].instance == "radarr-4k"
    assert world.store.written[0][1].deletions[0].instances == frozenset({"radarr-4k"})


@pytest.mark.parametrize(
    ("said", "instance"),
    [
        ("radarr-4k", "radarr-4k"),
        ("Radarr 4K", "radarr-4k"),
        (" RADARR_4k ", "radarr-4k"),
        ("Radarr", "kids"),
        ("radarr", "kids"),
    ],
)
async def test_without_a_name_in_the_address_the_payload_tells_which_of_several_sent(said: str, instance: str) -> None:
    world = World(settings=settings(radarr=THREE_RADARRS))
    response = await send(world, "/webhooks/radarr", {**MOVIE_DELETE, "instanceName": said})
    assert response.json()["heard"] == "delete"
    [(receipt, understood)] = world.store.written
    assert receipt.instance == instance
    assert understood.internal_entry == (instance, 7)
    assert understood.deletions[0].instances == frozenset({instance})


@pytest.mark.parametrize("said", ["Radarr", "radarr", "Radarr 8K", "kids", "", None, 5, ["radarr-4k"]])
async def test_a_name_that_every_radarr_or_none_has_tells_nothing(said: object) -> None:
    namesake = RadarrSettings(name=InstanceName("other"), url="http://other:7878", api_key=KEY, instance_name="Films")
    world = World(settings=settings(radarr=(*TWO_RADARRS, namesake)))
    response = await send(world, "/webhooks/radarr", {**MOVIE_DELETE, "instanceName": said})
    assert (response.status_code, response.json()["heard"]) == (202, "ignored")
    assert response.json()["reason"].startswith("AmbiguousInstance")
    assert world.store.written[0][0].instance is None


async def test_two_instances_of_one_name_are_neither() -> None:
    namesake = RadarrSettings(name=InstanceName("uhd"), url="http://uhd:7878", api_key=KEY, instance_name="Radarr 4K")
    world = World(settings=settings(radarr=(*TWO_RADARRS, namesake)))
    response = await send(world, "/webhooks/radarr", {**MOVIE_DELETE, "instanceName": "Radarr 4K"})
    assert response.json()["reason"].startswith("AmbiguousInstance")


async def test_the_address_outweighs_what_the_payload_says() -> None:
    world = World(settings=settings(radarr=TWO_RADARRS))
    await send(world, "/webhooks/radarr/radarr", {**MOVIE_DELETE, "instanceName": "Radarr 4K"})
    assert world.store.written[0][0].instance == "radarr"


async def test_a_wrong_address_is_not_made_good_by_the_payload() -> None:
    world = World(settings=settings(radarr=TWO_RADARRS))
    response = await send(world, "/webhooks/radarr/other", {**MOVIE_DELETE, "instanceName": "Radarr 4K"})
    assert response.json()["heard"] == "ignored"


@pytest.mark.parametrize("said", ["Radarr", "Films of the family", None])
async def test_the_only_instance_is_meant_whatever_it_calls_itself(world: World, said: object) -> None:
    response = await send(world, "/webhooks/radarr", {**MOVIE_DELETE, "instanceName": said})
    assert response.json()["heard"] == "delete"


@pytest.mark.parametrize("instances", [TWO_RADARRS, ()])
async def test_an_ambiguous_sender_is_recorded_and_nothing_follows(instances: tuple[RadarrSettings, ...]) -> None:
    world = World(settings=settings(radarr=instances))
    response = await send(world, "/webhooks/radarr", MOVIE_DELETE)
    assert response.status_code == 202
    assert response.json()["heard"] == "ignored"
    assert response.json()["reason"].startswith("AmbiguousInstance")
    [(receipt, understood)] = world.store.written
    assert receipt.instance is None
    assert not understood.deletions
    assert not world.wakes


async def test_even_an_ambiguous_sender_may_test() -> None:
    world = World(settings=settings(radarr=()))
    response = await send(world, "/webhooks/radarr", {"eventType": "Test"})
    assert response.status_code == 200
