"""Keeps the ledger of grabs and imports: the back-fill at first start, and the sync from then on.

The hash of a title's torrents disappears with the title (upstreams.md 3.5), so every hash must be in our own ledger
before anything is deleted anywhere.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from reconciler.clock import Clock
from reconciler.model import LedgerCoverage, NewReference
from reconciler.observed import Entry
from reconciler.ports import Lease, LibraryClient, PassStore

PAGE_SIZE = 1000
OVERLAP = timedelta(minutes=10)
"""How far each sync reads back, by the upstream's own dates: rows may become visible out of order."""

LONGEST_SILENCE = timedelta(minutes=30)
"""A longer time without a sync is recorded as a gap: a title may have been grabbed and deleted within it."""

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
        page = await client.history_since(_before(coverage.cursor_date))
        gaps = coverage.gaps
        if coverage.synced_at is not None and now - coverage.synced_at > LONGEST_SILENCE:
            gaps = (*gaps, (coverage.synced_at, now))
        synced = replace(
            coverage,
            cursor_id=max(coverage.cursor_id, page.newest_id),
            cursor_date=page.newest_date or coverage.cursor_date,
            synced_at=now,
            gaps=gaps,
        )
        late = sorted({r.entry_id for r in page.references if r.media is None} - set(entries))
        added = {e.id: e for number in late if (e := await client.entry(number)) is not None}  # since they were listed
        await self._store.save_history(lease, with_media(page.references, {**entries, **added}), synced)
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
        read = replace(
            coverage,
            backfill_rows=0 if is_broken else self._rows,
            backfill_total=page.total,
            cursor_id=max(coverage.cursor_id, page.newest_id),
            cursor_date=page.newest_date or coverage.cursor_date or (_THE_BEGINNING if is_over else None),
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
