"""`reconciler connect` against simulated programs and the real service, as a person uses it."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.cli.exits import ExitCode
from reconciler.simulators.radarr import RadarrSimulator
from reconciler.simulators.seerr import SeerrSimulator
from reconciler.simulators.server import serve
from reconciler.simulators.service_process import ServiceProcess
from reconciler.simulators.sonarr import SonarrSimulator
from tests.support.e2e_cli import Done, cli_here

KEY = "a-key-of-the-simulated-upstreams"
SECRET = "a-secret-for-connecting-things"


@dataclass
class Home:
    radarr: RadarrSimulator
    radarr_4k: RadarrSimulator
    sonarr: SonarrSimulator
    seerr: SeerrSimulator
    service: ServiceProcess
    http: httpx.AsyncClient
    config: Path
    radarr_url: str

    async def connect(self, *arguments: str, **environment: str) -> Done:
        given = {"RECONCILER_CONFIG": str(self.config), "RECONCILER_URL": self.service.url, **environment}
        return await cli_here("connect", *arguments, **given)

    async def webhooks(self) -> dict[str, Any]:
        rows = (await self.http.get("/status")).json()["upstreams"]
        return {row["name"]: row["webhook"] for row in rows}

    def steps(self, done: Done) -> dict[str, str]:
        return {row["instance"]: row["step"] for row in done.json["webhooks"]}

    @property
    def hooks(self) -> list[Any]:
        return [one for app in (self.radarr, self.radarr_4k, self.sonarr) for one in app.connections.all]


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    radarr = RadarrSimulator(tmp_path / "movies", api_key=KEY)
    radarr_4k = RadarrSimulator(tmp_path / "uhd", api_key=KEY, version="5.15.0")
    sonarr, seerr = SonarrSimulator(tmp_path / "tv", api_key=KEY), SeerrSimulator(KEY)
    async with contextlib.AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(serve(app.app)) for app in (radarr, radarr_4k, sonarr, seerr)]
        config = tmp_path / "reconciler.yaml"
        service = ServiceProcess({"RECONCILER_CONFIG": str(config)}, tmp_path / "service.log")
        config.write_text(
            f"""
            webhook_secret: {SECRET}
            api_token: {SECRET}
            public_url: {service.url}
            database_url: sqlite:///{tmp_path}/reconciler.db
            radarr:
              - {{url: "{urls[0]}", api_key: {KEY}}}
              - {{name: radarr-4k, url: "{urls[1]}", api_key: {KEY}, is_4k: true}}
            sonarr: {{url: "{urls[2]}", api_key: {KEY}}}
            jellyseerr: {{url: "{urls[3]}", api_key: {KEY}}}
            """,
            encoding="utf-8",
        )
        await stack.enter_async_context(service)
        headers = {"Authorization": f"Bearer {SECRET}"}
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=service.url, headers=headers, trust_env=False, timeout=30)
        )
        yield Home(radarr, radarr_4k, sonarr, seerr, service, http, config, urls[0])


async def test_webhooks_set_themselves_up_stay_so_and_are_put_right(home: Home) -> None:
    # Somebody else's webhook is left alone, and everything else is connected, tested and heard from.
    home.seerr.configure_webhook("https://chat.example/hook?key=hidden", auth_header="Bearer theirs")
    other = home.radarr.connections.add_other("Chat")
    unasked = await home.connect("--json")
    assert (unasked.code, home.hooks) == (ExitCode.NEGATIVE, [])
    first = await home.connect("--yes", "--json")
    assert first.code == ExitCode.NEGATIVE, first.err
    assert home.steps(first) == {"radarr": "create", "radarr-4k": "create", "sonarr": "create", "jellyseerr": "replace"}
    rows = {row["instance"]: row for row in first.json["webhooks"]}
    assert [rows[name]["confirmed"] for name in ("radarr", "radarr-4k", "sonarr")] == [True, True, True]
    assert "--replace-jellyseerr-webhook" in rows["jellyseerr"]["fix"]
    assert home.seerr.agent.settings.url == "https://chat.example/hook?key=hidden"
    assert [one.url.removeprefix(home.service.url) for one in home.hooks] == [
        "/webhooks/radarr/radarr",
        "/webhooks/radarr/radarr-4k",
        "/webhooks/sonarr",
    ]
    assert home.radarr_4k.connections.all[0].password == SECRET  # its version has no headers
    assert home.radarr.connections.others == [other]

    # Again, with leave to replace: only that is done, and the third run has nothing to do.
    assert (await home.connect("--yes", "--json", "--replace-jellyseerr-webhook")).code == ExitCode.OK
    again = await home.connect("--json")
    assert (again.code, set(home.steps(again).values())) == (ExitCode.OK, {"nothing"}), again.out
    assert {row["confirmed"] for row in again.json["webhooks"]} == {True}
    checked = await cli_here("check", RECONCILER_CONFIG=str(home.config))
    assert (checked.code, "webhook" in checked.out) == (ExitCode.OK, False), checked.out

    # Drift, also of a password that nobody can read, is shown and put right.
    home.radarr.connections.all[0].events = frozenset({"Grab"})
    home.radarr_4k.connections.all[0].password = "somebody-changed-it"
    home.seerr.agent.settings = replace(home.seerr.agent.settings, enabled=False)
    hinted = await cli_here("check", RECONCILER_CONFIG=str(home.config))
    assert hinted.code == ExitCode.OK
    assert "jellyseerr: its webhook: it is off" in hinted.out
    mended = await home.connect("--yes")
    assert mended.code == ExitCode.OK, mended.out + mended.err
    assert "without On File Import" in mended.out
    assert "one that is refused here" in mended.out
    assert home.radarr_4k.connections.all[0].password == SECRET
    for said in (first, again, mended, hinted):
        assert SECRET not in said.out + said.err
        assert "hidden" not in said.out + said.err

    # Who has moved says from where, and no second webhook is made.
    for hook in home.hooks:
        hook.url = hook.url.replace(home.service.url, "http://reconciler-of-before:8585")
    moved = await home.connect("--yes", "--json", "--moved-from", "http://reconciler-of-before:8585")
    assert moved.code == ExitCode.OK, moved.out + moved.err
    assert home.steps(moved) == {"radarr": "repair", "radarr-4k": "repair", "sonarr": "repair", "jellyseerr": "nothing"}
    assert [one.url.partition("/webhooks")[0] for one in home.hooks] == [home.service.url] * 3

    # What happens there afterwards arrives, and the status knows when.
    async with httpx.AsyncClient(headers={"X-Api-Key": KEY}, trust_env=False) as person:
        movie = home.radarr.add_movie_with_file(603, "Night Train", 2020)
        url = f"{home.radarr_url}/api/v3/movie/{movie}"
        assert (await person.delete(url, params={"deleteFiles": "true"})).status_code == 200
    (deletion,) = (await home.http.get("/deletions")).json()["deletions"]
    assert (deletion["source"], deletion["media"]["tmdb_id"]) == ("radarr", 603)
    receipt = (await home.http.get(f"/deletions/{deletion['id']}/receipt")).json()
    assert (receipt["event"], receipt["instance"]) == ("MovieDelete", "radarr")
    assert (await home.webhooks())["radarr"]["heard_at"] == receipt["at"]


async def test_what_stands_in_the_way_is_said_and_the_rest_is_done(home: Home) -> None:
    config = home.config.read_text()
    home.config.write_text(config.replace(f"api_key: {KEY}}}", "api_key: a-wrong-key-of-some-length}", 1))
    wrong = await home.connect("--yes", "--json")
    rows = {row["instance"]: row for row in wrong.json["webhooks"]}
    assert wrong.code == ExitCode.NEGATIVE
    assert rows["radarr"]["fix"] == "correct the API key of radarr"
    assert [rows[name]["confirmed"] for name in ("radarr-4k", "sonarr", "jellyseerr")] == [True, True, True]
    home.config.write_text(config)

    # Another secret here than in the service that runs: Radarr tries before it saves, and says what it was answered.
    another = await home.connect("--yes", "--json", "--instance", "radarr", RECONCILER_WEBHOOK_SECRET="x" * 20)
    (row,) = another.json["webhooks"]
    assert (another.code, row["connected"]) == (ExitCode.NEGATIVE, False)
    assert "Url: Unable to send test message" in row["problem"]
    assert "another webhook_secret" in row["fix"]

    nowhere = await home.connect("--yes", "--json", "--instance", "radarr", "--url-for-upstreams", "http://127.0.0.1:9")
    assert "Connection refused" in nowhere.json["webhooks"][0]["problem"]
    assert "was for this run only" not in nowhere.err
    assert home.radarr.connections.all == ()
    assert (await home.connect("--instance", "lidarr")).code == ExitCode.USAGE
    for option in ("--url-for-upstreams", "--moved-from"):
        assert (await home.connect(option, "reconciler:8585")).code == ExitCode.USAGE

    # Something else answers there: what was tested did not arrive here.
    async with serve(Starlette(routes=[Route("/{path:path}", lambda _: Response(), methods=["POST"])])) as elsewhere:
        lost = await home.connect("--yes", "--json", "--instance", "sonarr", "--url-for-upstreams", elsewhere)
    (row,) = lost.json["webhooks"]
    assert (lost.code, row["tested"], row["confirmed"]) == (ExitCode.NEGATIVE, True, False)
    assert "did not arrive at the service" in row["problem"]
    assert "was for this run only" in lost.err

    # Nobody can be asked whether the tests arrived, or not with that token; they were answered.
    deaf = await home.connect("--yes", "--json", "--instance", "radarr", RECONCILER_URL="http://127.0.0.1:9")
    assert (deaf.code, deaf.json["webhooks"][0]["tested"]) == (ExitCode.UNREACHABLE, True), deaf.err
    assert deaf.json["webhooks"][0]["confirmed"] is None
    assert "is it running?" in deaf.json["service_problem"]
    async with serve(Starlette(routes=[Route("/webhooks", lambda _: JSONResponse({"hello": "you"}))])) as program:
        foreign = await home.connect("--yes", "--json", "--instance", "radarr", RECONCILER_URL=program)
    assert foreign.code == ExitCode.UNREACHABLE, foreign.err
    assert "is not the deletion reconciler" in foreign.json["service_problem"]
    stranger = await home.connect("--instance", "radarr", "--token", "a-wrong-token-of-some-length")
    assert stranger.code == ExitCode.REFUSED
    home.config.write_text(config.replace("public_url", "# public_url"))
    unset = await home.connect()
    assert (unset.code, "RECONCILER_PUBLIC_URL" in unset.err) == (ExitCode.CONFIGURATION, True)
    home.config.write_text(config)
