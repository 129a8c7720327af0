"""What the simulated Seerr announces, and in which words (upstreams.md 1.1, 1.5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag

from reconciler.observed import RequestStatus
from reconciler.simulators.seerr_state import CommentRow, IssueKind, IssueRow, MediaRow, RequestRow, Title, User


class NotificationType(IntFlag):
    """Bit values; the `types` setting is their sum."""

    MEDIA_PENDING = 2
    MEDIA_APPROVED = 4
    MEDIA_AVAILABLE = 8
    MEDIA_FAILED = 16
    TEST_NOTIFICATION = 32
    MEDIA_DECLINED = 64
    MEDIA_AUTO_APPROVED = 128
    ISSUE_CREATED = 256
    ISSUE_COMMENT = 512
    ISSUE_RESOLVED = 1024
    ISSUE_REOPENED = 2048


ALL_TYPES = sum(NotificationType)


@dataclass(frozen=True, slots=True)
class Notification:
    """One thing to announce."""

    type: NotificationType
    event: str
    subject: str
    message: str
    image: str = ""
    media: MediaRow | None = None
    request: RequestRow | None = None
    issue: IssueRow | None = None
    comment: CommentRow | None = None
    notify_user: User | None = None
    extra: tuple[Mapping[str, str], ...] = ()


TEST_NOTIFICATION = Notification(
    NotificationType.TEST_NOTIFICATION, "", "Test Notification", "Check check, 1, 2, 3. Are we coming in clear?"
)

_EVENTS = {
    NotificationType.MEDIA_PENDING: "New {what} Request",
    NotificationType.MEDIA_APPROVED: "{what} Request Approved",
    NotificationType.MEDIA_AVAILABLE: "{what} Request Now Available",
    NotificationType.MEDIA_FAILED: "{what} Request Failed",
    NotificationType.MEDIA_DECLINED: "{what} Request Declined",
    NotificationType.MEDIA_AUTO_APPROVED: "{what} Request Automatically Approved",
}

_ISSUE_EVENTS = {
    NotificationType.ISSUE_CREATED: "New {what}Issue Reported",
    NotificationType.ISSUE_COMMENT: "New Comment on {what}Issue",
    NotificationType.ISSUE_RESOLVED: "{what}Issue Resolved",
    NotificationType.ISSUE_REOPENED: "{what}Issue Reopened",
}

_ISSUE_NAMES = {
    IssueKind.VIDEO: "Video ",
    IssueKind.AUDIO: "Audio ",
    IssueKind.SUBTITLES: "Subtitle ",
    IssueKind.OTHER: "",
}

_TO_ADMINS = {NotificationType.MEDIA_PENDING, NotificationType.MEDIA_AUTO_APPROVED, NotificationType.MEDIA_FAILED}


def request_notification(type_: NotificationType, request: RequestRow, title: Title) -> Notification:
    """Word the notification about a request."""
    what = ("4K " if request.is_4k else "") + ("Movie" if title.media_type == "movie" else "Series")
    seasons = {"name": "Requested Seasons", "value": ", ".join(str(number) for number in request.seasons)}
    return Notification(
        type=type_,
        event=_EVENTS[type_].format(what=what),
        subject=_subject(title),
        message=title.overview,
        image=_image(title),
        media=request.media,
        request=request,
        notify_user=None if type_ in _TO_ADMINS else request.requested_by,
        extra=(seasons,) if title.media_type == "tv" else (),
    )


def issue_notification(
    type_: NotificationType, issue: IssueRow, title: Title, comment: CommentRow | None = None
) -> Notification:
    """Word the notification about an issue. Its message is always the issue's first comment."""
    extra: list[Mapping[str, str]] = []
    if title.media_type == "tv" and issue.season:
        extra.append({"name": "Affected Season", "value": str(issue.season)})
        if issue.episode:
            extra.append({"name": "Affected Episode", "value": str(issue.episode)})
    return Notification(
        type=type_,
        event=_ISSUE_EVENTS[type_].format(what=_ISSUE_NAMES[issue.kind]),
        subject=_subject(title),
        message=issue.comments[0].message,
        image=_image(title),
        media=issue.media,
        issue=issue,
        comment=comment,
        notify_user=None if type_ is NotificationType.ISSUE_CREATED else issue.created_by,
        extra=tuple(extra),
    )


def type_for_new(request: RequestRow) -> NotificationType:
    """Name the notification about a request that was just made."""
    if request.status is RequestStatus.PENDING:
        return NotificationType.MEDIA_PENDING
    return NotificationType.MEDIA_AUTO_APPROVED


def _subject(title: Title) -> str:
    return f"{title.name} ({title.year})"


def _image(title: Title) -> str:
    return f"https://image.tmdb.org/t/p/w600_and_h900_bestv2/{title.tmdb_id}.jpg"
