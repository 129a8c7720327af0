"""History of Radarr and Sonarr into the ledger, page by page, and the last seen library beside it."""

from collections.abc import Sequence
from datetime import datetime

from reconciler.model import InstanceName, LedgerCoverage, LibraryRow, NewReference
from reconciler.store import ledger
from reconciler.store.database import Connection, Row, Values, fetch_one
from reconciler.store.rows import coverage_of, coverage_values, library_values, reference_values, time_of

ADOPT = """
UPDATE refs SET
    history_id = :history_id, upstream_at = :upstream_at, raw_hash = coalesce(:raw_hash, raw_hash),
    media_kind = coalesce(media_kind, :media_kind), tmdb_id = coalesce(tmdb_id, :tmdb_id),
    tvdb_id = coalesce(tvdb_id, :tvdb_id), client = coalesce(client, :client), protocol = :protocol,
    by_person = (by_person OR :by_person), source_title = coalesce(source_title, :source_title),
    size = coalesce(size, :size)
WHERE number = :number
"""

SAVE_COVERAGE = """
INSERT INTO ledger_coverage (instance, backfilled_at, backfill_rows, backfill_total, cursor_date, cursor_id,
    synced_at, gaps)
VALUES (:instance, :backfilled_at, :backfill_rows, :backfill_total, :cursor_date, :cursor_id, :synced_at, :gaps)
ON CONFLICT (instance) DO UPDATE SET
    backfilled_at = excluded.backfilled_at, backfill_rows = excluded.backfill_rows,
    backfill_total = excluded.backfill_total, cursor_date = excluded.cursor_date, cursor_id = excluded.cursor_id,
    synced_at = excluded.synced_at, gaps = excluded.gaps
"""

SAVE_LIBRARY = """
INSERT INTO library (instance, entry_id, media_kind, tmdb_id, tvdb_id, title, year, path, added, size, files)
VALUES (:instance, :entry_id, :media_kind, :tmdb_id, :tvdb_id, :title, :year, :path, :added, :size, :files)
ON CONFLICT (instance, entry_id) DO UPDATE SET
    media_kind = excluded.media_kind, tmdb_id = excluded.tmdb_id, tvdb_id = excluded.tvdb_id,
    title = excluded.title, year = excluded.year, path = excluded.path, added = excluded.added,
    size = excluded.size, files = excluded.files
"""


async def save_history(
    connection: Connection, references: Sequence[NewReference], coverage: LedgerCoverage, *, now: datetime
) -> int:
    """Merge history rows of one instance into the ledger, store the cursor, and return how many rows were new."""
    previous_sync = (await coverage_of_instance(connection, coverage.instance)).synced_at
    unknown = await _unknown(connection, coverage.instance, references)
    provisional = await _provisional(connection, coverage.instance)
    waiting: dict[ledger.Key, list[Row]] = {}
    for row in provisional:
        waiting.setdefault(ledger.key_of_row(row), []).append(row)

    adopted: list[Values] = []
    fresh: list[NewReference] = []
    for reference in unknown:
        oldest = waiting.get(ledger.key_of(reference))
        if oldest:
            adopted.append({"number": oldest.pop(0)["number"], **reference_values(reference)})
        else:
            fresh.append(reference)
    if adopted:
        await connection.execute_many(ADOPT, [_only(values) for values in adopted])
    await ledger.add_references(connection, fresh, at=now)
    if previous_sync is not None:
        left = [row for rows in waiting.values() for row in rows if time_of(row["arrived_at"]) < previous_sync]
        await _drop_superseded(connection, coverage.instance, left)
    await connection.execute(SAVE_COVERAGE, coverage_values(coverage))
    return len(unknown)


_ADOPTED = (
    "number", "history_id", "upstream_at", "raw_hash", "media_kind", "tmdb_id", "tvdb_id", "client", "protocol",
    "by_person", "source_title", "size",
)  # fmt: skip


def _only(values: Values) -> Values:
    return {name: values[name] for name in _ADOPTED}


async def _unknown(
    connection: Connection, instance: InstanceName, references: Sequence[NewReference]
) -> list[NewReference]:
    """Return the rows whose history id the ledger does not have, each once."""
    ids = [reference.history_id for reference in references if reference.history_id is not None]
    rows = await connection.fetch_all(
        "SELECT history_id FROM refs WHERE instance = :instance AND history_id BETWEEN :low AND :high",
        {"instance": instance, "low": min(ids, default=0), "high": max(ids, default=0)},
    )
    known = {row["history_id"] for row in rows}
    unknown: dict[int, NewReference] = {}
    for reference in references:
        if reference.history_id is not None and reference.history_id not in known:
            unknown.setdefault(reference.history_id, reference)
    return list(unknown.values())


async def _provisional(connection: Connection, instance: InstanceName) -> Sequence[Row]:
    return await connection.fetch_all(
        "SELECT * FROM refs WHERE instance = :instance AND history_id IS NULL ORDER BY number", {"instance": instance}
    )


async def _drop_superseded(connection: Connection, instance: InstanceName, rows: Sequence[Row]) -> None:
    """Drop webhook rows that two syncs did not confirm while the history tells the same grab: repeats of it."""
    doomed: list[int] = []
    for row in rows:
        twins = await connection.fetch_all(
            "SELECT * FROM refs WHERE instance = :instance AND entry_id = :entry AND history_id IS NOT NULL",
            {"instance": instance, "entry": row["entry_id"]},
        )
        if ledger.key_of_row(row) in {ledger.key_of_row(twin) for twin in twins}:
            doomed.append(row["number"])
    await connection.execute("DELETE FROM refs WHERE number IN :doomed", {"doomed": doomed})


async def coverage_of_instance(connection: Connection, instance: InstanceName) -> LedgerCoverage:
    """Return how far the ledger knows an instance's history; nothing at all before the first page."""
    row = await fetch_one(
        connection, "SELECT * FROM ledger_coverage WHERE instance = :instance", {"instance": instance}
    )
    return LedgerCoverage(instance) if row is None else coverage_of(row)


async def save_library(connection: Connection, instance: InstanceName, rows: Sequence[LibraryRow]) -> None:
    """Insert or update titles; what has not changed is not written."""
    stored = {
        row["entry_id"]: dict(row)
        for row in await connection.fetch_all("SELECT * FROM library WHERE instance = :i", {"i": instance})
    }
    changed = [values for values in map(library_values, rows) if stored.get(values["entry_id"]) != values]
    if changed:
        await connection.execute_many(SAVE_LIBRARY, changed)
