"""The OpenAPI 3.1 document, made of the table of operations and of the models that answers are made with."""

import copy
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from reconciler.web.openapi.operation import JSON, Answer, Body, Needs, Operation, Parameter, Tag
from reconciler.web.openapi.operations import OPERATIONS
from reconciler.web.openapi.problems import KNOWN_PROBLEMS, ProblemOut
from reconciler.web.problems import TYPE_PREFIX

API_VERSION = "1"
"""Raised when something is taken away or changes its meaning; what is only added does not count."""

PROBLEM_JSON = "application/problem+json"

_REF = "#/components/schemas/{model}"
_NAMES = {"StatusOut": "ServiceStatus", "Status": "ConditionStatus", "Accepted": "Outcome", "Heard": "HeardAs"}
"""Names of schemas that would otherwise be two things."""

_ABOUT = """
Say once that a movie, series or season must go; it goes everywhere, and the evidence is shown.

Bodies are JSON, times are RFC 3339 in UTC, ids are UUIDv7. A value that is not known is `null`; it is never left out.
Every error is a problem document (RFC 9457): `type` is for programs, `detail` for people, and `errors` names each wrong
field. New fields may be added to answers at any time.

A secret is taken after `Bearer` in `Authorization`, as it is there, as the password of Basic credentials, or in
`X-Api-Key`. One that is not configured is not asked for.
""".strip()

_SECRETS = {
    "apiToken": "`api_token` of the configuration. May read and write.",
    "readToken": "`read_token` of the configuration. May only read.",
    "webhookSecret": "`webhook_secret` of the configuration. May send webhooks, and nothing else.",
}
_SECURITY: Mapping[Needs, list[dict[str, list[str]]]] = {
    Needs.NOTHING: [],
    Needs.READ: [{"readToken": ["read"]}, {"apiToken": ["read"]}],
    Needs.WRITE: [{"apiToken": ["write"]}],
    Needs.WRITE_UNLESS_DRY: [{"apiToken": ["write"]}, {"readToken": ["read"]}],
    Needs.WEBHOOK: [{"webhookSecret": ["webhook"]}],
}
_ERROR_HEADERS = {
    401: {"WWW-Authenticate": "How a secret can be sent."},
    503: {"Retry-After": "After how many seconds to try again."},
}


def document(root: str = "") -> dict[str, Any]:
    """Return the document for an application that is reached under `root`. Nothing else in it is of this service."""
    made = copy.copy(_document())
    made["servers"] = [{"url": root or "/"}]
    return made


@cache
def _document() -> dict[str, Any]:
    schemas = _schemas()
    responses: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, responses)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Deletion reconciler",
            "version": API_VERSION,
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "tags": [{"name": tag.label, "description": tag.value} for tag in Tag],
        "paths": paths,
        "components": {
            "securitySchemes": {
                name: {"type": "http", "scheme": "bearer", "description": text} for name, text in _SECRETS.items()
            },
            "responses": dict(sorted(responses.items())),
            "schemas": schemas,
        },
    }


def _operation(operation: Operation, responses: dict[str, Any]) -> dict[str, Any]:
    answers: dict[str, Any] = {str(status): _answer(answer) for status, answer in operation.answers.items()}
    by_status: dict[int, list[str]] = {}
    for slug in sorted(operation.all_problems):
        by_status.setdefault(KNOWN_PROBLEMS[slug][0], []).append(slug)
    for status, slugs in sorted(by_status.items()):
        name = f"{status}-{'-or-'.join(slugs)}"
        responses.setdefault(name, _problem(status, slugs))
        answers[str(status)] = {"$ref": f"#/components/responses/{name}"}
    made: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag.label],
        "summary": operation.summary,
        "security": _SECURITY[operation.needs],
        "responses": answers,
    }
    if operation.description:
        made["description"] = operation.description
    parameters = [*(_parameter(p) for p in operation.parameters), *_query(operation.query)]
    if parameters:
        made["parameters"] = parameters
    if operation.body is not None:
        made["requestBody"] = _body(operation.body)
    return made


