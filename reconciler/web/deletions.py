"""The deletion log over HTTP: `/deletions...`."""

import re
from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import Request
from starlette.responses import Response

from reconciler.intake import InvalidPayload, parse_attribution
from reconciler.model import DeletionId, DeletionState, InfoHash, MediaKind
from reconciler.ports import DeletionFilter
from reconciler.reasons import Reason
from reconciler.telemetry import asked_about
from reconciler.web.answers import answer, root_of
from reconciler.web.body import require_json_type, too_large
from reconciler.web.deps import WebDeps
from reconciler.web.guard import Guard, asker
from reconciler.web.ingest import EXPLICIT_LIMIT, Ingest
from reconciler.web.parsing import parse_json
from reconciler.web.problems import FieldError, Problem, invalid_fields, invalid_payload, unknown_deletion
from reconciler.web.schemas import MEDIA_TYPES, AskQuery, Decision, DecisionOut, DeletionQuery, ReleasedOut
from reconciler.web.views import deletion_url, detail_out, page_out, plan_out, plans_out

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_Query = TypeVar("_Query", bound=BaseModel)
_MEDIA_KINDS: dict[str, MediaKind] = {word: kind for kind, word in MEDIA_TYPES.items()}


class Deletions:
    """The handlers. Each checks the token first."""

    def __init__(self, deps: WebDeps, guard: Guard, ingest: Ingest) -> None:
        self._store = deps.store
        self._clients = [instance.name for instance in deps.settings.qbittorrent]
        self._wake = deps.wake
        self._preview = deps.preview
        self._guard = guard
        self._ingest = ingest

    async def collection(self, request: Request) -> Response:
        self._guard.require_api_token(request)
        if request.method == "POST":
            return await self._ask(request)
        query = _query(request, DeletionQuery)
        where = DeletionFilter(
            phase=query.phase,
            kind=_MEDIA_KINDS[query.media] if query.media else None,
            source=query.source,
            tmdb_id=query.tmdb_id,
            tvdb_id=query.tvdb_id,
        )
        try:
            page = await self._store.deletions(where, cursor=query.cursor, limit=query.limit)
        except ValueError:
            raise invalid_fields([FieldError("cursor", "is not one that this service gave out")]) from None
        return answer(page_out(page, root_of(request)))

    async def one(self, request: Request) -> Response:
        self._guard.require_api_token(request)
        state = await self._state(request)
        timeline = await self._store.events(state.deletion.id)
        return answer(detail_out(state, timeline, root_of(request)))

    async def plan(self, request: Request) -> Response:
        self._guard.require_api_token(request)
        preview = await self._preview(_id(request))
        if preview is None:
            raise unknown_deletion()
        return answer(plan_out(preview))

    async def attribute(self, request: Request) -> Response:
        self._guard.require_api_token(request)
        deletion = _id(request)
        hashes = await self._hashes(request)
        try:
            was_unsettled = await self._store.attribute(deletion, hashes, asker(request).value)
        except KeyError:
            raise unknown_deletion() from None
        if not was_unsettled:
            raise _already_settled()
        unlisted = await self._store.unlisted(hashes, self._clients)
        return self._decided(request, "attribute", unlisted=sorted(unlisted))

    async def approve(self, request: Request) -> Response:
        self._guard.require_api_token(request)
        try:
            lifted = await self._store.approve(_id(request), asker(request).value)
        except KeyError:
            raise unknown_deletion() from None
        if not lifted:
            raise Problem(409, "nothing-to-approve", "Nothing here waits for an approval", "Nothing was changed.")
        return self._decided(request, "approve", sorted(lifted))

    async def cancel(self, request: Request) -> Response:
        self._guard.require_api_token(request)
        try:
            was_unsettled = await self._store.cancel(_id(request), asker(request).value)
        except KeyError:
            raise unknown_deletion() from None
        if not was_unsettled:
            raise _already_settled()
        return self._decided(request, "cancel")

    async def retry(self, request: Request) -> Response:
        self._guard.require_api_token(request)
        try:
            was_unsettled = await self._store.retry(_id(request), asker(request).value)
        except KeyError:
            raise unknown_deletion() from None
        if not was_unsettled:
            raise _already_settled()
        return self._decided(request, "retry")

    async def release_breaker(self, request: Request) -> Response:
        self._guard.require_api_token(request)
        released = await self._store.release_breaker(asker(request).value)
        if released:
            self._wake()
        return answer(ReleasedOut(released=released))

    async def _ask(self, request: Request) -> Response:
        if _query(request, AskQuery).dry_run:
            return answer(plans_out(await self._ingest.dry_run(request, asker(request))))
        return answer(await self._ingest.ask(request, asker(request)), status=202)

    async def _hashes(self, request: Request) -> tuple[InfoHash, ...]:
        require_json_type(request)
        raw = await self._ingest.body(request, EXPLICIT_LIMIT)
        if raw is None:
            raise too_large(EXPLICIT_LIMIT)
        try:
            return parse_attribution(parse_json(raw, unique_keys=True))
        except InvalidPayload as invalid:
            raise invalid_payload(invalid, detail="Nothing was changed.") from None

    async def _state(self, request: Request) -> DeletionState:
        state = await self._store.deletion(_id(request))
        if state is None:
            raise unknown_deletion()
        return state

    def _decided(
        self,
        request: Request,
        decision: Decision,
        lifted: Sequence[Reason] = (),
        unlisted: Sequence[str] = (),
    ) -> Response:
        self._wake()
        deletion = _id(request)
        url = deletion_url(deletion, root_of(request))
        return answer(
            DecisionOut(id=deletion, url=url, decision=decision, lifted=tuple(lifted), unlisted=tuple(unlisted))
        )


def _id(request: Request) -> DeletionId:
    text = str(request.path_params["id"]).lower()
    if not _UUID.fullmatch(text):
        raise unknown_deletion()
    asked_about(DeletionId(text))
    return DeletionId(text)


def _query(request: Request, model: type[_Query]) -> _Query:
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


def _already_settled() -> Problem:
    return Problem(409, "settled", "This deletion has ended already", "Nothing was changed.")


def _said(error: ErrorDetails) -> str:
    """Say in our own words what is wrong with a parameter."""
    match error["type"]:
        case "extra_forbidden":
            return "is not known; remove it"
        case "literal_error" | "enum":
            return f"must be {error['ctx']['expected']}"
        case _:
            return error["msg"].removeprefix("Value error, ")
