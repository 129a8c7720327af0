"""The webhooks in the settings of Radarr, Sonarr and Jellyseerr, by the real clients against the simulators."""

import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.clients import radarr, seerr, sonarr
from reconciler.clients._http import ignore_calls
from reconciler.clients.seerr_webhooks import SeerrWebhook
from reconciler.clock import SystemClock
from reconciler.config import Settings
from reconciler.connect.steps import Done, Found, look, put_right
from reconciler.connect.wanted import JELLYSEERR_EVENTS, RADARR_EVENTS, SONARR_EVENTS, wanted_webhooks
from reconciler.connect.watch import ConnectionWatch, hint_on
from reconciler.connections import MUTED, Step
from reconciler.errors import Rejected
from reconciler.intake.templates import JELLYSEERR_TEMPLATE
from reconciler.main import connect_upstreams
from reconciler.model import InstanceName, UpstreamKind, WantedWebhook, WebhookState
from reconciler.ports import WebhookSettings
from reconciler.simulators.radarr import RadarrSimulator
from reconciler.simulators.seerr import SeerrSimulator
from reconciler.simulators.server import serve
from reconciler.simulators.sonarr import SonarrSimulator
from tests.support.arr import KEY, Receiver, receiving

SECRET = "a-webhook-secret-of-this-test"
LIBRARIES = pytest.mark.parametrize("kind", ["radarr", "sonarr"])


@dataclass
class Place:
    """An upstream, the client of its settings, and somebody who listens at the address that is wanted."""

    simulator: Any
    agent: WebhookSettings
    wanted: WantedWebhook
    receiver: Receiver

    async def found(self) -> Found:
        return await look(self.agent, self.wanted)

    async def step(self) -> Step:
        comparison = (await self.found()).comparison
        assert comparison is not None
        return comparison.step

    async def put_right(self) -> Done:
        return await put_right(self.agent, await self.found())


@contextlib.asynccontextmanager
async def at_library(kind: str, folder: Path, version: str = "", key: str = KEY) -> AsyncIterator[Place]:
    is_radarr = kind == "radarr"
    simulator = (RadarrSimulator if is_radarr else SonarrSimulator)(folder, api_key=KEY, version=version)
    connect = radarr.connect if is_radarr else sonarr.connect
    async with receiving() as receiver, serve(simulator.app) as url, connect(InstanceName(kind), url, key) as client:
        wanted = WantedWebhook(
            instance=client.instance,
            kind=client.kind,
            path=f"/webhooks/{kind}",
            urls=(receiver.url,),
            events=RADARR_EVENTS if is_radarr else SONARR_EVENTS,
            secret=SECRET,
        )
        yield Place(simulator, client.webhooks, wanted, receiver)


@pytest.fixture
async def board() -> AsyncIterator[Place]:
    simulator = SeerrSimulator(KEY)
    async with receiving() as receiver, serve(simulator.app) as url:
        client = seerr.connect(InstanceName("jellyseerr"), url, KEY)
        wanted = WantedWebhook(
            instance=client.instance,
            kind=UpstreamKind.JELLYSEERR,
            path="/webhooks/jellyseerr",
            urls=(receiver.url,),
            events=JELLYSEERR_EVENTS,
            secret=SECRET,
            template=JELLYSEERR_TEMPLATE,
        )
        yield Place(simulator, client.webhooks, wanted, receiver)
        await client.aclose()


@LIBRARIES
async def test_a_webhook_is_made_tested_and_then_left_as_it_is(kind: str, tmp_path: Path) -> None:
    async with at_library(kind, tmp_path) as place:
        other = place.simulator.connections.add_other("Chat")
        foreign = place.simulator.connect("http://127.0.0.1:9/hook", events=frozenset({"Health"}))
        assert await place.put_right() == Done(is_right=True, is_tested=True)
        assert await place.step() is Step.NOTHING
        assert [payload["eventType"] for payload in place.receiver.events] == ["Test", "Test"]
        assert {headers["authorization"] for headers in place.receiver.headers} == {f"Bearer {SECRET}"}
        ours = place.simulator.connections.all[-1]
        assert (ours.name, ours.method, ours.tags) == ("Deletion reconciler", "POST", frozenset())
        assert place.simulator.connections.others == [other]
        assert place.simulator.connections.all[0] == foreign
        writes = [call for call in place.simulator.calls if call.startswith("POST") and not call.endswith("/test")]
        await place.put_right()
        assert [c for c in place.simulator.calls if c.startswith(("PUT", "DELETE"))] == []
        assert writes == ["POST /api/v3/notification"]


