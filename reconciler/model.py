"""What was asked, what was bound and what is known: the words every other module speaks.

Nothing here does I/O. What upstreams *show* is in `observed.py`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from reconciler.reasons import Effect, Reason, effect_of

InstanceName = NewType("InstanceName", str)
"""The configured name of one upstream instance, for example `radarr`."""

DeletionId = NewType("DeletionId", str)
"""A UUIDv7 in its canonical text form."""

InfoHash = NewType("InfoHash", str)
"""40 or 64 lower-case hex digits: a v1, truncated v2 or full v2 info hash."""

TorrentId = NewType("TorrentId", str)
"""qBittorrent's own `hash`: exactly 40 lower-case hex digits. The only thing `torrents/delete` may be given."""

_HEX40 = re.compile(r"[0-9a-f]{40}")
_HEX64 = re.compile(r"[0-9a-f]{64}")


def parse_info_hash(text: object) -> InfoHash | None:
    """Return the info hash that `text` spells in any case, or `None` (Usenet ids, `all`, `""`, numbers)."""
    if not isinstance(text, str):
        return None
    lowered = text.strip().lower()
    if _HEX40.fullmatch(lowered) or _HEX64.fullmatch(lowered):
        return InfoHash(lowered)
    return None


def parse_torrent_id(text: object) -> TorrentId | None:
    """Return the torrent id that `text` spells in any case, or `None`."""
    if not isinstance(text, str):
        return None
    lowered = text.strip().lower()
    return TorrentId(lowered) if _HEX40.fullmatch(lowered) else None


class UpstreamKind(StrEnum):
    QBITTORRENT = "qbittorrent"
    RADARR = "radarr"
    SONARR = "sonarr"
    JELLYSEERR = "jellyseerr"
    JELLYFIN = "jellyfin"


class MediaKind(StrEnum):
    MOVIE = "movie"
    SERIES = "series"


WANTED_NOTIFICATIONS = frozenset(
    {
        "MEDIA_PENDING",
        "MEDIA_PENDING_UPDATED",
        "MEDIA_APPROVED",
        "MEDIA_AUTO_APPROVED",
        "MEDIA_AUTO_REQUESTED",
        "MEDIA_AVAILABLE",
        "MEDIA_FAILED",
    }
)
"""Jellyseerr's notification types that speak of something wanted (upstreams.md 1.6): a reason to look again."""

NEVER_DELETING_NOTIFICATIONS = WANTED_NOTIFICATIONS | {
    "TEST_NOTIFICATION",
    "ISSUE_CREATED",
    "ISSUE_COMMENT",
    "ISSUE_RESOLVED",
    "ISSUE_REOPENED",
}
"""Jellyseerr's notification types that no configuration can turn into a deletion."""


@dataclass(frozen=True, slots=True)
class Media:
    """One movie or one series, by the ids that upstreams use; ids are positive or `None` (unknown).

    TMDB numbers movies and series separately, so the kind is part of every comparison.
    """

    kind: MediaKind
    tmdb_id: int | None = None
    tvdb_id: int | None = None

    def is_same(self, other: "Media") -> bool:
        """Tell whether both name the same title: equal in an id both know, and different in none they both know."""
        if self.kind is not other.kind:
            return False
        pairs = [(self.tmdb_id, other.tmdb_id)]
        if self.kind is MediaKind.SERIES:
            pairs.append((self.tvdb_id, other.tvdb_id))
        known = [(a, b) for a, b in pairs if a is not None and b is not None]
        return bool(known) and all(a == b for a, b in known)

    def merged(self, other: "Media") -> "Media":
        """Return this media with the ids that only `other` knows filled in."""
        return Media(self.kind, self.tmdb_id or other.tmdb_id, self.tvdb_id or other.tvdb_id)

    def __str__(self) -> str:
        ids = [f"tmdb {self.tmdb_id}" if self.tmdb_id else "", f"tvdb {self.tvdb_id}" if self.tvdb_id else ""]
        return f"{self.kind.value} {', '.join(i for i in ids if i) or 'without id'}"


class Source(StrEnum):
    """Who told us."""

    DASHBOARD = "dashboard"
    JELLYSEERR = "jellyseerr"
    RADARR = "radarr"
    SONARR = "sonarr"
    JELLYFIN = "jellyfin"
    RESYNC = "resync"  # nobody: a resync found it
    API = "api"
    CLI = "cli"


# --- desired -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Options:
    """How a deletion is to be carried out.

    `delete_files` false: torrents and titles leave their lists, their data stays. `add_exclusion` keeps import lists
    from adding the title again. Two are for seasons only: `blocklist` keeps the same releases from being grabbed again
    (with a whole title its blocklist goes too), and `remove_empty_series` lets the series go with its last season.
    """

    delete_files: bool = True
    add_exclusion: bool = False
    blocklist: bool = False
    remove_empty_series: bool = False


