"""Who and what: instances, hashes and titles, by the ids that upstreams use."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

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


@dataclass(frozen=True, slots=True)
class Unit:
    """What a deletion covers is a set of these: a title in one library, whole (`season` is `None`) or one season."""

    instance: InstanceName
    season: int | None = None

    def __str__(self) -> str:
        return self.instance if self.season is None else f"season {self.season} in {self.instance}"
