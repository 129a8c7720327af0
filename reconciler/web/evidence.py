"""Evidence as a table that a person reads: one row per bound thing. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime

from reconciler.model import ConditionType, Deletion, DeletionState, ReferenceKind, Target, TargetKind
from reconciler.ports import Evidence, Told
from reconciler.reasons import Reason
from reconciler.web.answers import Out

MOST_REFERENCES = 10
_DOWNLOADS = frozenset({TargetKind.TORRENT, TargetKind.CROSS_SEED, TargetKind.LIKELY_CROSS_SEED, TargetKind.UNMANAGED})
_DONE = {ReferenceKind.GRAB: "grabbed", ReferenceKind.IMPORT: "imported"}


Because = Literal["history", "person", "shared_files", "equal_files", "queue", "identity", "season"]
Observed = Literal["absent", "listed", "not_observed"]


class ReferenceOut(Out):
    """A grab or an import. `at` is the upstream's own date text, `heard_at` when we learnt of it.

    `history_id` is `null` while only a webhook has told it. `by_person`: out of a search that a person made.
    """

    kind: ReferenceKind
    instance: str
    history_id: int | None
    at: str | None
    heard_at: AwareDatetime
    source_title: str | None
    season: int | None
    episode: int | None
    by_person: bool


class BelongsOut(Out):
    """What shows that a thing belongs to the title: `because` for programs, `message` for people.

    `references` are the first few grabs and imports that name it, `reference_count` is how many there are.
    """

    because: Because
    message: str
    references: tuple[ReferenceOut, ...]
    reference_count: int


class SentOut(Out):
    """The calls of one kind about one thing."""

    action: str
    times: int
    first_at: AwareDatetime
    last_at: AwareDatetime


class EvidenceOut(Out):
    """One bound thing: what shows that it belongs, what was sent about it, and whether it is still there.

    `external_id` is the info hash, or the upstream's internal id. `observed` is `absent` (since `absent_since`),
    `listed` (last seen at `last_seen_at`) or `not_observed`.
    """

    kind: TargetKind
    instance: str
    external_id: str
    name: str | None
    season: int | None
    size: int
    belongs: BelongsOut
    sent: tuple[SentOut, ...]
    observed: Observed
    absent_since: AwareDatetime | None
    last_seen_at: AwareDatetime | None
    message: str


def evidence_out(state: DeletionState, evidence: Iterable[Evidence]) -> tuple[EvidenceOut, ...]:
    """Return a row for each; there may be thousands."""
    torrent_files = frozenset(path for torrent in state.targets_of(TargetKind.TORRENT) for path in torrent.files)
    return tuple(_row(state, torrent_files, one) for one in evidence)


def _row(state: DeletionState, torrent_files: frozenset[str], evidence: Evidence) -> EvidenceOut:
    target = evidence.target
    because, message = _belongs(state, torrent_files, evidence)
    observed, absent_since, seen = _observed(state, evidence)
    return EvidenceOut(
        kind=target.kind,
        instance=target.instance,
        external_id=target.external_id,
        name=target.name,
        season=target.season,
        size=target.size,
        belongs=BelongsOut(
            because=because,
            message=message,
            references=tuple(_reference_out(told) for told in evidence.told[:MOST_REFERENCES]),
            reference_count=len(evidence.told),
        ),
        sent=tuple(
            SentOut(action=sent.action, times=sent.times, first_at=sent.first_at, last_at=sent.last_at)
            for sent in evidence.sent
        ),
        observed=observed,
        absent_since=absent_since,
        last_seen_at=evidence.seen_at,
        message=seen,
    )


def _belongs(state: DeletionState, torrent_files: frozenset[str], evidence: Evidence) -> tuple[Because, str]:
    target, deletion = evidence.target, state.deletion
    if any(told.reference.is_of(deletion) for told in evidence.told):
        return "history", _history(evidence.told)
    if target.kind in _DOWNLOADS and _is_named(target, deletion):
        return "person", "named by who asked, or bound by a person"
    match target.kind:
        case TargetKind.CROSS_SEED if not torrent_files.isdisjoint(target.files):
            return "shared_files", "all its files are files of a torrent that goes"
        case TargetKind.CROSS_SEED | TargetKind.LIKELY_CROSS_SEED:
            return "equal_files", "its files are equal in name and size to those of a torrent that goes"
        case TargetKind.TORRENT if evidence.told:
            return "shared_files", "it shares files with a torrent that goes, and what it was grabbed for is gone, too"
        case TargetKind.TORRENT | TargetKind.UNMANAGED:
            return "queue", "it was being downloaded for this title when the deletion was bound"
        case TargetKind.FILE if target.season is None:
            return "identity", f"a file of {target.media or deletion.media} in {target.instance}"
        case TargetKind.FILE:
            return "season", f"a file of season {target.season} in {target.instance}"
        case _:
            return "identity", f"{target.media or deletion.media}, as {target.instance} calls it {target.external_id}"


def _history(told: tuple[Told, ...]) -> str:
    """Say what the histories tell, each library and deed once."""
    said: dict[str, list[str]] = {}
    for one in told:
        reference = one.reference
        words = f"{_DONE[reference.kind]} by {reference.instance}"
        history_id = reference.history_id
        said.setdefault(words, []).append("told by a webhook" if history_id is None else f"history {history_id}")
    return "; ".join(
        f"{words} ({ids[0]}{f' and {len(ids) - 1} more' if len(ids) > 1 else ''})" for words, ids in said.items()
    )


def _is_named(target: Target, deletion: Deletion) -> bool:
    return any(target.external_id[:40] == hash_[:40] for hash_ in deletion.hints.hashes)


def _observed(state: DeletionState, evidence: Evidence) -> tuple[Observed, datetime | None, str]:
    """Return whether it is there, since when it is not, and in words what was seen."""
    target = evidence.target
    where = target.instance
    if target.kind is TargetKind.UNMANAGED:
        return "not_observed", None, "in a download client that is not looked at"
    if target.kind is TargetKind.LIKELY_CROSS_SEED:
        return "listed", None, f"{where} listed it when this was bound; it stays, so it was not looked for again"
    if target.kind is TargetKind.ITEM:
        refreshed = state.condition(ConditionType.LIBRARY_REFRESHED, where)
        if refreshed is not None and refreshed.reason is Reason.ABSENT:
            return "absent", refreshed.reason_since, f"{where} does not list it any more"
    if target.absent_since is not None:
        if evidence.seen_at is None and not evidence.sent:
            return "absent", target.absent_since, f"{where} did not list it when this was bound, and has not since"
        return "absent", target.absent_since, f"{where} does not list it any more"
    if evidence.seen_at is not None:
        return "listed", None, f"{where} listed it when last looked"
    return "not_observed", None, f"not looked for in {where} yet"


def _reference_out(told: Told) -> ReferenceOut:
    reference = told.reference
    return ReferenceOut(
        kind=reference.kind,
        instance=reference.instance,
        history_id=reference.history_id,
        at=told.at,
        heard_at=told.heard_at,
        source_title=reference.source_title,
        season=reference.season,
        episode=reference.episode,
        by_person=reference.by_person,
    )
