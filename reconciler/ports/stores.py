"""The database, by who uses it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

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
    Reference,
    TargetKind,
    WebhookState,
)
from reconciler.ports.evidence import Evidence
from reconciler.ports.heard import ConnectionSeen, KeptReceipt, ReceiptFilter, ReceiptPage, SenderHeard
from reconciler.ports.intake import IngestResult, Receipt, Understood
from reconciler.ports.notices import NoticeStore
from reconciler.ports.records import (
    Baseline,
    Binding,
    DeletionFilter,
    DeletionPage,
    Destroyed,
    Doubted,
    Lease,
    LoggedEvent,
    Overview,
    PassRecord,
    UpstreamHealth,
    Verdict,
)
from reconciler.reasons import Reason


class IntakeStore(Protocol):
    """What the web handlers write. Returning means committed and fsynced."""

    async def ingest(
        self,
        receipt: Receipt,
        understood: Understood,
        *,
        instances: Mapping[MediaKind, frozenset[InstanceName]],
        grace: timedelta = timedelta(0),
    ) -> IngestResult:
        """Write a receipt and everything that follows from it, all or nothing, in one group commit.

        Of a test only is kept when it came and from whom.
        `instances` are the configured Radarr/Sonarr instances by media kind, for deletions that name none.
        """

    async def approve(self, deletion: DeletionId, by: str, *, shown: str | None = None) -> frozenset[Reason]:
        """Lift every approvable reason the deletion now carries, make it due, and return those lifted.

        `shown` is the `approval_digest` of what the person saw. Raises `NotAsShown` if that is not what would be
        lifted. Lifting `SuspiciousList` accepts the list that its message is about, and one that lacks nothing else; it
        raises `NotAsShown` if another list was doubted there since. Raises `KeyError` when unknown.
        """

    async def cancel(self, deletion: DeletionId, by: str) -> bool:
        """Ask for the end of an unsettled deletion.

        If nothing was frozen or destroyed it is settled at once; otherwise the loop restores monitoring first.
        Returns whether it was unsettled. Raises `KeyError` when unknown.
        """

    async def retry(self, deletion: DeletionId, by: str) -> bool:
        """Make an unsettled deletion due now with its attempts forgotten; the same contract as `cancel`."""

    async def attribute(self, deletion: DeletionId, hashes: Collection[InfoHash], by: str) -> bool:
        """Add torrents that a person says belong to an unsettled deletion to its hints, and make it due.

        The planner binds them, or holds the deletion if the ledger gives one to something else. The same contract as
        `cancel`.
        """

    async def release_breaker(self, by: str, *, only: Collection[DeletionId] | None = None) -> tuple[DeletionId, ...]:
        """Approve `BreakerOpen`, and nothing else, for every unsettled deletion that it holds; return them.

        With `only`, what a person was shown: raises `NotAsShown` when it holds others, or fewer, by now.
        """


class ReadStore(Protocol):
    """What pages and programs read."""

    async def ready(self) -> bool:
        """Tell whether the database answers and its schema is the one this program needs."""

    async def overview(self) -> Overview: ...

    async def deletion(self, deletion: DeletionId) -> DeletionState | None: ...

    async def events(self, deletion: DeletionId, *, newest: int | None = None) -> tuple[Event, ...]:
        """Return the timeline, or only so many of its newest events; oldest first."""

    async def last_event(self) -> int:
        """Return the number of the newest event of any timeline; 0 if there is none."""

    async def events_after(self, number: int, limit: int) -> tuple[LoggedEvent, ...]:
        """Return the events of all timelines that came after this one, oldest first."""

    async def deletions(self, where: DeletionFilter, *, cursor: str | None, limit: int) -> DeletionPage:
        """Return a page, newest first; raises `ValueError` for a cursor that this did not give out."""

    async def lately_converged(self, limit: int) -> tuple[DeletionState, ...]:
        """Return the deletions that converged last, the last one first."""

    async def evidence(self, state: DeletionState) -> tuple[Evidence, ...]:
        """Return what is known of each of a deletion's targets, in their order."""

    async def held_by_breaker(self) -> tuple[DeletionState, ...]:
        """Return every unsettled deletion that the breaker holds and nobody has let go on yet, the oldest first."""

    async def unlisted(self, hashes: Collection[InfoHash], clients: Collection[InstanceName]) -> frozenset[InfoHash]:
        """Return those of the hashes under which none of these clients listed a torrent when last read as a whole.

        Nothing while one of them was never read. A torrent with two hashes is listed under one of them only.
        """

    async def receipts(self, where: ReceiptFilter, *, cursor: str | None, limit: int) -> ReceiptPage:
        """Return a page of receipts; raises `ValueError` for a cursor that this did not give out."""

    async def receipt(self, number: int) -> KeptReceipt | None:
        """Return one receipt with its body, or `None` when there is none (any more)."""

    async def receipt_of(self, deletion: DeletionId) -> KeptReceipt | None:
        """Return the receipt that a deletion came from, likewise."""