@LIBRARIES
async def test_drift_is_repaired_and_what_is_not_ours_to_say_stays(kind: str, tmp_path: Path) -> None:
    async with at_library(kind, tmp_path) as place:
        await place.put_right()
        (ours,) = place.simulator.connections.all
        ours.name, ours.tags, ours.method, ours.events = "Mine", frozenset({1}), "PUT", frozenset({"Grab", "Rename"})
        ours.headers = {"X-More": "1", "authorization": "Bearer an-old-one"}
        found = await place.found()
        assert found.comparison is not None
        assert {change.what for change in found.comparison.changes} == {"events", "secret", "method", "tags"}
        assert await place.put_right() == Done(is_right=True, is_tested=True)
        (mended,) = place.simulator.connections.all
        assert (mended.id, mended.name, mended.method, mended.tags) == (ours.id, "Mine", "POST", frozenset())
        assert mended.headers == {"X-More": "1", "Authorization": f"Bearer {SECRET}"}
        assert "Rename" not in (mended.events or ())


@pytest.mark.parametrize(("kind", "version"), [("radarr", "5.15.9"), ("sonarr", "4.0.5.1")])
async def test_a_version_without_headers_gets_a_password_that_only_a_test_can_judge(
    kind: str, version: str, tmp_path: Path
) -> None:
    async with at_library(kind, tmp_path, version) as place:
        assert await place.put_right() == Done(is_right=True, is_tested=True)
        (ours,) = place.simulator.connections.all
        assert (ours.username, ours.password, dict(ours.headers)) == ("reconciler", SECRET, {})
        assert await place.step() is Step.NOTHING
        ours.password = "the-previous-secret"
        changing = replace(place.wanted, is_secret_new=True)
        assert await put_right(place.agent, await look(place.agent, changing)) == Done(is_right=True, is_tested=True)
        assert [one.password for one in place.simulator.connections.all] == [SECRET]
        place.receiver.status = 401
        found = await place.found()
        assert found.comparison is not None
        assert found.comparison.step is Step.REPAIR
        assert [change.now for change in found.comparison.changes] == ["one that is refused here"]
        nowhere = f"http://127.0.0.1:9/webhooks/{kind}"
        (ours,) = place.simulator.connections.all
        ours.url = nowhere
        away = await look(place.agent, replace(place.wanted, urls=(nowhere,)))
        assert (away.comparison, away.fix) == (
            None,
            f"see that {nowhere} leads from {kind} to this service, and that it runs",
        )
        assert "Connection refused (127.0.0.1:9)" in away.problem


@LIBRARIES
async def test_a_secret_in_the_header_of_keys_is_as_good_as_the_other(kind: str, tmp_path: Path) -> None:
    async with at_library(kind, tmp_path) as place:
        await place.put_right()
        (ours,) = place.simulator.connections.all
        for headers, step in (
            ({"X-Api-Key": SECRET}, Step.NOTHING),
            ({"x-api-key": SECRET, "Authorization": "Basic of-a-proxy"}, Step.NOTHING),
            ({"X-Api-Key": "another"}, Step.REPAIR),
        ):
            ours.headers = headers
            assert await place.step() is step
        assert await place.put_right() == Done(is_right=True, is_tested=True)


@LIBRARIES
async def test_a_webhook_that_is_muted_after_failures_is_told_and_woken_by_its_test(kind: str, tmp_path: Path) -> None:
    async with at_library(kind, tmp_path) as place:
        await place.put_right()
        (ours,) = place.simulator.connections.all
        other = place.simulator.connect("http://127.0.0.1:9/hook", events=frozenset({"Health"}))
        other.name = "Deletion reconciler 2"
        later = SystemClock().now() + timedelta(hours=1)

        async def muted() -> list[str]:
            return [one.name for one in await place.agent.read(place.wanted) if one.is_muted]

        assert await muted() == []
        other.muted_until = later
        assert await muted() == [other.name]
        assert await hint_on(place.agent, place.wanted) == ""
        ours.muted_until = later
        assert await muted() == [ours.name, other.name]
        found = await place.found()
        assert found.comparison is not None
        assert (found.comparison.step, found.comparison.notes[-1]) == (Step.NOTHING, MUTED)
        assert "could not deliver" in await hint_on(place.agent, place.wanted)
        assert await place.put_right() == Done(is_right=True, is_tested=True)
        assert await muted() == [other.name]


@LIBRARIES
async def test_what_an_upstream_says_is_wrong_is_told_in_its_words(kind: str, tmp_path: Path) -> None:
    async with at_library(kind, tmp_path) as place:
        place.receiver.status = 401
        refused = await place.put_right()
        assert not refused.is_right
        assert refused.problem.startswith("does not take the webhook: Url: Unable to send test message: ")
        assert "another webhook_secret" in refused.fix
        assert place.simulator.connections.all == ()
        nowhere = replace(place.wanted, urls=("http://127.0.0.1:9/webhooks",))
        lost = await put_right(place.agent, await look(place.agent, nowhere))
        assert "Connection refused (127.0.0.1:9)" in lost.problem
        assert "see that http://127.0.0.1:9/webhooks leads" in lost.fix


