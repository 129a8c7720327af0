"""Every answer that any test of the web is given has to be one that the OpenAPI document declares."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx
import jsonschema
from starlette.routing import compile_path

from reconciler.web.openapi.document import document
from reconciler.web.openapi.operations import OPERATIONS

_PATHS = {operation.path: compile_path(operation.path)[0] for operation in OPERATIONS}


def declared_for(method: str, path: str) -> Mapping[str, Any] | None:
    """Return the operation that answers this, or `None`: nothing is there, or not with this method."""
    matching = [template for template, pattern in _PATHS.items() if pattern.match(path)]
    if not matching:
        return None
    template = min(matching, key=lambda one: ("{" in one, one))
    found: Mapping[str, Any] | None = document()["paths"][template].get(method.lower().replace("head", "get"))
    return found


def require_declared(method: str, path: str, status: int, media_type: str, body: bytes) -> None:
    """Raise `AssertionError` unless the answer's status, content type and body are declared for its operation."""
    operation = declared_for(method, path)
    if operation is None:
        return
    said = f"{method} {path}: {status}"
    response = operation["responses"].get(str(status))
    assert response is not None, f"{said} is not declared"
    if "$ref" in response:
        response = document()["components"]["responses"][response["$ref"].rpartition("/")[2]]
    content = response.get("content", {})
    if not content:
        assert not body, f"{said} has a body"
        return
    plain = media_type.partition(";")[0]
    assert plain in content, f"{said} comes as {plain}"
    if method != "HEAD" and plain.endswith("json"):
        _validator(plain, operation["operationId"], str(status)).validate(_decode(body.decode()))


_decode = json.JSONDecoder().decode  # some tests watch `json.loads`


@cache
def _validator(media_type: str, operation_id: str, status: str) -> Any:
    made = document()
    operations = [one for methods in made["paths"].values() for one in methods.values()]
    operation = next(one for one in operations if one["operationId"] == operation_id)
    response = operation["responses"][status]
    if "$ref" in response:
        response = made["components"]["responses"][response["$ref"].rpartition("/")[2]]
    schema = response["content"][media_type]["schema"]
    return jsonschema.Draft202012Validator(
        {**schema, "components": {"schemas": made["components"]["schemas"]}},
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )


class Declared(httpx.AsyncBaseTransport):
    """A transport that holds every answer against the document; pages are for people, and are not in it."""

    def __init__(self, transport: httpx.AsyncBaseTransport, root: str) -> None:
        self._transport = transport
        self._root = root

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        if "text/html" in request.headers.get("accept", ""):
            return response
        body = await response.aread()
        media_type = response.headers.get("content-type", "")
        path = request.url.path.removeprefix(self._root)
        require_declared(request.method, path, response.status_code, media_type, body)
        return response
