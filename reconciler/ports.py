"""The seams: what the reconciler needs from an upstream and from the database.

Clients raise `UpstreamError`, stores raise `StoreError`, and neither retries: the loop does, where retries survive a
restart and are counted. A method that asks for removal says nothing about absence by returning.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from reconciler.model import (
    Condition,
    DeletionId,
    DeletionRequest,
    DeletionState,
    Event,
    InfoHash,
    InstanceName,
    LedgerCoverage,
    LibraryRow,
    ManualAdd,
    Media,
    MediaKind,
    Monitoring,
    NewReference,
    Phase,
    Reference,
    SettledAs,
    Source,
    Target,
    TargetKind,
    TorrentId,
    Unit,
    UpstreamKind,
)
from reconciler.observed import (
    AppInfo,
    DownloadClient,
    Entry,
    EntryFile,
    FolderListing,
    HistoryPage,
    Issue,
    MediaItem,
    MediaRequest,
    PathMapping,
    QueueItem,
    Record,
    RequestServer,
    RootFolder,
    Torrent,
    TorrentFile,
    Trackers,
)
from reconciler.reasons import Reason

# --- upstreams -----------------------------------------------------------------------------------------------------


class Upstream(Protocol):
    """What every client offers."""

    @property
    def instance(self) -> InstanceName: ...

    @property
    def kind(self) -> UpstreamKind: ...

    async def identify(self) -> AppInfo:
        """Prove that the right program answers and takes our credentials.

        Raises `Unintelligible` when another program answers, `Unauthorized` when the credentials are refused.
        """

    def forget_refusal(self) -> None:
        """Try the credentials again with the next call, although they were refused."""

    async def obstacle(self) -> str:
        """Return in words what would keep us from deleting through this upstream, or `""`. Only reads."""

    async def aclose(self) -> None:
        """Close the connections."""


class TorrentClient(Upstream, Protocol):
    """qBittorrent."""

    async def torrents(self) -> tuple[Torrent, ...]:
        """Return the complete list."""

    async def present(self, torrents: Sequence[TorrentId]) -> tuple[Torrent, ...]:
        """Return those of the given torrents that are there now.

        The answer is re-filtered by id; an empty sequence sends nothing and answers `()`.
        """

    async def files(self, torrent: TorrentId) -> tuple[TorrentFile, ...] | None:
        """Return the files of one torrent, `()` without metadata, or `None` when there is no such torrent."""

    async def trackers(self, torrent: TorrentId) -> Trackers | None:
        """Return who one torrent is announced to, or `None` when there is no such torrent."""

    async def remove(self, torrents: Sequence[TorrentId], *, delete_files: bool) -> None:
        """Ask for removal in one call. An empty sequence sends nothing."""


class LibraryClient(Upstream, Protocol):
    """Radarr or Sonarr."""

    async def entries(self) -> tuple[Entry, ...]:
        """Return every title."""

    async def entry(self, entry_id: int) -> Entry | None:
        """Return one title by internal id, or `None` when the upstream says there is none."""

    async def entry_files(self, entry_id: int) -> tuple[EntryFile, ...]:
        """Return the movie files or episode files of one title."""

    async def queue(self) -> tuple[QueueItem, ...]:
        """Return every download the library follows, those of deleted titles included."""

    async def root_folders(self) -> tuple[RootFolder, ...]:
        """Return the root folders and whether the library can reach them."""

    async def path_mappings(self) -> tuple[PathMapping, ...]:
        """Return the remote path mappings."""

    async def torrent_clients(self) -> tuple[DownloadClient, ...]:
        """Return the download clients that are qBittorrent, disabled ones too: histories go on naming them."""

    async def recycle_bin(self) -> str:
        """Return the recycle bin's path, or `""` when deleted files are removed at once."""

    async def list_folder(self, path: str) -> FolderListing:
        """List one folder as the library sees it."""

    async def history_page(self, page: int, page_size: int) -> HistoryPage:
        """Return one page of the whole history, oldest first, for the back-fill. `page` counts from 1."""

    async def history_since(self, date: str) -> HistoryPage:
        """Return all history at or after the upstream date text, oldest first."""

    async def unmonitor(self, entry_ids: Sequence[int]) -> None:
        """Stop looking for these titles, in one call."""

    async def unmonitor_seasons(self, seasons: Mapping[int, Collection[int]]) -> None:
        """Stop looking for seasons, given by internal id of their series, in one call. The series stay as they are.

        Only for Sonarr.
        """

    async def restore_monitoring(self, entry_id: int, prior: Monitoring) -> None:
        """Give back the monitoring that `unmonitor` took away, seasons included. The title must exist.

        What is monitored by now stays so, whatever `prior` says: a new request may have asked for it meanwhile.
        """

    async def end_downloads(self, queue_ids: Sequence[int]) -> None:
        """Remove queue items, and their data in the download client, without blocklisting or a new search."""

    async def blocklist(self, history_id: int) -> None:
        """Mark the grab that a history row tells as failed, so that the same release is not grabbed again.

        What is monitored may be searched for anew at once, so only what is not may be blocklisted. An id that is not
        known (any more) is no error.
        """

    async def delete_entries(self, entry_ids: Sequence[int], *, delete_files: bool, add_exclusion: bool) -> None:
        """Ask for removal of these titles in one call; all or none is accepted."""

    async def delete_entry(self, entry_id: int, *, delete_files: bool, add_exclusion: bool) -> None:
        """Ask for removal of one title; an unknown id is no error."""

    async def delete_files(self, entry_id: int, file_ids: Sequence[int]) -> None:
        """Delete files of one title, keeping the title."""

    async def search(self, entry_id: int, season: int | None = None) -> None:
        """Start one automatic search for a title, or for one season of it."""


