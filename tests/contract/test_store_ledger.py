"""References, history, the last seen library and baselines."""

from dataclasses import replace
from datetime import timedelta

from reconciler.model import (
    DownloadProtocol,
    InfoHash,
    LedgerCoverage,
    LibraryRow,
    ManualAdd,
    Media,
    MediaKind,
    NewReference,
    ReferenceKind,
)
from reconciler.ports import Baseline, Heard, Store
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
    binding,
    created,
    hear,
    lease_of,
    reference,
    wish,
)

A = InfoHash("a" * 40)
V2 = InfoHash("e" * 64)


def synced(clock: StillClock, *, cursor_id: int = 0, backfill_rows: int = 0) -> LedgerCoverage:
    return LedgerCoverage(
        RADARR, backfilled_at=START, synced_at=clock.now(), cursor_id=cursor_id, backfill_rows=backfill_rows
    )


# --- history -------------------------------------------------------------------------------------------------------


async def test_history_rows_are_numbered_in_order_and_read_once(store: Store, clock: StillClock) -> None:
    lease = await lease_of(store)
    rows = [reference(history_id=n, raw_hash=f"{n:040X}") for n in (5, 6, 7)]
    assert await store.save_history(lease, rows[:2], synced(clock, cursor_id=6)) == 2
    assert await store.save_history(lease, rows, synced(clock, cursor_id=7)) == 1
    stored = await store.references_of_media([MATRIX])
    assert [(r.number, r.history_id, r.hash) for r in stored] == [
        (1, 5, f"{5:040x}"),
        (2, 6, f"{6:040x}"),
        (3, 7, f"{7:040x}"),
    ]
    assert await store.ledger_position() == 3


async def test_history_ids_of_two_instances_are_different_numbers(store: Store, clock: StillClock) -> None:
    lease = await lease_of(store)
    await store.save_history(lease, [reference(history_id=1)], synced(clock))
    other = reference(instance=RADARR_4K, history_id=1)
    assert await store.save_history(lease, [other], LedgerCoverage(RADARR_4K)) == 1


async def test_a_row_that_appears_twice_in_one_page_is_one_reference(store: Store, clock: StillClock) -> None:
    rows = [reference(history_id=1), reference(history_id=1)]
    assert await store.save_history(await lease_of(store), rows, synced(clock)) == 1


async def test_every_fact_of_a_reference_is_kept(store: Store, clock: StillClock) -> None:
    told = NewReference(
        instance=SONARR,
        kind=ReferenceKind.IMPORT,
        entry_id=3,
        media=LOST,
        raw_hash="E" * 64,
        season=2,
        episode=11,
        client="qbit",
        protocol=DownloadProtocol.TORRENT,
        by_person=True,
        history_id=99,
        at="2026-01-01T00:00:00Z",
        source_title="Lost.S02",
        size=2**40,
    )
    await store.save_history(await lease_of(store), [told], LedgerCoverage(SONARR))
    (stored,) = await store.references_of_media([LOST])
    for name in ("instance", "kind", "entry_id", "media", "raw_hash", "season", "episode", "client", "protocol"):
        assert getattr(stored, name) == getattr(told, name)
    assert (stored.by_person, stored.history_id, stored.source_title) == (True, 99, "Lost.S02")
    assert (stored.hash, stored.released_by, stored.size) == ("e" * 64, None, 2**40)


async def test_a_history_row_adopts_the_webhook_that_told_it_first(store: Store, clock: StillClock) -> None:
    lease = await lease_of(store)
    await hear(store, reference(raw_hash="a" * 40))
    deletion = await created(store)
    await store.bind(lease, binding(deletion, released=(1,)))
    adopted = reference(raw_hash="A" * 40, history_id=50, by_person=True, size=700)
    assert await store.save_history(lease, [adopted], synced(clock)) == 1
    (stored,) = await store.references_of_media([MATRIX])
    assert (stored.number, stored.history_id, stored.by_person, stored.released_by) == (1, 50, True, deletion)
    assert stored.size == 700
    assert await store.ledger_position() == 1


async def test_a_regrab_of_a_released_torrent_is_adopted_oldest_first(store: Store, clock: StillClock) -> None:
    lease = await lease_of(store)
    await hear(store, reference())
    await store.bind(lease, binding(await created(store), released=(1,)))
    await hear(store, reference())
    await store.save_history(lease, [reference(history_id=1), reference(history_id=2)], synced(clock))
    first, second = await store.references_of_media([MATRIX])
    assert (first.history_id, second.history_id) == (1, 2)
    assert second.released_by is None


