"""Every reason a condition can carry, and what it means for the work.

The names are stable: dashboards and alerts match on them. `docs/reasons.md` explains each, and a test fails when one
is missing there.
"""

from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """What a reason does to a deletion."""

    DONE = "done"  # nothing is left to do for this condition
    PROGRESS = "progress"  # the reconciler is at it
    WAIT = "wait"  # time or an upstream must change; retried by itself
    HOLD = "hold"  # a person must decide


class Reason(StrEnum):
    """Why a condition is as it is."""

    # done
    ABSENT = "Absent"
    ALREADY_ABSENT = "AlreadyAbsent"
    NO_TORRENT_KNOWN = "NoTorrentKnown"
    ACCEPTED_BY_PERSON = "AcceptedByPerson"
    NOT_CONFIGURED = "NotConfigured"
    NOT_OBSERVABLE = "NotObservable"
    FILES_KEPT = "FilesKept"
    CLEARED = "Cleared"
    NOTHING_TO_CLEAR = "NothingToClear"
    PARTLY_COVERED = "PartlyCovered"
    BLOCKLIST_KEPT = "BlocklistKept"
    DECLINE_KEPT = "DeclineKept"
    PENDING_KEPT = "PendingKept"
    WANTED_AGAIN = "WantedAgain"
    RETURNED_FOR_NEW_REQUEST = "ReturnedForNewRequest"
    SHARED_WITH_WANTED = "SharedWithWanted"
    SHARED_WITH_UNKNOWN = "SharedWithUnknown"
    # progress
    NOT_LOOKED_YET = "NotLookedYet"
    PRESENT = "Present"
    REMOVING = "Removing"
    FREEZING = "Freezing"
    AFTER_TORRENTS = "AfterTorrents"
    AFTER_ENTRY = "AfterEntry"
    CONFIRMING = "Confirming"
    # wait
    UNREACHABLE = "Unreachable"
    THROTTLED = "Throttled"
    UNAUTHORIZED = "Unauthorized"
    REJECTED = "Rejected"
    UNINTELLIGIBLE = "Unintelligible"
    SUSPICIOUS_LIST = "SuspiciousList"
    LEDGER_INCOMPLETE = "LedgerIncomplete"
    REQUESTS_UNSEEN = "RequestsUnseen"
    ROOT_FOLDER_INACCESSIBLE = "RootFolderInaccessible"
    NOT_BEFORE = "NotBefore"
    OBSERVE_MODE = "ObserveMode"
    DENY_WINDOW = "DenyWindow"
    SEEDING = "Seeding"
    STILL_LISTED = "StillListed"
    COMMAND_UNVERIFIED = "CommandUnverified"
    # hold
    BREAKER_OPEN = "BreakerOpen"
    PROTECTED = "Protected"
    HASH_BELONGS_ELSEWHERE = "HashBelongsElsewhere"
    GROUP_UNDETERMINED = "GroupUndetermined"
    SHARED_FOLDER = "SharedFolder"
    SEEDS_IN_PLACE = "SeedsInPlace"
    UNATTRIBUTED_TORRENT = "UnattributedTorrent"
    IDENTITY_UNRESOLVED = "IdentityUnresolved"
    IDENTITY_CONFLICT = "IdentityConflict"
    REAPPEARED = "Reappeared"
    FILES_LEFT_BEHIND = "FilesLeftBehind"
    INFERRED_DELETE = "InferredDelete"
    APPROVAL_REQUIRED = "ApprovalRequired"
    LIKELY_CROSS_SEED = "LikelyCrossSeed"
    AMBIGUOUS_CLIENT = "AmbiguousClient"
    PLANNING_FAILED = "PlanningFailed"
    # how a deletion that was cancelled ended
    CANCELLED_BY_PERSON = "CancelledByPerson"
    STILL_WANTED = "StillWanted"
    NOT_COVERED = "NotCovered"
    NOT_ALLOWED = "NotAllowed"
    SUPERSEDED = "Superseded"
    # why a webhook created nothing
    AMBIGUOUS_INSTANCE = "AmbiguousInstance"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reason does, whether `approve` can lift it, and whether it says that nothing is there any more.

    `asks`: a person has to look, although it may still go on by itself. What holds always asks.
    """

    effect: Effect
    approvable: bool = False
    asks: bool = False
    is_gone: bool = False


_GONE = Meaning(Effect.DONE, is_gone=True)
_DONE = Meaning(Effect.DONE)
_PROGRESS = Meaning(Effect.PROGRESS)
_WAIT = Meaning(Effect.WAIT)
_HOLD = Meaning(Effect.HOLD)
_ASK = Meaning(Effect.HOLD, approvable=True)

MEANINGS: dict[Reason, Meaning] = {
    Reason.ABSENT: _GONE,
    Reason.ALREADY_ABSENT: _GONE,
    Reason.NO_TORRENT_KNOWN: _GONE,
    Reason.ACCEPTED_BY_PERSON: _DONE,
    Reason.NOT_CONFIGURED: _GONE,
    Reason.NOT_OBSERVABLE: _DONE,
    Reason.FILES_KEPT: _DONE,
    Reason.CLEARED: _GONE,
    Reason.NOTHING_TO_CLEAR: _GONE,
    Reason.PARTLY_COVERED: _DONE,
    Reason.BLOCKLIST_KEPT: _DONE,
    Reason.DECLINE_KEPT: _DONE,
    Reason.PENDING_KEPT: _DONE,
    Reason.WANTED_AGAIN: _DONE,
    Reason.RETURNED_FOR_NEW_REQUEST: _DONE,
    Reason.SHARED_WITH_WANTED: _DONE,
    Reason.SHARED_WITH_UNKNOWN: _DONE,
    Reason.NOT_LOOKED_YET: _PROGRESS,
    Reason.PRESENT: _PROGRESS,
    Reason.REMOVING: _PROGRESS,
    Reason.FREEZING: _PROGRESS,
    Reason.AFTER_TORRENTS: _PROGRESS,
    Reason.AFTER_ENTRY: _PROGRESS,
    Reason.CONFIRMING: _PROGRESS,
    Reason.UNREACHABLE: _WAIT,
    Reason.THROTTLED: _WAIT,
    Reason.UNAUTHORIZED: _WAIT,
    Reason.REJECTED: _WAIT,
    Reason.UNINTELLIGIBLE: _WAIT,
    Reason.SUSPICIOUS_LIST: Meaning(Effect.WAIT, approvable=True, asks=True),
    Reason.LEDGER_INCOMPLETE: _WAIT,
    Reason.REQUESTS_UNSEEN: _WAIT,
    Reason.ROOT_FOLDER_INACCESSIBLE: _WAIT,
    Reason.NOT_BEFORE: _WAIT,
    Reason.OBSERVE_MODE: _WAIT,
    Reason.DENY_WINDOW: _WAIT,
    Reason.SEEDING: _WAIT,
    Reason.STILL_LISTED: Meaning(Effect.WAIT, approvable=True),
    Reason.COMMAND_UNVERIFIED: _WAIT,
    Reason.BREAKER_OPEN: _ASK,
    Reason.PROTECTED: _ASK,
    Reason.HASH_BELONGS_ELSEWHERE: _HOLD,
    Reason.GROUP_UNDETERMINED: _HOLD,
    Reason.SHARED_FOLDER: _HOLD,
    Reason.SEEDS_IN_PLACE: _HOLD,
    Reason.UNATTRIBUTED_TORRENT: _ASK,
    Reason.IDENTITY_UNRESOLVED: _ASK,
    Reason.IDENTITY_CONFLICT: _HOLD,
    Reason.REAPPEARED: _HOLD,
    Reason.FILES_LEFT_BEHIND: _ASK,
    Reason.INFERRED_DELETE: _ASK,
    Reason.APPROVAL_REQUIRED: _ASK,
    Reason.LIKELY_CROSS_SEED: _ASK,
    Reason.AMBIGUOUS_CLIENT: _HOLD,
    Reason.PLANNING_FAILED: _HOLD,
    Reason.CANCELLED_BY_PERSON: _DONE,
    Reason.STILL_WANTED: _DONE,
    Reason.NOT_COVERED: _DONE,
    Reason.NOT_ALLOWED: _DONE,
    Reason.SUPERSEDED: _DONE,
    Reason.AMBIGUOUS_INSTANCE: _DONE,
}


PATIENT = frozenset({Reason.NOT_BEFORE, Reason.OBSERVE_MODE, Reason.DENY_WINDOW, Reason.SEEDING})
"""What is waited for because it was set, and ends by itself or by the hand of whoever set it."""


def effect_of(reason: Reason) -> Effect:
    """Return what `reason` does to a deletion."""
    return MEANINGS[reason].effect


def asks_a_person(reason: Reason) -> bool:
    """Tell whether somebody has to look: nothing goes on without a decision, or something may be badly wrong."""
    return MEANINGS[reason].effect is Effect.HOLD or MEANINGS[reason].asks
