"""What a person can decide about a deletion, and what each decision will do. Pure."""

from dataclasses import dataclass

from reconciler.reasons import Reason
from reconciler.web.schemas import Decision, DeletionDetailOut, NeedOut


@dataclass(frozen=True, slots=True)
class Choice:
    """One button: `verb` is on it, `effects` say what will happen, before it happens."""

    decision: Decision
    verb: str
    question: str
    effects: tuple[str, ...]
    is_harmful: bool = False


CHOICES: dict[Decision, str] = {
    "approve": "Approve",
    "attribute": "Bind torrents",
    "cancel": "Cancel",
    "retry": "Retry now",
}
"""Every decision with the words on its button."""

DONE: dict[Decision, str] = {
    "approve": "The approval is written down. The deletion goes on.",
    "attribute": "It is written down that these torrents belong to it.",
    "cancel": "The cancellation is written down. Nothing more of it is deleted.",
    "retry": "It is tried again at once.",
}
"""What is said after a decision."""

_DELETES = "What is bound to it is deleted. That cannot be undone."
EFFECTS: dict[Reason, str] = {
    Reason.BREAKER_OPEN: _DELETES,
    Reason.PROTECTED: f"The protection counts for nothing here. {_DELETES}",
    Reason.APPROVAL_REQUIRED: _DELETES,
    Reason.INFERRED_DELETE: _DELETES,
    Reason.UNATTRIBUTED_TORRENT: (
        "No torrent is taken to belong to it: those in qBittorrent stay, and it goes on with the rest."
    ),
    Reason.IDENTITY_UNRESOLVED: "That upstream is taken not to have the title, and it goes on with the others.",
    Reason.FILES_LEFT_BEHIND: "The files that are still there stay, and it counts as done.",
    Reason.LIKELY_CROSS_SEED: f"The other torrent stays as it is. {_DELETES}",
    Reason.STILL_LISTED: "It goes on without waiting for Jellyfin.",
    Reason.SUSPICIOUS_LIST: (
        "What that upstream lists now is believed, for every deletion: what is missing there counts as gone. If more "
        "is missing when it is read again, you are asked again."
    ),
}
"""What happens when each reason that an approval can lift is lifted."""


def choices_of(one: DeletionDetailOut) -> tuple[Choice, ...]:
    """Return the decisions that would do something now, each with its effects."""
    return tuple(choice_of(one, decision) for decision in one.decisions)


def choice_of(one: DeletionDetailOut, decision: Decision) -> Choice:
    verb = CHOICES[decision]
    match decision:
        case "approve":
            return Choice(decision, verb, "Approve this deletion?", _approving(one), is_harmful=True)
        case "attribute":
            effects = (
                "The torrents that you name are deleted with it, with their data unless files are to be kept.",
                "If the history of Radarr or Sonarr gives one to something else, nothing goes and you are asked again.",
            )
            return Choice(decision, verb, "Which torrents belong to it?", effects, is_harmful=True)
        case "cancel":
            return Choice(decision, verb, "Cancel this deletion?", _cancelling(one))
        case "retry":
            effects = (
                "Every upstream is looked at again at once, and calls that were refused are sent again.",
                "What holds it is not lifted: only a cause that is gone by now lets it go on.",
            )
            return Choice(decision, verb, "Try again now?", effects)


def _approving(one: DeletionDetailOut) -> tuple[str, ...]:
    lifted = liftable(one)
    others = [need for need in one.needs if not need.approvable]
    return (
        *(f"It goes on although: {need.message.rstrip('.')} ({need.reason.value})." for need in lifted),
        *dict.fromkeys(_effect(one, need.reason) for need in lifted),
        *(f"It stays held by {need.reason.value}, which no approval lifts." for need in others),
    )


def liftable(one: DeletionDetailOut) -> tuple[NeedOut, ...]:
    """Return what an approval would lift."""
    return tuple(need for need in one.needs if need.approvable and not need.lifted)


def _effect(one: DeletionDetailOut, reason: Reason) -> str:
    """Return what happens then; where files are to be kept nothing is said to be deleted."""
    if one.options.delete_files:
        return EFFECTS[reason]
    return EFFECTS[reason].replace(_DELETES, "What is bound to it leaves the lists; its files are kept.")


def _cancelling(one: DeletionDetailOut) -> tuple[str, ...]:
    gone = "What was deleted already stays gone." if one.destroyed_at else "Nothing was deleted yet."
    return ("Nothing more of it is deleted.", gone, "What was unmonitored for it is monitored again, as before.")
