"""What is configured, and what the operator decided."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from reconciler.model import InstanceName, MediaKind


@dataclass(frozen=True, slots=True)
class Address:
    """Where an instance answers: `host` in lower case, `url_base` without a slash at either end."""

    host: str
    port: int
    url_base: str = ""


@dataclass(frozen=True, slots=True)
class LibraryInstance:
    """A configured Radarr or Sonarr."""

    name: InstanceName
    kind: MediaKind
    is_4k: bool = False
    address: Address | None = None


@dataclass(frozen=True, slots=True)
class TorrentInstance:
    """A configured qBittorrent. `download_clients` are the names that Radarr and Sonarr give it, if they were told."""

    name: InstanceName
    address: Address | None = None
    download_clients: frozenset[str] = frozenset()


class CrossSeeds(StrEnum):
    """What is done about torrents elsewhere with an equal file tree that no history names."""

    KEEP = "keep"  # they are listed and stay
    HOLD = "hold"  # a person is asked
    TOGETHER = "together"  # they go along


@dataclass(frozen=True, slots=True)
class SeedingRule:
    """How long torrents must be seeded that match everything given here; a rule that gives nothing matches all.

    `tracker` is a host name; it matches the hosts below it too. With both minimums, `both` tells whether each must be
    met, or one of them.
    """

    tracker: str | None = None
    category: str | None = None
    tag: str | None = None
    private: bool | None = None
    min_ratio: float | None = None
    min_time: timedelta | None = None
    both: bool = True


@dataclass(frozen=True, slots=True)
class SeedingPolicy:
    """Seeding obligations. Of several rules that match a torrent every one must be met.

    `private_min_time` is for private torrents that no rule matches. `block_entry` lets titles wait for their torrents.
    """

    rules: tuple[SeedingRule, ...] = ()
    private_min_time: timedelta | None = None
    block_entry: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decided, and what is configured at all.

    `breaker_size` is in bytes; `None` counts deletions only. `protect_paths` are folders as qBittorrent or a library
    sees them. `media_server_paths` translate a library's path into the media server's: (library's, media server's).
    """

    torrent_clients: Mapping[InstanceName, TorrentInstance]
    request_instance: InstanceName | None
    libraries: Mapping[InstanceName, LibraryInstance]
    media_server: InstanceName | None = None
    media_server_paths: tuple[tuple[str, str], ...] = ()
    enforce: bool = True
    breaker_limit: int = 25
    breaker_size: int | None = None
    seeding: SeedingPolicy = SeedingPolicy()
    cross_seeds: CrossSeeds = CrossSeeds.KEEP
    protect_categories: frozenset[str] = frozenset()
    protect_paths: frozenset[str] = frozenset()
    protect_labels: frozenset[str] = frozenset({"keep"})
    protect_tags: frozenset[str] = frozenset({"keep"})
    files_left_behind: timedelta = timedelta(minutes=15)
    watch_window: timedelta = timedelta(hours=24)
    resend_after: timedelta = timedelta(seconds=10)
