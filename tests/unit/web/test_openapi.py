"""The OpenAPI document is what the code does: its routes, its problems, its limits."""

import ast
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31
from starlette.routing import Route

from reconciler.config import RadarrSettings, SonarrSettings
from reconciler.intake import dashboard, parse_attribution, parse_dashboard
from reconciler.model import InstanceName, MediaKind
from reconciler.web.openapi import examples
from reconciler.web.openapi.document import document
from reconciler.web.openapi.operation import Needs
from reconciler.web.openapi.operations import OPERATIONS
from reconciler.web.openapi.problems import KNOWN_PROBLEMS, OF_PAGES
from reconciler.web.openapi.reading import chapters, shapes
from reconciler.web.wishes import MovieWishIn, SeasonsWishIn, SeriesWishIn
from tests.unit.web.conformance import declared_for, require_declared
from tests.unit.web.fakes import World, settings

WEB = Path(__file__).parents[3] / "reconciler" / "web"
INSTANCES = {MediaKind.MOVIE: [InstanceName("radarr")], MediaKind.SERIES: [InstanceName("sonarr")]}


def validator(schema: dict[str, Any]) -> Any:
    components = {"schemas": document()["components"]["schemas"]}
    return jsonschema.Draft202012Validator({**schema, "components": components})


# --- what it is ----------------------------------------------------------------------------------------------------