@dataclass(frozen=True, slots=True)
class Hints:
    """What the asker believes to know. Hints narrow and contradict; they never widen a deletion."""

    hashes: tuple[InfoHash, ...] = ()
    radarr_id: int | None = None
    sonarr_id: int | None = None
    jellyseerr_id: int | None = None  # the media record's id in Jellyseerr
    request_id: int | None = None  # the request a decline was about: never cleared by us
    command: "IssueCommand | None" = None  # who ordered it must be verified before anything else


@dataclass(frozen=True, slots=True)
class IssueCommand:
    """A deletion that was ordered in an issue of Jellyseerr; `text` is what was written there, cleaned as all text is.

    Who wrote it is asked of Jellyseerr: names in a webhook prove nothing (upstreams.md 1.6).
    """

    issue_id: int
    text: str


@dataclass(frozen=True, slots=True)
class Unit:
    """What a deletion covers is a set of these: a title in one library, whole (`season` is `None`) or one season."""

    instance: InstanceName
    season: int | None = None

    def __str__(self) -> str:
        return self.instance if self.season is None else f"season {self.season} in {self.instance}"


@dataclass(frozen=True, slots=True)
class DeletionRequest:
    """A wish as an intake parser understood it, before it is written to the deletion log.

    `instances` are the Radarr or Sonarr instances covered; `None` means every configured one of the media's kind.
    `seasons` are the numbers of the seasons covered, 0 for specials; `None` means the whole title, and an empty set is
    a mistake of the caller. `inferred` marks wishes nobody spoke out (a declined request): they are held when files
    would be lost. `needs_approval`: a person must agree before anything begins. `because` says in words how the wish
    came about, where that is not plain.
    """

    media: Media
    title: str | None
    year: int | None
    source: Source
    requested_by: str | None = None
    instances: frozenset[InstanceName] | None = None
    options: Options = field(default_factory=Options)
    hints: Hints = field(default_factory=Hints)
    inferred: bool = False
    not_before: datetime | None = None
    seasons: frozenset[int] | None = None
    needs_approval: bool = False
    because: str = ""


class SettledAs(StrEnum):
    CONVERGED = "converged"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Deletion:
    """One row of the deletion log: the desired state "this coverage is absent". All times are aware UTC.

    `bound_seq` is the ledger's sequence number at binding: references numbered above it arrived later and are never
    released by this deletion unless the sweep binds them. `live_request_ids` are the Jellyseerr requests that were
    live at binding; any other live one is a want. `approved` holds the reasons a person has lifted.
    `searched_at` is when the one search for the fresh copy was asked for.
    `retried_at` is when a person last asked to try again: what upstreams refused before then is forgotten.
    `cancel_requested_at` is set while a person's cancel still has monitoring to give back.
    `withdrawn` units were wanted again before anything of them was destroyed, and are not covered any more; of
    `finishing` units something was destroyed by then, so that their old copy is finished and nothing else.
    """

    id: DeletionId
    media: Media
    title: str | None
    year: int | None
    source: Source
    requested_by: str | None
    requested_at: datetime
    instances: frozenset[InstanceName]
    options: Options
    hints: Hints
    inferred: bool
    not_before: datetime | None = None
    bound_at: datetime | None = None
    bound_seq: int | None = None
    live_request_ids: frozenset[int] = frozenset()
    frozen_at: datetime | None = None
    destroyed_at: datetime | None = None
    searched_at: datetime | None = None
    breaker_tripped_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    retried_at: datetime | None = None
    approved: frozenset[Reason] = frozenset()
    settled_at: datetime | None = None
    settled_as: SettledAs | None = None
    settled_reason: Reason | None = None
    watch_until: datetime | None = None
    attempt: int = 0
    next_due_at: datetime | None = None
    seasons: frozenset[int] | None = None
    needs_approval: bool = False
    withdrawn: frozenset[Unit] = frozenset()
    finishing: frozenset[Unit] = frozenset()
    blocklisted_at: datetime | None = None

    @property
    def units(self) -> frozenset[Unit]:
        """What is covered: every instance, and in it every season or the whole; without what was withdrawn."""
        seasons = self.seasons if self.seasons is not None else (None,)
        return frozenset(Unit(i, s) for i in self.instances for s in seasons) - self.withdrawn

    @property
    def label(self) -> str:
        """How people know the title; only for messages, never for identity."""
        name = self.title or str(self.media)
        titled = f"{name} ({self.year})" if self.year and self.title else name
        if self.seasons is None:
            return titled
        numbers = ", ".join(str(number) for number in sorted(self.seasons))
        return f"{titled}, season{'s' if len(self.seasons) > 1 else ''} {numbers}"


