"""Deletions with everything recorded about them, and their timelines."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from reconciler.model import Condition, ConditionType, DeletionId, DeletionState, Event, InstanceName, Media
from reconciler.ports import LoggedEvent
from reconciler.store.database import Connection, Row, fetch_one
from reconciler.store.rows import condition_of, deletion_of, event_of, event_values, media_of, media_values, target_of

OPEN_OF_MEDIA = """
SELECT * FROM deletions
WHERE settled_at IS NULL AND media_kind = :media_kind AND (tmdb_id = :tmdb_id OR tvdb_id = :tvdb_id)
ORDER BY id
"""
"""Open deletions that share an id with some media."""

_TARGETS = """
SELECT {columns}, (SELECT max(a.sent_at) FROM actions a WHERE a.target = t.number) AS sent_at
FROM targets t WHERE t.deletion IN :ids ORDER BY t.number
"""
TARGETS = _TARGETS.format(columns="t.*")
TARGETS_WITHOUT_FILES = _TARGETS.format(
    columns="""t.number, t.deletion, t.kind, t.instance, t.external_id, t.media_kind, t.tmdb_id, t.tvdb_id, t.added,
    t.name, t.path, '[]' AS files, t.size, t.prior, t.absent_since, t.season, '[]' AS file_ids"""
)
"""The same without what may be thousands of paths for each target."""


NEWEST_EVENTS = "SELECT * FROM events WHERE deletion = :id ORDER BY number DESC LIMIT :newest"


def is_id(text: str) -> bool:
    """Tell whether `text` can be the id of a deletion at all."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


async def states_of(
    connection: Connection, rows: Sequence[Row], *, with_files: bool = True
) -> tuple[DeletionState, ...]:
    """Complete rows of `deletions` with their instances, targets and conditions, in the order given.

    Without files they are for showing only: whoever plans needs them.
    """
    ids = {"ids": [str(row["id"]) for row in rows]}
    instances: dict[str, list[str]] = defaultdict(list)
    for row in await connection.fetch_all("SELECT * FROM covered_instances WHERE deletion IN :ids", ids):
        instances[str(row["deletion"])].append(row["instance"])
    targets = _grouped(await connection.fetch_all(TARGETS if with_files else TARGETS_WITHOUT_FILES, ids))
    conditions = _grouped(
        await connection.fetch_all(
            "SELECT * FROM conditions WHERE deletion IN :ids ORDER BY deletion, type, instance", ids
        )
    )
    return tuple(
        DeletionState(
            deletion_of(row, instances[str(row["id"])]),
            tuple(target_of(t) for t in targets[str(row["id"])]),
            tuple(sorted((condition_of(c) for c in conditions[str(row["id"])]), key=_in_order_of_work)),
        )
        for row in rows
    )


_ORDER_OF_WORK = {type_: number for number, type_ in enumerate(ConditionType)}


def _in_order_of_work(condition: Condition) -> tuple[int, InstanceName]:
    return _ORDER_OF_WORK[condition.type], condition.instance


def _grouped(rows: Iterable[Row]) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[str(row["deletion"])].append(row)
    return grouped


async def state_of(connection: Connection, deletion: DeletionId) -> DeletionState | None:
    """Return one deletion, or `None` when there is none with this id."""
    if not is_id(deletion):
        return None
    row = await fetch_one(connection, "SELECT * FROM deletions WHERE id = :id", {"id": deletion})
    return None if row is None else (await states_of(connection, [row]))[0]


async def known_state(connection: Connection, deletion: DeletionId) -> DeletionState:
    """Return one deletion; raises `KeyError` when there is none with this id."""
    state = await state_of(connection, deletion)
    if state is None:
        raise KeyError(deletion)
    return state


async def wake(connection: Connection, ids: Sequence[DeletionId], now: datetime) -> None:
    """Make deletions due now, also if a pass is at them at this moment."""
    await connection.execute(
        "UPDATE deletions SET next_due_at = :now, wakes = wakes + 1 WHERE id IN :ids", {"ids": list(ids), "now": now}
    )


async def open_rows(connection: Connection, media: Media) -> list[Row]:
    """Return the rows of the open deletions of the same title, oldest first."""
    rows = await connection.fetch_all(OPEN_OF_MEDIA, media_values(media))
    return [row for row in rows if media_of(row).is_same(media)]


async def open_sharing_id(connection: Connection, media: Media) -> tuple[DeletionId, ...]:
    """Return the open deletions that share an id with this title."""
    rows = await connection.fetch_all(OPEN_OF_MEDIA, media_values(media))
    return tuple(DeletionId(str(row["id"])) for row in rows)


async def add_events(connection: Connection, deletion: DeletionId, events: Iterable[Event], at: datetime) -> None:
    """Append to the timeline; an event without a time of its own happened `at`."""
    rows = [{"deletion": deletion, **event_values(event, at)} for event in events]
    if rows:
        await connection.execute_many(
            """
            INSERT INTO events (deletion, kind, message, at, data)
            VALUES (:deletion, :kind, :message, :at, :data)
            """,
            rows,
        )


async def last_event(connection: Connection) -> int:
    """Return the number of the newest event of any timeline; 0 if there is none."""
    row = await fetch_one(connection, "SELECT max(number) AS number FROM events")
    return int(row["number"]) if row is not None and row["number"] is not None else 0


async def events_after(connection: Connection, number: int, limit: int) -> tuple[LoggedEvent, ...]:
    """Return the events of all timelines that came after this one, oldest first.

    Writes are one at a time, so no lower number is committed after a higher one.
    """
    rows = await connection.fetch_all(
        "SELECT * FROM events WHERE number > :number ORDER BY number LIMIT :limit", {"number": number, "limit": limit}
    )
    return tuple(LoggedEvent(DeletionId(str(row["deletion"])), event_of(row)) for row in rows)


async def events_of(connection: Connection, deletion: DeletionId, newest: int | None = None) -> tuple[Event, ...]:
    """Return the timeline, or so many of its newest events; oldest first."""
    if not is_id(deletion):
        return ()
    if newest is None:
        rows = await connection.fetch_all("SELECT * FROM events WHERE deletion = :id ORDER BY number", {"id": deletion})
        return tuple(event_of(row) for row in rows)
    rows = await connection.fetch_all(NEWEST_EVENTS, {"id": deletion, "newest": newest})
    return tuple(event_of(row) for row in reversed(rows))
