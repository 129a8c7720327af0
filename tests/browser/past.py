"""Makes a deletion log of the last minutes look like one of the last day, for pictures."""

import contextlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

_OF = "deletion = :id"
_MOMENTS = {
    "deletions": ("id = :id", ("requested_at", "bound_at", "frozen_at", "destroyed_at", "turned_at", "settled_at")),
    "targets": (_OF, ("absent_since", "seen_at")),
    "conditions": (_OF, ("last_transition_time", "reason_since")),
    "events": (_OF, ("at",)),
    "actions": ("target IN (SELECT number FROM targets WHERE deletion = :id)", ("sent_at",)),
}
TIMES_LARGER = 50_000
"""The files of the household are a few KiB; told like this they are as large as movies."""


@dataclass(frozen=True, slots=True)
class Past:
    """How much longer ago a deletion was, and how much longer it took."""

    ago: timedelta
    took: timedelta = timedelta()


def put_into_the_past(database: Path, deletions: Mapping[str, Past]) -> None:
    """Rewrite the database of a service that does not run."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.create_function("earlier", 2, _earlier, deterministic=True)
        for id_, past in deletions.items():
            values = {"id": id_, "ago": past.ago.total_seconds(), "took": past.took.total_seconds()}
            for table, (where, columns) in _MOMENTS.items():
                changes = ", ".join(f"{column} = earlier({column}, :ago)" for column in columns)
                connection.execute(f"UPDATE {table} SET {changes} WHERE {where}", values)
            connection.execute(
                "UPDATE deletions SET requested_at = earlier(requested_at, :took) WHERE id = :id", values
            )
        connection.execute("UPDATE targets SET size = size * ?", [TIMES_LARGER])
        connection.execute("UPDATE deletions SET freed = freed * ?", [TIMES_LARGER])
        connection.commit()


def _earlier(moment: str | None, seconds: float) -> str | None:
    if moment is None:
        return None
    moved = datetime.fromisoformat(moment) - timedelta(seconds=seconds)
    return moved.isoformat(timespec="microseconds").replace("+00:00", "Z")
