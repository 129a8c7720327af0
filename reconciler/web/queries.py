"""What may stand behind the `?` of an address. What is unknown is refused: a filter not applied would widen."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import Request

from reconciler.web.problems import FieldError, invalid_fields

_Query = TypeVar("_Query", bound=BaseModel)


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
        raise invalid_fields(
            [FieldError(".".join(map(str, error["loc"]))[:50], _said(error)) for error in invalid.errors()]
        ) from None


def _said(error: ErrorDetails) -> str:
    """Say in our own words what is wrong with a parameter."""
    match error["type"]:
        case "extra_forbidden":
            return "is not known; remove it"
        case "literal_error" | "enum":
            return f"must be {error['ctx']['expected']}"
        case _:
            return error["msg"].removeprefix("Value error, ")