class RequestClient(Upstream, Protocol):
    """Jellyseerr, Seerr or Overseerr."""

    async def records(self) -> tuple[Record, ...]:
        """Return every media row, over all pages; raises `Unintelligible` if the list changed while it was read."""

    async def requests(self) -> tuple[MediaRequest, ...]:
        """Return every request, over all pages, likewise."""

    async def request(self, request_id: int) -> MediaRequest | None:
        """Return one request, or `None` when the upstream does not show it (which is no proof of absence)."""

    async def tvdb_id(self, tmdb_id: int) -> int | None:
        """Return the TVDB id of a series; `None` when TMDB has none."""

    async def servers(self) -> tuple[RequestServer, ...]:
        """Return the Radarrs and Sonarrs that requests are sent to."""

    async def issue(self, issue_id: int) -> Issue | None:
        """Return one issue with the permissions of who wrote in it, or `None` when the upstream does not show it."""

    async def delete_request(self, request_id: int) -> None:
        """Ask for removal of one request; "not found" is no error."""

    async def delete_record(self, record_id: int) -> None:
        """Ask for removal of one media row with all its requests; "not found" is no error."""

    async def reset_variant(self, record_id: int, *, is_4k: bool) -> None:
        """Set one variant of a media row to unknown."""


class MediaServerClient(Upstream, Protocol):
    """Jellyfin."""

    async def items(self) -> tuple[MediaItem, ...]:
        """Return every movie, series and season that carries an id of TMDB or TVDB (a season: that of its series)."""

    async def announce(self, paths: Sequence[str]) -> None:
        """Tell it in one call that something changed at these paths (as it sees them); it looks there later.

        Nothing is deleted by this. An empty sequence sends nothing.
        """


# --- intake --------------------------------------------------------------------------------------------------------


class Heard(StrEnum):
    """How a webhook was understood."""

    DELETE = "delete"
    REFERENCE = "reference"
    WANT = "want"  # wakes the want check
    TEST = "test"  # answered, never stored
    IGNORED = "ignored"
    OVERSIZED = "oversized"  # not read; made good by a history sync


@dataclass(frozen=True, slots=True)
class Understood:
    """What an intake parser made of one payload.

    `reason` says in words why nothing follows from it (ignored, oversized). `internal_entry` is the Radarr or Sonarr
    id a delete webhook spoke of, so that the echo of our own delete is recognised. `about` is the title that something
    wanted speaks of; `None` when it does not say.
    """

    heard: Heard
    deletions: tuple[DeletionRequest, ...] = ()
    references: tuple[NewReference, ...] = ()
    manual_add: ManualAdd | None = None
    internal_entry: tuple[InstanceName, int] | None = None
    event: str = ""
    reason: str = ""
    about: Media | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The raw inbox row: what arrived, redacted of secrets and e-mail addresses, as JSON text (at most 256 KiB).

    `body_digest` identifies the whole body; it is only needed beside an `idempotency_key`.
    """

    source: Source
    instance: InstanceName | None
    received_at: datetime
    body: str
    idempotency_key: str | None = None
    body_digest: str = ""


class Accepted(StrEnum):
    CREATED = "created"
    EXISTING = "existing"  # the same unsettled coverage and options, or a repeated idempotency key
    ECHO = "echo"  # our own delete coming back: nothing was created
    CONFLICT = "conflict"  # the same unsettled coverage with other options: nothing was created (409)


@dataclass(frozen=True, slots=True)
class AcceptedDeletion:
    outcome: Accepted
    id: DeletionId | None


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What one durable write did. `key_reused`: the idempotency key came with another body (422), nothing written."""

    deletions: tuple[AcceptedDeletion, ...] = ()
    key_reused: bool = False


