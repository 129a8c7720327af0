"""Reading a request body: never more than allowed, never for longer than allowed, and only well-formed JSON."""

import asyncio
import hashlib
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

from starlette.requests import ClientDisconnect, Request

from reconciler.web.problems import Problem

KIB = 1024
MIB = 1024 * KIB
MAX_DEPTH = 64
DRAIN_LIMIT_BYTES = 256 * MIB
"""How much of a body that is too large is read and thrown away before an answer, so that the sender hears it."""

_IDEMPOTENCY_HEADERS = ("idempotency-key", "webhook-id")
_IDEMPOTENCY_KEY_LENGTH = 255
_NO_DATABASE_TEXT = re.compile("[\x00\ud800-\udfff]")
_ESCAPED_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """`size` in bytes. `drain`: read on past it without keeping anything, for senders that must get a 2xx."""

    size: int
    drain: bool = False


def too_large(limit: BodyLimit) -> Problem:
    return Problem(
        413,
        "too-large",
        "The body is too large",
        f"At most {limit.size // KIB} KiB are taken here. Nothing was accepted.",
    )


def require_json_type(request: Request) -> None:
    """Raise 415 unless the body is declared to be JSON, and plain."""
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared != "application/json" and not (declared.startswith("application/") and declared.endswith("+json")):
        raise Problem(
            415, "unsupported-type", "Only JSON is taken here", "Send the body with Content-Type: application/json."
        )


def require_plain_encoding(request: Request) -> None:
    """Raise 415 for a compressed body: its size says nothing about what it unpacks to."""
    if request.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise Problem(415, "unsupported-encoding", "Compressed bodies are not taken", "Send the body uncompressed.")


async def read_body(request: Request, limit: BodyLimit, *, within: timedelta) -> bytes | None:
    """Return the body, or `None` when it is larger than `limit` (nothing of it is kept then)."""
    declared = request.headers.get("content-length", "")
    known_too_large = declared.isascii() and declared.isdigit() and int(declared[:20]) > limit.size
    if known_too_large and not limit.drain:
        return None
    try:
        async with asyncio.timeout(within.total_seconds()):
            return await _read(request, limit)
    except TimeoutError:
        raise Problem(
            408, "too-slow", "The body did not arrive in time", f"It has to be complete within {within.seconds} s."
        ) from None
    except ClientDisconnect:
        raise Problem(400, "broken-off", "The body broke off", "The connection was closed before the end.") from None


async def _read(request: Request, limit: BodyLimit) -> bytes | None:
    kept: bytearray | None = bytearray()
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
        if total > (DRAIN_LIMIT_BYTES if limit.drain else limit.size):
            return None
        if total > limit.size:
            kept = None
        elif kept is not None:
            kept += chunk
    return None if kept is None else bytes(kept)


def parse_json(raw: bytes, *, unique_keys: bool) -> object:
    """Parse a body; raises 400 for anything that is not JSON of finite numbers and bearable depth.

    `unique_keys` also refuses objects that say one key twice. Characters no database stores as text (NUL and halves
    of surrogate pairs) become U+FFFD.
    """
    try:
        payload = json.loads(
            raw.decode("utf-8-sig"),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=_unique if unique_keys else None,
        )
    except (ValueError, RecursionError):
        raise _not_json("It does not parse (or repeats a key, or holds NaN or Infinity).") from None
    if _is_deeper_than(payload, MAX_DEPTH):
        raise _not_json(f"It nests deeper than {MAX_DEPTH} levels.")
    return _storable(payload) if _ESCAPED_SUSPECT.search(raw) or b"\x00" in raw else payload


def digest_of(payload: object) -> str:
    """Return a digest that is the same for the same JSON value, however it was written."""
    canonical = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def idempotency_key(request: Request) -> str | None:
    """Return what the sender calls this request, or `None`; raises 400 for an unusable name."""
    for header in _IDEMPOTENCY_HEADERS:
        key = request.headers.get(header)
        if key is None:
            continue
        if not 0 < len(key) <= _IDEMPOTENCY_KEY_LENGTH or not (key.isascii() and key.isprintable()):
            raise Problem(
                400,
                "bad-idempotency-key",
                "The idempotency key cannot be used",
                f"{header} takes 1 to {_IDEMPOTENCY_KEY_LENGTH} printable ASCII characters.",
            )
        return key
    return None


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


def _is_deeper_than(payload: object, limit: int) -> bool:
    level = [payload] if isinstance(payload, dict | list) else []
    for _ in range(limit):
        if not level:
            return False
        level = [child for parent in level for child in _children(parent) if isinstance(child, dict | list)]
    return bool(level)


def _children(parent: object) -> Iterable[object]:
    if isinstance(parent, dict):
        return parent.values()
    return parent if isinstance(parent, list) else ()


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
