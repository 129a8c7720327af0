"""Finding a deletion by what a person typed."""

import re

from reconciler.model import parse_info_hash
from reconciler.store.database import Value
from reconciler.store.search_text import folded
from reconciler.store.states import is_id

BEGINNING = 8
"""From so many digits on, the beginning of an id or of a hash is recognised as such."""

BY_WORD = "d.search_text LIKE :word_{number} ESCAPE '!'"
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
_MARKS = "(),"
_SPECIAL = re.compile(r"[!%_]")


class Search:
    """What was typed, as a condition on `deletions d` with its values. Both sides of it are folded by us.

    Every word has to be there, in any order: people type "matrix 1999", or paste "The Matrix (1999)" from a page.
    """

    def __init__(self, text: str) -> None:
        typed = folded(text)
        self.values: dict[str, Value] = {}
        terms: list[str] = []
        if not _is_whole(typed):
            words = _words(typed)
            terms.append(" AND ".join(BY_WORD.format(number=number) for number in range(len(words))))
            self.values |= {f"word_{number}": _like(word) for number, word in enumerate(words)}
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


def _words(typed: str) -> list[str]:
    """Return each word once, without the marks that a page sets around a year or a season; never none."""
    return list(dict.fromkeys(word.strip(_MARKS) or word for word in typed.split(" ")))


def _like(word: str) -> str:
    return "%" + _SPECIAL.sub(r"!\g<0>", word) + "%"


_ENDS = (("first", _SMALLEST_ID), ("last", _LARGEST_ID))


def _is_whole(typed: str) -> bool:
    """Tell whether a whole id or hash was typed: no title is called so, and these are found by index."""
    return is_id(typed) or parse_info_hash(typed) is not None


def _is_beginning_of_id(typed: str) -> bool:
    return len(typed) >= BEGINNING and is_id(typed + _SMALLEST_ID[len(typed) :])