# --- what the web shows of the loop ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LoopStatus:
    """What this process's loop is doing: whether it runs, when it looks next, whether it may reconcile."""

    running: bool
    next_pass_at: datetime | None
    lease_held: bool


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One call that would be made: `action` is the class of the action, such as `RemoveTorrent`.

    `name` and `detail` are for people, `paths` are what would go there, `size` is in bytes (0: not known, or nothing
    goes).
    """

    action: str
    instance: InstanceName
    name: str = ""
    detail: str = ""
    size: int = 0
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanPreview:
    """Everything that would be done for one deletion, in order, as seen now; nothing was sent.

    `deletion` is `None` for a wish that is not in the log. `conditions` are those of now, `targets` what is bound or
    would be. `ends_as` is the phase that the steps lead to, if every upstream does as it is told. `notes` are for
    people.
    """

    deletion: DeletionId | None
    steps: tuple[PlannedStep, ...] = ()
    conditions: tuple[Condition, ...] = ()
    targets: tuple[Target, ...] = ()
    ends_as: Phase = Phase.PENDING
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What `check` found at one configured instance. `message` says what was seen, `fix` what to do if not `ok`."""

    instance: InstanceName
    kind: UpstreamKind
    ok: bool
    app: str = ""
    version: str = ""
    message: str = ""
    fix: str = ""


