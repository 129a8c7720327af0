"""What `docs/api.md` says is what the code does."""

import re
from pathlib import Path

import pytest
from starlette.routing import Route

from reconciler.ports import Accepted, Heard
from reconciler.web import (
    app,
    body,
    deciding,
    deletions,
    guard,
    ingest,
    parsing,
    problems,
    receipts,
    senders,
    status,
    webhooks,
)
from tests.unit.web.fakes import World

DOCUMENT = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")
MODULES = (app, body, deciding, deletions, guard, ingest, parsing, problems, receipts, senders, status, webhooks)
SLUGS = sorted(
    {
        slug
        for module in MODULES
        for slug in re.findall(r'Problem\(\s*\d{3},\s*"([a-z-]+)"', Path(str(module.__file__)).read_text("utf-8"))
    }
)


def test_the_slugs_were_found() -> None:
    assert {"invalid", "conflict", "not-json", "unauthorized", "store-unavailable", "unknown-instance"} <= set(SLUGS)


@pytest.mark.parametrize("slug", SLUGS)
def test_every_problem_is_documented(slug: str) -> None:
    assert f"`{slug}`" in DOCUMENT


def test_every_address_is_documented(world: World) -> None:
    routes = [route for route in world.app().routes if isinstance(route, Route)]
    assert len(routes) == 36
    assert [route.path for route in routes if route.path not in DOCUMENT] == []


@pytest.mark.parametrize("word", [*Heard, *(one for one in Accepted if one is not Accepted.CONFLICT)])
def test_every_outcome_is_documented(word: str) -> None:
    assert f"`{word}`" in DOCUMENT
