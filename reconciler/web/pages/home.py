"""The status page: is all well, what is stuck, what is going on, and are the upstreams there."""

from collections.abc import Iterable
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from reconciler.model import DeletionState, Phase
from reconciler.ports import DeletionFilter
from reconciler.web.answers import root_of
from reconciler.web.deps import WebStore
from reconciler.web.pages.chart import chart_of
from reconciler.web.pages.headline import headline_of
from reconciler.web.pages.log import Row, row_of
from reconciler.web.pages.rendering import Renderer
from reconciler.web.schemas import StatusOut
from reconciler.web.sessions import Session
from reconciler.web.status_reader import StatusReader
from reconciler.web.views import deletion_out

ROWS = 8
"""Of what needs a person, and of each phase; how many more there are is said."""

_OPEN = (Phase.WAITING, Phase.CONVERGING, Phase.PENDING)
_NOT_LATELY = timedelta(minutes=1)


class Home:
    """The handler. Who may see the status only gets no title, and no words of an upstream."""

    def __init__(self, store: WebStore, status: StatusReader, renderer: Renderer) -> None:
        self._store = store
        self._status = status
        self._renderer = renderer

    async def page(self, request: Request, session: Session) -> Response:
        is_public = session.access is None
        status = await self._status.read(with_titles=not is_public, for_everybody=is_public)
        asking: list[Row] = []
        under_way: list[Row] = []
        gone: list[Row] = []
        more: dict[str, int] = {}
        if session.access is not None:
            root = root_of(request)
            if status.needs_you:
                found = await self._store.deletions(DeletionFilter(asks=True), cursor=None, limit=ROWS)
                asking = _rows(found.deletions, root)
                more["asking"] = status.needs_you - len(asking)
            for phase in _OPEN:
                if status.counts.get(phase):
                    found = await self._store.deletions(DeletionFilter(phase=phase), cursor=None, limit=ROWS)
                    under_way += _rows((state for state in found.deletions if not state.asks), root)
                    more[phase.value] = status.counts[phase] - len(found.deletions)
            gone = _rows(await self._store.lately_converged(ROWS), root)
        return self._renderer.response(
            request,
            "home.html",
            session,
            status=status,
            headline=headline_of(status),
            asking=asking,
            open=under_way,
            more=more,
            is_quiet=_is_quiet(status),
            gone=gone,
            chart=chart_of(status.convergences, status.now),
        )


def _rows(states: Iterable[DeletionState], root: str) -> list[Row]:
    return [row_of(deletion_out(state, root)) for state in states]


def _is_quiet(status: StatusOut) -> bool:
    """Tell whether the last pass is a while ago because nothing was due: passes without work leave no trace."""
    if not status.loop.running or status.loop.leader is None:
        return False
    is_late = status.last_pass is None or status.now - status.last_pass.finished_at > _NOT_LATELY
    return is_late and (status.next_due_at is None or status.next_due_at > status.now)
