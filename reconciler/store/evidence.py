"""What is known of each thing that a deletion bound."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from reconciler.model import DeletionState, Target, TargetKind
from reconciler.ports import Evidence, Sent, Told
from reconciler.store.database import Connection, Row
from reconciler.store.ledger import REFERENCES_OF_HASHES, SHORT
from reconciler.store.rows import reference_of, time_of, time_or_none

SEEN = "SELECT number, seen_at FROM targets WHERE deletion = :id"

SENT = """
SELECT a.target, a.kind, count(*) AS times, min(a.sent_at) AS first_at, max(a.sent_at) AS last_at
FROM actions a WHERE a.target IN :targets
GROUP BY a.target, a.kind ORDER BY min(a.sent_at), a.kind
"""

RELEASED = "SELECT * FROM refs WHERE released_by = :id"

_TORRENTS = {TargetKind.TORRENT, TargetKind.CROSS_SEED, TargetKind.LIKELY_CROSS_SEED}


async def evidence_of(connection: Connection, state: DeletionState) -> tuple[Evidence, ...]:
    """Return what is known of each of a deletion's targets, in their order."""
    of_deletion = {"id": state.deletion.id}
    seen: dict[int, datetime | None] = {
        row["number"]: time_or_none(row["seen_at"]) for row in await connection.fetch_all(SEEN, of_deletion)
    }
    sent: dict[int, list[Sent]] = defaultdict(list)
    for row in await connection.fetch_all(SENT, {"targets": [t.number for t in state.targets]}):
        what = Sent(row["kind"], int(row["times"]), time_of(row["first_at"]), time_of(row["last_at"]))
        sent[row["target"]].append(what)
    ledger = _Ledger(state, [*await connection.fetch_all(RELEASED, of_deletion), *await _naming(connection, state)])
    return tuple(
        Evidence(target, ledger.told_of(target), tuple(sent[target.number]), seen.get(target.number))
        for target in state.targets
    )


async def _naming(connection: Connection, state: DeletionState) -> Iterable[Row]:
    short = sorted({t.external_id[:SHORT] for t in state.targets if t.kind in _TORRENTS})
    return await connection.fetch_all(REFERENCES_OF_HASHES, {"short": short}) if short else ()


class _Ledger:
    """The references that may speak of the targets, by what they name."""

    def __init__(self, state: DeletionState, rows: Iterable[Row]) -> None:
        self._deletion = state.deletion
        self._by_hash: dict[str, list[Told]] = defaultdict(list)
        self._by_raw_hash: dict[str, list[Told]] = defaultdict(list)
        for _, row in sorted({int(row["number"]): row for row in rows}.items()):
            told = Told(reference_of(row), row["upstream_at"], time_of(row["arrived_at"]))
            if told.reference.hash is not None:
                self._by_hash[told.reference.hash[:SHORT]].append(told)
            if told.reference.raw_hash is not None:
                self._by_raw_hash[told.reference.raw_hash].append(told)

    def told_of(self, target: Target) -> tuple[Told, ...]:
        """Return the grabs and imports of a download: those of this title, or of others if there are none of it."""
        named = self._naming(target)
        own = [told for told in named if told.reference.is_of(self._deletion)]
        return tuple(sorted(own or named, key=self._by_weight))

    def _naming(self, target: Target) -> list[Told]:
        if target.kind in _TORRENTS:
            found = self._by_hash.get(target.external_id[:SHORT], [])
            return [t for t in found if t.reference.hash and _can_be_one(t.reference.hash, target.external_id)]
        if target.kind is TargetKind.UNMANAGED:
            raw, hash_ = target.external_id, target.external_id[:SHORT]
            return self._by_raw_hash.get(raw) or self._by_hash.get(hash_, [])
        return []

    def _by_weight(self, told: Told) -> tuple[bool, int]:
        return told.reference.released_by != self._deletion.id, told.reference.number


def _can_be_one(hash_: str, other: str) -> bool:
    """Tell whether two hashes with the same beginning can be one torrent: one may be the other truncated."""
    return hash_ == other or len(hash_) != len(other)
