"""Finding a deletion by what a person typed."""

import re
import unicodedata
from collections.abc import Sequence
from typing import ClassVar

from reconciler.model import parse_info_hash
from reconciler.store.database import Connection, Row, Value
from reconciler.store.states import is_id

BEGINNING = 8
"""From so many digits on, the beginning of an id or of a hash is recognised as such."""

BY_TEXT = """
lower(d.title) LIKE :like ESCAPE '!'
OR lower(d.requested_by) LIKE :like ESCAPE '!'
OR EXISTS (
    SELECT 1 FROM targets t WHERE t.deletion = d.id AND t.kind = 'entry' AND lower(t.name) LIKE :like ESCAPE '!'
)
"""
BY_MEDIA_ID = "d.tmdb_id = :media_id OR d.tvdb_id = :media_id"
BY_ID = "d.id BETWEEN :first_id AND :last_id"
BY_HASH = """
d.id IN (
    SELECT t.deletion FROM targets t
    WHERE t.external_id >= :hash AND t.external_id < :after_hash
        AND t.kind IN ('torrent', 'cross_seed', 'likely_cross_seed')
)
"""

_SMALLEST_ID = "00000000-0000-0000-0000-000000000000"
_LARGEST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"
_LARGEST_NUMBER = 2**63 - 1
_NUMBER = re.compile(r"[0-9]{1,19}")
_HEX = re.compile(r"[0-9a-f]{8,64}")


class Search:
    """What was typed, as a condition on `deletions d`.

    Databases differ in which letters outside ASCII they know the other case of. So the condition lets such a letter be
    anything, and `matching` then looks closely; `is_exact` says that there is nothing left to look at.
    """

    COLUMNS: ClassVar = "d.id, d.title, d.requested_by"

    def __init__(self, text: str) -> None:
        self._text = unicodedata.normalize("NFC", text.strip())
        self.values: dict[str, Value] = {}
        typed = self._text.lower()
        terms = [] if self._is_whole(typed) else [self._by_text()]
        if _NUMBER.fullmatch(typed) and int(typed) <= _LARGEST_NUMBER:
            terms.append(BY_MEDIA_ID)
            self.values["media_id"] = int(typed)
        if _is_beginning_of_id(typed):
            terms.append(BY_ID)
            self.values |= {f"{name}_id": typed + rest[len(typed) :] for name, rest in _ENDS}
        if _HEX.fullmatch(typed):
            terms.append(BY_HASH)
            # What was bound by a truncated hash is found by the whole one, too.
            self.values |= {"hash": typed[:40], "after_hash": f"{typed[:40]}g"}
        self.term = "(" + " OR ".join(f"({term})" for term in terms) + ")"
        self.is_exact = "like" not in self.values or not any(map(_may_be_anything, self._text))

    def _is_whole(self, typed: str) -> bool:
        """Tell whether a whole id or hash was typed: no title is called so, and these are found by index."""
        return is_id(typed) or parse_info_hash(typed) is not None

    def _by_text(self) -> str:
        self.values["like"] = f"%{''.join(_pattern(character) for character in self._text)}%"
        return BY_TEXT

    async def matching(self, connection: Connection, rows: Sequence[Row]) -> list[Row]:
        """Return those of the rows, with `COLUMNS`, that really match."""
        if self.is_exact or not rows:
            return list(rows)
        names: dict[str, list[str]] = {}
        for row in await connection.fetch_all(
            "SELECT deletion, name FROM targets WHERE deletion IN :ids AND kind = 'entry' AND name IS NOT NULL",
            {"ids": [str(row["id"]) for row in rows]},
        ):
            names.setdefault(str(row["deletion"]), []).append(row["name"])
        sought = _folded(self._text)
        return [
            row
            for row in rows
            if any(
                sought in _folded(text)
                for text in (row["title"], row["requested_by"], *names.get(str(row["id"]), ()))
                if text
            )
        ]


_ENDS = (("first", _SMALLEST_ID), ("last", _LARGEST_ID))


def _is_beginning_of_id(typed: str) -> bool:
    return len(typed) >= BEGINNING and is_id(typed + _SMALLEST_ID[len(typed) :])


def _may_be_anything(character: str) -> bool:
    """Tell whether databases may disagree about a character: it has another case, or another spelling."""
    if character.isascii():
        return False
    has_case = not character.lower() == character == character.upper()
    return has_case or unicodedata.normalize("NFD", character) != character


def _pattern(character: str) -> str:
    if _may_be_anything(character):
        return "%"
    return f"!{character}" if character in "!%_" else character.lower()


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
