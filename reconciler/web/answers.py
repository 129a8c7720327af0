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
    scope = request.scope  # a mount adds its own path to the latter
    return str(scope.get("app_root_path", scope.get("root_path", ""))).rstrip("/")


def scheme_of(request: Request) -> str:
    """Return how the browser came here, as the proxies before us say.

    Who lies about that harms only the own cookie, and what the own page shows.
    """
    forwarded = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    return forwarded if forwarded in {"http", "https"} else request.url.scheme
