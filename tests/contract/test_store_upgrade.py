"""A database that schema 2 left behind goes on working: its open deletions, its targets and its last seen library."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.model import (
    Deletion,
    DeletionId,
    DeletionState,
    Hints,
    InfoHash,
    Options,
    Source,
    Target,
    TargetKind,
    Unit,
)
from reconciler.ports import Accepted, DeletionFilter, Store
from reconciler.reasons import Reason
from reconciler.store import migrate, open_store, search_text
from reconciler.store.database import Connection, Database
from reconciler.store.migrations import bring_up_to_date, known_migrations, newest_version
from reconciler.store.postgres import PostgresDatabase
from reconciler.store.sqlite import SqliteDatabase
from tests.support.store import (
    HEAT,
    LOST,
    MATRIX,
    QBITTORRENT,
    RADARR,
    RADARR_4K,
    SONARR,
    START,
    StillClock,
    ask_one,
    binding,
    lease_of,
    torrent_target,
    verdict,
    wish,
)

MATRIX_OPEN, LOST_OPEN, HEAT_SETTLED = (DeletionId(f"01936d5e-0000-7000-8000-{n:012d}") for n in (1, 2, 3))

DELETION = """
INSERT INTO deletions (id, media_kind, tmdb_id, tvdb_id, title, source, requested_at, coverage_key, delete_files,
    add_exclusion, inferred, hints, bound_at, bound_seq, live_request_ids, destroyed_at, finishing_old_copy,
    searched_at, settled_at, settled_as, next_due_at)
VALUES (:id, :kind, :tmdb_id, :tvdb_id, :title, :source, :now, :key, TRUE, FALSE, FALSE, :hints, :bound_at, :bound_seq,
    '[5]', :bound_at, :finishing, :searched_at, :settled_at, :settled_as, :now)
