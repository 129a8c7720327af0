"""Who is told, and how far each has been told."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from reconciler.ports import MessengerState
from reconciler.store.database import Connection, Value, fetch_one
from reconciler.store.rows import time_of, time_or_none

SAVE = """
UPDATE messengers SET last_notice = :last_notice, sent_at = :sent_at, failing_since = :failing_since,
    attempt = :attempt, next_try_at = :next_try_at, last_error = :last_error
WHERE position = :position
"""


async def messengers(connection: Connection) -> tuple[MessengerState, ...]:
    """Return them in the order of the configuration."""
    rows = await connection.fetch_all("SELECT * FROM messengers ORDER BY position")
    return tuple(
        MessengerState(
            position=int(row["position"]),
            kind=row["kind"],
            since=time_of(row["since"]),
            last_notice=int(row["last_notice"]),
            sent_at=time_or_none(row["sent_at"]),
            failing_since=time_or_none(row["failing_since"]),
            attempt=int(row["attempt"]),
            next_try_at=time_or_none(row["next_try_at"]),
            last_error=row["last_error"],
        )
        for row in rows
    )


async def settle_messengers(connection: Connection, kinds: Sequence[str], now: datetime) -> None:
    """Know exactly these. One that took another's place goes on where that one stood, so that nothing is lost.

    Without any, all that was noted is forgotten: turned on again, what waits then is news to whoever is told.
    """
    if not kinds:
        await connection.execute("DELETE FROM notices")
    await connection.execute("DELETE FROM messengers WHERE position > :count", {"count": len(kinds)})
    last = await fetch_one(connection, "SELECT max(number) AS number FROM notices")
    known: Mapping[str, Value] = {"now": now, "last": int(last["number"] or 0) if last else 0}
    if kinds:
        await connection.execute_many(
            """
            INSERT INTO messengers (position, kind, since, last_notice) VALUES (:position, :kind, :now, :last)
            ON CONFLICT (position) DO UPDATE SET kind = excluded.kind, next_try_at = NULL,
                failing_since = CASE WHEN messengers.kind = excluded.kind THEN messengers.failing_since END,
                attempt = CASE WHEN messengers.kind = excluded.kind THEN messengers.attempt ELSE 0 END,
                last_error = CASE WHEN messengers.kind = excluded.kind THEN messengers.last_error ELSE '' END
            """,
            [{**known, "position": number, "kind": kind} for number, kind in enumerate(kinds, start=1)],
        )


async def save_messenger(connection: Connection, state: MessengerState) -> None:
    """Replace what is known of one."""
    await connection.execute(
        SAVE,
        {
            "position": state.position,
            "last_notice": state.last_notice,
            "sent_at": state.sent_at,
            "failing_since": state.failing_since,
            "attempt": state.attempt,
            "next_try_at": state.next_try_at,
            "last_error": state.last_error,
        },
    )
