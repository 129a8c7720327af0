"""The deletion log over HTTP: `/deletions...`."""

import re
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from reconciler.intake import InvalidPayload, parse_attribution
from reconciler.model import DeletionId, DeletionState, InfoHash, MediaKind, Phase
from reconciler.ports import DeletionFilter
from reconciler.reasons import Reason
from reconciler.telemetry import asked_about
from reconciler.web.answers import answer, root_of
from reconciler.web.body import require_json_type, too_large
from reconciler.web.deciding import Deciding
from reconciler.web.deps import WebDeps
from reconciler.web.guard import Guard, asker
from reconciler.web.ingest import EXPLICIT_LIMIT, Ingest
from reconciler.web.parsing import parse_json
from reconciler.web.problems import FieldError, invalid_fields, invalid_payload, unknown_deletion
from reconciler.web.queries import ApproveQuery, AskQuery, DeletionQuery, ReleaseQuery, query_of
from reconciler.web.schemas import MEDIA_TYPES, Decision, DecisionOut, ReleasedOut
from reconciler.web.sessions import Access
from reconciler.web.views import deletion_url, detail_out, page_out, plan_out, plans_out

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MEDIA_KINDS: dict[str, MediaKind] = {word: kind for kind, word in MEDIA_TYPES.items()}


class Deletions:
    """The handlers. Each checks the token first."""

    def __init__(self, deps: WebDeps, guard: Guard, ingest: Ingest, deciding: Deciding) -> None:
        self._store = deps.store
        self._preview = deps.preview
        self._guard = guard
        self._ingest = ingest
        self._deciding = deciding

    async def collection(self, request: Request) -> Response:
        self._guard.require(request, _access_of(request))
        if request.method == "POST":
            return await self._ask(request)
        query = query_of(request, DeletionQuery)
        where = DeletionFilter(
            phase=None if query.phase in {None, "open"} else Phase(query.phase),
            settled=False if query.phase == "open" else None,
            text=query.q,
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
        self._guard.require(request, Access.READ)
        state = await self._state(request)
        timeline = await self._store.events(state.deletion.id)
        evidence = await self._store.evidence(state)
        return answer(detail_out(state, timeline, evidence, root_of(request)))

    async def plan(self, request: Request) -> Response:
        self._guard.require(request, Access.READ)
        preview = await self._preview(id_of(request))
        if preview is None:
            raise unknown_deletion()
        return answer(plan_out(preview))

    async def attribute(self, request: Request) -> Response:
        self._guard.require(request, Access.WRITE)
        hashes = await self._hashes(request)
        unlisted = await self._deciding.attribute(id_of(request), hashes, asker(request).value)
        return _decided(request, "attribute", unlisted=sorted(unlisted))

    async def approve(self, request: Request) -> Response:
        self._guard.require(request, Access.WRITE)
        shown = query_of(request, ApproveQuery).shown
        lifted = await self._deciding.approve(id_of(request), asker(request).value, shown=shown)
        return _decided(request, "approve", sorted(lifted))

    async def cancel(self, request: Request) -> Response:
        self._guard.require(request, Access.WRITE)
        await self._deciding.cancel(id_of(request), asker(request).value)
        return _decided(request, "cancel")

    async def retry(self, request: Request) -> Response:
        self._guard.require(request, Access.WRITE)
        await self._deciding.retry(id_of(request), asker(request).value)
        return _decided(request, "retry")

    async def release_breaker(self, request: Request) -> Response:
        self._guard.require(request, Access.WRITE)
        shown = query_of(request, ReleaseQuery).shown
        return answer(ReleasedOut(released=await self._deciding.release_breaker(asker(request).value, shown=shown)))

    async def _ask(self, request: Request) -> Response:
        if query_of(request, AskQuery).dry_run:
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
        state = await self._store.deletion(id_of(request))
        if state is None:
            raise unknown_deletion()
        return state


def _decided(
    request: Request, decision: Decision, lifted: Sequence[Reason] = (), unlisted: Sequence[str] = ()
) -> Response:
    deletion = id_of(request)
    url = deletion_url(deletion, root_of(request))
    return answer(DecisionOut(id=deletion, url=url, decision=decision, lifted=tuple(lifted), unlisted=tuple(unlisted)))


def _access_of(request: Request) -> Access:
    """Return what it takes to list or to ask. A dry run looks and no more."""
    looks = request.method != "POST" or request.query_params.getlist("dry_run") == ["true"]
    return Access.READ if looks else Access.WRITE


def id_of(request: Request) -> DeletionId:
    text = str(request.path_params["id"]).lower()
    if not _UUID.fullmatch(text):
        raise unknown_deletion()
    asked_about(DeletionId(text))
    return DeletionId(text)
