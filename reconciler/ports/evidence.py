"""What shows that a bound thing belongs to a deletion, and what became of it."""

from dataclasses import dataclass
from datetime import datetime

from reconciler.model import Reference, Target


@dataclass(frozen=True, slots=True)
class Told:
    """A reference with where it stands in time: `at` is the upstream's own date text, `heard_at` is ours."""

    reference: Reference
    at: str | None
    heard_at: datetime


@dataclass(frozen=True, slots=True)
class Sent:
    """The calls of one kind that were made about a target; `action` is the name of the action's class."""

    action: str
    times: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything known of one bound target.

    `told` are the grabs and imports that name it, those first that the deletion has released, and of these the oldest.
    `seen_at` is when it was last seen there; `None` if it never was, or not by a version that noted it.
    """

    target: Target
    told: tuple[Told, ...] = ()
    sent: tuple[Sent, ...] = ()
    seen_at: datetime | None = None
