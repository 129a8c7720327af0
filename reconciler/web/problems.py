"""Every error answer in one place and one shape: problem details (RFC 9457).

`type` is a stable URN for programs, `title` the same for every occurrence, `detail` a sentence about this one, and
`errors` names each field that is wrong. No answer quotes an exception that this program did not raise on purpose.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from reconciler.errors import StoreError, UpstreamError
from reconciler.intake import InvalidPayload
from reconciler.telemetry import get_logger

STORE_RETRY_AFTER_SECONDS = 5
TYPE_PREFIX = "urn:reconciler:problem:"
_ABOUT_STATUS = {
    404: "There is nothing at this address.",
    405: "This address does not take that method; the Allow header names those it takes.",
}


class ProblemResponse(JSONResponse):
    media_type = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with one field; `field` is its path, for example `deletions[0].tmdb_id`."""

    field: str
    message: str


@dataclass(eq=False)
class Problem(Exception):
    """An error answer, raised by a handler. `extra` are further members of the document."""

    status: int
    slug: str
    title: str
    detail: str
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)

    def response(self) -> ProblemResponse:
        document: dict[str, Any] = {
            **self.extra,
            "type": TYPE_PREFIX + self.slug,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = [{"field": error.field, "message": error.message} for error in self.errors]
        return ProblemResponse(document, status_code=self.status, headers=dict(self.headers))


def unauthorized(realm: str, *, to_browser: bool = False) -> Problem:
    """401 without a hint whether a secret was missing or wrong.

    A browser is not asked for a name and a password: it would send them along ever after, also when its person has
    signed out.
    """
    challenge = f'Bearer realm="{realm}"' + ("" if to_browser else f', Basic realm="{realm}", charset="UTF-8"')
    return Problem(
        401,
        "unauthorized",
        "A secret is required",
        "Send the configured secret in the Authorization header: as it is, after Bearer, or as a Basic password.",
        headers={"WWW-Authenticate": challenge},
    )


def unknown_deletion() -> Problem:
    return Problem(404, "unknown-deletion", "There is no such deletion", "No deletion has this id.")


def unknown_receipt(detail: str = "No receipt has this number (any more).") -> Problem:
    return Problem(404, "unknown-receipt", "There is no such receipt", detail)


def invalid_fields(errors: Sequence[FieldError], *, detail: str = "Nothing was accepted.") -> Problem:
    return Problem(422, "invalid", "Some fields cannot be used", detail, errors=errors)


def invalid_payload(invalid: InvalidPayload, *, detail: str = "Nothing was accepted.") -> Problem:
    """422 that names everything a parser found wrong."""
    return invalid_fields([FieldError(*problem) for problem in invalid.problems], detail=detail)


def unexpected(request_id: str | None) -> Problem:
    """500, the same for every cause: what went wrong is in the log, in the lines with this id, never in an answer."""
    return Problem(
        500,
        "unexpected",
        "Something went wrong here",
        "The log of the reconciler says what.",
        extra={"request_id": request_id} if request_id else {},
    )


async def answer_problem(_request: Request, error: Exception) -> ProblemResponse:
    if not isinstance(error, Problem):
        raise error
    return error.response()


def http_problem(error: HTTPException) -> Problem:
    """Put the router's own errors (404, 405) into the same shape."""
    title = HTTPStatus(error.status_code).phrase
    return Problem(
        error.status_code,
        title.lower().replace(" ", "-"),
        title,
        _ABOUT_STATUS.get(error.status_code, title),
        headers=error.headers or {},
    )


def database_trouble(request: Request, error: StoreError) -> Problem:
    """503: the database cannot; nothing was acknowledged, the sender may come again. What it said is for the log."""
    get_logger(__name__).error("store_unavailable", path=request.url.path[:200], error=type(error).__name__)
    return Problem(
        503,
        "store-unavailable",
        "The database does not answer",
        "Nothing was accepted or changed. Try again.",
        headers={"Retry-After": str(STORE_RETRY_AFTER_SECONDS)},
    )


def upstream_trouble(error: UpstreamError) -> Problem:
    """502: an upstream that had to be looked at for this answer could not be; its own words name no secret."""
    return Problem(502, "upstream", "An upstream could not be looked at", str(error))


async def answer_store_error(request: Request, error: Exception) -> ProblemResponse:
    if not isinstance(error, StoreError):
        raise error
    return database_trouble(request, error).response()


async def answer_upstream_error(_request: Request, error: Exception) -> ProblemResponse:
    if not isinstance(error, UpstreamError):
        raise error
    return upstream_trouble(error).response()


EXCEPTION_HANDLERS = {
    Problem: answer_problem,
    StoreError: answer_store_error,
    UpstreamError: answer_upstream_error,
}