# --- the store -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to reconcile. Every write of a pass carries `epoch`; `expires_at` is our wall time."""

    holder: str
    epoch: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Binding:
    """What `bind` stores in one transaction: targets, released references (by number), and where the ledger stood.

    A target that is bound already stays as it was bound first. What is covered can only become narrower by it:
    `withdrawn` units are added to the deletion's, and `seasons` are set if it had none and was not bound before.
    """

    deletion: DeletionId
    media: Media
    targets: tuple[Target, ...]
    released: tuple[int, ...]
    bound_seq: int
    live_request_ids: frozenset[int]
    at: datetime
    withdrawn: frozenset[Unit] = frozenset()
    seasons: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one planning round says of one deletion; written in one transaction.

    The store sets each condition's transition time, appends an event per condition whose status or reason changed,
    and replaces the deletion's conditions by these. `absent` and `present` are the numbers of targets observed
    (sets or clears `absent_since`). `settle` ends the deletion; a cancellation also gives back its references:
    each goes to another unsettled deletion that bound the same hash for the same media, or becomes unreleased.
    `reopen` makes a settled deletion unsettled again (drift). `withdrawn` and `finishing` are added to what the
    deletion has. `unreleased` are numbers of references it needs to release no more: each goes to another unsettled
    deletion as with a cancellation, or becomes unreleased; what it did not release is left alone.
    """

    deletion: DeletionId
    conditions: tuple[Condition, ...]
    at: datetime
    next_due_at: datetime | None
    attempt: int
    absent: tuple[int, ...] = ()
    present: tuple[int, ...] = ()
    settle: tuple[SettledAs, Reason | None] | None = None
    watch_until: datetime | None = None
    reopen: bool = False
    withdrawn: frozenset[Unit] = frozenset()
    finishing: frozenset[Unit] = frozenset()
    unreleased: tuple[int, ...] = ()
    searched: bool = False
    blocklisted: bool = False
    trip_breaker: bool = False
    frozen: bool = False
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Baseline:
    """The ids of an upstream's last complete list, for telling a suspicious one."""

    instance: InstanceName
    identity: str
    ids: frozenset[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class Destroyed:
    """How much turned destructive in the breaker's window.

    `size` is in bytes; a title's torrents and its library copy are counted once, as they usually are one file on disk:
    per deletion, the larger of what its torrents and what its titles and files amount to.
    """

    deletions: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class UpstreamHealth:
    """What the status page says of one instance. `since` is when `reachable` last changed."""

    instance: InstanceName
    kind: UpstreamKind
    reachable: bool
    since: datetime
    app: str = ""
    version: str = ""
    last_seen_at: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class PassRecord:
    started_at: datetime
    finished_at: datetime
    deletions: int
    rounds: int
    calls: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class DeletionFilter:
    phase: Phase | None = None
    kind: MediaKind | None = None
    source: Source | None = None
    tmdb_id: int | None = None
    tvdb_id: int | None = None


@dataclass(frozen=True, slots=True)
class DeletionPage:
    """Newest first; `next_cursor` is opaque, `None` on the last page."""

    deletions: tuple[DeletionState, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Overview:
    """What `/status` counts, read at one moment."""

    by_phase: Mapping[Phase, int] = field(default_factory=dict)
    oldest_unsettled_at: datetime | None = None
    schema_version: int = 0
    upstreams: tuple[UpstreamHealth, ...] = ()
    coverage: tuple[LedgerCoverage, ...] = ()
    last_pass: PassRecord | None = None


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

        `instances` are the configured Radarr/Sonarr instances by media kind, for deletions that name none.
        """

    async def approve(self, deletion: DeletionId, by: str) -> frozenset[Reason]:
        """Lift every approvable reason the deletion now carries, make it due, and return those lifted.

        Lifting `SuspiciousList` also forgets the baseline of the instances concerned. Raises `KeyError` when unknown.
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

    async def release_breaker(self, by: str) -> tuple[DeletionId, ...]:
        """Approve `BreakerOpen`, and nothing else, for every unsettled deletion that it holds; return them."""


class ReadStore(Protocol):
    """What pages and programs read."""

    async def ready(self) -> bool:
        """Tell whether the database answers and its schema is the one this program needs."""

    async def overview(self) -> Overview: ...

    async def deletion(self, deletion: DeletionId) -> DeletionState | None: ...

    async def events(self, deletion: DeletionId) -> tuple[Event, ...]:
        """Return the timeline, oldest first."""

    async def deletions(self, where: DeletionFilter, *, cursor: str | None, limit: int) -> DeletionPage: ...


class PassStore(Protocol):
    """What a pass reads and writes. Writes with a `lease` raise `LeaseLost` if its epoch is over."""

    async def acquire_lease(self, holder: str, ttl: timedelta, now: datetime) -> Lease | None:
        """Take or renew the lease; `None` while another holder's has not expired."""

    async def release_lease(self, lease: Lease) -> None: ...

    async def due(self, now: datetime, limit: int) -> tuple[DeletionState, ...]:
        """Return unsettled deletions that are due, and settled ones due inside their watch window, oldest first."""

    async def wake_waiting(self, lease: Lease, reasons: Collection[Reason], now: datetime) -> None:
        """Make every unsettled deletion due that carries one of these reasons: what it waited for has changed."""

    async def next_due_at(self) -> datetime | None:
        """Return the earliest time at which anything is due."""

    async def became_destructive_since(self, since: datetime) -> Destroyed:
        """Count the deletions whose `destroyed_at` lies at or after `since`, and the bytes they are about."""

    async def open_among(self, deletions: Collection[DeletionId]) -> tuple[DeletionState, ...]:
        """Return those of the given deletions that are not settled, in order of id."""

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
        """Return those of the ids that any deletion, settled or not, has bound as targets of this kind there."""

    async def known_declines(self, request_ids: Collection[int]) -> frozenset[int]:
        """Return those of the requests whose decline any deletion, settled or not, was created for."""

    async def save_baseline(self, lease: Lease, baseline: Baseline) -> None: ...

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

    async def save_health(self, health: Sequence[UpstreamHealth]) -> None: ...

    async def record_pass(self, done: PassRecord) -> None: ...

    async def prune(self, before: datetime) -> int:
        """Delete a bounded number of the oldest receipts received before this time, and return how many.

        Only the raw text goes: references, wants and deletions that came from it stay.
        """


class Store(IntakeStore, ReadStore, PassStore, Protocol):
    """The whole database."""

    async def close(self) -> None: ...