def _answer(answer: Answer) -> dict[str, Any]:
    made: dict[str, Any] = {"description": answer.description}
    if answer.models:
        made["content"] = {JSON: {"schema": _one_of(answer.models)}}
    elif answer.media_type is not None:
        schema = {"type": "object"} if answer.media_type == JSON else {"type": "string"}
        made["content"] = {answer.media_type: {"schema": schema}}
    if answer.headers:
        made["headers"] = _headers(answer.headers)
    return made


def _problem(status: int, slugs: Iterable[str]) -> dict[str, Any]:
    types = {"properties": {"type": {"enum": [TYPE_PREFIX + slug for slug in slugs]}, "status": {"const": status}}}
    made: dict[str, Any] = {
        "description": "\n\n".join(f"`{slug}`: {KNOWN_PROBLEMS[slug][1]}" for slug in slugs),
        "content": {PROBLEM_JSON: {"schema": {"$ref": _ref(ProblemOut)} | types}},
    }
    if status in _ERROR_HEADERS:
        made["headers"] = _headers(_ERROR_HEADERS[status])
    return made


def _headers(headers: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }


def _query(model: type[BaseModel] | None) -> Iterable[dict[str, Any]]:
    """Return the parameters of a query; what it may leave out has no `null` there."""
    if model is None:
        return
    for name, schema in model.model_json_schema(ref_template=_REF).get("properties", {}).items():
        options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
        (value,) = options
        rest = {key: value for key, value in schema.items() if key == "default" and value is not None}
        made = {"name": name, "in": "query", "required": False, "schema": _renamed(_plain(value)) | rest}
        if "description" in schema:
            made["description"] = schema["description"]
            made["schema"].pop("description", None)
        yield made


def _body(body: Body) -> dict[str, Any]:
    schema = _one_of(body.models) if body.models else {}
    shown = {name: {"value": value} for name, value in body.examples.items()}
    named = {name.replace(" ", "-"): example for name, example in shown.items()}
    return {
        "required": True,
        "description": body.description,
        "content": {JSON: {"schema": schema, "examples": named}},
    }


def _one_of(models: tuple[type[BaseModel], ...]) -> dict[str, Any]:
    refs = [{"$ref": _ref(model)} for model in models]
    return refs[0] if len(refs) == 1 else {"anyOf": refs}


# --- schemas -------------------------------------------------------------------------------------------------------


def _schemas() -> dict[str, Any]:
    models: dict[type[BaseModel], JsonSchemaMode] = {ProblemOut: "serialization"}
    for operation in OPERATIONS:
        models |= {model: "serialization" for answer in operation.answers.values() for model in answer.models}
        models |= dict.fromkeys(operation.body.models if operation.body else (), "validation")
        if operation.query is not None:
            models[operation.query] = "validation"
    queries = {operation.query.__name__ for operation in OPERATIONS if operation.query is not None}
    _, made = models_json_schema(list(models.items()), ref_template=_REF)
    found = {name: _renamed(_plain(schema)) for name, schema in made["$defs"].items() if name not in queries}
    named = {_public(name): schema for name, schema in found.items()}
    if len(named) != len(found):
        raise ValueError("two schemas would have one name")
    return dict(sorted(named.items()))


def _ref(model: type[BaseModel]) -> str:
    return _REF.format(model=_public(model.__name__))


def _public(name: str) -> str:
    """Return the name of a schema for people: which way it goes shows where it is used."""
    return _NAMES.get(name) or name.removesuffix("Out").removesuffix("In")


def _plain(schema: Any) -> Any:
    """Return a schema without what pydantic adds and nobody needs: titles, and defaults that say "left out"."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "title" and isinstance(value, str):
            continue
        if key == "default" and not isinstance(value, bool) and not value:
            continue
        if key == "properties":
            made[key] = {name: _plain(one) for name, one in value.items()}
        elif key not in {"enum", "const", "examples", "required"}:
            made[key] = _plain(value)
        else:
            made[key] = value
    return made


def _renamed(schema: Any) -> Any:
    """Return a schema that points at the public names."""
    if isinstance(schema, list):
        return [_renamed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    prefix = _REF.format(model="")
    return {
        key: prefix + _public(value.removeprefix(prefix))
        if key == "$ref" and isinstance(value, str)
        else _renamed(value)
        for key, value in schema.items()
    }