def test_it_is_valid_openapi_3_1() -> None:
    jsonschema.Draft202012Validator(OPENAPI_31).validate(document("/behind/a/proxy"))
    for schema in document()["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_every_reference_leads_somewhere_and_every_schema_and_response_is_used() -> None:
    made = document()
    used = set(references(made))
    there = {f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in made["components"][kind]}
    assert used == there


def test_every_operation_says_what_tools_need() -> None:
    made = document()
    operations = [one for methods in made["paths"].values() for one in methods.values()]
    ids = [one["operationId"] for one in operations]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", one) for one in ids)
    tags = {tag["name"] for tag in made["tags"]}
    for one in operations:
        assert re.fullmatch(r"[A-Z].*[^.]", one["summary"]), one["operationId"]
        assert set(one["tags"]) <= tags
        assert {name for need in one["security"] for name in need} <= set(made["components"]["securitySchemes"])
        assert "500" in one["responses"]
        for parameter in one.get("parameters", ()):
            assert parameter["in"] in {"path", "query", "header"}
            assert parameter["required"] == (parameter["in"] == "path")


# --- what there is -------------------------------------------------------------------------------------------------


def test_it_describes_every_route_for_programs_and_no_other(world: World) -> None:
    routes = [route for route in world.app().routes if isinstance(route, Route)]
    served = {
        (method, route.path)
        for route in routes
        if not str(getattr(route.endpoint, "__module__", "")).startswith("reconciler.web.pages")
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert served | {("GET", "/docs")} == {(operation.method, operation.path) for operation in OPERATIONS}
    assert "/docs" in {route.path for route in routes}


def problems_raised() -> set[tuple[int, str]]:
    """Return the status and slug of every `Problem` that any module of the web makes."""
    calls = (node for path in WEB.rglob("*.py") for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    made = (one.args for one in calls if isinstance(one, ast.Call) and ast.unparse(one.func) == "Problem")
    return {
        (int(ast.unparse(status)), str(ast.literal_eval(slug)))
        for status, slug, *_ in made
        if isinstance(status, ast.Constant)
    }


def test_every_problem_that_the_code_knows_is_described_with_its_status() -> None:
    known = {(status, slug) for slug, (status, _) in KNOWN_PROBLEMS.items()}
    made = {(status, slug) for status, slug in problems_raised() if slug not in OF_PAGES}
    assert known == made | {(404, "not-found")}
    declared = {slug for operation in OPERATIONS for slug in operation.all_problems}
    assert declared == set(KNOWN_PROBLEMS)


async def test_an_answer_that_is_not_declared_is_noticed(world: World) -> None:
    """The check that every test of the web goes through can fail."""
    problem = {"type": "urn:reconciler:problem:conflict", "title": "t", "status": 409, "detail": "d"}
    media = "application/problem+json"
    for method, path, status, media_type, body in (
        ("GET", "/status", 418, "application/json", {}),
        ("GET", "/status", 200, "text/plain", {}),
        ("GET", "/livez", 200, "application/json", {"alive": "yes"}),
        ("GET", "/livez", 200, "application/json", {}),
        ("POST", f"/deletions/{'0' * 8}/cancel", 409, media, problem),
        ("GET", "/status", 304, "", {"a": 1}),
    ):
        with pytest.raises((AssertionError, jsonschema.ValidationError)):
            require_declared(method, path, status, media_type, json.dumps(body).encode())
    require_declared("POST", "/deletions", 409, media, json.dumps(problem).encode())
    assert declared_for("HEAD", "/status") == declared_for("GET", "/status")
    assert declared_for("GET", "/nothing") is None


async def test_each_operation_asks_for_the_secret_it_says(world: World) -> None:
    async with world.client() as client:
        for operation in OPERATIONS:
            path = re.sub(r"\{\w+\}", "1", operation.path)
            answer = await client.request(operation.method, path, json={})
            assert (answer.status_code == 401) == (operation.needs is not Needs.NOTHING), path


async def test_a_webhook_secret_opens_webhooks_only_and_a_token_none_of_them(world: World) -> None:
    for client, own in ((world.sender(), {Needs.WEBHOOK}), (world.person(), set(Needs) - {Needs.WEBHOOK})):
        async with client:
            for operation in OPERATIONS:
                path = re.sub(r"\{\w+\}", "1", operation.path)
                answer = await client.request(operation.method, path, content=b"{", headers={"Last-Event-ID": "x"})
                is_open = operation.needs in own | {Needs.NOTHING}
                assert (answer.status_code != 401) == is_open, path


async def test_it_says_nothing_about_this_installation() -> None:
    radarr = RadarrSettings(name=InstanceName("hidden-one"), url="http://hidden.example:7878", api_key="hidden-key")
    sonarr = SonarrSettings(name=InstanceName("hidden-two"), url="http://hidden.example:8989", api_key="hidden-key")
    there = World(settings=settings(radarr=(radarr,), sonarr=(sonarr,), root_path="/reconciler"))
    async with there.client() as client:
        shown = await client.get("/reconciler/openapi.json")
    assert shown.json() == {**document(), "servers": [{"url": "/reconciler"}]}
    async with World().client() as client:
        assert (await client.get("/openapi.json")).json() == document()
    assert "hidden" not in shown.text


# --- limits --------------------------------------------------------------------------------------------------------


def test_the_wishes_described_are_those_that_are_taken() -> None:
    models = (MovieWishIn, SeriesWishIn, SeasonsWishIn)
    assert {name for model in models for name in model.model_fields} == dashboard._KNOWN


@pytest.mark.parametrize("wish", examples.WISHES.values(), ids=examples.WISHES.keys())
def test_the_examples_of_wishes_are_taken(wish: object) -> None:
    assert parse_dashboard(wish, instances=INSTANCES)


def test_the_examples_are_what_the_document_says() -> None:
    assert all(parse_attribution(one) for one in examples.HASHES.values())
    for methods in document()["paths"].values():
        for operation in methods.values():
            content = operation.get("requestBody", {}).get("content", {})
            for one in content.values():
                assert one["examples"]
                for example in one["examples"].values():
                    validator(one["schema"]).validate(example["value"])


# --- for people ----------------------------------------------------------------------------------------------------


class _Page(HTMLParser):
    """Remembers what matters of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a":
            self.links.append(given["href"])
        self.loaded += [given[name] for name in ("src",) if name in given]
        if tag == "link":
            self.loaded.append(given["href"])


async def test_the_page_for_people_has_every_operation_and_needs_nothing_from_elsewhere(world: World) -> None:
    async with world.client() as client:
        response = await client.get("/docs", headers={"Accept": "text/html"})
        page = _Page(response.text)
        assert response.status_code == 200
        for path in page.loaded:
            assert (await client.get(path)).status_code == 200, path
    assert {"header", "nav", "main", "h1"} <= page.tags
    assert page.levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(page.levels, page.levels[1:], strict=False))
    assert len(set(page.ids)) == len(page.ids)
    anchors = {link.removeprefix("#") for link in page.links if link.startswith("#")}
    assert anchors <= set(page.ids)
    assert {operation.id for operation in OPERATIONS} <= set(page.ids)
    assert not [link for link in (*page.links, *page.loaded) if not link.startswith(("#", "/"))]
    assert "unsafe" not in response.headers["content-security-policy"]


def test_people_read_every_operation_and_schema_and_what_a_value_can_be() -> None:
    made = document()
    read = {operation.id: operation for chapter in chapters(made) for operation in chapter.operations}
    assert set(read) == {operation.id for operation in OPERATIONS}
    assert {shape.name for shape in shapes(made)} == set(made["components"]["schemas"])
    said = {
        field.name: "".join(word.text for word in field.words)
        for operation in (read["listDeletions"], read["askForDeletions"], read["getDeletion"])
        for field in operation.parameters
    }
    assert said["q"] == "string (1 to 200 characters)"
    assert said["limit"] == "integer (1 to 200, default 50)"
    assert said["media"] == "movie, tv"
    assert said["id"] == "string (uuid)"
    assert read["getStatus"].secret == "read token or API token"
    assert read["isAlive"].secret == ""
    wishes = next(shape for shape in shapes(made) if shape.name == "Wishes")
    words = "".join(word.text for word in wishes.fields[0].words)
    assert words == "list of MovieWish or SeriesWish or SeasonsWish (1 to 500 of them)"


def test_a_filter_is_described_by_what_it_filters_on_and_not_by_what_has_a_similar_name() -> None:
    made = document()
    for path, name, words in (("/receipts", "heard", "delete"), ("/deletions", "source", "dashboard")):
        (schema,) = [one["schema"] for one in made["paths"][path]["get"]["parameters"] if one["name"] == name]
        meant = made["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        assert words in meant["enum"]
