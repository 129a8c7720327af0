"""The overall verdict in words: what somebody who looks at 2 a.m. reads first. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconciler.model import LedgerCoverage, Phase
from reconciler.ports import LoopStatus, PassRecord, UpstreamHealth

ALL_CLEAR = "All clear"
TITLES_NAMED = 3
_TITLE_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Situation:
    """What the verdict is about. `asking` counts the deletions that a person has to look at, `asking_titles` are the
    newest few of them, `remarks` come at its end.
    """

    counts: Mapping[Phase, int]
    asking: int
    asking_titles: Sequence[str]
    upstreams: Sequence[UpstreamHealth]
    coverage: Sequence[LedgerCoverage]
    loop: LoopStatus
    leader: str | None
    last_pass: PassRecord | None
    observing: bool
    remarks: Sequence[str] = ()


def verdict_of(situation: Situation) -> tuple[str, bool]:
    """Return the verdict and whether nothing is wrong (work that proceeds by itself is not wrong)."""
    troubles = [
        *_asking(situation),
        *_unreachable(situation.upstreams),
        *(["the last pass failed"] if situation.last_pass and situation.last_pass.error else []),
        *([] if situation.loop.running else ["reconciling is stopped"]),
        *(["no process reconciles"] if situation.loop.running and situation.leader is None else []),
    ]
    work = [
        f"{situation.counts[phase]} {phase.value}"
        for phase in (Phase.CONVERGING, Phase.WAITING, Phase.PENDING)
        if situation.counts.get(phase)
    ]
    remarks = [
        *(_backfill(coverage) for coverage in situation.coverage if not coverage.is_complete),
        *_doubted(situation.upstreams),
        *(["observe mode: nothing is deleted"] if situation.observing else []),
        *situation.remarks,
    ]
    parts = troubles + work + remarks
    if not troubles and not work:
        parts.insert(0, ALL_CLEAR)
    text = "; ".join(parts)
    return text[:1].upper() + text[1:], not troubles


def _asking(situation: Situation) -> list[str]:
    count = situation.asking
    if not count:
        return []
    named = [_short(title) for title in situation.asking_titles[:TITLES_NAMED]]
    unnamed = count - len(named)
    if named and unnamed > 0:
        named.append(f"{unnamed} more")
    needs = f"{count} needs you" if count == 1 else f"{count} need you"
    return [f"{needs}: {', '.join(named)}" if named else needs]


def _unreachable(upstreams: Sequence[UpstreamHealth]) -> list[str]:
    lost = sorted(upstream.instance for upstream in upstreams if not upstream.reachable)
    return [f"cannot reach {', '.join(lost)}"] if lost else []


def _doubted(upstreams: Sequence[UpstreamHealth]) -> list[str]:
    doubted = sorted(upstream.instance for upstream in upstreams if upstream.reachable and upstream.last_error)
    verb = "is" if len(doubted) == 1 else "are"
    return [f"{', '.join(doubted)} {verb} not believed in everything"] if doubted else []


def _backfill(coverage: LedgerCoverage) -> str:
    of_total = f" of {coverage.backfill_total}" if coverage.backfill_total is not None else ""
    return f"reading the history of {coverage.instance} ({coverage.backfill_rows}{of_total})"


def _short(title: str) -> str:
    line = " ".join(title.split())
    return line if len(line) <= _TITLE_LENGTH else line[: _TITLE_LENGTH - 1] + "…"
