"""The ledger: the back-fill at first start, and the sync from then on."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler import ledger
from reconciler.errors import StoreError
from reconciler.ledger import LONGEST_SILENCE, Backfill, Ledger, with_media
from reconciler.model import LedgerCoverage, Media, MediaKind, NewReference, Reference, ReferenceKind
from reconciler.ports import Lease
from tests.support.bench import Bench, bench_at
from tests.support.clocks import START
from tests.support.memory_base import Call
from tests.support.worlds import HEAT, LOST, RADARR, RONIN, entry, hash_of


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_at(tmp_path) as opened:
        yield opened


@pytest.fixture
async def lease(bench: Bench) -> Lease:
    lease = await bench.store.acquire_lease("me", timedelta(minutes=5))
    assert lease is not None
    return lease


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "PAGE_SIZE", 3)


async def known(bench: Bench) -> list[Reference]:
    return list(await bench.store.references_of_entries([(RADARR, n) for n in range(1, 20)]))


async def backfilled(bench: Bench, lease: Lease, most: int = 30) -> LedgerCoverage:
    run = Backfill(bench.store, bench.household.radarr, bench.clock)
    for _ in range(most):
        coverage = await run.step(lease, await bench.store.coverage(RADARR))
        if coverage.is_complete:
            return coverage
    raise AssertionError("the back-fill did not end")


def fill(bench: Bench, rows: int, media: Media = HEAT) -> int:
    added = bench.household.radarr.add(media, str(media))
    for number in range(rows):
        bench.clock.advance(60)
        bench.household.radarr.grab(added.id, hash_of(100 * added.id + number))
    return added.id


# --- back-fill ---


async def test_a_history_of_several_pages_is_read_whole(bench: Bench, lease: Lease) -> None:
    fill(bench, 8)
    coverage = await backfilled(bench, lease)
    assert len(await known(bench)) == 8
    assert (coverage.backfill_rows, coverage.backfill_total) == (8, 8)
    assert coverage.backfilled_at == bench.clock.now()
    assert await bench.store.coverage(RADARR) == coverage


@pytest.mark.parametrize("failing", [1, 2, 3])
async def test_a_page_that_could_not_be_stored_is_read_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """What is missing in the ledger would not protect its torrent."""
    fill(bench, 8)
    save_history = bench.store.save_history
    saved = 0

    async def fails_once(*arguments: Any) -> int:
        nonlocal saved
        saved += 1
        if saved == failing:
            raise StoreError("the database restarts")
        return await save_history(*arguments)

    monkeypatch.setattr(bench.store, "save_history", fails_once)
    for _ in range(4):
        await bench.reconciler.run_ledger()
    coverage = await bench.store.coverage(RADARR)
    assert coverage.is_complete
    assert len(await known(bench)) == 8


async def test_an_empty_history_is_complete_at_once(bench: Bench, lease: Lease) -> None:
    coverage = await backfilled(bench, lease, most=1)
    assert coverage.is_complete
    assert coverage.cursor_date is not None


async def test_a_history_that_ends_with_a_full_page_is_complete(bench: Bench, lease: Lease) -> None:
    fill(bench, 6)
    assert (await backfilled(bench, lease, most=3)).is_complete


async def test_progress_is_stored_page_by_page(bench: Bench, lease: Lease) -> None:
    fill(bench, 8)
    run = Backfill(bench.store, bench.household.radarr, bench.clock)
    coverage = await run.step(lease, await bench.store.coverage(RADARR))
    assert not coverage.is_complete
    assert (coverage.backfill_rows, coverage.backfill_total) == (3, 8)


async def test_no_row_is_jumped_over_when_a_title_is_deleted_meanwhile(bench: Bench, lease: Lease) -> None:
    doomed = fill(bench, 3, RONIN)
    kept = fill(bench, 8, HEAT)
    run = Backfill(bench.store, bench.household.radarr, bench.clock)
    await run.step(lease, await bench.store.coverage(RADARR))
    await bench.household.radarr.delete_entry(doomed, delete_files=False, add_exclusion=False)
    while not (await run.step(lease, await bench.store.coverage(RADARR))).is_complete:
        pass
    assert sum(r.entry_id == kept for r in await known(bench)) == 8


async def test_no_row_is_jumped_over_when_as_many_rows_came_as_went(bench: Bench, lease: Lease) -> None:
    doomed = fill(bench, 3, RONIN)
    kept = fill(bench, 8, HEAT)
    run = Backfill(bench.store, bench.household.radarr, bench.clock)
    await run.step(lease, await bench.store.coverage(RADARR))
    await bench.household.radarr.delete_entry(doomed, delete_files=False, add_exclusion=False)
    for number in range(3):
        bench.household.radarr.grab(kept, hash_of(9000 + number))
    while not (await run.step(lease, await bench.store.coverage(RADARR))).is_complete:
        pass
    assert sum(r.entry_id == kept for r in await known(bench)) == 11


async def test_a_new_process_reads_from_the_beginning_and_knows_its_rows_again(bench: Bench, lease: Lease) -> None:
    fill(bench, 8)
    first = Backfill(bench.store, bench.household.radarr, bench.clock)
    await first.step(lease, await bench.store.coverage(RADARR))
    await backfilled(bench, lease)
    assert len(await known(bench)) == 8


async def test_rows_that_refer_to_no_download_count_as_read(bench: Bench, lease: Lease) -> None:
    number = fill(bench, 2)
    for _ in range(5):
        bench.household.radarr.note(number)
    assert (await backfilled(bench, lease)).backfill_rows == 7
    assert len(await known(bench)) == 2


# --- sync ---


async def synced(bench: Bench, lease: Lease) -> LedgerCoverage:
    client = bench.household.radarr
    return await Ledger(bench.store, bench.clock).sync(
        lease, client, dict(client.by_id), await bench.store.coverage(RADARR)
    )


async def test_a_sync_reads_what_is_new_and_a_little_of_what_is_old(bench: Bench, lease: Lease) -> None:
    number = fill(bench, 4)
    await backfilled(bench, lease)
    bench.clock.advance(60)
    bench.household.radarr.grab(number, hash_of(77))
    bench.household.calls.clear()
    await synced(bench, lease)
    assert len(await known(bench)) == 5
    (call,) = [c for c in bench.household.calls if c.name == "history_since"]
    assert call.arguments == (f"{START + timedelta(seconds=240 - 600):%Y-%m-%dT%H:%M:%SZ}",)


def grab_with_a_clock_ahead(bench: Bench, number: int, rows: int = 1) -> None:
    """Write rows while the host's clock is a month ahead."""
    history = bench.household.radarr.history
    for row in range(rows):
        bench.household.radarr.grab(number, hash_of(5000 + row))
        history[-1] = replace(history[-1], at=history[-1].at + timedelta(days=30))