"""

HINTS = '{{"hashes":["{hash}"],"radarr_id":7,"sonarr_id":null,"jellyseerr_id":null,"request_id":{request_id}}}'


def row(deletion: DeletionId, **facts: Any) -> dict[str, Any]:
    return {
        "id": deletion,
        "kind": "movie",
        "tvdb_id": None,
        "title": "A title",
        "source": "jellyseerr",
        "now": START,
        "hints": HINTS.format(hash="a" * 40, request_id="null"),
        "bound_at": None,
        "bound_seq": None,
        "finishing": False,
        "searched_at": None,
        "settled_at": None,
        "settled_as": None,
        **facts,
    }


ROWS = (
    row(
        MATRIX_OPEN,
        tmdb_id=MATRIX.tmdb_id,
        key="movie tmdb 603 in radarr, radarr-4k",
        hints=HINTS.format(hash="a" * 40, request_id=9),
        bound_at=START,
        bound_seq=1,
        finishing=True,
        searched_at=START,
    ),
    row(
        LOST_OPEN,
        kind="series",
        tmdb_id=LOST.tmdb_id,
        tvdb_id=LOST.tvdb_id,
        key="series tmdb 4607, tvdb 73739 in sonarr",
        source="dashboard",
    ),
    row(
        HEAT_SETTLED,
        tmdb_id=HEAT.tmdb_id,
        key="movie tmdb 949 in radarr",
        hints=HINTS.format(hash="b" * 40, request_id=9),
        settled_at=START,
        settled_as="converged",
    ),
)

COVERED = ((MATRIX_OPEN, RADARR_4K), (MATRIX_OPEN, RADARR), (LOST_OPEN, SONARR), (HEAT_SETTLED, RADARR))


async def fill(connection: Connection) -> None:
    """Rows as the program of schema 2 wrote them."""
    await connection.execute_many(DELETION, ROWS)
    await connection.execute_many(
        "INSERT INTO covered_instances (deletion, instance) VALUES (:deletion, :instance)",
        [{"deletion": deletion, "instance": instance} for deletion, instance in COVERED],
    )
    await connection.execute_many(
        """
        INSERT INTO targets (deletion, kind, instance, external_id, media_kind, tmdb_id, added, path, files, size)
        VALUES (:deletion, :kind, :instance, :external_id, 'movie', 603, :added, '/m/x', '["/m/x/a.mkv"]', 5)
        """,
        [
            {"deletion": MATRIX_OPEN, "kind": kind, "instance": instance, "external_id": id_, "added": added}
            for kind, instance, id_, added in (("entry", RADARR, "7", "2025"), ("torrent", QBITTORRENT, "a" * 40, "1"))
        ],
    )
    await connection.execute_many(
        """
        INSERT INTO actions (target, kind, epoch, destructive, sent_at)
        SELECT number, :kind, 1, TRUE, :now FROM targets WHERE kind = :target
        """,
        [
            {"target": "torrent", "kind": "RemoveTorrent", "now": START},
            {"target": "entry", "kind": "DeleteEntry", "now": START},
        ],
    )
    await connection.execute(
        """
        INSERT INTO refs (number, instance, history_id, arrived_at, kind, entry_id, media_kind, tmdb_id, hash, protocol,
            by_person, released_by)
        VALUES (1, 'radarr', 77, :now, 'grab', 7, 'movie', 603, :hash, 'torrent', FALSE, :deletion)
        """,
        {"now": START, "hash": "a" * 40, "deletion": MATRIX_OPEN},
    )
    await connection.execute(
        """
        INSERT INTO conditions (deletion, type, instance, status, reason, message, last_transition_time)
        VALUES (:deletion, 'TorrentsAbsent', 'qbittorrent', 'Unknown', 'Unreachable', 'it is out', :now)
        """,
        {"deletion": MATRIX_OPEN, "now": START},
    )
    await connection.execute("UPDATE ledger_sequence SET last_number = 1")
    await connection.execute(
        """
        INSERT INTO library (instance, entry_id, media_kind, tmdb_id, tvdb_id, title, year, path, added, size, files)
        VALUES ('radarr', 7, 'movie', 603, NULL, 'The Matrix', 1999, '/m/x', '2025', 5, '["/m/x/a.mkv","/m/x/b.srt"]')
        """
    )


@asynccontextmanager
async def raw(url: str) -> AsyncIterator[Database]:
    database: Database = await (SqliteDatabase if url.startswith("sqlite") else PostgresDatabase).opened(url)
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
async def old_url(empty_database_url: str) -> str:
    """A database of schema 2 with work in it."""
    async with raw(empty_database_url) as database:
        await bring_up_to_date(database, known_migrations(database.dialect)[:2], START)
        async with database.write() as connection:
            await fill(connection)
    return empty_database_url


@pytest.fixture
async def upgraded(old_url: str, clock: StillClock) -> AsyncIterator[Store]:
    store = await open_store(old_url, clock=clock)
    try:
        yield store
    finally:
        await store.close()


async def state_of(store: Store, deletion: DeletionId) -> DeletionState:
    state = await store.deletion(deletion)
    assert state is not None
    return state


async def test_the_schema_becomes_the_newest(old_url: str) -> None:
    assert await migrate(old_url) == (2, newest_version("sqlite"))


async def test_a_deletion_that_was_finishing_its_old_copy_is_finishing_all_of_it(upgraded: Store) -> None:
    got = (await state_of(upgraded, MATRIX_OPEN)).deletion
    assert got.finishing == {Unit(RADARR), Unit(RADARR_4K)}
    assert got.units == got.finishing


async def test_a_deletion_that_searched_once_has_searched_for_all_of_it(upgraded: Store) -> None:
    got = (await state_of(upgraded, MATRIX_OPEN)).deletion
    assert got.searched == {Unit(RADARR), Unit(RADARR_4K)}


async def test_every_other_deletion_is_as_it_was_and_covers_whole_titles(upgraded: Store) -> None:
    assert (await state_of(upgraded, LOST_OPEN)).deletion == Deletion(
        id=LOST_OPEN,
        media=LOST,
        title="A title",
        year=None,
        source=Source.DASHBOARD,
        requested_by=None,
        requested_at=START,
        instances=frozenset({SONARR}),
        options=Options(),
        hints=Hints(hashes=(InfoHash("a" * 40),), radarr_id=7),
        inferred=False,
        live_request_ids=frozenset({5}),
        next_due_at=START,
    )


async def test_conditions_have_their_reasons_for_as_long_as_their_status_is_known(upgraded: Store) -> None:
    (out,) = (await state_of(upgraded, MATRIX_OPEN)).conditions
    assert (out.reason, out.last_transition_time, out.reason_since) == (Reason.UNREACHABLE, START, START)
    await upgraded.record(await lease_of(upgraded), [verdict(MATRIX_OPEN, out, at=START + timedelta(days=1))])
    assert (await state_of(upgraded, MATRIX_OPEN)).conditions == (out,)


async def test_targets_keep_their_numbers_and_what_was_sent(upgraded: Store) -> None:
    entry, torrent = (await state_of(upgraded, MATRIX_OPEN)).targets
    assert entry == Target(
        TargetKind.ENTRY,
        RADARR,
        "7",
        media=MATRIX,
        added="2025",
        path="/m/x",
        files=("/m/x/a.mkv",),
        size=5,
        sent_at=START,
        number=1,
    )
    assert (torrent.number, torrent.external_id, torrent.sent_at) == (2, "a" * 40, START)


async def test_later_targets_are_numbered_on(upgraded: Store) -> None:
    lease = await lease_of(upgraded)
    await upgraded.bind(lease, binding(MATRIX_OPEN, torrent_target("c" * 40)))
    numbers = [target.number for target in (await state_of(upgraded, MATRIX_OPEN)).targets]
    assert numbers == [1, 2, 3]


async def test_open_deletions_are_recognised_and_go_on(upgraded: Store) -> None:
    repeated = wish(MATRIX, instances=frozenset({RADARR, RADARR_4K}))
    again = await ask_one(upgraded, replace(repeated, inferred=True))  # its old copy is only being finished
    assert (again.outcome, again.id) == (Accepted.EXISTING, MATRIX_OPEN)
    assert (await ask_one(upgraded, wish(LOST))).id == LOST_OPEN
    assert (await ask_one(upgraded, wish(LOST, seasons=frozenset({1})))).outcome is Accepted.CREATED
    due = await upgraded.due(START, 10)
    assert {MATRIX_OPEN, LOST_OPEN} <= {state.deletion.id for state in due}
    more = replace(verdict(MATRIX_OPEN), withdrawn=frozenset({Unit(RADARR_4K)}))
    await upgraded.record(await lease_of(upgraded), [more])
    assert (await state_of(upgraded, MATRIX_OPEN)).deletion.units == {Unit(RADARR)}


async def test_old_deletions_are_found_by_title_and_by_the_name_in_the_library(
    old_url: str, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_text, "AT_ONCE", 1)
    async with raw(old_url) as database, database.write() as connection:
        await connection.execute("UPDATE targets SET name = 'МАТРИЦА' WHERE kind = 'entry'")
    store = await open_store(old_url, clock=clock)
    try:
        pages = [
            await store.deletions(DeletionFilter(text=text), cursor=None, limit=9) for text in ("a TITLE", "матрица")
        ]
    finally:
        await store.close()
    found = [[state.deletion.id for state in page.deletions] for page in pages]
    assert found == [[HEAT_SETTLED, LOST_OPEN, MATRIX_OPEN], [MATRIX_OPEN]]


async def test_declines_that_were_answered_stay_known(upgraded: Store) -> None:
    assert await upgraded.known_declines([5, 7, 9]) == {9}


async def test_references_and_the_library_are_read_without_the_sizes_they_had_not(upgraded: Store) -> None:
    (told,) = await upgraded.references_of_media([MATRIX])
    assert (told.released_by, told.size) == (MATRIX_OPEN, None)
    (title,) = await upgraded.library_of(RADARR)
    assert (title.files, title.file_sizes) == (("/m/x/a.mkv", "/m/x/b.srt"), ())
    sized = replace(title, file_sizes=(5, 2**40))
    await upgraded.save_library(await lease_of(upgraded), RADARR, [sized])
    assert await upgraded.library_rows([MATRIX]) == (sized,)


async def test_what_points_at_a_target_still_does(old_url: str) -> None:
    await migrate(old_url)
    async with raw(old_url) as database, database.write() as connection:
        await connection.execute("DELETE FROM deletions WHERE id = :id", {"id": MATRIX_OPEN})
        for table in ("targets", "actions"):
            assert await connection.fetch_all(f"SELECT * FROM {table}") == []
