"""Deciding on pages: first what will happen is shown, then a form of that page makes it happen."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from reconciler.intake import InvalidPayload, parse_attribution
from reconciler.model import Phase
from reconciler.ports import DeletionFilter
from reconciler.reasons import Reason
from reconciler.web.answers import root_of
from reconciler.web.deciding import Deciding
from reconciler.web.deletions import id_of
from reconciler.web.deps import WebStore
from reconciler.web.pages.choices import CHOICES, Choice, choice_of, choices_of
from reconciler.web.pages.door import Door
from reconciler.web.pages.log import Row, row_of, title_of
from reconciler.web.pages.rendering import Renderer
from reconciler.web.problems import Problem, unknown_deletion
from reconciler.web.schemas import Decision, DeletionDetailOut, NeedOut
from reconciler.web.sessions import Access, Session
from reconciler.web.views import detail_out

BY = "somebody on the status page"
"""Who decides, in the timeline."""

_PAGE = 50
_MOST_PAGES = 20


@dataclass(frozen=True, slots=True)
class Held:
    """A held deletion, with what is asked of a person and what can be decided."""

    row: Row
    needs: tuple[NeedOut, ...]
    choices: tuple[Choice, ...]


class Decisions:
    """The handlers."""

    def __init__(self, store: WebStore, deciding: Deciding, door: Door, renderer: Renderer) -> None:
        self._store = store
        self._deciding = deciding
        self._door = door
        self._renderer = renderer

    async def needs_you(self, request: Request, session: Session) -> Response:
        """Show every held deletion with its advice and its choices."""
        held, breaker = await self._held(request)
        return self._renderer.response(request, "needs_you.html", session, held=held, breaker=breaker)

    async def ask(self, request: Request, session: Session) -> Response:
        """Show what a decision will do."""
        return await self._asked(request, session)

    async def decide(self, request: Request, session: Session) -> Response:
        fields = await self._door.fields(request, Access.WRITE)
        deletion, decision = id_of(request), _decision(request)
        match decision:
            case "approve":
                await self._deciding.approve(deletion, BY)
            case "attribute":
                words = fields.get("hashes", "").replace(",", " ").split()
                try:
                    hashes = parse_attribution({"hashes": words})
                except InvalidPayload as invalid:
                    wrong = "; ".join(message for _, message in invalid.problems)
                    return await self._asked(request, session, wrong=wrong, given=fields.get("hashes", ""))
                await self._deciding.attribute(deletion, hashes, BY)
            case "cancel":
                await self._deciding.cancel(deletion, BY)
            case "retry":
                await self._deciding.retry(deletion, BY)
        return RedirectResponse(f"{root_of(request)}/deletions/{deletion}?done={decision}", status_code=303)

    async def ask_about_breaker(self, request: Request, session: Session) -> Response:
        _, breaker = await self._held(request)
        return self._renderer.response(request, "breaker.html", session, rows=breaker)

    async def release_breaker(self, request: Request, session: Session) -> Response:
        del session
        await self._door.fields(request, Access.WRITE)
        await self._deciding.release_breaker(BY)
        return RedirectResponse(f"{root_of(request)}/needs-you", status_code=303)

    async def _asked(self, request: Request, session: Session, *, wrong: str = "", given: str = "") -> Response:
        detail = await self._detail(request)
        decision = _decision(request)
        if decision not in detail.decisions:
            raise Problem(409, "settled", "There is nothing to decide", "Things have changed since: go back and look.")
        return self._renderer.response(
            request,
            "confirm.html",
            session,
            status_code=422 if wrong else 200,
            one=detail,
            title=title_of(detail),
            choice=choice_of(detail, decision),
            wrong=wrong,
            given=given,
        )

    async def _detail(self, request: Request) -> DeletionDetailOut:
        state = await self._store.deletion(id_of(request))
        if state is None:
            raise unknown_deletion()
        return detail_out(state, (), (), root_of(request))

    async def _held(self, request: Request) -> tuple[list[Held], list[Row]]:
        """Return all that is held, and of that what the breaker holds."""
        held: list[Held] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            page = await self._store.deletions(DeletionFilter(phase=Phase.HELD), cursor=cursor, limit=_PAGE)
            for state in page.deletions:
                detail = detail_out(state, (), (), root_of(request))
                held.append(Held(row_of(detail), detail.needs, choices_of(detail)))
            cursor = page.next_cursor
            if cursor is None:
                break
        breaker = [one.row for one in held if any(chip.reason == Reason.BREAKER_OPEN for chip in one.row.chips)]
        return held, breaker


def _decision(request: Request) -> Decision:
    for decision in CHOICES:
        if decision == request.path_params["decision"]:
            return decision
    raise Problem(404, "not-found", "Not Found", "There is nothing at this address.")