def deletion_of(wish: DeletionRequest, configured: frozenset[InstanceName], at: datetime) -> Deletion:
    """Return a wish as a deletion that is not in the log, for planning only; it has no id.

    `configured` are the instances of its kind of media, covered when it names none.
    """
    return Deletion(
        id=DeletionId(""),
        media=wish.media,
        title=wish.title,
        year=wish.year,
        source=wish.source,
        requested_by=wish.requested_by,
        requested_at=at,
        instances=configured if wish.instances is None else wish.instances,
        options=wish.options,
        hints=wish.hints,
        inferred=wish.inferred,
        not_before=wish.not_before,
        seasons=wish.seasons,
        needs_approval=wish.needs_approval,
    )


# --- bound ---------------------------------------------------------------------------------------------------------


class TargetKind(StrEnum):
    TORRENT = "torrent"
    ENTRY = "entry"
    RECORD = "record"  # a media record in Jellyseerr
    REQUEST = "request"  # a request in Jellyseerr
    UNMANAGED = "unmanaged"  # a download in a client we do not act on: shown, never claimed absent
    FILE = "file"  # an episode file of a series that stays
    CROSS_SEED = "cross_seed"  # a torrent that no history names, with the files of one that is bound
    ITEM = "item"  # what the media server lists of the title: only told to look again
    LIKELY_CROSS_SEED = "likely_cross_seed"  # an equal file tree elsewhere: shown, never touched


