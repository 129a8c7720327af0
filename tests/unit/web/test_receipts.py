"""Webhooks as data: how each sender is set up, what was heard, and what was kept of it."""

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from rich.console import Console

from reconciler.cli.render import show_status
from reconciler.connections import MUTED
from reconciler.model import InstanceName, Source, WebhookState
from reconciler.ports import Accepted, AcceptedDeletion, ConnectionSeen, Heard, KeptReceipt, Overview, SenderHeard
from tests.unit.web.fakes import API_TOKEN, NOW, UNKNOWN_ID, WEBHOOK_SECRET, World, id_of, movie, settings

RADARR = InstanceName("radarr")
EARLIER = NOW - timedelta(hours=2)


def kept(number: int, **changes: object) -> KeptReceipt:
    values: dict[str, object] = {
        "number": number,
        "source": Source.RADARR,
        "instance": RADARR,
        "received_at": NOW,
        "heard": Heard.DELETE,
        "event": "MovieDelete",
        "reason": "",
        "deletions": (AcceptedDeletion(Accepted.CREATED, id_of(number)),),
        "body": '{"eventType":"MovieDelete"}',
    }
    return KeptReceipt(**(values | changes))  # type: ignore[arg-type]  # by name


def heard_world() -> World:
    world = World(settings=settings(public_url="http://reconciler:8585"))
    world.store.shown = Overview(
        senders=(
            SenderHeard(Source.RADARR, RADARR, NOW, Heard.REFERENCE, EARLIER),
            SenderHeard(Source.SONARR, InstanceName("sonarr-old"), EARLIER, Heard.IGNORED, None),
            SenderHeard(Source.API, None, EARLIER, Heard.DELETE, None),
        ),
        connections={
            RADARR: ConnectionSeen(WebhookState(True, True, ("tags: only titles with some tags",)), NOW),
            InstanceName("sonarr"): ConnectionSeen(WebhookState(False), EARLIER),
        },
    )
    return world


async def get(world: World, path: str, status: int = 200, **params: str) -> dict[str, object]:
    async with world.person() as client:
        response = await client.get(path, params=params)
    assert response.status_code == status, response.text
    return dict(response.json())


async def test_every_sender_is_told_with_its_address_its_header_and_what_to_tick() -> None:
    document = await get(heard_world(), "/webhooks")
    senders = {(row["source"], row["instance"]): row for row in document["senders"]}  # type: ignore[attr-defined]
    radarr = senders["radarr", "radarr"]
    assert radarr["url"] == "http://reconciler:8585/webhooks/radarr"
    assert radarr["header"] == {"name": "Authorization", "value": "Bearer WEBHOOK_SECRET"}
    assert "On Movie Delete" in radarr["events"]
    assert "On Movie File Delete" not in radarr["events"]
    assert (radarr["connectable"], radarr["heard"]) == (True, "reference")
    assert radarr["webhook"] == {
        "exists": True,
        "enabled": True,
        "muted": False,
        "problems": ["tags: only titles with some tags"],
        "checked_at": "2026-03-04T05:06:07Z",
        "heard_at": "2026-03-04T05:06:07Z",
        "test_at": "2026-03-04T03:06:07Z",
    }
    assert "{{media_tmdbid}}" in senders["jellyseerr", "jellyseerr"]["payload"]
    assert senders["jellyfin", "jellyfin"]["connectable"] is False
    assert '"media_type": "movie"' in senders["dashboard", None]["payload"]
    stranger = senders["sonarr", "sonarr-old"]
    assert (stranger["configured"], stranger["heard"]) == (False, "ignored")
    assert ("api", None) not in senders


async def test_the_secret_is_never_part_of_it() -> None:
    async with heard_world().person() as client:
        text = (await client.get("/webhooks")).text
    assert WEBHOOK_SECRET not in text
    assert API_TOKEN not in text


async def test_without_an_address_or_a_secret_there_is_none_to_enter_and_several_instances_have_their_own() -> None:
    radarrs = [{"name": name, "url": "http://radarr:7878", "api_key": "k" * 20} for name in ("radarr", "radarr-4k")]
    world = World(settings=settings(webhook_secret=None, api_token=None, radarr=radarrs, jellyfin=()))
    document = await get(world, "/webhooks")
    rows = {row["instance"] or row["source"]: row for row in document["senders"]}  # type: ignore[attr-defined]
    assert document["public_url"] is None
    assert (rows["radarr-4k"]["url"], rows["radarr-4k"]["path"]) == (None, "/webhooks/radarr/radarr-4k")
    assert rows["radarr-4k"]["header"] is None
    assert (rows["jellyfin"]["configured"], rows["jellyfin"]["instance"]) == (False, None)


