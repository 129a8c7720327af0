"""The whole store: every method is one transaction around a function of its own module."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from reconciler.clock import Clock
from reconciler.errors import StoreError
from reconciler.model import (
    DeletionId,
    DeletionState,
    Event,
    InfoHash,
    InstanceName,
    LedgerCoverage,
    LibraryRow,
    ManualAdd,
    Media,
    MediaKind,
    NewReference,
    Notice,
    Reference,
    TargetKind,
    WebhookState,
)
from reconciler.ports import (
    Baseline,
    Binding,
    ConnectionSeen,
    DeletionFilter,
    DeletionPage,
    Destroyed,
    Doubted,
    Evidence,
    IngestResult,
    KeptReceipt,
    Lease,
    LoggedEvent,
    MessengerState,
    Overview,
    PassRecord,
    Receipt,
    ReceiptFilter,
    ReceiptPage,
    SenderHeard,
    Understood,
    UpstreamHealth,
    Verdict,
)
from reconciler.reasons import Reason
from reconciler.store import (
    baselines,
    commands,
    evidence,
    heard,
    history,
    ledger,
    passes,
    pruning,
    reading,
    results,
    resyncs,
    states,
)
from reconciler.store import messengers as messenger_log
from reconciler.store import notices as notice_log
from reconciler.store import verdicts as verdict_log
from reconciler.store.database import Connection, Database
from reconciler.store.group_commit import GroupCommit
from reconciler.store.ingest import Arrival, Ingest
from reconciler.store.migrations import newest_version, refuse_newer, schema_version

VERDICTS_AT_ONCE = 25
"""How many verdicts share a transaction: webhooks wait for it, and so does whoever takes over."""


class DatabaseStore:
    """`reconciler.ports.Store` on either database. Its contracts are those of the port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._intake: GroupCommit[Arrival, IngestResult] = GroupCommit(database, Ingest(clock).apply)
        self._newest = newest_version(database.dialect)
        self._wakes_seen: dict[DeletionId, int] = {}

    async def close(self) -> None:
        try:
            await self._intake.close()
        finally:
            await self._database.close()

    # --- intake ---

    async def ingest(
        self,
        receipt: Receipt,
        understood: Understood,
        *,
        instances: Mapping[MediaKind, frozenset[InstanceName]],
        grace: timedelta = timedelta(0),
    ) -> IngestResult:
        return await self._intake.submit(Arrival(receipt, understood, instances, grace))

    async def approve(self, deletion: DeletionId, by: str, *, shown: str | None = None) -> frozenset[Reason]:
        async with self._database.write() as connection:
            return await commands.approve(connection, deletion, by, self._clock.now(), shown=shown)

    async def cancel(self, deletion: DeletionId, by: str) -> bool:
        async with self._database.write() as connection:
            return await commands.cancel(connection, deletion, by, self._clock.now())

    async def retry(self, deletion: DeletionId, by: str) -> bool:
        async with self._database.write() as connection:
            return await commands.retry(connection, deletion, by, self._clock.now())

    async def attribute(self, deletion: DeletionId, hashes: Collection[InfoHash], by: str) -> bool:
        async with self._database.write() as connection:
            return await commands.attribute(connection, deletion, hashes, by, self._clock.now())

    async def release_breaker(self, by: str, *, only: Collection[DeletionId] | None = None) -> tuple[DeletionId, ...]:
        async with self._database.write() as connection:
            return await commands.release_breaker(connection, by, self._clock.now(), only=only)

    # --- reading ---

    async def ready(self) -> bool:
        try:
            async with self._database.read() as connection:
                return await schema_version(connection) == self._newest
        except StoreError:
            return False

    async def overview(self) -> Overview:
        async with self._database.read() as connection:
            now = self._clock.now()
            overview = await reading.overview(connection, now)
            next_due_at = await passes.next_due_at(connection, now)
            leader = await passes.lease_holder(connection, await self._time(connection))
            return replace(overview, next_due_at=next_due_at, leader=leader)

    async def deletion(self, deletion: DeletionId) -> DeletionState | None:
        async with self._database.read() as connection:
            return await states.state_of(connection, deletion)

    async def events(self, deletion: DeletionId, *, newest: int | None = None) -> tuple[Event, ...]:
        async with self._database.read() as connection:
            return await states.events_of(connection, deletion, newest)

    async def last_event(self) -> int:
        async with self._database.read() as connection:
            return await states.last_event(connection)

    async def events_after(self, number: int, limit: int) -> tuple[LoggedEvent, ...]:
        async with self._database.read() as connection:
            return await states.events_after(connection, number, limit)

    async def deletions(self, where: DeletionFilter, *, cursor: str | None, limit: int) -> DeletionPage:
        async with self._database.read() as connection:
            return await reading.deletions(connection, where, cursor=cursor, limit=limit)

    async def lately_converged(self, limit: int) -> tuple[DeletionState, ...]:
        async with self._database.read() as connection:
            return await results.lately_converged(connection, limit)

    async def evidence(self, state: DeletionState) -> tuple[Evidence, ...]:
        async with self._database.read() as connection:
            return await evidence.evidence_of(connection, state)

    async def held_by_breaker(self) -> tuple[DeletionState, ...]:
        async with self._database.read() as connection:
            return await commands.held_by_breaker(connection)

    async def unlisted(self, hashes: Collection[InfoHash], clients: Collection[InstanceName]) -> frozenset[InfoHash]:
        async with self._database.read() as connection:
            return await baselines.unlisted(connection, hashes, clients)

    async def receipts(self, where: ReceiptFilter, *, cursor: str | None, limit: int) -> ReceiptPage:
        async with self._database.read() as connection:
            return await heard.receipts(connection, where, cursor=cursor, limit=limit)

    async def receipt(self, number: int) -> KeptReceipt | None:
        async with self._database.read() as connection:
            return await heard.receipt(connection, number)

    async def receipt_of(self, deletion: DeletionId) -> KeptReceipt | None:
        async with self._database.read() as connection:
            return await heard.receipt_of(connection, deletion)

    # --- the lease ---

    @property
    def is_shared(self) -> bool:
        return self._database.is_shared

    async def acquire_lease(self, holder: str, ttl: timedelta) -> Lease | None:
        async with self._database.write() as connection:
            refuse_newer(await schema_version(connection), self._newest)
            return await passes.acquire_lease(connection, holder, ttl, await self._time(connection))

    async def renew_lease(self, lease: Lease, ttl: timedelta) -> bool:
        async with self._database.aside() as connection:
            refuse_newer(await schema_version(connection), self._newest)
            return await passes.renew_lease(connection, lease, await self._time(connection) + ttl)

    async def lease_holder(self) -> str | None:
        async with self._database.read() as connection:
            return await passes.lease_holder(connection, await self._time(connection))

    async def release_lease(self, lease: Lease) -> None:
        async with self._database.write() as connection:
            await passes.release_lease(connection, lease)

    async def _time(self, connection: Connection) -> datetime:
        """Return the time by which leases are measured: one clock for all who share the database."""
        return await self._database.time(connection) or self._clock.now()

    # --- what a pass reads ---

    async def due(self, now: datetime, limit: int) -> tuple[DeletionState, ...]:
        async with self._database.read() as connection:
            found, wakes = await passes.due(connection, now, limit)
        self._wakes_seen.update(wakes)
        return found

    async def next_due_at(self) -> datetime | None:
        async with self._database.read() as connection:
            return await passes.next_due_at(connection, self._clock.now())

    async def became_destructive_since(self, since: datetime) -> Destroyed:
        async with self._database.read() as connection:
            return await passes.became_destructive_since(connection, since)

    async def releasers_among(self, deletions: Collection[DeletionId]) -> tuple[DeletionState, ...]:
        async with self._database.read() as connection:
            return await passes.releasers_among(connection, deletions)

    async def ledger_position(self) -> int:
        async with self._database.read() as connection:
            return await ledger.position(connection)

    async def references_of_media(self, media: Sequence[Media]) -> tuple[Reference, ...]:
        async with self._database.read() as connection:
            return await ledger.references_of_media(connection, media)

    async def references_of_hashes(self, hashes: Collection[InfoHash]) -> tuple[Reference, ...]:
        async with self._database.read() as connection:
            return await ledger.references_of_hashes(connection, hashes)

    async def referenced_hashes(self) -> frozenset[InfoHash]:
        async with self._database.read() as connection:
            return await ledger.referenced_hashes(connection)

    async def references_of_entries(self, entries: Collection[tuple[InstanceName, int]]) -> tuple[Reference, ...]:
        async with self._database.read() as connection:
            return await ledger.references_of_entries(connection, entries)

    async def manual_adds_after(self, number: int) -> tuple[ManualAdd, ...]:
        async with self._database.read() as connection:
            return await ledger.manual_adds_after(connection, number)

    async def unreleased_among(self, hashes: Collection[InfoHash], *, after: int) -> frozenset[InfoHash]:
        async with self._database.read() as connection:
            return await ledger.unreleased_among(connection, hashes, after=after)

    async def library_rows(self, media: Sequence[Media]) -> tuple[LibraryRow, ...]:
        async with self._database.read() as connection:
            return await ledger.library_of_media(connection, media)

    async def library_of(self, instance: InstanceName) -> tuple[LibraryRow, ...]:
        async with self._database.read() as connection:
            return await ledger.library_of(connection, instance)

    async def coverage(self, instance: InstanceName) -> LedgerCoverage:
        async with self._database.read() as connection:
            return await history.coverage_of_instance(connection, instance)

    async def baseline(self, instance: InstanceName) -> Baseline | None:
        async with self._database.read() as connection:
            return await baselines.baseline_of(connection, instance)

    async def resync_state(self, instance: InstanceName) -> Mapping[str, object] | None:
        async with self._database.read() as connection:
            return await resyncs.resync_state(connection, instance)

    async def known_targets(
        self, kind: TargetKind, instance: InstanceName, external_ids: Collection[str]
    ) -> frozenset[str]:
        async with self._database.read() as connection:
            return await resyncs.known_targets(connection, kind, instance, external_ids)

    async def known_titles(self, instance: InstanceName, entry_ids: Collection[int]) -> frozenset[int]:
        async with self._database.read() as connection:
            return await resyncs.known_titles(connection, instance, entry_ids)

    async def kept_titles(self, instance: InstanceName, entry_ids: Collection[int]) -> frozenset[int]:
        async with self._database.read() as connection:
            return await resyncs.kept_titles(connection, instance, entry_ids)

    async def known_declines(self, request_ids: Collection[int]) -> frozenset[int]:
        async with self._database.read() as connection:
            return await resyncs.known_declines(connection, request_ids)

    # --- what a pass writes ---

    async def save_library(self, lease: Lease, instance: InstanceName, rows: Sequence[LibraryRow]) -> None:
        async with self._database.write() as connection:
            await passes.check_lease(connection, lease)
            await history.save_library(connection, instance, rows)

    async def save_history(self, lease: Lease, references: Sequence[NewReference], coverage: LedgerCoverage) -> int:
        async with self._database.write() as connection:
            await passes.check_lease(connection, lease)
            return await history.save_history(connection, references, coverage, now=self._clock.now())

    async def save_baseline(self, lease: Lease, baseline: Baseline) -> None:
        async with self._database.write() as connection:
            await passes.check_lease(connection, lease)
            await baselines.save_baseline(connection, baseline)

    async def doubt(self, lease: Lease, instance: InstanceName, doubted: Doubted) -> None:
        async with self._database.write() as connection:
            await passes.check_lease(connection, lease)
            await baselines.doubt(connection, instance, doubted)

    async def save_resync_state(
        self, lease: Lease, instance: InstanceName, state: Mapping[str, object], at: datetime
    ) -> None:
        async with self._database.write() as connection:
            await passes.check_lease(connection, lease)
            await resyncs.save_resync_state(connection, instance, state, at)

    async def bind(self, lease: Lease, binding: Binding) -> None:
        async with self._database.write() as connection:
            await passes.check_lease(connection, lease)
            await passes.bind(connection, binding)

    async def wake_waiting(self, lease: Lease, reasons: Collection[Reason], now: datetime) -> None:
        async with self._database.write() as connection:
            await passes.check_lease(connection, lease)
            await passes.wake_waiting(connection, reasons, now)

    async def mark_sent(
        self, lease: Lease, sent: Mapping[DeletionId, Sequence[int]], at: datetime, *, kind: str, destructive: bool
    ) -> None:
        async with self._database.write() as connection:
            await passes.check_lease(connection, lease)
            await passes.mark_sent(connection, lease, sent, at, kind=kind, destructive=destructive)

    async def record(self, lease: Lease, verdicts: Sequence[Verdict]) -> None:
        for start in range(0, max(1, len(verdicts)), VERDICTS_AT_ONCE):
            async with self._database.write() as connection:
                await passes.check_lease(connection, lease)
                if start == 0:
                    await verdict_log.withdraw_all(connection, verdicts)
                chunk = verdicts[start : start + VERDICTS_AT_ONCE]
                await verdict_log.record_all(connection, chunk, self._wakes_seen)
        for verdict in verdicts:
            if verdict.next_due_at is None:
                self._wakes_seen.pop(verdict.deletion, None)

    async def add_events(self, lease: Lease, events: Mapping[DeletionId, Sequence[Event]], at: datetime) -> None:
        async with self._database.write() as connection:
            await passes.check_lease(connection, lease)
            await passes.add_many_events(connection, events, at)

    async def save_health(self, lease: Lease, health: Sequence[UpstreamHealth]) -> None:
        async with self._database.write() as connection:
            await passes.check_lease(connection, lease)
            await passes.save_health(connection, health)

    async def save_connections(self, lease: Lease, seen: Mapping[InstanceName, WebhookState], at: datetime) -> None:
        async with self._database.write() as connection:
            await passes.check_lease(connection, lease)
            await heard.save_connections(connection, seen, at)

    async def connections(self) -> Mapping[InstanceName, ConnectionSeen]:
        async with self._database.read() as connection:
            return await heard.connections(connection)

    async def senders(self) -> tuple[SenderHeard, ...]:
        async with self._database.read() as connection:
            return await heard.senders(connection)

    async def last_test_at(self) -> datetime | None:
        async with self._database.read() as connection:
            return await heard.last_test_at(connection)

    async def record_pass(self, lease: Lease, done: PassRecord) -> None:
        async with self._database.write() as connection:
            await passes.check_lease(connection, lease)
            await passes.record_pass(connection, done)

    async def prune(self, lease: Lease, before: datetime) -> int:
        async with self._database.write() as connection:
            await passes.check_lease(connection, lease)
            return await pruning.prune(connection, before)

    # --- what people are told ---

    async def settle_messengers(self, lease: Lease, kinds: Sequence[str], now: datetime) -> None:
        async with self._database.write() as connection:
            await passes.check_lease(connection, lease)
            await messenger_log.settle_messengers(connection, kinds, now)

    async def messengers(self) -> tuple[MessengerState, ...]:
        async with self._database.read() as connection:
            return await messenger_log.messengers(connection)

    async def save_messenger(self, lease: Lease, state: MessengerState) -> None:
        async with self._database.write() as connection:
            await passes.check_lease(connection, lease)
            await messenger_log.save_messenger(connection, state)

    async def note(self, lease: Lease, now: datetime, *, stalled_before: datetime, converged_since: datetime) -> None:
        async with self._database.read() as connection:  # webhooks do not wait for it
            added, over = await notice_log.news(
                connection, now, stalled_before=stalled_before, converged_since=converged_since
            )
        if added or over:
            async with self._database.write() as connection:
                await passes.check_lease(connection, lease)
                await notice_log.write_news(connection, added, over, now)

    async def notices_after(self, number: int, limit: int) -> tuple[Notice, ...]:
        async with self._database.read() as connection:
            return await notice_log.notices_after(connection, number, limit)

    async def deletions_among(self, ids: Collection[DeletionId]) -> tuple[DeletionState, ...]:
        async with self._database.read() as connection:
            return await notice_log.deletions_among(connection, ids)