def pages_read(bench: Bench) -> int:
    return sum(c.name == "history_page" for c in bench.household.calls)


@pytest.mark.parametrize("is_backfilled_before", [True, False])
async def test_a_row_dated_in_the_future_hides_no_later_row(
    bench: Bench, lease: Lease, is_backfilled_before: bool
) -> None:
    number = fill(bench, 4)
    if is_backfilled_before:
        await backfilled(bench, lease)
    grab_with_a_clock_ahead(bench, number, rows=3)
    if is_backfilled_before:
        await synced(bench, lease)
    else:
        await backfilled(bench, lease)
    for later in range(3):
        bench.clock.advance(300)
        bench.household.radarr.grab(number, hash_of(77 + later))
        coverage = await synced(bench, lease)
        assert hash_of(77 + later) in {r.hash for r in await known(bench)}
        assert coverage.cursor_date == f"{bench.clock.now():%Y-%m-%dT%H:%M:%SZ}"
        assert coverage.gaps == ()


async def test_an_older_row_of_the_future_does_not_become_the_cursor_of_a_back_fill(bench: Bench, lease: Lease) -> None:
    number = fill(bench, 4)
    grab_with_a_clock_ahead(bench, number)
    bench.clock.advance(60)
    bench.household.radarr.grab(number, hash_of(77))
    coverage = await backfilled(bench, lease)
    assert (coverage.cursor_id, coverage.cursor_date) == (6, f"{bench.clock.now():%Y-%m-%dT%H:%M:%SZ}")


