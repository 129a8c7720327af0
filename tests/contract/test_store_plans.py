"""The queries of every pass use their index, however long the history is."""

from datetime import timedelta

import pytest

from reconciler.ports import Store
from reconciler.store import commands, ledger, passes, resyncs, states
from reconciler.store.database import Connection, Database, Values
from tests.support.store import MATRIX, START

HISTORY = 5000
DELETION = "01936d5e-0000-7000-8000-"

DELETIONS = """
INSERT INTO deletions (id, media_kind, tmdb_id, source, requested_at, coverage_key, delete_files, add_exclusion,
    inferred, hints, settled_at, settled_as, next_due_at, destroyed_at)
VALUES (:id, 'movie', :number, 'dashboard', :now, :key, TRUE, FALSE, FALSE, '{}', :settled_at, :settled_as, :due,
    :destroyed_at)
"""

QUERIES: dict[str, tuple[str, Values, str]] = {
    "due": (passes.DUE, {"now": START, "limit": 100}, "deletions_due"),
    "references by hash": (ledger.REFERENCES_OF_HASHES, {"short": ["a" * 40, "b" * 40]}, "refs_hash"),
    "unreleased hashes": (ledger.UNRELEASED_HASHES, {"short": ["a" * 40, "b" * 40], "after": 5}, "refs_unreleased"),
    "references by media": (
        ledger.REFERENCES_OF_MEDIA,
        {"kind": "movie", "tmdb_ids": [603], "tvdb_ids": [5]},
        "refs_tmdb",
    ),
    "open deletions of a title": (
        states.OPEN_OF_MEDIA,
        {"media_kind": "movie", "tmdb_id": MATRIX.tmdb_id, "tvdb_id": None},
        "deletions_open_",
    ),
    "what turned destructive": (
        passes.DESTROYED,
        {"since": START + timedelta(seconds=HISTORY - 5)},
        "deletions_destroyed",
    ),
    "heirs of a reference": (
        ledger.HEIRS,
        {"hashes": ["a" * 40, "b" * 64], "instance": "radarr", "former": f"{DELETION}{1:012d}", "number": 1},
        "deletions_open_",
    ),
    "known targets": (
        resyncs.KNOWN_TARGETS,
        {
            "kind": "torrent",
            "instance": "qbittorrent",
            "external_ids": ["a" * 40, "b" * 40],
            "cancelled": "cancelled",
            "yes": True,
        },
        "targets_external",
    ),
    "known titles": (resyncs.KNOWN_TITLES, {"instance": "radarr", "entry_ids": [5, 6]}, "deleted_titles"),
    "kept titles": (resyncs.KEPT_TITLES, {"instance": "radarr", "entry_ids": [5, 6]}, "deleted_titles"),
    "known declines": (resyncs.KNOWN_DECLINES, {"request_ids": [5, 6]}, "declines"),
    "held by the breaker": (commands.HELD_BY_BREAKER, {"reason": "BreakerOpen"}, "deletions_open_requested"),
}


async def fill(database: Database) -> None:
    """A long history: settled deletions, a few open ones, and released references beside a few unreleased ones."""
    async with database.write() as connection:
        await connection.execute_many(
            DELETIONS,
            [
                {
                    "id": f"{DELETION}{number:012d}",
                    "key": str(number),
                    "number": number,
                    "now": START,
                    "settled_at": None if number % 500 == 0 else START,
                    "settled_as": None if number % 500 == 0 else "converged",
                    "due": START + timedelta(seconds=number) if number % 500 == 0 else None,
                    "destroyed_at": None if number % 500 == 0 else START + timedelta(seconds=number),
                }
                for number in range(1, HISTORY)
            ],
        )
        await connection.execute_many(
            """
            INSERT INTO refs (number, instance, history_id, arrived_at, kind, entry_id, media_kind, tmdb_id, tvdb_id,
                hash, protocol, by_person, released_by)
            VALUES (:number, 'radarr', :number, :now, 'grab', :number, 'movie', :number, :tvdb, :hash, 'torrent', FALSE,
                :released)
            """,
            [
                {
                    "number": number,
                    "now": START,
                    "tvdb": number if number % 2 else None,
                    "hash": f"{number:040x}",
                    "released": None if number % 100 == 0 else f"{DELETION}{number:012d}",
                }
                for number in range(1, HISTORY)
            ],
        )
        await fill_by_number(connection)
        await connection.execute("ANALYZE")


async def fill_by_number(connection: Connection) -> None:
    """What stands beside each deletion: its instance, target, action, condition, decline and deleted title."""
    statements = (
        "INSERT INTO covered_instances (deletion, instance) VALUES (:id, 'radarr')",
        """
        INSERT INTO targets (deletion, kind, instance, external_id, files, size)
        VALUES (:id, 'torrent', 'qbittorrent', :hash, '[]', 0)
        """,
        """
        INSERT INTO actions (target, kind, epoch, destructive, sent_at)
        SELECT number, 'RemoveTorrent', 1, TRUE, :now FROM targets WHERE deletion = :id
        """,
        """
        INSERT INTO conditions (deletion, type, instance, status, reason, message, last_transition_time)
        VALUES (:id, 'TorrentsAbsent', 'qbittorrent', 'True', 'Absent', '', :now)
        """,
        "INSERT INTO declines (request_id, deletion) VALUES (:number, :id)",
        "INSERT INTO deleted_titles (instance, entry_id, deletion) VALUES ('radarr', :number, :id)",
    )
    for statement in statements:
        rows: list[Values] = [
            {"id": f"{DELETION}{number:012d}", "hash": f"{number:040x}", "now": START, "number": number}
            for number in range(1, HISTORY)
        ]
        await connection.execute_many(statement, rows)


@pytest.mark.parametrize("name", QUERIES)
async def test_a_query_uses_its_index(store: Store, name: str) -> None:
    database: Database = store._database  # type: ignore[attr-defined]  # the plan is below the port
    await fill(database)
    sql, values, index = QUERIES[name]
    explain = "EXPLAIN QUERY PLAN" if database.dialect == "sqlite" else "EXPLAIN"
    async with database.read() as connection:
        rows = await connection.fetch_all(f"{explain} {sql}", values)
    detail = "detail" if database.dialect == "sqlite" else "QUERY PLAN"
    plan = "\n".join(str(row[detail]) for row in rows)
    assert index in plan
    assert "Seq Scan" not in plan
    assert "SCAN refs" not in plan
    assert "SCAN deletions" not in plan
