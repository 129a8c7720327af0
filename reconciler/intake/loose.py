"""Reading JSON that others wrote: ids that are strings, objects that are `null`, text that nobody cleaned."""

import re
import unicodedata
from collections.abc import Mapping

TEXT_LIMIT = 500
MAX_ID = 2**31 - 1
"""Every upstream numbers in 32 bits; larger numbers are nobody's id and would not fit a column."""

LAST_SEASON = 9999
"""Seasons that are numbered by years have four digits."""

_DIGITS = re.compile(r"[0-9]{1,10}")
_TITLE_YEAR = re.compile(r"(.+) \(([0-9]{4})\)")
_BIDI = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_EMPTY: Mapping[str, object] = {}


def mapping(value: object) -> Mapping[str, object]:
    """Return a JSON object as it is, and an empty one for anything else: `null`, missing, text."""
    return value if isinstance(value, dict) else _EMPTY


def number(value: object, least: int = 1) -> int | None:
    """Return a whole number that is sent as one or as digits, from `least` up; `None` for all else.

    `""`, `0`, `"0"`, a missing value and an unrendered `{{variable}}` all mean "unknown" (upstreams.md 7, 4).
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():  # JSON knows one kind of number: 603.0 is 603
        value = int(value)
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        value = int(value)
    return value if isinstance(value, int) and least <= value <= MAX_ID else None


def season_number(value: object) -> int | None:
    """Return the number of a season, 0 for specials; `None` for what is none."""
    season = number(value, 0)
    return season if season is not None and season <= LAST_SEASON else None


def text(value: object, limit: int = TEXT_LIMIT) -> str | None:
    """Return cleaned text, `None` if nothing is left.

    Control characters, lone surrogates (no database takes them) and marks that reverse the direction of writing go.
    """
    if not isinstance(value, str):
        return None
    spaced = " ".join(value[: limit * 4].split())
    kept = "".join(c for c in spaced if c not in _BIDI and unicodedata.category(c) not in {"Cc", "Cs"})
    return kept[:limit].strip() or None


def shown(key: str) -> str:
    """Return the name of a field as a problem may show it."""
    return text(key, 100) or "(unreadable key)"


def title_and_year(subject: object) -> tuple[str | None, int | None]:
    """Split `Title (2020)`."""
    subject = text(subject)
    match = _TITLE_YEAR.fullmatch(subject or "")
    return (match[1], int(match[2])) if match else (subject, None)
