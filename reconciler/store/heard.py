"""Who was heard from, what is kept of it, and what our webhooks looked like when they were last looked at."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from reconciler.model import DeletionId, InstanceName, Source, WebhookState
from reconciler.ports import (
    Accepted,
    AcceptedDeletion,
    ConnectionSeen,
    Heard,
    KeptReceipt,
    Receipt,
    ReceiptFilter,
    ReceiptPage,
    SenderHeard,
)
from reconciler.store.database import Connection, Row, Value, fetch_one
from reconciler.store.rows import as_json, time_of, time_or_none

NOTE_SENDER = """
INSERT INTO senders (source, instance, last_heard_at, last_heard, last_test_at)
VALUES (:source, :instance, :at, :heard, :test_at)
ON CONFLICT (source, instance) DO UPDATE SET
    last_heard_at = excluded.last_heard_at, last_heard = excluded.last_heard,
    last_test_at = coalesce(excluded.last_test_at, senders.last_test_at)
"""

LINK = (
    "INSERT INTO receipt_deletions (receipt, position, deletion, outcome) VALUES (:receipt, :position, :id, :outcome)"
)

_COLUMNS = "r.number, r.source, r.instance, r.received_at, r.heard, r.event, r.reason"

# A deletion was created by one receipt; later ones may have found it there, or been its echo.
RECEIPT_OF = f"""
SELECT {_COLUMNS}, r.body FROM receipts r JOIN receipt_deletions l ON l.receipt = r.number
WHERE l.deletion = :deletion AND l.outcome = :created
ORDER BY r.number LIMIT 1
"""  # noqa: S608 - our own constant


# --- written with a receipt ----------------------------------------------------------------------------------------


async def note_sender(connection: Connection, receipt: Receipt, heard: Heard) -> None:
    """Remember that a sender was heard from."""
    if not receipt.was_sent:
        return
    await connection.execute(
        NOTE_SENDER,
        {
            "source": receipt.source.value,
            "instance": receipt.instance or "",
            "at": receipt.received_at,
            "heard": heard.value,
            "test_at": receipt.received_at if heard is Heard.TEST else None,
        },
    )


async def link(connection: Connection, receipt: int, deletions: Sequence[AcceptedDeletion]) -> None:
    """Remember which deletions a receipt came to."""
    rows = [
        {"receipt": receipt, "position": position, "id": accepted.id, "outcome": accepted.outcome.value}
        for position, accepted in enumerate(deletions)
        if accepted.id is not None
    ]
    if rows:
        await connection.execute_many(LINK, rows)


# --- read ----------------------------------------------------------------------------------------------------------


async def senders(connection: Connection) -> tuple[SenderHeard, ...]:
    rows = await connection.fetch_all("SELECT * FROM senders ORDER BY source, instance")
    return tuple(
        SenderHeard(
            source=Source(row["source"]),
            instance=InstanceName(row["instance"]) if row["instance"] else None,
            heard_at=time_of(row["last_heard_at"]),
            heard=Heard(row["last_heard"]),
            test_at=time_or_none(row["last_test_at"]),
        )
        for row in rows
    )


async def last_test_at(connection: Connection) -> datetime | None:
    row = await fetch_one(connection, "SELECT max(last_test_at) AS at FROM senders")
    return time_or_none(row["at"]) if row is not None else None


async def receipts(connection: Connection, where: ReceiptFilter, *, cursor: str | None, limit: int) -> ReceiptPage:
    """Return a page, newest first; raises `ValueError` for a cursor that this did not give out."""
    terms: list[str] = []
    values: dict[str, Value] = {"limit": limit + 1}
    if cursor is not None:
        if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 19 or int(cursor) >= 2**63:
            raise ValueError("this is no cursor of ours")
        terms.append("r.number < :cursor")
        values["cursor"] = int(cursor)
    if where.source is not None:
        terms.append("r.source = :source")
        values["source"] = where.source.value
    if where.heard is not None:
        terms.append("r.heard = :heard")
        values["heard"] = where.heard.value
    condition = f"WHERE {' AND '.join(terms)}" if terms else ""
    rows = await connection.fetch_all(
        f"SELECT {_COLUMNS} FROM receipts r {condition} ORDER BY r.number DESC LIMIT :limit",  # noqa: S608 - our own
        values,
    )
    page = rows[:limit]
    links = await _links(connection, [int(row["number"]) for row in page])
    return ReceiptPage(
        tuple(_receipt(row, links) for row in page), str(page[-1]["number"]) if len(rows) > limit else None
    )


async def receipt(connection: Connection, number: int) -> KeptReceipt | None:
    row = await fetch_one(
        connection,
        f"SELECT {_COLUMNS}, r.body FROM receipts r WHERE r.number = :number",  # noqa: S608 - our own constant
        {"number": number},
    )
    return None if row is None else _receipt(row, await _links(connection, [number]), row["body"])


async def receipt_of(connection: Connection, deletion: DeletionId) -> KeptReceipt | None:
    row = await fetch_one(connection, RECEIPT_OF, {"deletion": deletion, "created": Accepted.CREATED.value})
    return None if row is None else _receipt(row, await _links(connection, [int(row["number"])]), row["body"])


async def _links(connection: Connection, numbers: Sequence[int]) -> Mapping[int, Sequence[AcceptedDeletion]]:
    rows = await connection.fetch_all(
        "SELECT * FROM receipt_deletions WHERE receipt IN :numbers ORDER BY receipt, position", {"numbers": numbers}
    )
    found: dict[int, list[AcceptedDeletion]] = {}
    for row in rows:
        accepted = AcceptedDeletion(Accepted(row["outcome"]), DeletionId(row["deletion"]))
        found.setdefault(int(row["receipt"]), []).append(accepted)
    return found


def _receipt(row: Row, links: Mapping[int, Sequence[AcceptedDeletion]], body: str = "") -> KeptReceipt:
    return KeptReceipt(
        number=int(row["number"]),
        source=Source(row["source"]),
        instance=InstanceName(row["instance"]) if row["instance"] else None,
        received_at=time_of(row["received_at"]),
        heard=Heard(row["heard"]),
        event=row["event"],
        reason=row["reason"],
        deletions=tuple(links.get(int(row["number"]), ())),
        body=body,
    )


# --- our webhooks at the upstreams ---------------------------------------------------------------------------------


async def connections(connection: Connection) -> dict[InstanceName, ConnectionSeen]:
    rows = await connection.fetch_all("SELECT * FROM connections")
    return {InstanceName(row["instance"]): ConnectionSeen(_state(row["state"]), time_of(row["at"])) for row in rows}


async def save_connections(connection: Connection, seen: Mapping[InstanceName, WebhookState], at: datetime) -> None:
    await connection.execute_many(
        """
        INSERT INTO connections (instance, state, at) VALUES (:instance, :state, :at)
        ON CONFLICT (instance) DO UPDATE SET state = excluded.state, at = excluded.at
        """,
        [
            {
                "instance": instance,
                "state": as_json(asdict(state)),
                "at": at,
            }
            for instance, state in sorted(seen.items())
        ],
    )


def _state(text: str) -> WebhookState:
    stored = json.loads(text)
    return WebhookState(
        stored["exists"],
        stored["enabled"],
        tuple(stored["problems"]),
        muted=stored.get("muted", False),  # earlier builds did not ask for these two
        elsewhere=stored.get("elsewhere", ""),
    )
