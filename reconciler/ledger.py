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
        await self._store.save_history(lease, with_media(page.references, entries), synced)
        return synced

    async def backfill(
        self, lease: Lease, client: LibraryClient, entries: Mapping[int, Entry], coverage: LedgerCoverage
    ) -> LedgerCoverage:
        """Read one page more of the whole history; call again until the coverage is complete.

        A title deleted meanwhile takes its rows along and shifts the pages, so a history that became shorter is read
        from its start again; known rows are recognised by their id.
        """
        now = self._clock.now()
        number = coverage.backfill_rows // PAGE_SIZE + 1
        page = await client.history_page(number, PAGE_SIZE)
        shrank = coverage.backfill_total is not None and page.total < coverage.backfill_total
        rows = coverage.backfill_rows - coverage.backfill_rows % PAGE_SIZE + page.rows
        is_over = not shrank and rows >= page.total
        newest = page.newest_date if page.newest_id else None
        read = replace(
            coverage,
            backfill_rows=0 if shrank else rows,
            backfill_total=page.total,
            cursor_id=max(coverage.cursor_id, page.newest_id),
            cursor_date=newest or coverage.cursor_date or (_THE_BEGINNING if is_over else None),
            backfilled_at=now if is_over else None,
            synced_at=now if is_over else None,
        )
        await self._store.save_history(lease, with_media(page.references, entries), read)
        return read


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
