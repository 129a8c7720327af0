"""What histories and webhooks told: references, wants, and titles as last seen."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.model.desired import Deletion
from reconciler.model.identity import DeletionId, InfoHash, InstanceName, Media, Unit, parse_info_hash


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

    def is_of(self, deletion: Deletion) -> bool:
        """Tell whether it is of the title of a deletion, by its ids, or was released by that deletion."""
        is_same = self.media is not None and deletion.media.is_same(self.media)
        return is_same or self.released_by == deletion.id


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
