"""What the simulated Seerr remembers, and how it changes: rows, cascades and side effects (upstreams.md 2.2 to 2.5).

No HTTP here. Rows are mutable on purpose: a simulator is one shared state that tests look into and poke at.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Literal

from reconciler.clock import Clock
from reconciler.observed import MediaStatus, RequestStatus

MediaType = Literal["movie", "tv"]

OPEN_REQUESTS = frozenset({RequestStatus.PENDING, RequestStatus.APPROVED, RequestStatus.FAILED})
REQUESTABLE = frozenset({MediaStatus.UNKNOWN, MediaStatus.DELETED})


@dataclass(slots=True)
class User:
    id: int
    name: str
    email: str
    permissions: int = 2
    discord_id: str = ""
    telegram_chat_id: str = ""


@dataclass(slots=True)
class Title:
    """What TMDB knows; `seasons` are the numbers of a series."""

    media_type: MediaType
    tmdb_id: int
    name: str
    year: int
    tvdb_id: int | None = None
    seasons: tuple[int, ...] = ()
    overview: str = "An invented title."


@dataclass(slots=True)
class Variant:
    """One of the two qualities of a media row; `None` and `""` where no server has it."""

    status: MediaStatus = MediaStatus.UNKNOWN
    service_id: int | None = None
    external_service_id: int | None = None
    external_service_slug: str | None = None
    media_server_id: str | None = None

    def forget_services(self) -> None:
        self.service_id = None
        self.external_service_id = None
        self.external_service_slug = None
        self.media_server_id = None


@dataclass(slots=True)
class SeasonRow:
    id: int
    number: int
    status: MediaStatus = MediaStatus.UNKNOWN
    status_4k: MediaStatus = MediaStatus.UNKNOWN

    def status_of(self, *, is_4k: bool) -> MediaStatus:
        return self.status_4k if is_4k else self.status

    def set_status(self, status: MediaStatus, *, is_4k: bool) -> None:
        if is_4k:
            self.status_4k = status
        else:
            self.status = status


@dataclass(slots=True)
class MediaRow:
    id: int
    media_type: MediaType
    tmdb_id: int
    tvdb_id: int | None
    created_at: datetime
    updated_at: datetime
    normal: Variant = field(default_factory=Variant)
    uhd: Variant = field(default_factory=Variant)
    seasons: list[SeasonRow] = field(default_factory=list)

    def variant(self, *, is_4k: bool) -> Variant:
        return self.uhd if is_4k else self.normal

    @property
    def is_blocklisted(self) -> bool:
        return self.normal.status is MediaStatus.BLOCKLISTED


@dataclass(slots=True)
class RequestRow:
    id: int
    media: MediaRow
    is_4k: bool
    status: RequestStatus
    requested_by: User
    created_at: datetime
    updated_at: datetime
    seasons: tuple[int, ...] = ()
    is_auto_request: bool = False
    server_id: int | None = None

    @property
    def variant(self) -> Variant:
        return self.media.variant(is_4k=self.is_4k)


class IssueKind(IntEnum):
    VIDEO = 1
    AUDIO = 2
    SUBTITLES = 3
    OTHER = 4


@dataclass(slots=True)
class CommentRow:
    """A comment; `user` is `None` once its author was deleted."""

    id: int
    message: str
    user: User | None
    created_at: datetime


@dataclass(slots=True)
class IssueRow:
    """An issue; its first comment is its own text. `season` and `episode` are `None` for all of them."""

    id: int
    media: MediaRow
    kind: IssueKind
    created_by: User
    season: int | None = None
    episode: int | None = None
    is_open: bool = True
    comments: list[CommentRow] = field(default_factory=list)


class SeerrDatabase:
    """The rows, and the rules by which one change causes others."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_id: dict[str, int] = {}
        self.owner = User(1, "owner", "owner@example.org")
        self.users: dict[int, User] = {1: self.owner}
        self.titles: dict[tuple[MediaType, int], Title] = {}
        self.media: dict[int, MediaRow] = {}
        self.requests: dict[int, RequestRow] = {}
        self.issues: dict[int, IssueRow] = {}

    # --- seeding and looking ---------------------------------------------------------------------------------------

    def add_user(self, name: str, *, permissions: int = 32) -> User:
        number = max(self.users) + 1
        self.users[number] = User(number, name, f"user{number}@example.org", permissions)
        return self.users[number]

    def know(
        self,
        media_type: MediaType,
        tmdb_id: int,
        name: str,
        *,
        year: int = 2020,
        tvdb_id: int | None = None,
        seasons: Iterable[int] = (),
    ) -> Title:
        """Teach TMDB a title."""
        title = Title(media_type, tmdb_id, name, year, tvdb_id, tuple(seasons))
        self.titles[media_type, tmdb_id] = title
        return title

    def add_media(
        self,
        media_type: MediaType,
        tmdb_id: int,
        *,
        tvdb_id: int | None = None,
        status: MediaStatus = MediaStatus.UNKNOWN,
        status_4k: MediaStatus = MediaStatus.UNKNOWN,
        seasons: Iterable[int] = (),
    ) -> MediaRow:
        """Insert a media row; its seasons share its statuses."""
        now = self._clock.now()
        row = MediaRow(self._next("media"), media_type, tmdb_id, tvdb_id, now, now)
        row.normal.status = status
        row.uhd.status = status_4k
        row.seasons = [SeasonRow(self._next("season"), number, status, status_4k) for number in seasons]
        self.media[row.id] = row
        return row

    def add_request(
        self,
        media: MediaRow,
        *,
        status: RequestStatus = RequestStatus.APPROVED,
        is_4k: bool = False,
        requested_by: User | None = None,
        seasons: Iterable[int] = (),
        is_auto_request: bool = False,
        server_id: int | None = None,
    ) -> RequestRow:
        """Insert a request row, without any of the side effects of asking for it."""
        now = self._clock.now()
        user = requested_by or self.owner
        number = self._next("request")
        row = RequestRow(number, media, is_4k, status, user, now, now, tuple(seasons), is_auto_request, server_id)
        self.requests[row.id] = row
        return row

    def add_issue(
        self,
        media: MediaRow,
        message: str,
        *,
        by: User | None = None,
        kind: IssueKind = IssueKind.VIDEO,
        season: int | None = None,
        episode: int | None = None,
    ) -> IssueRow:
        """Insert an issue with its text, without announcing it."""
        issue = IssueRow(self._next("issue"), media, kind, by or self.owner, season, episode)
        self.add_comment(issue, message, by=issue.created_by)
        self.issues[issue.id] = issue
        return issue

    def add_comment(self, issue: IssueRow, message: str, *, by: User | None = None) -> CommentRow:
        """Insert a comment, without announcing it."""
        comment = CommentRow(self._next("comment"), message, by or self.owner, self._clock.now())
        issue.comments.append(comment)
        return comment

    def media_of(self, media_type: MediaType, tmdb_id: int) -> MediaRow | None:
        return next((m for m in self.media.values() if m.media_type == media_type and m.tmdb_id == tmdb_id), None)

    def requests_of(self, media: MediaRow, *, is_4k: bool | None = None) -> list[RequestRow]:
        """Return the requests of one row, oldest first, of one variant or of both."""
        return [r for r in self.requests.values() if r.media is media and is_4k in {None, r.is_4k}]

    # --- changes ---------------------------------------------------------------------------------------------------

    def touch(self, row: MediaRow | RequestRow) -> None:
        row.updated_at = self._clock.now()

    def delete_media(self, media: MediaRow) -> None:
        """Remove a row with its seasons, requests and issues; a blocklisted row stays and forgets its services."""
        if media.is_blocklisted:
            media.normal.forget_services()
            media.uhd.forget_services()
            return
        for request in self.requests_of(media):
            del self.requests[request.id]
        self.issues = {number: issue for number, issue in self.issues.items() if issue.media is not media}
        del self.media[media.id]

    def delete_request(self, request: RequestRow) -> None:
        """Remove a request; a variant left without requests and not available falls back to unknown."""
        del self.requests[request.id]
        for is_4k in (False, True):
            variant = request.media.variant(is_4k=is_4k)
            if not self.requests_of(request.media, is_4k=is_4k) and variant.status is not MediaStatus.AVAILABLE:
                variant.status = MediaStatus.UNKNOWN
        self.touch(request.media)

    def settle_parent(self, request: RequestRow) -> None:
        """Move the media row along after its request was approved or declined."""
        media, variant = request.media, request.variant
        if request.status is RequestStatus.APPROVED:
            if variant.status not in {
                MediaStatus.AVAILABLE,
                MediaStatus.PARTIALLY_AVAILABLE,
                MediaStatus.PROCESSING,
            }:
                variant.status = MediaStatus.PROCESSING
        elif request.status is RequestStatus.DECLINED:
            others_pending = any(
                other.status is RequestStatus.PENDING
                for other in self.requests_of(media, is_4k=request.is_4k)
                if other is not request
            )
            is_movie = media.media_type == "movie"
            if (is_movie and variant.status is not MediaStatus.DELETED) or (
                not is_movie and variant.status is MediaStatus.PENDING and not others_pending
            ):
                variant.status = MediaStatus.UNKNOWN
        self.touch(media)

    def mark_available(self, media: MediaRow, *, is_4k: bool, seasons: Iterable[int] | None = None) -> list[RequestRow]:
        """Make a variant available, with these seasons (all known ones by default); return the requests completed."""
        media.variant(is_4k=is_4k).status = MediaStatus.AVAILABLE
        for number in [season.number for season in media.seasons] if seasons is None else seasons:
            self.season(media, number).set_status(MediaStatus.AVAILABLE, is_4k=is_4k)
        return self._complete(media, is_4k=is_4k)

    def season(self, media: MediaRow, number: int) -> SeasonRow:
        """Return a season's row, inserted if need be."""
        for season in media.seasons:
            if season.number == number:
                return season
        media.seasons.append(SeasonRow(self._next("season"), number))
        return media.seasons[-1]

    def mark_deleted(self, media: MediaRow, *, is_4k: bool) -> None:
        """What availability sync does to a variant that nobody has any more; nothing is announced."""
        variant = media.variant(is_4k=is_4k)
        variant.status = MediaStatus.DELETED
        variant.forget_services()
        for season in media.seasons:
            if season.status_of(is_4k=is_4k) is not MediaStatus.UNKNOWN:
                season.set_status(MediaStatus.DELETED, is_4k=is_4k)
        self._complete(media, is_4k=is_4k)

    def open_seasons(self, media: MediaRow, wanted: Iterable[int], *, is_4k: bool) -> tuple[int, ...]:
        """Return the wanted seasons that are neither requested nor there already."""
        taken = {
            number
            for request in self.requests_of(media, is_4k=is_4k)
            if request.status in OPEN_REQUESTS
            for number in request.seasons
        }
        taken |= {season.number for season in media.seasons if season.status_of(is_4k=is_4k) not in REQUESTABLE}
        return tuple(number for number in wanted if number not in taken)

    def _complete(self, media: MediaRow, *, is_4k: bool) -> list[RequestRow]:
        completed = [r for r in self.requests_of(media, is_4k=is_4k) if r.status is RequestStatus.APPROVED]
        for request in completed:
            request.status = RequestStatus.COMPLETED
            self.touch(request)
        self.touch(media)
        return completed

    def _next(self, table: str) -> int:
        """Number rows upward and never reuse a number, as SQLite's AUTOINCREMENT does."""
        self._last_id[table] = self._last_id.get(table, 0) + 1
        return self._last_id[table]
