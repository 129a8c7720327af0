"""How much group commit gains: the same wishes on SQLite, waiting together and one transaction each.

Run `python benchmarks/ingest.py [wishes]`. Only the ratio within one run means anything: the rest is the disk.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from reconciler.clock import SystemClock
from reconciler.model import DeletionRequest, InstanceName, Media, MediaKind, Source
from reconciler.ports import Heard, Receipt, Store, Understood
from reconciler.store import open_store

INSTANCES = {MediaKind.MOVIE: frozenset({InstanceName("radarr")})}


async def ingest(store: Store, number: int) -> None:
    request = DeletionRequest(Media(MediaKind.MOVIE, tmdb_id=number), f"Movie {number}", 2000, Source.DASHBOARD)
    await store.ingest(
        Receipt(Source.DASHBOARD, None, SystemClock().now(), '{"title": "…"}'),
        Understood(Heard.DELETE, deletions=(request,)),
        instances=INSTANCES,
        grace=timedelta(0),
    )


async def one_by_one(store: Store, numbers: Sequence[int]) -> None:
    for number in numbers:
        await ingest(store, number)


async def together(store: Store, numbers: Sequence[int]) -> None:
    await asyncio.gather(*(ingest(store, number) for number in numbers))


async def main(wishes: int) -> None:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # not in memory: the disk is what is measured
        store = await open_store(f"sqlite:///{folder}/benchmark.db", clock=SystemClock())
        try:
            started = time.monotonic()
            await one_by_one(store, range(1, wishes + 1))
            middle = time.monotonic()
            await together(store, range(wishes + 1, 2 * wishes + 1))
            ended = time.monotonic()
        finally:
            await store.close()
    alone, grouped = middle - started, ended - middle
    print(f"{wishes} wishes, one transaction each: {alone:.2f} s, {wishes / alone:.0f}/s")
    print(f"{wishes} wishes, group commit:         {grouped:.2f} s, {wishes / grouped:.0f}/s")
    print(f"ratio: {alone / grouped:.1f}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
