"""Forgetting raw receipts: they are evidence for a while, and would otherwise fill the disk."""

from datetime import datetime

from reconciler.store.database import Connection

BATCH = 1000
"""How many receipts one call looks at, so that it never holds up a webhook for long."""

# Receipts are numbered as they arrive: the oldest stand at the front of the primary key, and no other row is looked at.
PRUNE = """
DELETE FROM receipts WHERE number IN (
    SELECT number FROM (SELECT number, received_at FROM receipts ORDER BY number LIMIT :batch) AS oldest
    WHERE received_at < :before
)
RETURNING number
"""


async def prune(connection: Connection, before: datetime, batch: int = BATCH) -> int:
    """Delete those of the oldest `batch` receipts that were received before this time; return how many."""
    return len(await connection.fetch_all(PRUNE, {"before": before, "batch": batch}))
