"""Our webhook at an upstream: what we want there, and what was seen. What was seen never holds a secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.model.identity import InstanceName, UpstreamKind

WEBHOOK_NAME = "Deletion reconciler"
"""What our webhook is called in Radarr and Sonarr."""

EVENT_WORDS: Mapping[str, str] = {
    "onGrab": "On Grab",
    "onDownload": "On File Import",
    "onUpgrade": "On File Upgrade",
    "onImportComplete": "On Import Complete",
    "onRename": "On Rename",
    "onMovieAdded": "On Movie Added",
    "onMovieDelete": "On Movie Delete",
    "onMovieFileDelete": "On Movie File Delete",
    "onMovieFileDeleteForUpgrade": "On Movie File Delete For Upgrade",
    "onSeriesAdd": "On Series Add",
    "onSeriesDelete": "On Series Delete",
    "onEpisodeFileDelete": "On Episode File Delete",
    "onEpisodeFileDeleteForUpgrade": "On Episode File Delete For Upgrade",
    "onHealthIssue": "On Health Issue",
    "onHealthRestored": "On Health Restored",
    "onApplicationUpdate": "On Application Update",
    "onManualInteractionRequired": "On Manual Interaction Required",
    "MEDIA_PENDING": "Request Pending Approval",
    "MEDIA_APPROVED": "Request Approved",
    "MEDIA_AVAILABLE": "Request Available",
    "MEDIA_FAILED": "Request Processing Failed",
    "MEDIA_DECLINED": "Request Declined",
    "MEDIA_AUTO_APPROVED": "Request Automatically Approved",
    "ISSUE_CREATED": "Issue Reported",
    "ISSUE_COMMENT": "Issue Comment",
    "ISSUE_RESOLVED": "Issue Resolved",
    "ISSUE_REOPENED": "Issue Reopened",
}
"""What people tick, by the name that the upstream's API has for it."""


class SecretSeen(StrEnum):
    """What a reading showed of the secret that a webhook sends."""

    RIGHT = "right"
    WRONG = "wrong"
    MISSING = "missing"
    HIDDEN = "hidden"  # the upstream does not show it


@dataclass(frozen=True, slots=True)
class WantedWebhook:
    """Our webhook as it should be at one instance.

    `urls` are the addresses that are right there, the first of them to be written; none while nobody has configured how
    upstreams reach us. `former` are addresses that lead or led here, and are not right any more. `path` is how
    the address of any service like this one ends for this sender. `events` are names of the upstream's API.
    `is_secret_new`: the one before is accepted too, so that a secret that is not shown may be that.
    """

    instance: InstanceName
    kind: UpstreamKind
    path: str
    urls: tuple[str, ...]
    events: tuple[str, ...]
    former: tuple[str, ...] = ()
    secret: str | None = field(default=None, repr=False)
    template: str = ""
    is_secret_new: bool = False

    @property
    def url(self) -> str:
        """The address to write."""
        return self.urls[0]


@dataclass(frozen=True, slots=True)
class SeenWebhook:
    """One webhook that an upstream has, ours or not.

    `id` is the upstream's number for it, `None` where there is just one. `offers` are the events it has, `events` those
    that are ticked. `lacks` names what we need and its template does not have. `is_muted`: the upstream could not
    deliver, and sends nothing for a while.
    """

    id: int | None
    name: str
    url: str
    enabled: bool
    events: frozenset[str]
    offers: frozenset[str]
    secret: SecretSeen
    is_post: bool = True
    has_tags: bool = False
    lacks: tuple[str, ...] = ()
    is_muted: bool = False


@dataclass(frozen=True, slots=True)
class WebhookState:
    """What was last seen of our webhook at one instance; `problems` are for people.

    `muted`: the upstream said that it could not deliver, and sent nothing for a while. It does not say when that ends,
    and for hours may not say that it has ended. `elsewhere` is the address of one that a `connect` made and that is not
    ours by our settings; it exists for us only where it is known to arrive here.
    """

    exists: bool
    enabled: bool = False
    problems: tuple[str, ...] = ()
    muted: bool = False
    elsewhere: str = ""

    @property
    def is_sent(self) -> bool:
        """Tell whether anything is meant to come from there; a mute ends by itself."""
        return self.exists and self.enabled
