"""Is this caller one of ours? Compared in constant time, and before a body is read.

Senders differ: Jellyseerr sends the raw `Authorization` value that its operator typed, Radarr and Sonarr send Basic or
a custom header, dashboards mostly Bearer (upstreams.md 1.3 and 4.1).
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from pydantic import SecretStr


def accepts(authorization: str | None, secrets: Sequence[SecretStr], *, api_key: str | None = None) -> bool:
    """Tell whether the `Authorization` header or the `X-Api-Key` header (`api_key`) carries one of `secrets`.

    `Authorization` may be the secret itself, `Bearer SECRET`, or Basic with the secret as password and any user.
    Without any secret everybody is accepted; configuration allows that on loopback only. Never raises.
    """
    if not secrets:
        return True
    presented = [digest for text in _presented(authorization, api_key) if (digest := _digest(text))]
    known = [
        digest for secret in secrets for text in _spellings(secret.get_secret_value()) if (digest := _digest(text))
    ]
    # Every pair is compared, so that the time tells neither which secret matched nor how.
    matches = [hmac.compare_digest(one, other) for one in presented for other in known]
    return any(matches)


def _presented(authorization: str | None, api_key: str | None) -> list[bytes]:
    """Return everything the headers may mean, as sent."""
    candidates = []
    if api_key is not None:
        candidates.append(_bytes(api_key.strip()))
    if authorization is not None:
        value = authorization.strip()
        candidates.append(_bytes(value))
        scheme, _, rest = value.partition(" ")
        if scheme.lower() == "bearer":
            candidates.append(_bytes(rest.strip()))
        elif scheme.lower() == "basic":
            candidates.append(_password(rest.strip()))
    return candidates


def _password(credentials: str) -> bytes:
    """Return the password of Basic credentials, or nothing when they cannot be read."""
    try:
        return base64.b64decode(_bytes(credentials), validate=True).partition(b":")[2]
    except binascii.Error:
        return b""


def _bytes(header: str) -> bytes:
    """Return a header's bytes; servers decode them as Latin-1, tests and other callers may pass any text."""
    try:
        return header.encode("latin-1")
    except UnicodeEncodeError:
        return header.encode("utf-8", "surrogatepass")


def _spellings(secret: str) -> set[bytes]:
    """Return the secret as senders encode it: UTF-8, or Latin-1 (older .NET clients do, for Basic)."""
    return {secret.encode("utf-8", "surrogatepass"), _bytes(secret)}


def _digest(text: bytes) -> bytes:
    """Return a fingerprint of fixed length, so that lengths do not show either; nothing for nothing."""
    return hashlib.sha256(text).digest() if text else b""
