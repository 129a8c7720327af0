"""The status page: is all well, what is stuck, what is going on, and are the upstreams there."""

from starlette.requests import Request
from starlette.responses import Response

from reconciler.model import Phase
from reconciler.ports import DeletionFilter
from reconciler.web.answers import root_of
from reconciler.web.deps import WebStore
from reconciler.web.pages.chart import chart_of
from reconciler.web.pages.headline import headline_of
from reconciler.web.pages.log import Row, row_of
from reconciler.web.pages.rendering import Renderer
from reconciler.web.sessions import Session
from reconciler.web.status_reader import StatusReader
from reconciler.web.views import deletion_out

ROWS = 8


class Home:
    """The handler. Who may see the status only gets no title, and no words of an upstream."""

    def __init__(self, store: WebStore, status: StatusReader, renderer: Renderer) -> None:
        self._store = store
        self._status = status
        self._renderer = renderer

    async def page(self, request: Request, session: Session) -> Response:
        is_public = session.access is None
        status = await self._status.read(with_titles=not is_public, for_everybody=is_public)
        lists: dict[str, list[Row]] = {}
        gone: list[Row] = []
        if session.access is not None:
            root = root_of(request)
            for phase in (Phase.HELD, Phase.WAITING, Phase.CONVERGING, Phase.PENDING):
                if status.counts.get(phase):
                    found = await self._store.deletions(DeletionFilter(phase=phase), cursor=None, limit=ROWS)
                    lists[phase.value] = [row_of(deletion_out(state, root)) for state in found.deletions]
            gone = [row_of(deletion_out(state, root)) for state in await self._store.lately_converged(ROWS)]
        return self._renderer.response(
            request,
            "home.html",
            session,
            status=status,
            headline=headline_of(status),
            held=lists.get("held", []),
            open=[*lists.get("waiting", []), *lists.get("converging", []), *lists.get("pending", [])],
            gone=gone,
            chart=chart_of(status.convergences, status.now),
        )
