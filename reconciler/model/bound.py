"""What was bound: the concrete things that a deletion may destroy."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.model.identity import InstanceName, Media


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
    `files` are absolute paths as the instance sees them; `file_ids` are a library's ids of them, in that order, or
    nothing if they were not known. `number` is assigned by the store (0 before).
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
    file_ids: tuple[int, ...] = ()
