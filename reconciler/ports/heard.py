"""Who was heard from, what was kept of it, and what our webhooks at the upstreams look like."""

from dataclasses import dataclass
from datetime import datetime

from reconciler.model import InstanceName, Source, WebhookState
from reconciler.ports.intake import AcceptedDeletion, Heard


@dataclass(frozen=True, slots=True)
class SenderHeard:
    """When a sender of webhooks was last heard from, and what it said; `instance` is `None` if that was not told."""

    source: Source
    instance: InstanceName | None
    heard_at: datetime
    heard: Heard
    test_at: datetime | None


@dataclass(frozen=True, slots=True)
class ConnectionSeen:
    """What our webhook at one instance looked like when it was last looked at."""

    state: WebhookState
    at: datetime

    def is_muted(self, heard: SenderHeard | None) -> bool:
        """Tell whether it was muted, and has not been heard from since: that would have ended it."""
        return self.state.muted and (heard is None or heard.heard_at <= self.at)


@dataclass(frozen=True, slots=True)
class KeptReceipt:
    """A receipt as it was answered: `deletions` are those it named, each with what became of the wish."""

    number: int
    source: Source
    instance: InstanceName | None
    received_at: datetime
    heard: Heard
    event: str
    reason: str
    deletions: tuple[AcceptedDeletion, ...]
    body: str = ""


@dataclass(frozen=True, slots=True)
class ReceiptFilter:
    source: Source | None = None
    heard: Heard | None = None


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """Newest first, without bodies; `next_cursor` is opaque, `None` on the last page."""

    receipts: tuple[KeptReceipt, ...]
    next_cursor: str | None
