"""The deletion log for people: the list with its filters, one deletion with its evidence, and its plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from reconciler.clock import Clock
from reconciler.model import Phase, TargetKind
from reconciler.ports import DeletionFilter, Evidence
from reconciler.web.answers import root_of
from reconciler.web.deletions import id_of
from reconciler.web.deps import Preview, WebStore
from reconciler.web.pages.asking import asked_by
from reconciler.web.pages.choices import choices_of
from reconciler.web.pages.progress import Chip, Step, chips_of, steps_of
from reconciler.web.pages.rendering import Renderer
from reconciler.web.pages.story import Story, is_gone, story_of
from reconciler.web.problems import unknown_deletion
from reconciler.web.receipts import shown_json
from reconciler.web.schemas import DeletionOut
from reconciler.web.sessions import Session
from reconciler.web.views import deletion_out, detail_out, plan_out

PAGE = 25
MOST_EVENTS = 200
MOST_ROWS = 200
"""Of the evidence: whole series bind thousands of files, and a page of them all is megabytes that come every time."""

_LONGEST_SEARCH = 200
LONGEST_CURSOR = 500


@dataclass(frozen=True, slots=True)
class Row:
    """One deletion in a list, with everything that is said of it there."""

    one: DeletionOut
    title: str
    asked: str
    chips: tuple[Chip, ...]
    steps: tuple[Step, ...]
    story: Story

    @property
    def says_why(self) -> bool:
        """Whether it stands still, is being called off, or is done without all of it being proven gone."""
        settled = self.one.settled
        is_partly_gone = self.one.phase is Phase.CONVERGED and settled is not None and not is_gone(settled)
        is_called_off = settled is None and self.one.cancel_requested_at is not None
        return self.one.phase in {Phase.HELD, Phase.WAITING} or is_partly_gone or is_called_off


def row_of(one: DeletionOut) -> Row:
    return Row(one, title_of(one), asked_by(one), chips_of(one.conditions), steps_of(one.conditions), story_of(one))


def title_of(one: DeletionOut) -> str:
    """Return how people know what a deletion covers."""
    media = one.media
    ids = [f"TMDB {media.tmdb_id}" if media.tmdb_id else "", f"TVDB {media.tvdb_id}" if media.tvdb_id else ""]
    name = one.title or f"{'Movie' if media.media_type == 'movie' else 'Series'} {', '.join(i for i in ids if i)}"
    year = f" ({one.year})" if one.title and one.year else ""
    if not one.seasons:
        return name + year
    return f"{name}{year}, season{'s' if len(one.seasons) > 1 else ''} {', '.join(map(str, one.seasons))}"


class Log:
    """The handlers."""

    def __init__(self, store: WebStore, preview: Preview, renderer: Renderer, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._preview = preview
        self._renderer = renderer

    async def list(self, request: Request, session: Session) -> Response:
        """Show a page of the list. What cannot be used of the query is left out: a person sees what is applied."""
        given = request.query_params
        phase = next((phase for phase in Phase if phase.value == given.get("phase")), None)
        text = given.get("q", "").strip()[:_LONGEST_SEARCH]
        where = DeletionFilter(phase=phase, text=text or None)
        cursor = given.get("cursor", "")[:LONGEST_CURSOR] or None
        try:
            page = await self._store.deletions(where, cursor=cursor, limit=PAGE)
        except ValueError:  # a cursor that is none of ours: from the start
            cursor = None
            page = await self._store.deletions(where, cursor=None, limit=PAGE)
        root = root_of(request)
        kept = {"phase": phase.value if phase else "", "q": text}
        return self._renderer.response(
            request,
            "deletions.html",
            session,
            rows=[row_of(deletion_out(state, root)) for state in page.deletions],
            phases=[phase.value for phase in Phase],
            phase=kept["phase"],
            text=text,
            is_first=cursor is None,
            older=_query({**kept, "cursor": page.next_cursor or ""}) if page.next_cursor else None,
            newest=_query(kept),
            by_phase={phase.value: _query({**kept, "phase": phase.value}) for phase in Phase},
            every_phase=_query({**kept, "phase": ""}),
        )

    async def one(self, request: Request, session: Session) -> Response:
        deletion = id_of(request)
        state = await self._store.deletion(deletion)
        if state is None:
            raise unknown_deletion()
        timeline = await self._store.events(deletion, newest=MOST_EVENTS + 1)
        evidence = await self._store.evidence(state)
        detail = detail_out(state, timeline[-MOST_EVENTS:], _first(evidence), root_of(request))
        receipt = await self._store.receipt_of(deletion)
        return self._renderer.response(
            request,
            "deletion.html",
            session,
            one=detail,
            title=title_of(detail),
            asked=asked_by(detail),
            progress=steps_of(detail.conditions),
            story=story_of(detail, self._clock.now()),
            bound_count=len(evidence),
            most_rows=MOST_ROWS,
            has_older_events=len(timeline) > MOST_EVENTS,
            choices=choices_of(detail),
            receipt=receipt,
            receipt_text=shown_json(receipt.body) if receipt else "",
        )

    async def plan(self, request: Request, session: Session) -> Response:
        """Show what is still ahead. The page of the deletion takes it into itself."""
        deletion = id_of(request)
        state = await self._store.deletion(deletion)
        preview = await self._preview(deletion)
        if state is None or preview is None:
            raise unknown_deletion()
        title = title_of(deletion_out(state, root_of(request)))
        return self._renderer.response(request, "plan.html", session, plan=plan_out(preview), title=title, id=deletion)


def _first(evidence: Sequence[Evidence]) -> Sequence[Evidence]:
    """Return as many as the page shows; where some are left out those are files, of which there are so many."""
    if len(evidence) <= MOST_ROWS:
        return evidence
    return sorted(evidence, key=lambda one: one.target.kind is TargetKind.FILE)[:MOST_ROWS]


def _query(parameters: Mapping[str, str]) -> str:
    given = {name: value for name, value in parameters.items() if value}
    return f"?{urlencode(given)}" if given else "?"