async def test_many_hidden_rows_are_read_backwards(bench: Bench, lease: Lease, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "LOOK_BACK_SIZE", 2)
    number = fill(bench, 4)
    grab_with_a_clock_ahead(bench, number)
    await backfilled(bench, lease)
    for later in range(9):
        bench.clock.advance(60)
        bench.household.radarr.grab(number, hash_of(700 + later))
    assert (await synced(bench, lease)).gaps == ()
    assert len(await known(bench)) == 14


async def test_more_hidden_rows_than_are_read_back_are_a_gap(
    bench: Bench, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "LOOK_BACK_SIZE", 2)
    monkeypatch.setattr(ledger, "LOOK_BACK_PAGES", 2)
    number = fill(bench, 4)
    grab_with_a_clock_ahead(bench, number)
    start = (await backfilled(bench, lease)).synced_at
    for later in range(9):
        bench.clock.advance(60)
        bench.household.radarr.grab(number, hash_of(700 + later))
    assert (await synced(bench, lease)).gaps == ((start, bench.clock.now()),)


async def test_an_ordinary_sync_makes_one_call_more(
    bench: Bench, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "LOOK_BACK_SIZE", 10)
    number = fill(bench, 25)
    await backfilled(bench, lease)
    for later in range(3):
        bench.clock.advance(300)
        bench.household.radarr.grab(number, hash_of(770 + later))
        bench.household.calls.clear()
        assert (await synced(bench, lease)).backfill_total == 26 + later
        assert pages_read(bench) == 1


async def test_a_silence_is_recorded_as_a_gap(bench: Bench, lease: Lease) -> None:
    await backfilled(bench, lease)
    before = bench.clock.now()
    bench.clock.advance(LONGEST_SILENCE)
    assert (await synced(bench, lease)).gaps == ()
    start = bench.clock.now()
    assert start > before
    end = bench.clock.advance(LONGEST_SILENCE + timedelta(seconds=1))
    assert (await synced(bench, lease)).gaps == ((start, end),)


async def test_a_title_that_was_added_after_the_list_was_read_is_named_too(bench: Bench, lease: Lease) -> None:
    """Without its title a grab for a new request would look like somebody else's."""
    await backfilled(bench, lease)
    client = bench.household.radarr
    entries = dict(client.by_id)

    def add_late(call: Call) -> None:
        if call.name == "history_since" and not client.by_id:
            client.grab(client.add(HEAT, "Heat").id, hash_of(1))

    client.before = add_late
    await Ledger(bench.store, bench.clock).sync(lease, client, entries, await bench.store.coverage(RADARR))
    (found,) = await known(bench)
    assert found.media == HEAT


async def test_a_grab_of_a_title_that_is_gone_again_is_kept_without_its_name(bench: Bench, lease: Lease) -> None:
    await backfilled(bench, lease)
    client = bench.household.radarr
    number = client.add(HEAT, "Heat").id
    client.grab(number, hash_of(1))
    del client.by_id[number]
    await synced(bench, lease)
    (found,) = await known(bench)
    assert (found.media, found.hash) == (None, hash_of(1))


def test_the_names_come_from_the_entry_of_the_right_kind_only() -> None:
    told = NewReference(RADARR, ReferenceKind.GRAB, 7, None, "A" * 40)
    assert with_media([told], {7: entry(7, HEAT)})[0].media == HEAT
    assert with_media([told], {8: entry(8, HEAT)})[0].media is None
    half = NewReference(RADARR, ReferenceKind.GRAB, 7, Media(MediaKind.SERIES, tvdb_id=LOST.tvdb_id), "A" * 40)
    assert with_media([half], {7: entry(7, LOST)})[0].media == LOST
    assert with_media([half], {7: entry(7, HEAT)})[0].media == half.media


@pytest.mark.parametrize("date", [None, "not a date", "1970-01-01T00:05:00Z"])
async def test_a_cursor_that_cannot_be_used_reads_everything(bench: Bench, lease: Lease, date: str | None) -> None:
    client = bench.household.radarr
    coverage = LedgerCoverage(RADARR, backfilled_at=START, cursor_date=date, synced_at=START)
    await Ledger(bench.store, bench.clock).sync(lease, client, {}, coverage)
    (call,) = [c for c in bench.household.calls if c.name == "history_since"]
    assert call.arguments == ("1970-01-01T00:00:00Z",)
