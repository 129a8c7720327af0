"""Reading the JSON of upstreams strictly: null is the same as missing, ids of 0 mean "unknown" (upstreams.md 3.1)."""

from collections.abc import Mapping
from typing import Any

from reconciler.errors import Unintelligible
from reconciler.model import InstanceName


class Row:
    """One JSON object of an answer; a field that is missing or of another type is `Unintelligible`."""

    def __init__(self, upstream: InstanceName, what: str, data: object) -> None:
        if not isinstance(data, Mapping):
            raise Unintelligible(upstream, f"answered a {what} that is no object")
        self._upstream = upstream
        self._what = what
        self.data: Mapping[str, Any] = data

    def id(self, name: str = "id") -> int:
        """Return a required internal id."""
        value = self.known(name)
        if value is None:
            raise self._without(name)
        return value

    def known(self, name: str) -> int | None:
        """Return an id, or `None` for 0, null, missing and anything odd: they all mean "unknown"."""
        value = self.data.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None

    def ordinal(self, name: str) -> int | None:
        """Return the number of a season or episode, or `None` when there is none; 0 is the season of specials."""
        value = self.data.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

    def number(self, name: str) -> int:
        """Return a count or a size; missing means 0."""
        value = self.data.get(name)
        return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0

    def count(self, name: str) -> int:
        """Return a required count; nothing is ever counted as 0 because it was not told."""
        value = self.ordinal(name)
        if value is None:
            raise self._without(name)
        return value

    def flag(self, name: str) -> bool:
        value = self.data.get(name)
        if not isinstance(value, bool):
            raise self._without(name)
        return value

    def text(self, name: str) -> str:
        value = self.data.get(name)
        if not isinstance(value, str) or not value:
            raise self._without(name)
        return value

    def optional(self, name: str) -> str:
        """Return a text that may be missing or empty, but may be nothing else."""
        value = self.data.get(name)
        if value is not None and not isinstance(value, str):
            raise self._without(name)
        return value or ""

    def maybe(self, name: str) -> str | None:
        """Return a text, or `None` when it is missing or empty."""
        value = self.data.get(name)
        return value if isinstance(value, str) and value else None

    def inner(self, name: str) -> "Row | None":
        value = self.data.get(name)
        return None if value is None else Row(self._upstream, name, value)

    def rows(self, name: str) -> tuple["Row", ...]:
        return rows_of(self._upstream, name, self.data.get(name))

    def _without(self, name: str) -> Unintelligible:
        return Unintelligible(self._upstream, f"answered a {self._what} without a usable {name}")


def rows_of(upstream: InstanceName, what: str, data: object) -> tuple[Row, ...]:
    """Read a list of objects."""
    if not isinstance(data, list):
        raise Unintelligible(upstream, f"answered no list of {what} rows")
    return tuple(Row(upstream, what, item) for item in data)
