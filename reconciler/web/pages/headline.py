"""The few words on top of the page, and the colour they have. Pure."""

from dataclasses import dataclass

from reconciler.model import Phase
from reconciler.web.schemas import StatusOut
from reconciler.web.verdict import ALL_CLEAR


@dataclass(frozen=True, slots=True)
class Headline:
    """`tone` is `good`, `busy` or `bad`; `more` is what the verdict says beyond the few words."""

    words: str
    tone: str
    more: str = ""


def headline_of(status: StatusOut) -> Headline:
    """Return what somebody reads first: what needs them, else what is wrong, else what is going on."""
    words, tone = _first(status)
    return Headline(words, tone, status.verdict.removeprefix(words).lstrip(":; "))


def _first(status: StatusOut) -> tuple[str, str]:
    if status.needs_you:
        return f"{status.needs_you} needs you" if status.needs_you == 1 else f"{status.needs_you} need you", "bad"
    if not status.ok:
        return "Something is wrong", "bad"
    for phase in (Phase.CONVERGING, Phase.WAITING, Phase.PENDING):
        if count := status.counts.get(phase, 0):
            return f"{count} {phase.value}", "busy"
    return ALL_CLEAR, "good"
