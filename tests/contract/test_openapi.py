"""The real application against its own OpenAPI document, with requests that nobody thought of.

The store, the planner and the web are real, the upstreams stand in memory, and the loop is only run by hand: what is
asked for does not depend on time or chance.
"""

import copy
import itertools
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from pydantic import SecretStr
from schemathesis import engine
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status
from schemathesis.engine.events import EngineFinished, FatalError, NonFatalError, ScenarioFinished
from schemathesis.python import asgi
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from reconciler.config import Settings
from reconciler.main import Service
from reconciler.model import DeletionId, InfoHash
from reconciler.ports import LoopStatus
from reconciler.telemetry import Metrics
from reconciler.web.app import WebDeps, create_app
from reconciler.web.openapi.operation import Tag
from reconciler.web.openapi.operations import OPERATIONS
from tests.support.bench import Bench, bench_at
from tests.support.worlds import HEAT, LOST, RADARR, SONARR
from tests.unit.web.fakes import API_TOKEN, UNKNOWN_ID, WEBHOOK_SECRET, settings

READ_TOKEN = "read-token-of-this-test"
MOST_EXAMPLES = 6
KEY, USABLE_KEY = b"idempotency-key", rb"[!-~]([ -~]{0,253}[!-~])?"


class House:
    """The application, opened where its requests are answered; `ids` are deletions of several phases."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._app: Starlette | None = None
        self._numbers = itertools.count(10**9)
        self.ids: tuple[DeletionId, ...] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await Starlette(lifespan=self._lifespan)(scope, receive, send)
            return
        assert self._app is not None
        headers = [(name, self._named_anew(name, value)) for name, value in scope["headers"]]
        await self._app({**scope, "headers": headers}, receive, send)

    def _named_anew(self, name: bytes, value: bytes) -> bytes:
        """Give every wish a name of its own: one that comes again with another body is rightly refused."""
        is_usable = name == KEY and re.fullmatch(USABLE_KEY, value)
        return b"%d%s" % (next(self._numbers), value[10:]) if is_usable else value

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        async with bench_at(self._path) as bench:
            self.ids = await self._fill(bench)
            self._app = self._application(bench)
            yield

    async def _fill(self, bench: Bench) -> tuple[DeletionId, ...]:
        bench.household.obtain(HEAT, "Heat", InfoHash("a" * 40))
        bench.household.obtain(LOST, "Lost", InfoHash("b" * 40))
        await bench.reconciler.run_ledger()
        gone = await bench.ask(HEAT)
        await bench.passes()
        held = await bench.ask(LOST, needs_approval=True)
        await bench.reconciler.run_pass()
        return gone, held

    def _application(self, bench: Bench) -> Starlette:
        configured: Settings = settings(read_token=SecretStr(READ_TOKEN))
        service = Service(
            configured, bench.store, bench.upstreams(), bench.reconciler, Metrics([RADARR, SONARR]), bench.clock
        )
        return create_app(
            WebDeps(
                settings=configured,
                store=bench.store,
                clock=bench.clock,
                wake=lambda: None,
                wake_ledger=lambda: None,
                status=lambda: LoopStatus(running=False, next_pass_at=None, lease_held=False, process="p"),
                metrics=service.metrics,
                preview=service.preview,
                dry_run=service.dry_run,
            )
        )


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    yield House(tmp_path)
    asgi.shutdown_lifespans()


def narrowed(document: dict[str, Any], house: House) -> dict[str, Any]:
    """Return the document with what only this installation knows: which deletions, instances and pages there are."""
    made = copy.deepcopy(document)
    for methods in made["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "id":
                    parameter["schema"]["enum"] = [*house.ids, UNKNOWN_ID]
                elif parameter["name"] == "number":
                    parameter["schema"]["enum"] = ["1", "2", "9" * 18]
                elif parameter["name"] == "cursor":
                    is_number = operation["operationId"] == "listReceipts"
                    given_out = {"type": "string", "pattern": "^[0-9]{1,9}$"} if is_number else {"enum": [*house.ids]}
                    parameter["schema"] = given_out
    for name, instance in (("MovieWish", RADARR), ("SeriesWish", SONARR), ("SeasonsWish", SONARR)):
        made["components"]["schemas"][name]["properties"]["instances"]["items"] = {"enum": [instance]}
    return made


def config() -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "headers": {"Authorization": f"Bearer {API_TOKEN}"},
            "generation": {"deterministic": True, "max-examples": MOST_EXAMPLES},
            "phases": {
                "stateful": {"enabled": False},
                # What it would learn from answers differs with the ids in them, and so would what it sends.
                **{phase: {"extra-data-sources": {"responses": False}} for phase in ("examples", "coverage")},
                "fuzzing": {"extra-data-sources": {"responses": False}, "error-feedback": {"enabled": False}},
            },
            "cache": {"enabled": False},
            "analysis": {"constants": {"enabled": False}},
            "checks": {"negative_data_rejection": {"expected-statuses": [400, 401, 403, 404, 405, 413, 415, 422]}},
            "operations": [
                {  # its wishes are those of POST /deletions, of which every case is tried
                    "include-path": "/webhooks/dashboard",
                    "headers": {"Authorization": f"Bearer {WEBHOOK_SECRET}"},
                    "phases": {"coverage": {"enabled": False}},
                },
                {"include-path-regex": "^/webhooks/", "headers": {"Authorization": f"Bearer {WEBHOOK_SECRET}"}},
            ],
        }
    )


def test_every_answer_is_one_that_the_document_declares(house: House) -> None:
    loaded = schemathesis.openapi.from_asgi("/openapi.json", house, config=config())
    schema = schemathesis.openapi.from_dict(narrowed(loaded.raw_schema, house), config=config())
    schema.app = house
    found: dict[str, str] = {}
    answered: dict[str, set[int]] = {}
    for event in engine.from_schema(schema).execute():
        match event:
            case FatalError():
                raise event.exception
            case NonFatalError():
                found[event.label] = str(event.info)
            case ScenarioFinished():
                for case_id, interaction in event.recorder.interactions.items():
                    case = event.recorder.cases[case_id].value
                    if interaction.response is not None:
                        answered.setdefault(case.operation.label, set()).add(interaction.response.status_code)
                for checks in event.recorder.checks.values():
                    for check in checks:
                        if check.status is Status.FAILURE and check.failure_info is not None:
                            failure = check.failure_info
                            found[f"{event.label} {check.name}"] = f"{failure.failure}\n{failure.code_sample}"[:2000]
            case EngineFinished():
                assert event.stop_reason.value == "completed"
    assert not found, "\n\n".join(f"{name}\n{text}" for name, text in sorted(found.items()))
    assert set(answered) == {f"{operation.method} {operation.path}" for operation in OPERATIONS}
    good = {label for label, statuses in answered.items() if min(statuses) < 300}
    undecided = {
        f"{operation.method} {operation.path}" for operation in OPERATIONS if operation.tag is not Tag.DECISIONS
    }
    assert undecided <= good
