"""What people are told about a deletion."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.model.identity import DeletionId


class Occasion(StrEnum):
    """Why people are told: it is gone everywhere, a person must decide, or it has not come further for long."""

    CONVERGED = "converged"
    HELD = "held"
    STALLED = "stalled"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that is worth telling once.

    `occurrence` is what makes it one: the reason a deletion is held for, since when it stands still, or when it ended.
    A notice that `is_moot` describes what has passed: nobody needs to hear any more that a person must decide.
    """

    number: int
    deletion: DeletionId
    occasion: Occasion
    occurrence: str
    at: datetime
    is_moot: bool = False
