"""What a resync with an upstream needs to know: what it saw there last, and what has been answered already."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime

from reconciler.model import InstanceName, SettledAs, TargetKind
from reconciler.store.database import Connection, fetch_one
from reconciler.store.rows import as_json

KNOWN_TARGETS = """
SELECT DISTINCT t.external_id FROM targets t JOIN deletions d ON d.id = t.deletion
WHERE t.kind = :kind AND t.instance = :instance AND t.external_id IN :external_ids
    AND (d.settled_as IS NULL OR d.settled_as <> :cancelled OR t.absent_since IS NOT NULL
        OR EXISTS (SELECT 1 FROM actions a WHERE a.target = t.number AND a.destructive = :yes))
"""
"""What a deletion answers for if it vanishes: not what a cancelled one had bound, and left as it was."""

_TITLES = "SELECT entry_id FROM deleted_titles WHERE instance = :instance AND entry_id IN :entry_ids"
KNOWN_TITLES = f"{_TITLES} AND deletion IS NOT NULL"
KEPT_TITLES = f"{_TITLES} AND deletion IS NULL"

KNOWN_DECLINES = "SELECT request_id FROM declines WHERE request_id IN :request_ids"


async def resync_state(connection: Connection, instance: InstanceName) -> Mapping[str, object] | None:
    """Return what the last resync with an instance saw, or `None` before the first."""
    row = await fetch_one(
        connection, "SELECT state FROM resync_states WHERE instance = :instance", {"instance": instance}
    )
    if row is None:
        return None
    state: Mapping[str, object] = json.loads(row["state"])
    return state


async def save_resync_state(
    connection: Connection, instance: InstanceName, state: Mapping[str, object], at: datetime
) -> None:
    """Replace what the last resync with an instance saw."""
    await connection.execute(
        """
        INSERT INTO resync_states (instance, state, at) VALUES (:instance, :state, :at)
        ON CONFLICT (instance) DO UPDATE SET state = excluded.state, at = excluded.at
        """,
        {"instance": instance, "state": as_json(dict(state)), "at": at},
    )


async def known_targets(
    connection: Connection, kind: TargetKind, instance: InstanceName, external_ids: Collection[str]
) -> frozenset[str]:
    """Return those of the ids whose absence any deletion answers for, as its targets of this kind in this instance."""
    values = {"kind": kind.value, "instance": instance, "external_ids": sorted(external_ids)}
    rows = await connection.fetch_all(KNOWN_TARGETS, values | {"cancelled": SettledAs.CANCELLED.value, "yes": True})
    return frozenset(row["external_id"] for row in rows)


async def known_titles(connection: Connection, instance: InstanceName, entry_ids: Collection[int]) -> frozenset[int]:
    """Return those of the titles whose delete in this library was answered by any deletion."""
    rows = await connection.fetch_all(KNOWN_TITLES, {"instance": instance, "entry_ids": sorted(entry_ids)})
    return frozenset(int(row["entry_id"]) for row in rows)


async def kept_titles(connection: Connection, instance: InstanceName, entry_ids: Collection[int]) -> frozenset[int]:
    """Return those of the titles whose delete this library told with the files kept, and nothing followed."""
    rows = await connection.fetch_all(KEPT_TITLES, {"instance": instance, "entry_ids": sorted(entry_ids)})
    return frozenset(int(row["entry_id"]) for row in rows)


async def known_declines(connection: Connection, request_ids: Collection[int]) -> frozenset[int]:
    """Return those of the requests whose decline was answered by any deletion."""
    rows = await connection.fetch_all(KNOWN_DECLINES, {"request_ids": sorted(request_ids)})
    return frozenset(int(row["request_id"]) for row in rows)
