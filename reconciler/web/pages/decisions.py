"""Deciding on pages: first what will happen is shown, then a form of that page makes it happen."""

from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from reconciler.intake import InvalidPayload, parse_attribution
from reconciler.model import TargetKind
from reconciler.ports import DeletionFilter
from reconciler.web.answers import root_of
from reconciler.web.deciding import Deciding, digest_of
from reconciler.web.deletions import id_of
from reconciler.web.deps import WebStore
from reconciler.web.pages.choices import CHOICES, DONE, Choice, choice_of, choices_of
from reconciler.web.pages.door import Door
from reconciler.web.pages.log import LONGEST_CURSOR, Row, row_of, title_of
from reconciler.web.pages.rendering import Renderer
from reconciler.web.problems import Problem, unknown_deletion
from reconciler.web.schemas import Decision, DeletionDetailOut, NeedOut, TargetOut
from reconciler.web.sessions import Access, Session
from reconciler.web.views import deletion_out, detail_out

BY = "somebody on the status page"
"""Who decides, in the timeline."""

PAGE = 25
MOST_NAMED = 200
MOST_BOUND = 20


@dataclass(frozen=True, slots=True)
class Asking:
    """A deletion that a person has to look at, with what is asked of a person and what can be decided."""

    row: Row
    needs: tuple[NeedOut, ...]
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """What is bound to a deletion and not gone yet: the first of its titles and torrents, how many there are beside
    them, and its episode files, with their size in bytes.
    """

    shown: tuple[TargetOut, ...]
    more: int
    files: int
    files_size: int


class Decisions:
    """The handlers."""

    def __init__(self, store: WebStore, deciding: Deciding, door: Door, renderer: Renderer) -> None:
        self._store = store
        self._deciding = deciding
        self._door = door
        self._renderer = renderer

    async def needs_you(self, request: Request, session: Session) -> Response:
        """Show the deletions that a person has to look at, a page of them, with their advice and their choices."""
        cursor = request.query_params.get("cursor", "")[:LONGEST_CURSOR] or None
        where = DeletionFilter(asks=True)
        try:
            page = await self._store.deletions(where, cursor=cursor, limit=PAGE)
        except ValueError:  # a cursor that is none of ours: from the start
            cursor = None
            page = await self._store.deletions(where, cursor=None, limit=PAGE)
        details = [detail_out(state, (), (), root_of(request)) for state in page.deletions]
        return self._renderer.response(
            request,
            "needs_you.html",
            session,
            asking=[Asking(row_of(detail), detail.needs, choices_of(detail)) for detail in details],
            in_breaker=len(await self._store.held_by_breaker()),
            older=page.next_cursor,
            is_first=cursor is None,
        )

    async def ask(self, request: Request, session: Session) -> Response:
        """Show what a decision will do."""
        return await self._asked(request, session)

    async def decide(self, request: Request, session: Session) -> Response:
        fields = await self._door.fields(request, Access.WRITE)
        deletion, decision = id_of(request), _decision(request)
        said = DONE[decision]
        match decision:
            case "approve":
                others = [
                    n.reason.value for n in (await self._detail(request)).needs if n.required and not n.approvable
                ]
                await self._deciding.approve(deletion, BY, shown=fields.get("shown", ""))
                if others:
                    said = f"The approval is written down. It stays held by {', '.join(dict.fromkeys(others))}."
            case "attribute":
                words = fields.get("hashes", "").replace(",", " ").split()
                try:
                    hashes = parse_attribution({"hashes": words})
                except InvalidPayload as invalid:
                    wrong = "; ".join(message for _, message in invalid.problems)
                    return await self._asked(request, session, wrong=wrong, given=fields.get("hashes", ""))
                unlisted = await self._deciding.attribute(deletion, hashes, BY)
                if unlisted:
                    names = ", ".join(sorted(unlisted))
                    said = f"{said} No qBittorrent listed {names} when last looked at: check what should be there."
            case "cancel":
                await self._deciding.cancel(deletion, BY)
            case "retry":
                await self._deciding.retry(deletion, BY)
        return self._back(request, session, f"/deletions/{deletion}", said)

    async def ask_about_breaker(self, request: Request, session: Session) -> Response:
        held = await self._store.held_by_breaker()
        return self._renderer.response(
            request,
            "breaker.html",
            session,
            rows=[row_of(deletion_out(state, root_of(request))) for state in held[:MOST_NAMED]],
            count=len(held),
            shown=digest_of(state.deletion.id for state in held),
        )

    async def release_breaker(self, request: Request, session: Session) -> Response:
        fields = await self._door.fields(request, Access.WRITE)
        released = await self._deciding.release_breaker(BY, shown=fields.get("shown", ""))
        count = "1 deletion goes" if len(released) == 1 else f"{len(released)} deletions go"
        return self._back(request, session, "/needs-you", f"It is written down: {count} on.")

    def _back(self, request: Request, session: Session, path: str, said: str) -> Response:
        """Lead on to a page that says what was done."""
        carried = quote(self._door.saying(session, said))
        return RedirectResponse(f"{root_of(request)}{path}?said={carried}", status_code=303)

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
            bound=_bound(detail) if decision == "approve" else None,
            wrong=wrong,
            given=given,
        )

    async def _detail(self, request: Request) -> DeletionDetailOut:
        state = await self._store.deletion(id_of(request))
        if state is None:
            raise unknown_deletion()
        return detail_out(state, (), (), root_of(request))


def _bound(one: DeletionDetailOut) -> Bound:
    there = [target for target in one.targets if target.absent_since is None]
    named = [t for t in there if t.kind in {TargetKind.ENTRY, TargetKind.TORRENT, TargetKind.CROSS_SEED}]
    files = [t.size for t in there if t.kind is TargetKind.FILE]
    return Bound(tuple(named[:MOST_BOUND]), max(0, len(named) - MOST_BOUND), len(files), sum(files))


def _decision(request: Request) -> Decision:
    for decision in CHOICES:
        if decision == request.path_params["decision"]:
            return decision
    raise Problem(404, "not-found", "Not Found", "There is nothing at this address.")
