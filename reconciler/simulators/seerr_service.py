"""What the simulated Seerr does when asked: requests, decisions, announcements, orders to its servers.

HTTP is in `seerr.py`, the rows are in `seerr_state.py`.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, Literal

from reconciler.errors import UpstreamError
from reconciler.observed import MediaStatus, RequestStatus
from reconciler.simulators import seerr_servers
from reconciler.simulators.seerr_media_server import Listing, MediaServer
from reconciler.simulators.seerr_notifications import (
    NotificationType,
    issue_notification,
    request_notification,
    type_for_new,
)
from reconciler.simulators.seerr_servers import Server
from reconciler.simulators.seerr_state import (
    REQUESTABLE,
    CommentRow,
    IssueRow,
    MediaRow,
    MediaType,
    RequestRow,
    SeerrDatabase,
    Title,
    User,
)
from reconciler.simulators.seerr_webhooks import WebhookAgent

_MAY_APPROVE = 2 | 16 | 128  # ADMIN, MANAGE_REQUESTS, AUTO_APPROVE


class Refused(Exception):
    """The answer is this status with this message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class NeverAnswers(Exception):
    """The real handler returns without an answer here (upstreams.md 2.4)."""


class SeerrService:
    """The behaviour behind the API.

    `tmdb_up` switches TMDB off, `database_locked` makes every look into the database fail. `jellyfin` lists what the
    media server still shows, beside what `media_server`, a Jellyfin on HTTP, lists itself. With `auto_approve` a
    request by someone who may approve is approved at once; everyone else's waits. `csrf_protection` lets nobody change
    anything who does not come from its own pages.
    """

    def __init__(self, database: SeerrDatabase, agent: WebhookAgent) -> None:
        self.database = database
        self.agent = agent
        self.servers: list[Server] = []
        self.jellyfin: set[tuple[MediaType, int]] = set()
        self.media_server: MediaServer | None = None
        self.tmdb_up = True
        self.database_locked = False
        self.auto_approve = True
        self.csrf_protection = False
        self.running_jobs: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    # --- TMDB ------------------------------------------------------------------------------------------------------

    def title(self, media_type: MediaType, tmdb_id: int) -> Title:
        """Ask TMDB; trouble and an unknown number look the same."""
        title = self.database.titles.get((media_type, tmdb_id)) if self.tmdb_up else None
        if title is None:
            raise Refused(500, f"Unable to retrieve {'movie' if media_type == 'movie' else 'series'}.")
        return title

    # --- requests --------------------------------------------------------------------------------------------------

    def ask(
        self,
        media_type: MediaType,
        tmdb_id: int,
        *,
        is_4k: bool,
        seasons: Iterable[int] | Literal["all"],
        by: User,
        requested_by: User,
        server_id: int | None = None,
    ) -> RequestRow:
        """Make a request (upstreams.md 2.4, 2.5); raises `Refused`."""
        title = self.title(media_type, tmdb_id)
        media = self.database.media_of(media_type, tmdb_id)
        existing = self.database.requests_of(media, is_4k=is_4k) if media else []
        if media and media.is_blocklisted:
            raise Refused(403, "This media is blocklisted.")
        if (
            media_type == "movie"
            and existing
            and existing[0].status not in {RequestStatus.DECLINED, RequestStatus.COMPLETED}
        ):
            raise Refused(409, "Request for this media already exists.")
        if any(r.requested_by is requested_by and r.is_auto_request for r in existing):
            raise Refused(409, "Auto-request for this media and user already exists.")
        wanted: tuple[int, ...] = ()
        if media_type == "tv":
            wanted = tuple(number for number in (title.seasons if seasons == "all" else seasons) if number > 0)
            wanted = self.database.open_seasons(media, wanted, is_4k=is_4k) if media else wanted
            if not wanted:
                raise Refused(202, "No seasons available to request")
        if media is None:
            media = self.database.add_media(media_type, tmdb_id, tvdb_id=title.tvdb_id)
        variant = media.variant(is_4k=is_4k)
        if variant.status in REQUESTABLE:
            variant.status = MediaStatus.PENDING
        approved = self.auto_approve and by.permissions & _MAY_APPROVE
        status = RequestStatus.APPROVED if approved else RequestStatus.PENDING
        request = self.database.add_request(
            media, status=status, is_4k=is_4k, requested_by=requested_by, seasons=wanted, server_id=server_id
        )
        if variant.status is not MediaStatus.AVAILABLE or status is RequestStatus.PENDING:
            self.announce(type_for_new(request), request)
        self._follow_up(request)
        return request

    def decide(self, request: RequestRow, status: RequestStatus) -> None:
        """Approve, decline or reopen a request. An unchanged row announces nothing, nor does fully available media."""
        if request.status is status:
            return
        self._update(request, status)

    def retry(self, request: RequestRow) -> None:
        """Send a request to its server again; the row is written even if nothing changes, so the webhook repeats."""
        self._update(request, RequestStatus.APPROVED)

    def _update(self, request: RequestRow, status: RequestStatus) -> None:
        request.status = status
        self.database.touch(request)
        announced = {
            RequestStatus.APPROVED: NotificationType.MEDIA_APPROVED,
            RequestStatus.DECLINED: NotificationType.MEDIA_DECLINED,
        }.get(status)
        if announced and request.variant.status is not MediaStatus.AVAILABLE:
            self.announce(announced, request)
        self._follow_up(request)

    def _follow_up(self, request: RequestRow) -> None:
        if request.status is RequestStatus.APPROVED and request.variant.status is not MediaStatus.AVAILABLE:
            self.spawn(self._send_to_server(request))
        self.database.settle_parent(request)

    # --- announcements ---------------------------------------------------------------------------------------------

    def announce(self, type_: NotificationType, request: RequestRow) -> None:
        """Announce something about a request; lost when TMDB does not answer."""
        try:
            title = self.title(request.media.media_type, request.media.tmdb_id)
        except Refused:
            return
        self.agent.announce(request_notification(type_, request, title))

    def make_available(self, media: MediaRow, *, is_4k: bool = False, seasons: Iterable[int] | None = None) -> None:
        """Let a variant arrive: requests are completed and announced if all their seasons are there."""
        for request in self.database.mark_available(media, is_4k=is_4k, seasons=seasons):
            arrived = {s.number for s in media.seasons if s.status_of(is_4k=is_4k) is MediaStatus.AVAILABLE}
            if arrived >= set(request.seasons):
                self.announce(NotificationType.MEDIA_AVAILABLE, request)

    # --- issues ----------------------------------------------------------------------------------------------------

    def report(
        self, media: MediaRow, message: str, *, by: User, season: int | None = None, episode: int | None = None
    ) -> IssueRow:
        """Open an issue and announce it."""
        issue = self.database.add_issue(media, message, by=by, season=season, episode=episode)
        self._announce_issue(NotificationType.ISSUE_CREATED, issue)
        return issue

    def comment(self, issue: IssueRow, message: str, *, by: User) -> CommentRow:
        """Write below an issue and announce it."""
        comment = self.database.add_comment(issue, message, by=by)
        self._announce_issue(NotificationType.ISSUE_COMMENT, issue, comment)
        return comment

    def set_issue_open(self, issue: IssueRow, *, is_open: bool) -> None:
        """Resolve or reopen an issue; an unchanged one announces nothing."""
        if issue.is_open is is_open:
            return
        issue.is_open = is_open
        self._announce_issue(NotificationType.ISSUE_REOPENED if is_open else NotificationType.ISSUE_RESOLVED, issue)

    def _announce_issue(self, type_: NotificationType, issue: IssueRow, comment: CommentRow | None = None) -> None:
        try:
            title = self.title(issue.media.media_type, issue.media.tmdb_id)
        except Refused:
            return
        self.agent.announce(issue_notification(type_, issue, title, comment))

    # --- the media server ------------------------------------------------------------------------------------------

    async def shown_by_media_server(self) -> Listing:
        """Return what the media server lists, `None` for all seasons; raises `UpstreamError` when it is out."""
        listed: Listing = dict.fromkeys(self.jellyfin)
        return (await self.media_server.listing() if self.media_server else {}) | listed

    # --- servers ---------------------------------------------------------------------------------------------------

    def server_for(self, media: MediaRow, *, is_4k: bool) -> Server | None:
        """Return the row's own server if it names one other than 0, else the default of its kind and quality."""
        mine = [server for server in self.servers if server.media_type == media.media_type]
        named = media.variant(is_4k=is_4k).service_id
        if named:
            return next((server for server in mine if server.id == named), None)
        return next((server for server in mine if server.is_default and server.is_4k is is_4k), None)

    def server_of(self, request: RequestRow) -> Server | None:
        """Return the server that a request names, else the default of its kind and quality."""
        mine = [server for server in self.servers if server.media_type == request.media.media_type]
        if request.server_id is not None:
            named = next((server for server in mine if server.id == request.server_id), None)
            if named is not None:
                return named
        return next((server for server in mine if server.is_default and server.is_4k is request.is_4k), None)

    async def delete_files(self, media: MediaRow, *, is_4k: bool) -> None:
        """Delete title and files in Radarr or Sonarr; the row stays. Every trouble is the same 404."""
        server = self.server_for(media, is_4k=is_4k)
        if server is None:
            raise NeverAnswers
        tvdb_id = media.tvdb_id
        try:
            if media.media_type == "tv":
                tvdb_id = self.title("tv", media.tmdb_id).tvdb_id or media.tvdb_id
            await seerr_servers.remove(server, media.tmdb_id, tvdb_id)
        except (UpstreamError, seerr_servers.TitleNotThere, Refused) as error:
            raise Refused(404, "Media not found") from error

    async def _send_to_server(self, request: RequestRow) -> None:
        media = request.media
        server = self.server_of(request)
        if server is None:
            return
        try:
            title = self.title(media.media_type, media.tmdb_id)
            added = await seerr_servers.add(server, title, title.tvdb_id or media.tvdb_id, request.seasons)
        except (UpstreamError, Refused):
            if request.id in self.database.requests:
                request.status = RequestStatus.FAILED
                self.announce(NotificationType.MEDIA_FAILED, request)
            return
        variant = media.variant(is_4k=request.is_4k)
        variant.service_id = server.id
        variant.external_service_id = added.external_id
        variant.external_service_slug = added.slug

    # --- background work -------------------------------------------------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Wait until everything that was started in the background has ended, webhooks included."""
        while self._tasks:
            await asyncio.gather(*self._tasks)
        await self.agent.settled()

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.agent.aclose()