@LIBRARIES
async def test_another_connection_with_our_name_stays_and_ours_is_made_beside_it(kind: str, tmp_path: Path) -> None:
    async with at_library(kind, tmp_path) as place:
        place.simulator.connections.add_other("deletion reconciler")
        theirs = place.simulator.connect(f"http://127.0.0.1:9/webhooks/{kind}")
        theirs.name = "Deletion reconciler 2"
        assert await place.step() is Step.CREATE
        assert await place.put_right() == Done(is_right=True, is_tested=True)
        first, ours = place.simulator.connections.all
        assert (first.url, ours.name) == (f"http://127.0.0.1:9/webhooks/{kind}", "Deletion reconciler 3")
        assert ours.url == place.receiver.url
        assert await place.step() is Step.NOTHING


@LIBRARIES
async def test_a_wrong_key_and_an_upstream_that_is_out_are_told_apart(kind: str, tmp_path: Path) -> None:
    async with at_library(kind, tmp_path, key="a-wrong-key") as place:
        found = await place.found()
        assert (found.comparison, found.fix) == (None, f"correct the API key of {kind}")
        assert (await put_right(place.agent, found)).problem == found.problem != ""
        place.simulator.is_starting = True
        away = await place.found()
        assert (away.comparison, away.fix) == (None, f"check the URL of {kind} and that it is running")


@LIBRARIES
async def test_a_webhook_that_changed_meanwhile_is_not_written_over(kind: str, tmp_path: Path) -> None:
    async with at_library(kind, tmp_path) as place:
        await place.put_right()
        (ours,) = place.simulator.connections.all
        ours.tags = frozenset({1})
        found = await place.found()
        ours.url = "http://somebody.else/hook"
        assert "has changed its webhook meanwhile" in (await put_right(place.agent, found)).problem
        assert ours.url == "http://somebody.else/hook"


async def test_jellyseerrs_agent_is_set_up_tested_and_then_left_as_it_is(board: Place) -> None:
    assert await board.step() is Step.CREATE
    assert await board.put_right() == Done(is_right=True, is_tested=True)
    agent = board.simulator.agent.settings
    assert (agent.enabled, agent.url, agent.auth_header) == (True, board.receiver.url, f"Bearer {SECRET}")
    assert agent.types == 2 + 4 + 8 + 16 + 64 + 128
    assert board.receiver.events[0]["notification_type"] == "TEST_NOTIFICATION"
    assert await board.step() is Step.NOTHING


async def test_drift_in_jellyseerr_is_repaired_and_an_own_template_kept_that_has_all(board: Place) -> None:
    await board.put_right()
    own = JELLYSEERR_TEMPLATE.replace("{\n", '{\n    "from": "us",\n', 1)
    agent = board.simulator.agent
    agent.settings = replace(agent.settings, template=own, types=4, enabled=False, auth_header="Bearer old")
    assert await board.put_right() == Done(is_right=True, is_tested=True)
    assert agent.settings.template == own
    agent.settings = replace(agent.settings, template='{"event": "delete"}')
    found = await board.found()
    assert found.comparison is not None
    assert [change.what for change in found.comparison.changes] == ["payload"]
    await board.put_right()
    assert agent.settings.template == JELLYSEERR_TEMPLATE


async def test_a_newer_jellyseerr_gets_its_template_as_it_was_written(board: Place) -> None:
    board.simulator.agent.is_newer = True
    assert await board.put_right() == Done(is_right=True, is_tested=True)
    assert board.simulator.agent.settings.template == JELLYSEERR_TEMPLATE
    assert board.receiver.events[0]["notification_type"] == "TEST_NOTIFICATION"
    assert len(board.receiver.events) == 1
    another = SeerrWebhook(board.agent._http)  # type: ignore[attr-defined]  # one that has not saved anything
    (seen,) = await another.read(board.wanted)
    await another.test(board.wanted, seen)
    assert len(board.receiver.events) == 2
    broken = replace(board.simulator.agent.settings, template=json.dumps(JELLYSEERR_TEMPLATE))
    board.simulator.agent.settings = broken
    assert await board.step() is Step.REPAIR
    assert await board.put_right() == Done(is_right=True, is_tested=True)


