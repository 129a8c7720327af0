"""Carries out plans: joins actions of one kind into bulk calls, re-reads what is about to be destroyed, records first.

Returning says that requests were accepted, never that anything is gone; only the next observation says that.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from reconciler.clock import Clock
from reconciler.errors import Overtaken
from reconciler.execute.libraries import LibrarySteps
from reconciler.execute.requests import RequestSteps
from reconciler.execute.sending import A, Failure, Sending
from reconciler.execute.torrents import TorrentSteps
from reconciler.lease import LeaseKeeper
from reconciler.model import DeletionId, InstanceName, Unit
from reconciler.plan.actions import (
    Action,
    Announce,
    Blocklist,
    DeleteEntry,
    DeleteFiles,
    DeleteRecord,
    DeleteRequest,
    EndDownloads,
    RemoveTorrent,
    ResetVariant,
    RestoreMonitoring,
    Search,
    Unmonitor,
    UnmonitorSeasons,
)
from reconciler.ports import Lease, PassStore
from reconciler.telemetry import get_logger, working_on
from reconciler.upstreams import Health, Upstreams

CHUNK = 100
"""How many items one bulk call carries."""

KEEPS_FOR = timedelta(seconds=60)
"""How long an observation may be acted on. What could not be sent by then is planned again: slow upstreams take
minutes per call, and meanwhile somebody may want a title back."""


@dataclass(frozen=True, slots=True)
class Executed:
    """What came of a round's actions. Of the deletions `blocklisted`, and for the units `searched`, it was accepted."""

    failures: tuple[Failure, ...] = ()
    searched: frozenset[tuple[DeletionId, Unit]] = frozenset()
    blocklisted: frozenset[DeletionId] = frozenset()


class Executor:
    """Sends a round's actions."""

    def __init__(
        self,
        store: PassStore,
        upstreams: Upstreams,
        health: Health,
        keeper: LeaseKeeper,
        clock: Clock,
        *,
        on_removed: Callable[[InstanceName, Iterable[str]], None],
        is_stopping: Callable[[], bool],
    ) -> None:
        self._sending = Sending(store, keeper, clock, is_stopping=is_stopping)
        self._libraries = LibrarySteps(self._sending, upstreams, on_removed)
        self._torrents = TorrentSteps(self._sending, store, upstreams, health, on_removed)
        self._requests = RequestSteps(self._sending, upstreams, on_removed)
        self._log = get_logger()

    async def execute(self, lease: Lease, actions: Sequence[Action], observed_at: datetime, position: int) -> Executed:
        """Carry out actions of many deletions, one kind and instance after the other.

        `position` is where the ledger stood when they were planned: what arrived since may need a torrent.

        Raises `LeaseLost` before the next call once the lease is gone. Stops between calls when asked to stop, or
        when what was observed at `observed_at` is too old; the rest is left to the next round.
        """
        self._sending.begin(observed_at + KEEPS_FOR)
        self._torrents.begin(position)
        searched: set[tuple[DeletionId, Unit]] = set()
        blocklisted: set[DeletionId] = set()
        libraries, requests = self._libraries, self._requests
        failures = (
            *await self._run(lease, actions, RestoreMonitoring, libraries.restore),
            *await self._run(lease, actions, Unmonitor, libraries.unmonitor),
            *await self._run(lease, actions, UnmonitorSeasons, libraries.unmonitor_seasons),
            *await self._run(lease, actions, Blocklist, partial(libraries.blocklist, blocklisted)),
            *await self._run(lease, actions, EndDownloads, libraries.end_downloads),
            *await self._run(lease, actions, RemoveTorrent, self._torrents.remove_torrents),
            *await self._run(lease, actions, DeleteFiles, libraries.delete_files),
            *await self._run(lease, actions, DeleteEntry, libraries.delete_entries),
            *await self._run(lease, actions, Search, partial(libraries.search, searched)),
            *await self._run(lease, actions, Announce, requests.announce_paths),
            *await self._run(lease, actions, DeleteRequest, requests.delete_requests),
            *await self._run(lease, actions, DeleteRecord, requests.delete_records),
            *await self._run(lease, actions, ResetVariant, requests.reset_variants),
        )
        return Executed(failures, frozenset(searched), frozenset(blocklisted))

    async def _run(
        self,
        lease: Lease,
        actions: Iterable[Action],
        kind: type[A],
        step: Callable[[Lease, Sequence[A]], Awaitable[list[Failure]]],
    ) -> list[Failure]:
        """Carry out the actions of one kind, instance by instance and chunk by chunk."""
        failures: list[Failure] = []
        chosen = [a for a in actions if isinstance(a, kind)]
        for instance in sorted({a.instance for a in chosen}):
            for chunk in _chunks([a for a in chosen if a.instance == instance]):
                if self._sending.is_over():
                    return failures
                try:
                    with working_on({a.deletion for a in chunk}):
                        failures += await step(lease, chunk)
                except Overtaken as cancelled:
                    with working_on({a.deletion for a in chunk}):  # planned anew next round
                        self._log.info("not sent", kind=kind.__name__, reason=str(cancelled))
        return failures


def _chunks(actions: list[A]) -> Iterator[list[A]]:
    for start in range(0, len(actions), CHUNK):
        yield actions[start : start + CHUNK]


__all__ = ["CHUNK", "KEEPS_FOR", "Executed", "Executor", "Failure"]
