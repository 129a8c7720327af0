"""Turning what goes out into responses."""

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response


class Out(BaseModel):
    """What goes out as JSON: every field is always there."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


def answer(document: BaseModel, *, status: int = 200) -> Response:
    return Response(document.model_dump_json(by_alias=True), status_code=status, media_type="application/json")


def root_of(request: Request) -> str:
    """Return the path this application is mounted under, without a trailing slash."""
    return str(request.scope.get("root_path", "")).rstrip("/")