async def test_only_the_same_grab_is_adopted(store: Store, clock: StillClock) -> None:
    lease = await lease_of(store)
    await hear(store, reference())
    others = [
        reference(history_id=1, entry_id=8),
        reference(history_id=2, raw_hash="b" * 40),
        reference(history_id=3, kind=ReferenceKind.IMPORT),
        reference(history_id=4, season=1),
        reference(history_id=5, season=1, episode=1),
    ]
    await store.save_history(lease, others, synced(clock))
    assert [r.history_id for r in await store.references_of_media([MATRIX])] == [None, 1, 2, 3, 4, 5]


async def test_a_webhook_that_two_syncs_did_not_confirm_goes_if_history_tells_the_same(
    store: Store, clock: StillClock
) -> None:
    lease = await lease_of(store)
    await store.save_history(lease, [reference(history_id=1)], synced(clock))
    await store.bind(lease, binding(await created(store), released=(1,)))
    clock.advance(timedelta(minutes=1))
    await hear(store, reference(), reference(raw_hash="b" * 40))
    for _ in range(2):
        clock.advance(timedelta(minutes=1))
        assert len(await store.references_of_media([MATRIX])) == 3
        await store.save_history(lease, [], synced(clock))
    left = await store.references_of_media([MATRIX])
    assert [(r.history_id, r.hash) for r in left] == [(1, "a" * 40), (None, "b" * 40)]


async def test_a_dropped_number_is_never_given_again(store: Store, clock: StillClock) -> None:
    lease = await lease_of(store)
    await store.save_history(lease, [reference(history_id=1)], synced(clock))
    await store.bind(lease, binding(await created(store), released=(1,)))
    await hear(store, reference())
    for _ in range(2):
        clock.advance(timedelta(minutes=1))
        await store.save_history(lease, [], synced(clock))
    await hear(store, reference(HEAT, entry_id=8))
    (heat,) = await store.references_of_media([HEAT])
    assert heat.number == await store.ledger_position() == 3


async def test_how_far_the_history_is_known_is_kept(store: Store, clock: StillClock) -> None:
    assert await store.coverage(RADARR) == LedgerCoverage(RADARR)
    coverage = LedgerCoverage(
        RADARR,
        backfilled_at=START,
        backfill_rows=10,
        backfill_total=20,
        cursor_date="2026-01-30T10:00:00.1234567Z",
        cursor_id=77,
        synced_at=START + timedelta(microseconds=1),
        gaps=((START, START + timedelta(hours=1)), (START, START + timedelta(hours=2))),
    )
    await store.save_history(await lease_of(store), [], coverage)
    assert await store.coverage(RADARR) == coverage
    assert (await store.overview()).coverage == (coverage,)


async def test_fifty_thousand_rows_of_a_back_fill_are_taken_in_pages(store: Store, clock: StillClock) -> None:
    lease = await lease_of(store)
    new = 0
    for page in range(10):
        rows = [
            reference(Media(MediaKind.MOVIE, n % 900 + 1), entry_id=n % 900, history_id=n, raw_hash=f"{n:040X}")
            for n in range(page * 5000, page * 5000 + 5000)
        ]
        new += await store.save_history(lease, rows, synced(clock, backfill_rows=page * 5000))
    assert new == await store.ledger_position() == 50_000
    assert len(await store.referenced_hashes()) == 50_000


# --- looking up ----------------------------------------------------------------------------------------------------


async def test_references_are_found_by_either_id_of_the_right_kind(store: Store) -> None:
    await hear(
        store,
        reference(Media(MediaKind.SERIES, tvdb_id=73739), instance=SONARR, entry_id=1),
        reference(Media(MediaKind.SERIES, tmdb_id=4607), instance=SONARR, entry_id=2),
        reference(Media(MediaKind.MOVIE, tmdb_id=4607), entry_id=3),
        reference(None, entry_id=4),
    )
    assert [r.entry_id for r in await store.references_of_media([LOST])] == [1, 2]
    assert [r.entry_id for r in await store.references_of_media([Media(MediaKind.MOVIE, 4607), LOST])] == [1, 2, 3]
    assert await store.references_of_media([]) == ()
    assert await store.references_of_media([Media(MediaKind.MOVIE)]) == ()


