"""From the bytes of a body to a JSON value, in time and memory that are known beforehand.

A byte of JSON can become thirty bytes of Python objects. So the text is measured before it is parsed, and of the large
bodies one at a time is parsed, in a thread: the others wait as bytes, and the service goes on answering.
"""

import asyncio
import hashlib
import json
import math
import re
from collections.abc import Callable
from itertools import accumulate
from typing import NoReturn, TypeVar

from reconciler.web.problems import Problem

Result = TypeVar("Result")

LARGE_BYTES = 1024 * 1024
"""From here on a body is parsed in its turn, and not in the event loop."""

MAX_DEPTH = 64
MAX_VALUES = 250_000
"""More values than this no event of Radarr or Sonarr has: its longest lists have a dozen of them for each episode."""

_NO_DATABASE_TEXT = re.compile("[\x00\ud800-\udfff]")
_ESCAPED_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_NO_STRUCTURE = bytes(set(range(256)) - set(b'",[]{}'))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


class TooManyValues(Exception):
    """The body would fill too much memory; nothing of it was parsed."""


class LargeBodies:
    """Lets one large body at a time be worked on."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def work(self, raw: bytes, job: Callable[[bytes], Result]) -> Result:
        """Return what `job` makes of the body.

        It should return only what is needed: the rest is freed before the next body's turn.
        """
        if len(raw) < LARGE_BYTES:
            return job(raw)
        async with self._turn:
            return await asyncio.to_thread(job, raw)


def structure_of(raw: bytes) -> bytes:
    """Return the brackets and commas of a JSON text that stand outside its strings, without parsing it.

    Of a text that is no JSON, only what comes before its first error is right.
    """
    unescaped = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two quotes side by side enclose nothing, or end one string and begin the next; what is outside stays outside.
    marks = unescaped.translate(None, _NO_STRUCTURE).replace(b'""', b"")
    return b"".join(marks.split(b'"')[::2])


def _most_values(structure: bytes) -> int:
    """Return how many values, lists and objects such a text holds at most."""
    return structure.count(b",") + structure.count(b"[") + structure.count(b"{") + 1


def _is_too_deep(structure: bytes) -> bool:
    steps = map(_STEPS.__getitem__, structure.translate(None, b","))
    return any(depth > MAX_DEPTH for depth in accumulate(steps))


def parse_json(raw: bytes, *, unique_keys: bool, most_values: int | None = None) -> object:
    """Parse a body; raises 400 for anything that is not JSON of finite numbers and bearable depth.

    `unique_keys` also refuses objects that say one key twice. Raises `TooManyValues` for more than `most_values`.
    Characters no database stores as text (NUL and halves of surrogate pairs) become U+FFFD.
    """
    structure = structure_of(raw)
    if most_values is not None and _most_values(structure) > most_values:
        raise TooManyValues
    if _is_too_deep(structure):
        raise _not_json(f"It nests deeper than {MAX_DEPTH} levels.")
    try:
        payload = json.loads(
            raw.decode("utf-8-sig"),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=_unique if unique_keys else None,
        )
    except (ValueError, RecursionError):
        raise _not_json("It does not parse (or repeats a key, or holds NaN or Infinity).") from None
    return _storable(payload) if _ESCAPED_SUSPECT.search(raw) or b"\x00" in raw else payload


def digest_of(payload: object) -> str:
    """Return a digest that is the same for the same JSON value, however it was written."""
    canonical = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _not_json(detail: str) -> Problem:
    return Problem(400, "not-json", "The body is not usable JSON", detail)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    parsed = dict(pairs)
    if len(parsed) != len(pairs):
        raise ValueError("a key is repeated")
    return parsed


def _storable(value: object) -> object:
    """Return `value` with unstorable characters replaced. Depth has been checked before."""
    match value:
        case str():
            return _NO_DATABASE_TEXT.sub("\ufffd", value)
        case dict():
            return {_NO_DATABASE_TEXT.sub("\ufffd", str(key)): _storable(item) for key, item in value.items()}
        case list():
            return [_storable(item) for item in value]
        case _:
            return value
