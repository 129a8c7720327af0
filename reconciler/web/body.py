"""Reading a request: its body, never more than allowed and never for longer than allowed, and what its head says of it.

What the body means is for `parsing.py`.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import ClientDisconnect, Request

from reconciler.web.problems import Problem

KIB = 1024
MIB = 1024 * KIB
DRAIN_LIMIT_BYTES = 256 * MIB
"""How much of a body that is too large is read and thrown away before an answer, so that the sender hears it."""

_IDEMPOTENCY_HEADERS = ("idempotency-key", "webhook-id")
_IDEMPOTENCY_KEY_LENGTH = 255


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


def is_compressed(request: Request) -> bool:
    return request.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}


def compressed() -> Problem:
    """415 for a compressed body: its size says nothing about what it unpacks to."""
    return Problem(415, "unsupported-encoding", "Compressed bodies are not taken", "Send the body uncompressed.")


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
    kept: list[bytes] | None = []
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
        if total > (DRAIN_LIMIT_BYTES if limit.drain else limit.size):
            return None
        if total > limit.size:
            kept = None
        elif kept is not None:
            kept.append(chunk)
    return None if kept is None else b"".join(kept)


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
