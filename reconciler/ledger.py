"""Keeps the ledger of grabs and imports: the back-fill at first start, and the sync from then on.

The hash of a title's torrents disappears with the title (upstreams.md 3.5), so every hash must be in our own ledger
before anything is deleted anywhere.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from reconciler.clock import Clock
from reconciler.model import LedgerCoverage, NewReference
from reconciler.observed import Entry, HistoryPage
from reconciler.ports import Lease, LibraryClient, PassStore

PAGE_SIZE = 1000
OVERLAP = timedelta(minutes=10)
"""How far each sync reads back, by the upstream's own dates: rows may become visible out of order."""

LONGEST_SILENCE = timedelta(minutes=30)
"""A longer time without a sync is recorded as a gap: a title may have been grabbed and deleted within it."""

LOOK_BACK_SIZE = 50
LOOK_BACK_PAGES = 20
"""How far each sync looks behind the rows it asked for by date; most syncs read one page."""

_THE_BEGINNING = "1970-01-01T00:00:00Z"


class Ledger:
    """Reads the history of the libraries into the store."""

    def __init__(self, store: PassStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def sync(
        self, lease: Lease, client: LibraryClient, entries: Mapping[int, Entry], coverage: LedgerCoverage
    ) -> LedgerCoverage:
        """Read what is new since the stored cursor. Only for a ledger whose back-fill has finished."""
        now = self._clock.now()
        since = await client.history_since(_before(coverage.cursor_date))
        behind, is_whole = await _look_behind(client, coverage, since)
        pages = (since, *behind)
        gaps = coverage.gaps
        if coverage.synced_at is not None and (not is_whole or now - coverage.synced_at > LONGEST_SILENCE):
            gaps = (*gaps, (coverage.synced_at, now))
        newest = max(pages, key=lambda page: page.newest_id)
        total = behind[-1].total
        synced = replace(
            _advanced(coverage, newest), backfill_rows=total, backfill_total=total, synced_at=now, gaps=gaps
        )
        references = {r.history_id: r for page in pages for r in page.references}.values()
        late = sorted({r.entry_id for r in references if r.media is None} - set(entries))
        added = {e.id: e for number in late if (e := await client.entry(number)) is not None}  # since they were listed
        await self._store.save_history(lease, with_media(references, {**entries, **added}), synced)
        return synced


class Backfill:
    """Reads the whole history of one library, a page at a time; call `step` until the coverage is complete.

    A title that is deleted meanwhile takes its rows along and shifts the pages, so that rows would be jumped over. The
    run therefore begins again when the history became shorter, or when a title that was there at its beginning is
    gone at its end. It never goes on from where an earlier process stopped. Known rows are recognised by their id.
    """

    def __init__(self, store: PassStore, client: LibraryClient, clock: Clock) -> None:
        self._store = store
        self._client = client
        self._clock = clock
        self._page = 1
        self._rows = 0
        self._total = 0
        self._at_first: frozenset[int] | None = None
        self._entries: Mapping[int, Entry] = {}

    async def step(self, lease: Lease, coverage: LedgerCoverage) -> LedgerCoverage:
        """Read one page more."""
        if self._at_first is None:
            self._begin(await self._read_entries())
        page = await self._client.history_page(self._page, PAGE_SIZE)
        if any(r.entry_id not in self._entries for r in page.references):
            self._entries = await self._read_entries()  # a title was added since
        self._page += 1
        self._rows += page.rows
        is_last = page.rows == 0 or self._rows >= page.total
        is_broken = page.total < self._total or (is_last and await self._lost_a_title())
        self._total = page.total
        is_over = is_last and not is_broken
        now = self._clock.now()
        advanced = _advanced(coverage, page)
        read = replace(
            advanced,
            backfill_rows=0 if is_broken else self._rows,
            backfill_total=page.total,
            cursor_date=advanced.cursor_date or (_THE_BEGINNING if is_over else None),
            backfilled_at=now if is_over else None,
            synced_at=now if is_over else None,
        )
        await self._store.save_history(lease, with_media(page.references, self._entries), read)
        if is_broken:
            self._at_first = None
        return read

    def _begin(self, entries: Mapping[int, Entry]) -> None:
        self._page, self._rows, self._total = 1, 0, 0
        self._entries = entries
        self._at_first = frozenset(entries)

    async def _lost_a_title(self) -> bool:
        return bool((self._at_first or frozenset()) - set(await self._read_entries()))

    async def _read_entries(self) -> dict[int, Entry]:
        return {e.id: e for e in await self._client.entries()}


def with_media(references: Iterable[NewReference], entries: Mapping[int, Entry]) -> tuple[NewReference, ...]:
    """Fill in which title each reference is about, from the library that told it."""
    return tuple(
        replace(r, media=entry.media if r.media is None else r.media.merged(entry.media))
        if (entry := entries.get(r.entry_id)) is not None and (r.media is None or r.media.kind is entry.media.kind)
        else r
        for r in references
    )


def _advanced(coverage: LedgerCoverage, page: HistoryPage) -> LedgerCoverage:
    """Move the cursor to the last row written, not to the latest date: the host's clock may have been ahead."""
    if page.newest_id <= coverage.cursor_id:
        return coverage
    return replace(coverage, cursor_id=page.newest_id, cursor_date=page.newest_date)


async def _look_behind(
    client: LibraryClient, coverage: LedgerCoverage, since: HistoryPage
) -> tuple[list[HistoryPage], bool]:
    """Read the rows dated just before those of `since`, backwards as long as new ones are among them.

    If the host's clock was ahead when the cursor's row was written, later rows have earlier dates and are found only
    here. The history is in order of date, so `since` is its end. Returns the pages and whether that was far enough.
    """
    number = _last_page((coverage.backfill_total or 0) - since.rows)
    pages = [await client.history_page(number, LOOK_BACK_SIZE)]
    exact = _last_page(pages[0].total - since.rows)
    if exact != number:  # rows came or went since the last sync
        number = exact
        pages.append(await client.history_page(number, LOOK_BACK_SIZE))
    seen = {r.history_id for r in since.references}
    highest = max(coverage.cursor_id, since.newest_id)
    while number > 1 and (
        pages[-1].newest_id > highest
        or any((r.history_id or 0) > coverage.cursor_id and r.history_id not in seen for r in pages[-1].references)
    ):
        if len(pages) >= LOOK_BACK_PAGES:
            return pages, False
        number -= 1
        pages.append(await client.history_page(number, LOOK_BACK_SIZE))
    return pages, True


def _last_page(rows: int) -> int:
    return max(1, -(-rows // LOOK_BACK_SIZE))


def _before(date: str | None) -> str:
    """Return the upstream's date text a little before its newest row."""
    if date is None:
        return _THE_BEGINNING
    try:
        parsed = datetime.fromisoformat(date)
    except ValueError:
        return _THE_BEGINNING
    if parsed <= datetime.fromisoformat(_THE_BEGINNING) + OVERLAP:
        return _THE_BEGINNING
    return f"{parsed - OVERLAP:%Y-%m-%dT%H:%M:%S}Z"
