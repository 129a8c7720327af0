"""Labels for all that exists in a simulated household: whose it is, since when, and whether it was wanted afresh."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from reconciler.model import Deletion, InstanceName, Media, Unit
from reconciler.reasons import Reason
from tests.support.memory_base import Call


class Part(NamedTuple):
    """What people own, delete and want: a title in a library, whole (`season` is `None`) or one season of it."""

    library: InstanceName
    media: Media
    season: int | None = None

    @property
    def unit(self) -> Unit:
        return Unit(self.library, self.season)

    def is_covered_by(self, deletion: Deletion) -> bool:
        """Tell whether a deletion is for this part."""
        units = {self.unit, Unit(self.library)}
        return deletion.media.is_same(self.media) and bool(units & deletion.units)


@dataclass(frozen=True)
class Thing:
    """Something upstream. Without owners nobody may ever touch it.

    `is_claimed` tells whether a history names it (for torrents).
    """

    owners: frozenset[Part]
    since: datetime
    is_fresh: bool = False
    is_claimed: bool = True


class TorrentLabel(NamedTuple):
    """One adding of a torrent to a client."""

    client: InstanceName
    hash: str
    added_on: int


@dataclass(frozen=True)
class Taken:
    """A thing that a write was about."""

    call: Call
    thing: Thing
    at: datetime
    needs: Reason | None = None  # what a person must have approved


@dataclass
class Labels:
    """What exists or existed, by what identifies it upstream."""

    torrents: dict[TorrentLabel, Thing] = field(default_factory=dict)
    entries: dict[tuple[InstanceName, str], Thing] = field(default_factory=dict)  # (library, added)
    requests: dict[int, Thing] = field(default_factory=dict)
    files: dict[str, Thing] = field(default_factory=dict)  # by content
    removed: set[TorrentLabel] = field(default_factory=set)
    """Torrents that were ever asked to go: a client that crashes brings them back without their data."""


class Asked:
    """The parts that anybody ever asked to be deleted."""

    def __init__(self) -> None:
        self._parts: set[Part] = set()

    def add(self, parts: Iterable[Part]) -> None:
        self._parts |= set(parts)

    def has(self, part: Part) -> bool:
        return part in self._parts or part._replace(season=None) in self._parts

    def has_all(self, thing: Thing) -> bool:
        """Tell whether every part that a thing is for was asked to go; never for what is nobody's."""
        return bool(thing.owners) and all(self.has(part) for part in thing.owners)
