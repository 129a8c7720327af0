"""What a person can decide about a deletion, and what each decision will do. Pure."""

from dataclasses import dataclass

from reconciler.reasons import MEANINGS
from reconciler.web.schemas import Decision, DeletionDetailOut


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

DONE: dict[str, str] = {
    "approve": "The approval is written down. The deletion goes on.",
    "attribute": "It is written down that these torrents belong to it. They are deleted with it, unless the history "
    "gives them to something else.",
    "cancel": "The cancellation is written down. Nothing more of it is deleted.",
    "retry": "It is tried again at once.",
    "release": "All that the breaker held goes on.",
}
"""What is said after a decision."""


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
    approvable = [need for need in one.needs if need.approvable and need.reason not in one.approved]
    others = [need for need in one.needs if not MEANINGS[need.reason].approvable]
    return (
        *(f"It goes on although: {need.message.rstrip('.')} ({need.reason.value})." for need in approvable),
        _what_goes(one),
        *(f"It stays held by {need.reason.value}, which no approval lifts." for need in others),
    )


def _what_goes(one: DeletionDetailOut) -> str:
    if one.options.delete_files:
        return "What is bound to it is deleted, with its files. That cannot be undone."
    return "What is bound to it leaves the lists; its files are kept."


def _cancelling(one: DeletionDetailOut) -> tuple[str, ...]:
    gone = "What was deleted already stays gone." if one.destroyed_at else "Nothing was deleted yet."
    return ("Nothing more of it is deleted.", gone, "What was unmonitored for it is monitored again, as before.")
