"""What one webhook or wish writes, inside the transaction of a group commit."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.clock import Clock
from reconciler.model import DeletionId, InstanceName, MediaKind
from reconciler.ports import Accepted, AcceptedDeletion, Heard, IngestResult, Receipt, Understood
from reconciler.store import heard, intents, ledger
from reconciler.store.database import Connection, fetch_one
from reconciler.store.rows import as_json
from reconciler.store.states import open_sharing_id, wake

REMEMBERED = timedelta(days=7)
"""How long an idempotency key is recognised."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What `IntakeStore.ingest` was given."""

    receipt: Receipt
    understood: Understood
    instances: Mapping[MediaKind, frozenset[InstanceName]]
    grace: timedelta


class Ingest:
    """Applies arrivals; each either as a whole or not at all."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def apply(self, connection: Connection, arrival: Arrival) -> IngestResult:
        """Write everything that follows from one arrival."""
        if arrival.understood.heard is Heard.TEST:
            await heard.note_sender(connection, arrival.receipt, Heard.TEST)
            return IngestResult()
        now = self._clock.now()
        repeated = await _repeat_of(connection, arrival.receipt, now)
        if repeated is None or not repeated.key_reused:
            await heard.note_sender(connection, arrival.receipt, arrival.understood.heard)
        if repeated is not None:
            return repeated
        result = await self._write(connection, arrival, now)
        await _remember(connection, arrival.receipt, result, now)
        return result

    async def _write(self, connection: Connection, arrival: Arrival, now: datetime) -> IngestResult:
        number = await _add_receipt(connection, arrival.receipt, arrival.understood)
        result = await self._follow(connection, arrival, number, now)
        await heard.link(connection, number, result.deletions)
        return result

    async def _follow(self, connection: Connection, arrival: Arrival, number: int, now: datetime) -> IngestResult:
        understood = arrival.understood
        if understood.references:
            await ledger.add_heard_references(connection, understood.references, at=now, receipt=number)
        if understood.manual_add is not None:
            await ledger.add_manual_add(connection, understood.manual_add, receipt=number)
        if understood.kept_entry is not None:
            await intents.remember_kept_title(connection, *understood.kept_entry)
        echoed = await intents.echo_of(connection, understood, now)
        if echoed is not None:
            return IngestResult(tuple(AcceptedDeletion(Accepted.ECHO, echoed) for _ in understood.deletions))
        accepted = [
            await intents.accept(
                connection,
                request,
                configured=arrival.instances.get(request.media.kind, frozenset()),
                received_at=arrival.receipt.received_at,
                grace=arrival.grace,
                now=now,
            )
            for request in understood.deletions
        ]
        await _wake_concerned(connection, understood, now)
        return IngestResult(tuple(accepted))


async def _add_receipt(connection: Connection, receipt: Receipt, understood: Understood) -> int:
    (row,) = await connection.fetch_all(
        """
        INSERT INTO receipts (source, instance, received_at, heard, event, reason, body)
        VALUES (:source, :instance, :received_at, :heard, :event, :reason, :body)
        RETURNING number
        """,
        {
            "source": receipt.source.value,
            "instance": receipt.instance,
            "received_at": receipt.received_at,
            "heard": understood.heard.value,
            "event": understood.event,
            "reason": understood.reason,
            "body": receipt.body,
        },
    )
    return int(row["number"])


async def _wake_concerned(connection: Connection, understood: Understood, now: datetime) -> None:
    """Let the want check look again at the open deletions that this is about; all of them if it does not say which."""
    if understood.heard not in {Heard.WANT, Heard.REFERENCE}:
        return
    media = {reference.media for reference in understood.references if reference.media is not None}
    if understood.manual_add is not None:
        media.add(understood.manual_add.media)
    if understood.about is not None:
        media.add(understood.about)
    ids: set[DeletionId] = set()
    for one in media:
        ids.update(await open_sharing_id(connection, one))
    if not media and understood.heard is Heard.WANT:
        rows = await connection.fetch_all("SELECT id FROM deletions WHERE settled_at IS NULL")
        ids.update(DeletionId(str(row["id"])) for row in rows)
    if ids:
        await wake(connection, sorted(ids), now)


# --- repeats -------------------------------------------------------------------------------------------------------


async def _repeat_of(connection: Connection, receipt: Receipt, now: datetime) -> IngestResult | None:
    """Return the answer to a delivery seen before, or `None` for a new one."""
    if receipt.idempotency_key is None:
        return None
    await connection.execute("DELETE FROM idempotency_keys WHERE received_at < :old", {"old": now - REMEMBERED})
    row = await fetch_one(
        connection,
        "SELECT body_digest, outcomes FROM idempotency_keys WHERE source = :source AND key = :key",
        {"source": receipt.source.value, "key": receipt.idempotency_key},
    )
    if row is None:
        return None
    if row["body_digest"] != receipt.body_digest:
        return IngestResult(key_reused=True)
    return IngestResult(
        tuple(AcceptedDeletion(_repeated(Accepted(outcome)), id_) for outcome, id_ in json.loads(row["outcomes"]))
    )


def _repeated(outcome: Accepted) -> Accepted:
    return Accepted.EXISTING if outcome is Accepted.CREATED else outcome


async def _remember(connection: Connection, receipt: Receipt, result: IngestResult, now: datetime) -> None:
    if receipt.idempotency_key is not None:
        await connection.execute(
            """
            INSERT INTO idempotency_keys (source, key, body_digest, received_at, outcomes)
            VALUES (:source, :key, :digest, :now, :outcomes)
            """,
            {
                "source": receipt.source.value,
                "key": receipt.idempotency_key,
                "digest": receipt.body_digest,
                "now": now,
                "outcomes": as_json([[a.outcome.value, a.id] for a in result.deletions]),
            },
        )