async def test_references_are_found_by_hash_in_any_length_it_is_known_by(store: Store) -> None:
    await hear(store, reference(raw_hash="E" * 64), reference(raw_hash="e" * 39 + "f"), reference(raw_hash=None))
    (full,) = await store.references_of_hashes([V2])
    (short,) = await store.references_of_hashes([InfoHash("e" * 40)])
    assert full == short
    assert await store.references_of_hashes([InfoHash("e" * 40 + "0" * 24)]) == ()
    assert await store.references_of_hashes([]) == ()
    assert await store.referenced_hashes() == {V2, "e" * 39 + "f"}


async def test_references_are_found_by_entry_of_the_right_instance(store: Store) -> None:
    await hear(store, reference(entry_id=1), reference(instance=RADARR_4K, entry_id=1), reference(entry_id=2))
    found = await store.references_of_entries([(RADARR, 1), (RADARR_4K, 2)])
    assert [(r.instance, r.entry_id) for r in found] == [(RADARR, 1)]
    assert await store.references_of_entries([]) == ()


async def test_a_hash_is_unreleased_as_long_as_one_reference_needs_it(store: Store) -> None:
    await hear(store, reference(MATRIX), reference(HEAT, entry_id=8), reference(raw_hash="E" * 64, entry_id=9))
    asked = [A, InfoHash("b" * 40), V2, InfoHash("e" * 40)]
    assert await store.unreleased_among(asked, after=0) == {A, V2, "e" * 40}
    lease = await lease_of(store)
    await store.bind(lease, binding(await created(store), released=(1, 3)))
    assert await store.unreleased_among(asked, after=0) == {A}
    assert await store.unreleased_among([], after=0) == frozenset()


async def test_a_reference_that_another_deletion_released_stays_its(store: Store) -> None:
    await hear(store, reference())
    lease = await lease_of(store)
    first = await created(store)
    await store.bind(lease, binding(first, released=(1,)))
    second = await created(store, wish(instances=frozenset({RADARR, RADARR_4K})))
    await store.bind(lease, binding(second, released=(1,)))
    (stored,) = await store.references_of_media([MATRIX])
    assert stored.released_by == first


async def test_manual_adds_and_references_share_one_sequence(store: Store) -> None:
    await hear(store, reference(), manual_add=ManualAdd(RADARR, 3, HEAT), heard=Heard.WANT)
    (stored,) = await store.references_of_media([MATRIX])
    (added,) = await store.manual_adds_after(0)
    assert (stored.number, added.number) == (1, 2)


# --- what was seen last --------------------------------------------------------------------------------------------


async def test_the_library_is_remembered_and_changed_rows_are_updated(store: Store) -> None:
    lease = await lease_of(store)
    matrix = LibraryRow(
        RADARR, 7, MATRIX, "The Matrix", 1999, "/m/Matrix", "2025-01-01", 5, ("/m/Matrix/a \N{SNOWMAN}.mkv",), (2**40,)
    )
    heat = LibraryRow(RADARR, 8, HEAT, "Heat", None, "/m/Heat", "2025-01-02", 0)
    await store.save_library(lease, RADARR, [matrix, heat])
    moved = replace(matrix, path="/n/Matrix", media=Media(MediaKind.MOVIE, 604))
    await store.save_library(lease, RADARR, [moved])
    assert await store.library_of(RADARR) == (moved, heat)
    assert await store.library_of(RADARR_4K) == ()
    assert await store.library_rows([HEAT]) == (heat,)
    assert await store.library_rows([MATRIX]) == ()
    assert await store.library_rows([Media(MediaKind.SERIES, tmdb_id=949)]) == ()


async def test_a_title_whose_file_sizes_are_not_known_keeps_its_paths(store: Store) -> None:
    lease = await lease_of(store)
    sizeless = LibraryRow(RADARR, 7, MATRIX, "The Matrix", 1999, "/m/Matrix", "2025-01-01", 5, ("/m/Matrix/a.mkv",))
    await store.save_library(lease, RADARR, [sizeless])
    assert await store.library_of(RADARR) == (sizeless,)
    sized = replace(sizeless, file_sizes=(5,))
    await store.save_library(lease, RADARR, [sized])
    assert await store.library_of(RADARR) == (sized,)


async def test_a_baseline_is_replaced_as_a_whole(store: Store) -> None:
    lease = await lease_of(store)
    assert await store.baseline(QBITTORRENT) is None
    await store.save_baseline(lease, Baseline(QBITTORRENT, "v4", frozenset({"1", "2"}), START))
    newer = Baseline(QBITTORRENT, "v5", frozenset({"3"}), START + timedelta(hours=1))
    await store.save_baseline(lease, newer)
    assert await store.baseline(QBITTORRENT) == newer
