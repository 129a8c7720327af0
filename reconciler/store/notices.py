"""What people are told: noticing it, each thing once."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from reconciler.model import DeletionId, DeletionState, Notice, Occasion
from reconciler.reasons import MEANINGS, Effect, Reason
from reconciler.store.database import Connection, Row, Values, fetch_one
from reconciler.store.reading import CHANGED_AT, IS_IMPATIENT, PATIENCE_VALUES
from reconciler.store.rows import time_of, time_or_none
from reconciler.store.states import states_of

KEPT = timedelta(days=2)
"""How long what is over is kept: longer than anybody is still told of it."""

_HOLDS = sorted(reason for reason, meaning in MEANINGS.items() if meaning.effect is Effect.HOLD)
_UNSEEN = sorted(
    {
        Reason.UNREACHABLE,
        Reason.THROTTLED,
        Reason.UNAUTHORIZED,
        Reason.REJECTED,
        Reason.UNINTELLIGIBLE,
        Reason.SUSPICIOUS_LIST,
        Reason.LEDGER_INCOMPLETE,
        Reason.REQUESTS_UNSEEN,
        Reason.ROOT_FOLDER_INACCESSIBLE,
    }
)
"""While a deletion has one of these, nobody could look whether what held it still does."""

HELD = """
SELECT DISTINCT d.id AS deletion, c.reason AS reason
FROM deletions d JOIN conditions c ON c.deletion = d.id
WHERE d.settled_at IS NULL AND c.reason IN :holds
"""

STALLED = f"""
SELECT id AS deletion, changed_at FROM (
    SELECT d.id AS id, {CHANGED_AT} AS changed_at FROM deletions d
    WHERE d.settled_at IS NULL AND {IS_IMPATIENT}
        AND NOT EXISTS (SELECT 1 FROM conditions c WHERE c.deletion = d.id AND c.reason IN :holds)
) AS open_deletions WHERE changed_at <= :before
"""  # noqa: S608 - our own constants

CONVERGED = """
SELECT d.id AS deletion, d.settled_at AS settled_at FROM deletions d
WHERE d.settled_at >= :since AND d.settled_as = 'converged'
"""

KNOWN = "SELECT deletion, occasion, occurrence FROM notices WHERE deletion IN :ids AND occasion = :occasion"

CURRENT = """
SELECT n.*, EXISTS (
    SELECT 1 FROM deletions d JOIN conditions c ON c.deletion = d.id
    WHERE d.id = n.deletion AND d.settled_at IS NULL AND c.reason IN :unseen
) AS is_unseen
FROM notices n WHERE n.over_at IS NULL
"""

ADD = """
INSERT INTO notices (deletion, occasion, occurrence, at, over_at)
VALUES (:deletion, :occasion, :occurrence, :at, :over_at)
"""


async def news(
    connection: Connection, now: datetime, *, stalled_before: datetime, converged_since: datetime
) -> tuple[list[Values], list[int]]:
    """Return what is to be noted, as rows, and the numbers of the notices that are over."""
    first = await fetch_one(connection, "SELECT min(since) AS since FROM messengers")
    begun = time_or_none(first["since"]) if first else None
    if begun is None:
        return [], []
    current = {
        _key(row["deletion"], row["occasion"], row["occurrence"]): row
        for row in await connection.fetch_all(CURRENT, {"unseen": _UNSEEN})
    }
    seen: set[tuple[str, str, str]] = set()
    for row in await connection.fetch_all(HELD, {"holds": _HOLDS}):
        seen.add(_key(row["deletion"], Occasion.HELD, row["reason"]))
    standing: Values = {**PATIENCE_VALUES, "holds": _HOLDS, "before": stalled_before}
    for row in await connection.fetch_all(STALLED, standing):
        seen.add(_key(row["deletion"], Occasion.STALLED, time_of(row["changed_at"]).isoformat()))
    added = [_row(key, now, None) for key in sorted(seen - current.keys())]
    added += [_row(key, now, now) for key in await _converged(connection, max(begun, converged_since))]
    over = [
        int(row["number"])
        for key, row in current.items()
        if key not in seen and not (row["occasion"] == Occasion.HELD and row["is_unseen"])
    ]
    return added, over


async def _converged(connection: Connection, since: datetime) -> list[tuple[str, str, str]]:
    """Return the convergences since then that are not noted yet."""
    ended = await connection.fetch_all(CONVERGED, {"since": since})
    keys = {_key(row["deletion"], Occasion.CONVERGED, time_of(row["settled_at"]).isoformat()) for row in ended}
    if not keys:
        return []
    values: Values = {"ids": sorted({deletion for deletion, *_ in keys}), "occasion": Occasion.CONVERGED.value}
    known = await connection.fetch_all(KNOWN, values)
    return sorted(keys - {_key(row["deletion"], row["occasion"], row["occurrence"]) for row in known})


def _key(deletion: object, occasion: str, occurrence: str) -> tuple[str, str, str]:
    return str(deletion), str(occasion), occurrence


def _row(key: tuple[str, str, str], at: datetime, over_at: datetime | None) -> Values:
    deletion, occasion, occurrence = key
    return {"deletion": deletion, "occasion": occasion, "occurrence": occurrence, "at": at, "over_at": over_at}


async def write_news(connection: Connection, added: Sequence[Values], over: Sequence[int], now: datetime) -> None:
    """Write what `news` found, and forget what has been over for long."""
    if added:
        await connection.execute_many(ADD, added)
    await connection.execute("UPDATE notices SET over_at = :now WHERE number IN :over", {"now": now, "over": over})
    await connection.execute("DELETE FROM notices WHERE over_at < :old", {"old": now - KEPT})


async def notices_after(connection: Connection, number: int, limit: int) -> tuple[Notice, ...]:
    """Return what was noted after this one, oldest first."""
    rows = await connection.fetch_all(
        "SELECT * FROM notices WHERE number > :number ORDER BY number LIMIT :limit", {"number": number, "limit": limit}
    )
    return tuple(_notice_of(row) for row in rows)


def _notice_of(row: Row) -> Notice:
    occasion = Occasion(row["occasion"])
    return Notice(
        number=int(row["number"]),
        deletion=DeletionId(str(row["deletion"])),
        occasion=occasion,
        occurrence=row["occurrence"],
        at=time_of(row["at"]),
        is_moot=row["over_at"] is not None and occasion is not Occasion.CONVERGED,
    )


async def deletions_among(connection: Connection, ids: Collection[DeletionId]) -> tuple[DeletionState, ...]:
    """Return those of the deletions that there are."""
    rows = await connection.fetch_all("SELECT * FROM deletions WHERE id IN :ids", {"ids": sorted(ids)})
    return await states_of(connection, rows)
