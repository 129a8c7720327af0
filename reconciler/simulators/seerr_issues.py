"""The endpoints about issues of the simulated Seerr (upstreams.md 1.6, 2.3)."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from reconciler.simulators.seerr_http import Handler, Query, expect, json_body, page
from reconciler.simulators.seerr_rows import issue_json
from reconciler.simulators.seerr_service import Refused, SeerrService
from reconciler.simulators.seerr_state import IssueRow

_ADMIN, _MANAGE, _SEE, _REPORT = 2, 1 << 20, 1 << 21, 1 << 22
_MAY_SEE = _ADMIN | _MANAGE | _SEE
_MAY_REPORT = _ADMIN | _MANAGE | _REPORT
_LIST_QUERY: Query = {
    "take": int,
    "skip": int,
    "sort": frozenset({"added", "modified"}),
    "filter": frozenset({"all", "open", "resolved"}),
    "requestedBy": int,
}


class SeerrIssues:
    """The handlers. Who reported an issue may read and comment it; for anything else a permission is needed."""

    def __init__(self, service: SeerrService) -> None:
        self._service = service
        self._database = service.database

    def table(self) -> list[tuple[str, str, Handler, Query]]:
        """Return method, path, handler and query of every endpoint."""
        nothing: Query = {}
        return [
            ("GET", "/issue", self.list_issues, _LIST_QUERY),
            ("POST", "/issue", self.report, nothing),
            ("GET", "/issue/{id}", self.read, nothing),
            ("DELETE", "/issue/{id}", self.delete, nothing),
            ("POST", "/issue/{id}/comment", self.comment, nothing),
            ("POST", "/issue/{id}/{status}", self.set_status, nothing),
        ]

    async def list_issues(self, request: Request) -> Response:
        wanted = {"all": {True, False}, "resolved": {False}}.get(request.query_params.get("filter", "open"), {True})
        rows = [issue for issue in self._database.issues.values() if issue.is_open in wanted]
        shown, info = page(request, rows[::-1], default_take=10)
        return JSONResponse({"pageInfo": info, "results": [issue_json(issue) for issue in shown]})

    async def report(self, request: Request) -> Response:
        body = await json_body(request)
        expect(request.state.user, _MAY_REPORT)
        media = self._database.media.get(body.get("mediaId") or 0)
        if media is None:
            raise Refused(404, "Media does not exist.")
        issue = self._service.report(
            media,
            str(body.get("message", "")),
            by=request.state.user,
            season=body.get("problemSeason") or None,
            episode=body.get("problemEpisode") or None,
        )
        return JSONResponse(issue_json(issue), 200)

    async def read(self, request: Request) -> Response:
        return JSONResponse(issue_json(self._issue(request, _MAY_SEE)))

    async def delete(self, request: Request) -> Response:
        del self._database.issues[self._issue(request, _ADMIN | _MANAGE).id]
        return Response(status_code=204)

    async def comment(self, request: Request) -> Response:
        issue = self._issue(request, _ADMIN | _MANAGE)
        body = await json_body(request)
        self._service.comment(issue, str(body.get("message", "")), by=request.state.user)
        return JSONResponse(issue_json(issue))

    async def set_status(self, request: Request) -> Response:
        word = request.path_params["status"]
        if word not in {"open", "resolved"}:
            raise Refused(400, "request/params/status must be equal to one of the allowed values: open, resolved")
        issue = self._issue(request, _ADMIN | _MANAGE)
        self._service.set_issue_open(issue, is_open=word == "open")
        return JSONResponse(issue_json(issue))

    def _issue(self, request: Request, permission: int) -> IssueRow:
        """Return the issue of the path; 404 for an unknown one and for every trouble."""
        number = request.path_params["id"]
        issue = self._database.issues.get(int(number)) if number.isdigit() else None
        if issue is None or self._service.database_locked:
            raise Refused(404, "Issue not found.")
        if issue.created_by is not request.state.user:
            expect(request.state.user, permission)
        return issue