async def test_receipts_are_listed_and_filtered_without_their_bodies(world: World) -> None:
    world.store.kept = [kept(2), kept(1, source=Source.SONARR, heard=Heard.IGNORED, reason="Rename: no", deletions=())]
    page = await get(world, "/receipts", limit="1")
    assert page["receipts"] == [
        {
            "number": 2,
            "url": "/receipts/2",
            "at": "2026-03-04T05:06:07Z",
            "source": "radarr",
            "instance": "radarr",
            "heard": "delete",
            "event": "MovieDelete",
            "reason": None,
            "deletions": [{"id": id_of(2), "url": f"/deletions/{id_of(2)}", "outcome": "created"}],
        }
    ]
    assert page["next_cursor"] == "more"
    found = await get(world, "/receipts", source="sonarr", heard="ignored")
    assert [row["number"] for row in found["receipts"]] == [1]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("params", "field"),
    [({"cursor": "nonsense"}, "cursor"), ({"heard": "loud"}, "heard"), ({"limit": "0"}, "limit"), ({"q": "x"}, "q")],
)
async def test_what_cannot_be_applied_is_refused(world: World, params: dict[str, str], field: str) -> None:
    problem = await get(world, "/receipts", 422, **params)
    assert [error["field"] for error in problem["errors"]] == [field]  # type: ignore[attr-defined]


async def test_one_receipt_shows_what_arrived_and_a_deletion_leads_to_its_own(world: World) -> None:
    world.store.kept = [kept(7)]
    world.store.add(movie(7))
    world.store.add(movie(8))
    assert (await get(world, "/receipts/7"))["body"] == '{"eventType":"MovieDelete"}'
    assert (await get(world, f"/deletions/{id_of(7)}/receipt"))["number"] == 7
    for path, slug in (
        ("/receipts/8", "unknown-receipt"),
        ("/receipts/x", "unknown-receipt"),
        (f"/receipts/{'9' * 30}", "unknown-receipt"),
        (f"/deletions/{id_of(8)}/receipt", "unknown-receipt"),
        (f"/deletions/{UNKNOWN_ID}/receipt", "unknown-deletion"),
    ):
        assert str((await get(world, path, 404))["type"]).endswith(slug)


@pytest.mark.parametrize("path", ["/webhooks", "/receipts", "/receipts/1", f"/deletions/{UNKNOWN_ID}/receipt"])
async def test_all_of_it_needs_the_token(world: World, path: str) -> None:
    async with world.client() as stranger, world.sender() as sender:
        assert (await stranger.get(path)).status_code == 401
        assert (await sender.get(path)).status_code == 401


async def test_the_status_tells_of_each_webhook_and_remarks_on_what_is_missing_off_or_muted() -> None:
    world = heard_world()
    off, muted = (
        ConnectionSeen(state, NOW) for state in (WebhookState(True, False), WebhookState(True, True, ("odd",), True))
    )
    known = world.store.shown
    connections = {**known.connections, InstanceName("jellyseerr"): off, RADARR: muted}
    world.store.shown = Overview(senders=known.senders, connections=connections)
    status = await get(world, "/status")
    assert status["ok"] is True
    assert status["verdict"] == (
        "All clear; sonarr sends no webhook here; the webhook of jellyseerr is off; "
        "the webhook of radarr could not be delivered, and perhaps nothing is sent for a while"
    )
    shown = {row["name"]: row["webhook"] for row in status["upstreams"]}  # type: ignore[attr-defined]
    assert shown["qbittorrent"] is None
    assert (shown["sonarr"]["exists"], shown["sonarr"]["checked_at"]) == (False, "2026-03-04T03:06:07Z")
    assert (shown["jellyfin"]["exists"], shown["jellyfin"]["muted"]) == (None, None)
    assert (shown["radarr"]["muted"], shown["sonarr"]["muted"]) == (True, False)
    assert shown["radarr"]["problems"] == [MUTED, "odd"]
    assert shown["radarr"]["heard_at"] == "2026-03-04T05:06:07Z"
    in_terminal = io.StringIO()
    show_status(status, Console(file=in_terminal, width=200))
    words = [line.split()[-4:] for line in in_terminal.getvalue().splitlines() if line.startswith(("radarr ", "jelly"))]
    assert [" ".join(line) for line in words if "Z" in line[-1]] == ["muted; heard 2026-03-04 05:06:07Z"]
    looked_before = replace(muted, at=NOW - timedelta(seconds=1))
    world.store.shown = Overview(senders=known.senders, connections={**connections, RADARR: looked_before})
    status = await get(world, "/status")
    assert "could not be delivered" not in str(status["verdict"])
    (radarr,) = [row["webhook"] for row in status["upstreams"] if row["name"] == "radarr"]  # type: ignore[attr-defined]
    assert (radarr["muted"], radarr["problems"]) == (False, ["odd"]), "it was heard from since"


async def test_a_test_makes_the_loop_look_at_the_webhooks(world: World) -> None:
    async with world.sender() as client:
        await client.post("/webhooks/radarr", json={"eventType": "Test"})
        await client.post("/webhooks/radarr", json={"eventType": "Rename"})
    assert world.looks == 1
