"""What a message says: a heading that counts, and a line for each deletion. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.model import Condition, DeletionId, DeletionState, Notice, Occasion, ending_of
from reconciler.notify.plain import cut, plain
from reconciler.reasons import Effect, Reason, effect_of
from reconciler.words import duration_in_words

MOST_LINES = 10
"""How many deletions a message names; of the rest it says how many there are."""

_TITLE = 80
_NAME = 40
_WORDS = 200
_ENDING = 400
_ORDER = (Occasion.HELD, Occasion.STALLED, Occasion.CONVERGED)
_HEADS = {Occasion.HELD: "Needs you", Occasion.STALLED: "Stands still", Occasion.CONVERGED: "Done"}
_GONE = "Gone everywhere"


@dataclass(frozen=True, slots=True)
class Message:
    """Plain text. `is_urgent` when a person is asked for something."""

    title: str
    body: str
    is_urgent: bool = False


@dataclass(frozen=True, slots=True)
class Wording:
    """How things are said. `advice` tells of each reason that holds what a person can do.

    `page_url` is where people reach the pages of this service, without a slash at its end; without it there are no
    links. `is_observing`: nothing is deleted, and messages say so.
    """

    advice: Mapping[Reason, str]
    page_url: str | None = None
    is_observing: bool = False

    def test(self) -> Message:
        """Return a message that says nothing but that it arrived."""
        return Message("Deletion reconciler: a test", "This is a test. Messages about deletions arrive here.")

    def message(
        self, notices: Sequence[Notice], states: Mapping[DeletionId, DeletionState], now: datetime, *, room: int
    ) -> Message:
        """Put notices into one message of about `room` characters at most.

        What is asked of a person comes first. `states` are those of the deletions that can be named; the notices of
        others are counted only.
        """
        told = _by_deletion(notices)
        title = self._title(told, {id_ for id_, state in states.items() if _is_gone(state)})
        lines: list[str] = []
        advised: set[Reason] = set()
        left = max(room - len(title) - len(_and_more(len(told))) - 1, _NAME)
        for occasion, deletion in list(told)[:MOST_LINES]:
            state = states.get(deletion)
            line = "" if state is None else self._line(occasion, state, now, advised)
            if not line or (lines and len(line) + 1 > left):
                break
            lines.append(cut(line, left))
            left -= len(line) + 1
        unnamed = len(told) - len(lines)
        if unnamed:
            lines.append(_and_more(unnamed) if lines else f"{unnamed} deletions")
        return Message(title, "\n".join(lines), any(occasion is not Occasion.CONVERGED for occasion, _ in told))

    def _title(self, told: Mapping[tuple[Occasion, DeletionId], object], gone: Collection[DeletionId]) -> str:
        counts = {occasion: sum(one is occasion for one, _ in told) for occasion in _ORDER}
        held, stalled, converged = (counts[occasion] for occasion in _ORDER)
        are_gone = all(deletion in gone for occasion, deletion in told if occasion is Occasion.CONVERGED)
        parts = [
            *([f"{held} needs you" if held == 1 else f"{held} need you"] if held else []),
            *([f"{stalled} stands still" if stalled == 1 else f"{stalled} stand still"] if stalled else []),
            *([f"{converged} {'gone everywhere' if are_gone else 'done'}"] if converged else []),
        ]
        observing = " (observe mode: nothing is deleted)" if self.is_observing else ""
        return f"Deletions: {', '.join(parts)}{observing}"

    def _line(self, occasion: Occasion, state: DeletionState, now: datetime, advised: set[Reason]) -> str:
        head = _GONE if occasion is Occasion.CONVERGED and _is_gone(state) else _HEADS[occasion]
        if occasion is Occasion.STALLED:
            head += f" ({state.phase.value}) for {duration_in_words(now - state.changed_at)}"
        link = f" {self.page_url}/deletions/{state.deletion.id}" if self.page_url else ""
        return f"{head}: {_named(state)}{self._why(occasion, state, advised)}{link}"

    def _why(self, occasion: Occasion, state: DeletionState, advised: set[Reason]) -> str:
        """Say what is waited for, and of a hold what a person can do, once for all that have the same reason."""
        if occasion is Occasion.CONVERGED:
            ending = ending_of(state.deletion, state.conditions, state.targets)
            if ending is None:
                return ". But it came back since."
            return "." if ending.is_gone else f". {_as_sentence(ending.words.removeprefix('done, but '))}"
        effects = {Effect.HOLD} if occasion is Occasion.HELD else {Effect.WAIT, Effect.PROGRESS}
        causes = [c for c in state.conditions if effect_of(c.reason) in effects]
        causes.sort(key=lambda c: effect_of(c.reason) is not Effect.WAIT)  # waiting says more than being at it
        if not causes:
            return "."
        reason = causes[0].reason
        others = len({c.reason for c in causes}) - 1
        more = f" And for {others} other reason{'s' if others > 1 else ''}." if others else ""
        advice = self.advice.get(reason, "") if occasion is Occasion.HELD and reason not in advised else ""
        advised.add(reason)
        return f". {_cause(causes[0])}{f' {advice}' if advice else ''}{more}"


def _by_deletion(notices: Sequence[Notice]) -> dict[tuple[Occasion, DeletionId], Notice]:
    """Return each deletion once per occasion: the urgent first, then the older."""
    told: dict[tuple[Occasion, DeletionId], Notice] = {}
    for occasion in _ORDER:
        for notice in notices:
            if notice.occasion is occasion:
                told.setdefault((occasion, notice.deletion), notice)
    return told


def _named(state: DeletionState) -> str:
    deletion = state.deletion
    by = f" by {plain(deletion.requested_by, _NAME)}" if deletion.requested_by else ""
    return f"{plain(state.label, _TITLE)}, asked for{by} ({deletion.source.value})"


def _cause(condition: Condition) -> str:
    where = f"{condition.instance}: "
    words = plain(condition.message.removeprefix(where), _WORDS).rstrip(".")
    return f"{where}{words} ({condition.reason.value})." if words else f"{where}{condition.reason.value}."


def _is_gone(state: DeletionState) -> bool:
    ending = ending_of(state.deletion, state.conditions, state.targets)
    return ending is not None and ending.is_gone


def _as_sentence(words: str) -> str:
    words = plain(words, _ENDING)
    return f"{words[:1].upper()}{words[1:]}."


def _and_more(count: int) -> str:
    return f"and {count} more"
