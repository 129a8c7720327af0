"""The queries of every pass use their index, however long the history is."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from reconciler.model import Phase
from reconciler.ports import DeletionFilter, Store
from reconciler.store import commands, evidence, ledger, notices, passes, reading, results, resyncs, states
from reconciler.store.database import Connection, Database, Row, Values
from tests.support.store import HEAT, MATRIX, START, created, database_of, wish

HISTORY = 5000
DELETION = "01936d5e-0000-7000-8000-"

DELETIONS = """
INSERT INTO deletions (id, media_kind, tmdb_id, source, requested_at, coverage_key, delete_files, add_exclusion,
    inferred, hints, settled_at, settled_as, next_due_at, destroyed_at)
VALUES (:id, 'movie', :number, 'dashboard', :now, :key, TRUE, FALSE, FALSE, :hints, :settled_at, :settled_as, :due,
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
        "deletions_open",
    ),
    "what turned destructive": (
        passes.DESTROYED,
        {"since": START + timedelta(seconds=HISTORY - 5)},
        "deletions_destroyed",
    ),
    "heirs of a reference": (
        ledger.HEIRS,
        {"hashes": ["a" * 40, "b" * 64], "instance": "radarr", "former": f"{DELETION}{1:012d}", "number": 1},
        "deletions_open",
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
    "what is open": (reading.OPEN_BY_PHASE, reading.PHASE_VALUES, "deletions_open"),
    "what holds": (reading.HELD_BY_REASON, {"holds": reading.PHASE_VALUES["holds"]}, "deletions_open"),
    "what asks": (
        reading.ASKING,
        {"asks": reading.ASKS, "holds": reading.PHASE_VALUES["holds"]},
        "deletions_open",
    ),
    "freed lately": (results.FREED_SINCE, {"since": START}, "deletions_converged"),
    "what people are told converged": (notices.CONVERGED, {"since": START}, "deletions_converged"),
    "convergences": (results.CONVERGENCES, {"since": START, "limit": 200}, "deletions_converged"),
    "lately converged": (results.LATELY_CONVERGED, {"limit": 8}, "deletions_converged"),
    "what one freed": (results.FREED_BY, {"id": f"{DELETION}{1:012d}", "data_left": "SharedWithUnknown"}, "targets"),
    "what was sent about targets": (evidence.SENT, {"targets": [1, 2]}, "actions_target"),
    "what a deletion released": (evidence.RELEASED, {"id": f"{DELETION}{1:012d}"}, "refs_released"),
    "newest events": (states.NEWEST_EVENTS, {"id": f"{DELETION}{1:012d}", "newest": 200}, "events_deletion"),
    "the oldest that is open": (reading.OLDEST_UNSETTLED, {}, "deletions_open_requested"),
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
                    "hints": '{"hashes": []}',
                    "number": number,
                    "now": START,
                    "settled_at": None if number % 500 == 0 else START - timedelta(seconds=HISTORY - number),
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
    """What stands beside each deletion: its instance, target, action, condition, event, decline and deleted title."""
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
        "INSERT INTO events (deletion, kind, message, at, data) VALUES (:id, 'Bound', '', :now, '{}')",
        "INSERT INTO declines (request_id, deletion) VALUES (:number, :id)",
        "INSERT INTO deleted_titles (instance, entry_id, deletion) VALUES ('radarr', :number, :id)",
    )
    for statement in statements:
        rows: list[Values] = [
            {"id": f"{DELETION}{number:012d}", "hash": f"{number:040x}", "now": START, "number": number}
            for number in range(1, HISTORY)
        ]
        await connection.execute_many(statement, rows)


async def plan_of(database: Database, sql: str, values: Values) -> str:
    explain = "EXPLAIN QUERY PLAN" if database.dialect == "sqlite" else "EXPLAIN"
    async with database.read() as connection:
        rows = await connection.fetch_all(f"{explain} {sql}", values)
    detail = "detail" if database.dialect == "sqlite" else "QUERY PLAN"
    return "\n".join(str(row[detail]) for row in rows)


def assert_looks_nothing_through(plan: str) -> None:
    assert "Seq Scan" not in plan
    assert "SCAN refs" not in plan
    assert not re.search(r"SCAN (deletions|d)\b(?! USING (COVERING )?INDEX deletions_(open|ended|converged))", plan)


async def test_every_query_uses_its_index(store: Store) -> None:
    database = database_of(store)
    await fill(database)
    for name, (sql, values, index) in QUERIES.items():
        plan = await plan_of(database, sql, values)
        assert index in plan, name
        assert_looks_nothing_through(plan)
    if not database.is_shared:  # PostgreSQL decides by what it has vacuumed
        assert "COVERING INDEX deletions_ended" in await plan_of(database, results.ENDED, {})
    await lists_of_what_is_open_and_of_one_id_or_hash_never_meet_history(database)


class _Noting:
    """A connection that remembers what was asked of it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.asked: list[tuple[str, Values]] = []

    async def fetch_all(self, sql: str, values: Values | None = None) -> Sequence[Row]:
        self.asked.append((sql, values or {}))
        return await self._connection.fetch_all(sql, values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


async def lists_of_what_is_open_and_of_one_id_or_hash_never_meet_history(database: Database) -> None:
    filters = {
        DeletionFilter(settled=False): "deletions_open",
        DeletionFilter(phase=Phase.HELD): "deletions_open",
        DeletionFilter(text=f"{7:040x}"): "targets_external",
        DeletionFilter(text=f"{DELETION}{7:012d}"): "deletions_pkey" if database.is_shared else "autoindex_deletions",
    }
    for where, index in filters.items():
        async with database.read() as connection:
            noting = _Noting(connection)
            page = await reading.deletions(noting, where, cursor=None, limit=3)
        assert len(page.deletions) == (1 if where.text else 3 if where.settled is False else 0)
        plans = [await plan_of(database, sql, values) for sql, values in noting.asked]
        assert index in plans[0], where
        for plan in plans:
            assert_looks_nothing_through(plan)


async def test_a_search_asks_once_whatever_letters_it_has(store: Store) -> None:
    await created(store, replace(wish(), title="Film x"))
    deletion = await created(store, replace(wish(HEAT), title="ФИЛЬМ É"))
    async with database_of(store).read() as connection:
        noting = _Noting(connection)
        page = await reading.deletions(noting, DeletionFilter(text="фильм é"), cursor=None, limit=3)
    assert [state.deletion.id for state in page.deletions] == [deletion]
    about_deletions = [values for sql, values in noting.asked if "FROM deletions" in sql]
    assert about_deletions == [{"word_0": "%фильм%", "word_1": "%é%", "limit": 4}]