class PassStore(Protocol):
    """What a pass reads and writes. Writes with a `lease` raise `LeaseLost` if its epoch is over."""

    @property
    def is_shared(self) -> bool:
        """Tell whether other processes may use this database at the same time."""

    async def acquire_lease(self, holder: str, ttl: timedelta) -> Lease | None:
        """Take or renew the lease; `None` while another holder's is in force, by the database's own clock.

        Raises `StoreError` once a newer program has changed the schema: this one must not reconcile any more.
        """

    async def renew_lease(self, lease: Lease, ttl: timedelta) -> bool:
        """Prolong a lease; `False` if it went to somebody else. Waits for no other write of a shared database."""

    async def lease_holder(self) -> str | None:
        """Return who holds a lease in force; waits for no write."""

    async def release_lease(self, lease: Lease) -> None: ...

    async def due(self, now: datetime, limit: int) -> tuple[DeletionState, ...]:
        """Return unsettled deletions that are due, and settled ones due inside their watch window, oldest first."""

    async def wake_waiting(self, lease: Lease, reasons: Collection[Reason], now: datetime) -> None:
        """Make every unsettled deletion due that carries one of these reasons: what it waited for has changed."""

    async def next_due_at(self) -> datetime | None:
        """Return the earliest time at which anything is due."""

    async def became_destructive_since(self, since: datetime) -> Destroyed:
        """Count the deletions whose `destroyed_at` lies at or after `since`, and the bytes they are about."""

    async def releasers_among(self, deletions: Collection[DeletionId]) -> tuple[DeletionState, ...]:
        """Return those of the given deletions whose releasing still matters, in order of id.

        That one which is not settled may be called off; and what was to keep its files keeps them after it has ended.
        """

    async def ledger_position(self) -> int:
        """Return the highest reference or manual-add number given so far (one shared sequence)."""

    async def references_of_media(self, media: Sequence[Media]) -> tuple[Reference, ...]:
        """Return the references whose media share an id with any of these (the caller re-filters)."""

    async def references_of_hashes(self, hashes: Collection[InfoHash]) -> tuple[Reference, ...]: ...

    async def referenced_hashes(self) -> frozenset[InfoHash]:
        """Return every hash that any reference names."""

    async def references_of_entries(self, entries: Collection[tuple[InstanceName, int]]) -> tuple[Reference, ...]: ...

    async def manual_adds_after(self, number: int) -> tuple[ManualAdd, ...]: ...

    async def library_rows(self, media: Sequence[Media]) -> tuple[LibraryRow, ...]: ...

    async def library_of(self, instance: InstanceName) -> tuple[LibraryRow, ...]:
        """Return every title last seen in one instance: whose folders must be respected while it cannot be asked."""

    async def save_library(self, lease: Lease, instance: InstanceName, rows: Sequence[LibraryRow]) -> None:
        """Insert or update the rows given; rows not given are kept."""

    async def coverage(self, instance: InstanceName) -> LedgerCoverage: ...

    async def save_history(self, lease: Lease, references: Sequence[NewReference], coverage: LedgerCoverage) -> int:
        """Insert rows not yet known, adopt provisional ones, drop superseded ones, store the cursor; one transaction.

        A history row adopts the oldest provisional (webhook) reference with the same instance, entry, hash, kind,
        season and episode instead of adding one. Afterwards provisional references of this instance that arrived
        before the previous sync and whose key has a history-backed twin are dropped. Returns how many were new.
        """

    async def baseline(self, instance: InstanceName) -> Baseline | None: ...

    async def resync_state(self, instance: InstanceName) -> Mapping[str, object] | None:
        """Return what the last resync with an instance saw there, as JSON; `None` if there was none yet."""

    async def save_resync_state(
        self, lease: Lease, instance: InstanceName, state: Mapping[str, object], at: datetime
    ) -> None:
        """Replace it."""

    async def known_targets(
        self, kind: TargetKind, instance: InstanceName, external_ids: Collection[str]
    ) -> frozenset[str]:
        """Return those of the ids whose absence a deletion, settled or not, answers for: it has bound them there.

        Not so what a cancelled one left as it was: nothing destructive was sent for it, and it was there.
        """

    async def known_titles(self, instance: InstanceName, entry_ids: Collection[int]) -> frozenset[int]:
        """Return those of the titles whose delete in a library any deletion, settled or not, was created for."""

    async def kept_titles(self, instance: InstanceName, entry_ids: Collection[int]) -> frozenset[int]:
        """Return those of the titles whose delete the library told with the files kept, and no deletion followed."""

    async def known_declines(self, request_ids: Collection[int]) -> frozenset[int]:
        """Return those of the requests whose decline any deletion, settled or not, was created for."""

    async def save_baseline(self, lease: Lease, baseline: Baseline) -> None: ...

    async def doubt(self, lease: Lease, instance: InstanceName, doubted: Doubted) -> None:
        """Note the list that was not believed, beside the baseline that there is."""

    async def bind(self, lease: Lease, binding: Binding) -> None:
        """Store targets, release references that no other deletion has, set `bound_at`; repeated binding adds."""

    async def mark_sent(
        self, lease: Lease, sent: Mapping[DeletionId, Sequence[int]], at: datetime, *, kind: str, destructive: bool
    ) -> None:
        """Record, before a call, which targets it is about; `destructive` also sets `destroyed_at` once.

        `kind` is the name of the action's class: what an upstream reports is our echo only after a `DeleteEntry`.
        """

    async def unreleased_among(self, hashes: Collection[InfoHash], *, after: int) -> frozenset[InfoHash]:
        """Return those of `hashes` that an unreleased reference numbered above `after` names.

        The last look before a delete: what arrived since the ledger stood at `after`, and was not planned with.
        """

    async def record(self, lease: Lease, verdicts: Sequence[Verdict]) -> None: ...

    async def add_events(self, lease: Lease, events: Mapping[DeletionId, Sequence[Event]], at: datetime) -> None: ...

    async def save_health(self, lease: Lease, health: Sequence[UpstreamHealth]) -> None: ...

    async def save_connections(self, lease: Lease, seen: Mapping[InstanceName, WebhookState], at: datetime) -> None:
        """Replace what was seen of our webhook at these instances; the others stay as they are."""

    async def connections(self) -> Mapping[InstanceName, ConnectionSeen]:
        """Return what was last seen of our webhooks, by any process."""

    async def senders(self) -> tuple[SenderHeard, ...]:
        """Return who was heard from, by any process."""

    async def last_test_at(self) -> datetime | None:
        """Return when a sender of webhooks last sent a test, to any process; a cheap look."""

    async def record_pass(self, lease: Lease, done: PassRecord) -> None: ...

    async def prune(self, lease: Lease, before: datetime) -> int:
        """Delete a bounded number of the oldest receipts received before this time, and return how many.

        Only the raw text goes: references, wants and deletions that came from it stay.
        """


class Store(IntakeStore, ReadStore, PassStore, NoticeStore, Protocol):
    """The whole database."""

    async def close(self) -> None: ...
