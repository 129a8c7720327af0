"""What may stand behind the `?` of an address. What is unknown is refused: a filter not applied would widen."""

from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import Request

from reconciler.model import Source
from reconciler.ports import Heard
from reconciler.web.problems import FieldError, Problem, invalid_fields
from reconciler.web.schemas import MediaType

MAX_PAGE = 200
MAX_SEARCH = 200

PhaseWord = Literal["open", "pending", "waiting", "converging", "held", "converged", "cancelled"]
"""A phase, or `open` for all that have not ended."""

Cursor = Annotated[str, StringConstraints(min_length=1, max_length=500)]
MediaId = Annotated[int, Field(ge=1, le=2**31 - 1)]
SearchText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_SEARCH)]
_Query = TypeVar("_Query", bound=BaseModel)


class DeletionQuery(BaseModel):
    """The query of `GET /deletions`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: Annotated[
        SearchText | None,
        Field(
            description="Words, each a piece of the title, the year, the seasons or the name of who asked; a TMDB or "
            "TVDB id; or the beginning (8 characters or more) of the deletion's id or of the info hash of a bound "
            "torrent."
        ),
    ] = None
    phase: Annotated[PhaseWord | None, Field(description="A phase, or `open`: all that have not ended.")] = None
    media: MediaType | None = None
    source: Source | None = None
    tmdb_id: MediaId | None = None
    tvdb_id: MediaId | None = None
    cursor: Annotated[Cursor | None, Field(description="`next_cursor` of the page before.")] = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50


class AskQuery(BaseModel):
    """The query of `POST /deletions`: a mistyped `dry_run` would delete."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dry_run: Annotated[
        Literal["true"] | None, Field(description="Only plan: nothing is written, and nothing sent but reads.")
    ] = None


class ApproveQuery(BaseModel):
    """The query of `POST /deletions/{id}/approve`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shown: Annotated[
        str | None,
        Field(
            pattern=r"^[0-9a-f]{64}$",
            description="`shown` of the deletion that the person looked at: 409 if something else would be lifted by "
            "now. Without it, whatever can be lifted is.",
        ),
    ] = None


class ReleaseQuery(BaseModel):
    """The query of `POST /breaker/release`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shown: Annotated[
        str | None,
        Field(
            pattern=r"^[0-9a-f]{64}$",
            description="SHA-256 over the ids that the person was shown, sorted, each followed by a line feed: 409 if "
            "the breaker holds others by now.",
        ),
    ] = None


class ReceiptQuery(BaseModel):
    """The query of `GET /receipts`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Source | None = None
    heard: Heard | None = None
    cursor: Annotated[Cursor | None, Field(description="`next_cursor` of the page before.")] = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50


def query_of(request: Request, model: type[_Query]) -> _Query:
    """Return the query of a request; raises 422 that names every parameter that cannot be used."""
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise invalid_fields([FieldError(name[:50], "may be given once only")])
        given[name] = value
    try:
        return model.model_validate(given)
    except ValidationError as invalid:
        raise _problem(invalid.errors()) from None


def _problem(errors: Sequence[ErrorDetails]) -> Problem:
    return invalid_fields([FieldError(".".join(map(str, error["loc"]))[:50], _said(error)) for error in errors])


def _said(error: ErrorDetails) -> str:
    """Say in our own words what is wrong with a parameter."""
    match error["type"]:
        case "extra_forbidden":
            return "is not known; remove it"
        case "string_pattern_mismatch":
            return f"must match {error['ctx']['pattern']}"
        case "literal_error" | "enum":
            return f"must be {error['ctx']['expected']}"
        case _:
            return error["msg"].removeprefix("Value error, ")
