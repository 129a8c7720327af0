"""What was heard, and what the database made of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.model import DeletionId, DeletionRequest, InstanceName, ManualAdd, Media, NewReference, Source


class Heard(StrEnum):
    """How a webhook was understood."""

    DELETE = "delete"
    REFERENCE = "reference"
    WANT = "want"  # wakes the want check
    TEST = "test"  # answered, never stored as a receipt
    IGNORED = "ignored"
    OVERSIZED = "oversized"  # not read; made good by a history sync


@dataclass(frozen=True, slots=True)
class Understood:
    """What an intake parser made of one payload.

    `reason` says in words why nothing follows from it (ignored, oversized). `internal_entry` is the Radarr or Sonarr
    id a delete webhook spoke of, so that the echo of our own delete is recognised; `kept_entry` one of which
    it said that it was deleted and its files were not. `about` is the title that something wanted speaks of; `None`
    when it does not say.
    """

    heard: Heard
    deletions: tuple[DeletionRequest, ...] = ()
    references: tuple[NewReference, ...] = ()
    manual_add: ManualAdd | None = None
    internal_entry: tuple[InstanceName, int] | None = None
    kept_entry: tuple[InstanceName, int] | None = None
    event: str = ""
    reason: str = ""
    about: Media | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The raw inbox row: what arrived, redacted of secrets and e-mail addresses, as JSON text (at most 256 KiB).

    `body_digest` identifies the whole body; it is only needed beside an `idempotency_key`. `was_sent` is false for what
    we found ourselves by polling: nobody was heard from.
    """

    source: Source
    instance: InstanceName | None
    received_at: datetime
    body: str
    idempotency_key: str | None = None
    body_digest: str = ""
    was_sent: bool = True


class Accepted(StrEnum):
    CREATED = "created"
    EXISTING = "existing"  # the same unsettled coverage and options, or a repeated idempotency key
    ECHO = "echo"  # our own delete coming back: nothing was created
    CONFLICT = "conflict"  # the same unsettled coverage with other options: nothing was created (409)


@dataclass(frozen=True, slots=True)
class AcceptedDeletion:
    outcome: Accepted
    id: DeletionId | None


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What one durable write did. `key_reused`: the idempotency key came with another body (422), nothing written."""

    deletions: tuple[AcceptedDeletion, ...] = ()
    key_reused: bool = False
