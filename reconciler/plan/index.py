"""Look-ups that keep planning linear: anything by the title it is about, or by the path it lies at.

Each is built once per round from one complete reading. They answer what a scan over everything would answer.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from reconciler.model import Media, MediaKind
from reconciler.plan.paths import normal

T = TypeVar("T")


class PathIndex(Generic[T]):
    """Finds what lies at, in or around a path. Answers are in the order in which items were given, without repeats."""

    def __init__(self, items: Iterable[tuple[str, T]]) -> None:
        self._items: list[T] = []
        self._at: defaultdict[str, list[int]] = defaultdict(list)
        self._below: defaultdict[str, list[int]] = defaultdict(list)
        for path, item in items:
            self._items.append(item)
            number = len(self._items) - 1
            own, *around = _with_ancestors(path)
            self._at[own].append(number)
            for ancestor in around:
                self._below[ancestor].append(number)

    def touching(self, path: str) -> list[T]:
        """Return every item whose path equals `path`, contains it or lies in it."""
        own, *around = _with_ancestors(path)
        return self._chosen([own, *around], own)

    def holding(self, path: str) -> list[T]:
        """Return every item whose path equals or contains `path`."""
        return self._chosen(_with_ancestors(path), None)

    def _chosen(self, places: Iterable[str], below: str | None) -> list[T]:
        numbers = {n for place in places if place for n in self._at.get(place, ())}
        if below:
            numbers.update(self._below.get(below, ()))
        return [self._items[n] for n in sorted(numbers)]


def _with_ancestors(path: str) -> list[str]:
    """Return the normal form of a path, then of each folder around it, the nearest first."""
    return list(_climb(normal(path)))


def _climb(path: str) -> Iterator[str]:
    yield path
    while "/" in path.rstrip("/"):
        head = path.rstrip("/").rpartition("/")[0]
        if not head:
            yield "/"
            return
        yield head
        path = head


class MediaIndex(Generic[T]):
    """Finds what is about a title. Answers are in the order in which items were given, without repeats."""

    def __init__(self, items: Iterable[tuple[Media, T]]) -> None:
        self._items = list(items)
        self._by_id: defaultdict[tuple[MediaKind, str, int], list[int]] = defaultdict(list)
        for number, (media, _) in enumerate(self._items):
            for key in _keys(media):
                self._by_id[key].append(number)

    def sharing_an_id(self, media: Media) -> tuple[T, ...]:
        """Return what agrees with `media` in any id."""
        return tuple(self._items[n][1] for n in self._numbers(media))

    def same(self, media: Media) -> tuple[T, ...]:
        """Return what is `media`: agreeing in an id, contradicting it in none."""
        return tuple(self._items[n][1] for n in self._numbers(media) if self._items[n][0].is_same(media))

    def _numbers(self, media: Media) -> list[int]:
        return sorted({n for key in _keys(media) for n in self._by_id.get(key, ())})


def _keys(media: Media) -> Iterator[tuple[MediaKind, str, int]]:
    if media.tmdb_id is not None:
        yield media.kind, "tmdb", media.tmdb_id
    if media.kind is MediaKind.SERIES and media.tvdb_id is not None:
        yield media.kind, "tvdb", media.tvdb_id