@dataclass(frozen=True, slots=True)
class Monitoring:
    """What Radarr or Sonarr was told to look for before we changed it.

    `seasons` are (number, monitored) pairs and `new_items` Sonarr's `monitorNewItems`; both empty for movies.
    """

    monitored: bool
    seasons: tuple[tuple[int, bool], ...] = ()
    new_items: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One concrete thing a deletion may destroy, stored before the first destructive call.

    `external_id` is the info hash (torrent; as the ledger or the client spelt it) or the upstream's internal id.
    `added` is the upstream's own creation stamp, compared for equality only: `added`/`createdAt` as sent by
    Radarr, Sonarr and Jellyseerr, `added_on` of qBittorrent; `None` when the thing was not there at binding.
    `files` are absolute paths as the instance sees them. `number` is assigned by the store (0 before).
    """

    kind: TargetKind
    instance: InstanceName
    external_id: str
    media: Media | None = None
    added: str | None = None
    name: str | None = None
    path: str | None = None
    files: tuple[str, ...] = ()
    size: int = 0
    prior: Monitoring | None = None
    sent_at: datetime | None = None
    absent_since: datetime | None = None
    number: int = 0
    season: int | None = None


# --- conditions and phases -----------------------------------------------------------------------------------------


class ConditionType(StrEnum):
    TORRENTS_ABSENT = "TorrentsAbsent"
    ENTRY_ABSENT = "EntryAbsent"
    FILES_ABSENT = "FilesAbsent"
    LIBRARY_REFRESHED = "LibraryRefreshed"
    REQUEST_CLEARED = "RequestCleared"


class Status(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """A fact about one deletion at one upstream instance, in the style of Kubernetes.

    "Could not look" is `UNKNOWN`, never `FALSE`. `last_transition_time` moves only when `status` changes; the store
    keeps that promise, so planners leave it `None`.
    """

    type: ConditionType
    instance: InstanceName
    status: Status
    reason: Reason
    message: str
    last_transition_time: datetime | None = None

    @property
    def is_settled(self) -> bool:
        return effect_of(self.reason) is Effect.DONE


class Phase(StrEnum):
    PENDING = "pending"
    WAITING = "waiting"
    CONVERGING = "converging"
    HELD = "held"
    CONVERGED = "converged"
    CANCELLED = "cancelled"


def phase_of(deletion: Deletion, conditions: tuple[Condition, ...]) -> Phase:
    """Compute the one word for people. Stored nowhere else than as the facts it follows from."""
    if deletion.settled_as is SettledAs.CONVERGED:
        return Phase.CONVERGED
    if deletion.settled_as is SettledAs.CANCELLED:
        return Phase.CANCELLED
    effects = {effect_of(c.reason) for c in conditions}
    if Effect.HOLD in effects:
        return Phase.HELD
    if Effect.WAIT in effects:
        return Phase.WAITING
    return Phase.PENDING if deletion.bound_at is None else Phase.CONVERGING


# --- ledger --------------------------------------------------------------------------------------------------------


class DownloadProtocol(StrEnum):
    TORRENT = "torrent"
    USENET = "usenet"
    UNKNOWN = "unknown"


class ReferenceKind(StrEnum):
    GRAB = "grab"
    IMPORT = "import"


@dataclass(frozen=True, slots=True)
class NewReference:
    """A grab or an import as a webhook or a history row told it, before the ledger numbers it.

    `history_id` is `None` for webhooks; a later history row for the same (instance, entry, hash, kind, season,
    episode) adopts such a provisional row. `by_person` is `True` for interactive and user-invoked searches
    (upstreams.md 9.4, `data.releaseSource`). `at` is the upstream's own date text and is never compared with ours.
    `size` is the size in bytes of the file that was imported, if this is an import that says so.
    """

    instance: InstanceName
    kind: ReferenceKind
    entry_id: int
    media: Media | None
    raw_hash: str | None
    season: int | None = None
    episode: int | None = None
    client: str | None = None
    protocol: DownloadProtocol = DownloadProtocol.UNKNOWN
    by_person: bool = False
    history_id: int | None = None
    at: str | None = None
    source_title: str | None = None
    size: int | None = None

    @property
    def hash(self) -> InfoHash | None:
        """The normalised info hash; `None` for Usenet and for imports without a download."""
        return None if self.protocol is DownloadProtocol.USENET else parse_info_hash(self.raw_hash)


@dataclass(frozen=True, slots=True)
class Reference:
    """A ledger row. `number` is our own arrival order; `released_by` the deletion that no longer needs it."""

    number: int
    instance: InstanceName
    kind: ReferenceKind
    entry_id: int
    media: Media | None
    raw_hash: str | None
    hash: InfoHash | None
    season: int | None
    episode: int | None
    client: str | None
    protocol: DownloadProtocol
    by_person: bool
    history_id: int | None
    source_title: str | None
    released_by: DeletionId | None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class LedgerCoverage:
    """How far one instance's history is in the ledger.

    `cursor_id` is the highest history id read and `cursor_date` that row's date text, as the upstream wrote it. Once
    complete, rows and total are how long the history was when last read.
    `gaps` are (from, to) in our wall time during which grabs may have been missed.
    """

    instance: InstanceName
    backfilled_at: datetime | None = None
    backfill_rows: int = 0
    backfill_total: int | None = None
    cursor_date: str | None = None
    cursor_id: int = 0
    synced_at: datetime | None = None
    gaps: tuple[tuple[datetime, datetime], ...] = ()

    @property
    def is_complete(self) -> bool:
        return self.backfilled_at is not None


@dataclass(frozen=True, slots=True)
class LibraryRow:
    """A library entry as last seen, kept so that a title deleted elsewhere can still be identified.

    `files` are the paths it had and `file_sizes` their sizes in bytes, in the same order; both are empty for series,
    whose lists do not carry them.
    """

    instance: InstanceName
    entry_id: int
    media: Media
    title: str
    year: int | None
    path: str
    added: str
    size: int
    files: tuple[str, ...] = ()
    file_sizes: tuple[int, ...] = ()


class WantKind(StrEnum):
    REQUEST = "request"  # a Jellyseerr request live now that was not live at binding
    MANUAL_ADD = "manual_add"  # an entry added by hand (MovieAdded, addMethod manual)
    PERSON_GRAB = "person_grab"  # a grab out of an interactive or user-invoked search


@dataclass(frozen=True, slots=True)
class Want:
    """Live evidence that covered media is wanted again. `key` names the evidence (request id, entry id, …).

    `units` are those parts of the deletion's coverage that it speaks for.
    """

    kind: WantKind
    instance: InstanceName
    key: str
    message: str
    units: frozenset[Unit] = frozenset()


@dataclass(frozen=True, slots=True)
class ManualAdd:
    """A webhook that says a person added an entry; `number` is our arrival order (0 before it is stored)."""

    instance: InstanceName
    entry_id: int
    media: Media
    number: int = 0


# --- the log -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a deletion's append-only timeline; `kind` is a stable CamelCase word, `data` is JSON."""

    kind: str
    message: str
    at: datetime | None = None
    data: Mapping[str, object] = field(default_factory=dict)
    number: int = 0


@dataclass(frozen=True, slots=True)
class DeletionState:
    """A deletion with everything recorded about it."""

    deletion: Deletion
    targets: tuple[Target, ...] = ()
    conditions: tuple[Condition, ...] = ()

    @property
    def phase(self) -> Phase:
        return phase_of(self.deletion, self.conditions)

    def targets_of(self, kind: TargetKind) -> tuple[Target, ...]:
        return tuple(t for t in self.targets if t.kind is kind)

    def condition(self, type_: ConditionType, instance: InstanceName) -> Condition | None:
        return next((c for c in self.conditions if c.type is type_ and c.instance == instance), None)
