"""What deletions came to: the space they freed, and how long they took."""

from datetime import datetime, timedelta

from reconciler.model import DeletionId, DeletionState, Phase
from reconciler.ports import MOST_CONVERGENCES, Convergence, Freed
from reconciler.reasons import Reason
from reconciler.store.database import Connection, fetch_one
from reconciler.store.rows import time_of
from reconciler.store.states import states_of

LAST_DAY = timedelta(hours=24)

FREED_BY = """
SELECT
    (
        SELECT coalesce(sum(t.size), 0) FROM targets t
        WHERE t.deletion = d.id AND t.kind = 'torrent' AND t.absent_since IS NOT NULL
            AND EXISTS (SELECT 1 FROM actions a WHERE a.target = t.number AND a.destructive)
            AND NOT EXISTS (
                SELECT 1 FROM conditions c WHERE c.deletion = d.id AND c.instance = t.instance AND c.reason = :data_left
            )
    ) AS torrents,
    (
        SELECT coalesce(sum(t.size), 0) FROM targets t
        WHERE t.deletion = d.id AND t.absent_since IS NOT NULL
            AND (t.kind = 'file' OR (t.kind = 'entry' AND d.seasons IS NULL))
            AND EXISTS (SELECT 1 FROM actions a WHERE a.target = t.number AND a.destructive)
    ) AS library
FROM deletions d WHERE d.id = :id AND d.delete_files
"""
"""What is counted is what `passes.DESTROYED` counts, as far as it went."""

ENDED = """
SELECT settled_as, count(*) AS count, sum(freed) AS freed FROM deletions
WHERE settled_as IS NOT NULL GROUP BY settled_as
"""
"""The one question about all history: it is answered by an index alone."""

FREED_SINCE = "SELECT sum(freed) AS freed FROM deletions WHERE settled_as = 'converged' AND settled_at >= :since"

CONVERGENCES = """
SELECT id, requested_at, settled_at FROM deletions
WHERE settled_as = 'converged' AND settled_at >= :since
ORDER BY settled_at DESC LIMIT :limit
"""

LATELY_CONVERGED = (
    "SELECT d.* FROM deletions d WHERE d.settled_as = 'converged' ORDER BY d.settled_at DESC LIMIT :limit"
)


async def freed_by(connection: Connection, deletion: DeletionId) -> int:
    """Return the bytes of a deletion that are seen gone now, by its conditions and targets as they are stored."""
    row = await fetch_one(connection, FREED_BY, {"id": deletion, "data_left": Reason.SHARED_WITH_UNKNOWN.value})
    return 0 if row is None else max(int(row["torrents"]), int(row["library"]))


async def ended(connection: Connection, now: datetime) -> tuple[dict[Phase, int], Freed]:
    """Return how many deletions ended how, and what those that converged have freed, as it was counted then."""
    rows = {Phase(row["settled_as"]): row for row in await connection.fetch_all(ENDED)}
    converged = rows.get(Phase.CONVERGED)
    recent = await fetch_one(connection, FREED_SINCE, {"since": now - LAST_DAY})
    total, last_day = (int(row["freed"] or 0) if row else 0 for row in (converged, recent))
    return {phase: int(row["count"]) for phase, row in rows.items()}, Freed(total, last_day)


async def convergences(connection: Connection, now: datetime) -> tuple[Convergence, ...]:
    """Return the newest convergences of the last day, the last one first."""
    rows = await connection.fetch_all(CONVERGENCES, {"since": now - LAST_DAY, "limit": MOST_CONVERGENCES})
    return tuple(
        Convergence(
            DeletionId(str(row["id"])),
            time_of(row["settled_at"]),
            time_of(row["settled_at"]) - time_of(row["requested_at"]),
        )
        for row in rows
    )


async def lately_converged(connection: Connection, limit: int) -> tuple[DeletionState, ...]:
    """Return the deletions that converged last, the last one first, without their files."""
    return await states_of(connection, await connection.fetch_all(LATELY_CONVERGED, {"limit": limit}), with_files=False)