async def test_somebody_elses_webhook_in_jellyseerr_is_replaced_only_as_it_was_seen(board: Place) -> None:
    board.simulator.agent.is_newer = True
    board.simulator.configure_webhook("https://chat.example/hook")
    found = await board.found()
    assert found.comparison is not None
    assert found.comparison.step is Step.REPLACE
    board.simulator.configure_webhook("https://chat.example/newer")
    assert "has changed its webhook meanwhile" in (await put_right(board.agent, found)).problem
    assert board.simulator.agent.settings.url == "https://chat.example/newer"
    settings = board.simulator.agent.settings
    settings.custom_headers, settings.supports_variables = (("X-Chat-Key", "theirs"),), True
    assert (await put_right(board.agent, await board.found())).is_tested
    settings = board.simulator.agent.settings
    assert (settings.url, settings.custom_headers, settings.supports_variables) == (board.receiver.url, (), False)
    assert "x-chat-key" not in board.receiver.headers[-1]
    settings.custom_headers, settings.types = (("X-Proxy-Key", "ours"),), 4
    await board.put_right()
    assert board.receiver.headers[-1]["x-proxy-key"] == "ours", "what stands beside our own address is its owner's"


async def test_a_jellyseerr_that_shows_its_settings_and_refuses_to_change_them_says_what_to_do(board: Place) -> None:
    board.simulator.service.csrf_protection = True
    assert await board.put_right() == Done(
        problem="takes no changes from programs: turn off CSRF protection there (Settings → Network)",
        fix="run this again then",
    )
    board.simulator.service.csrf_protection = False
    found = await board.found()
    board.simulator.database.owner = replace(board.simulator.database.owner, permissions=32)
    board.simulator.database.users[1] = board.simulator.database.owner
    assert await put_right(board.agent, found) == Done(
        problem="refused our credentials (403): You do not have permission to access this endpoint",
        fix="correct the API key of jellyseerr: its owner must be allowed to change settings",
    )


async def test_a_test_that_jellyseerr_cannot_deliver_is_a_refusal_in_words(board: Place) -> None:
    board.receiver.status = 401
    done = await board.put_right()
    assert (done.is_right, done.is_tested) == (True, False)
    assert "could not deliver its test" in done.problem
    (seen,) = await board.agent.read(board.wanted)
    with pytest.raises(Rejected):
        await board.agent.test(board.wanted, seen)


async def test_no_secret_that_a_body_carried_is_repeated_from_an_answer() -> None:
    async def parrot(request: Request) -> Response:
        if request.method == "POST":
            carried = re.findall(rf"Bearer {SECRET}", (await request.body()).decode())
            return JSONResponse({"message": f"What is {carried}?"}, status_code=422)
        fields = [{"name": "headers", "value": []}]
        there = {"schema": [{"implementation": "Webhook", "fields": fields}], "webhook": {"options": {}}}
        return JSONResponse(there.get(request.url.path.rpartition("/")[2], []))

    app = Starlette(routes=[Route("/{path:path}", parrot, methods=["GET", "POST"])])
    async with serve(app) as url, contextlib.AsyncExitStack() as closing:
        upstream = {"url": url, "api_key": KEY}
        configured = Settings.model_validate(
            {"public_url": url, "webhook_secret": SECRET, "radarr": [upstream], "sonarr": [upstream]}
            | {"jellyseerr": [upstream]}
        )
        upstreams = connect_upstreams(configured, ignore_calls, SystemClock())
        closing.push_async_callback(upstreams.aclose)
        for wanted in wanted_webhooks(configured):
            with pytest.raises(Rejected, match=r"Bearer \*\*\*") as refusal:
                await upstreams.webhooks[wanted.instance].save(wanted, None)
            assert SECRET not in str(refusal.value)


async def test_the_watch_sees_what_is_there_and_passes_over_what_is_lost(board: Place, tmp_path: Path) -> None:
    async with at_library("radarr", tmp_path) as place:
        agents = {one.agent.instance: one.agent for one in (board, place)}
        watch = ConnectionWatch(agents, [board.wanted, place.wanted])
        await place.put_right()
        seen, is_whole = await watch.look(frozenset(), {})
        assert seen == {
            InstanceName("radarr"): WebhookState(True, True),
            InstanceName("jellyseerr"): WebhookState(False),
        }
        assert is_whole
        assert await hint_on(place.agent, place.wanted) == ""
        assert "run reconciler connect" in await hint_on(board.agent, board.wanted)
        place.simulator.is_starting = True
        seen, is_whole = await watch.look(frozenset(), {})
        assert (seen, is_whole) == ({InstanceName("jellyseerr"): WebhookState(False)}, False)
        assert await watch.look({InstanceName("radarr")}, {}) == (seen, True)
        assert "its webhooks cannot be looked at" in await hint_on(place.agent, place.wanted)
