"""What is kept of a payload as evidence: everything but secrets and e-mail addresses, and never too much of it."""

import json
import math
import re
from collections.abc import Sequence

RECEIPT_BYTES = 256 * 1024
E_MAIL = "[e-mail]"
SECRET = "[secret]"  # noqa: S105 - what stands in for one
LEFT_OUT = "[left out]"

_MAX_DEPTH = 32
_MAX_VALUES = 20_000
_MAX_STRING = 32 * 1024
_LONGEST_ADDRESS = 254
_SECRET_WORDS = (
    "password", "passwd", "passphrase", "apikey", "token", "authorization", "secret", "cookie", "credential",
    "privatekey", "passkey", "signature",
)  # fmt: skip
_NOT_A_LETTER = re.compile(r"[^a-z]")
_PARAMETER = re.compile(r"(?i)(api_?key|passkey|password|secret|token)=[^&\s\"]+")
# One token at a time, so that the work stays linear in what strangers send.
_TOKEN = re.compile(r"""[^\s"'<>(),;:\[\]{}|]+""")


def redact(payload: object, secrets: Sequence[str] = ()) -> object:
    """Return a JSON value without e-mail addresses, without what keys call secret, and without any of `secrets`.

    Nesting below 32 levels and everything after 20 000 values or 256 Ki characters are left out; the input is not
    changed.
    """
    return _Redactor(secrets).value(payload, 0)


def redact_text(text: str, secrets: Sequence[str] = ()) -> str:
    """Return text without e-mail addresses, secrets in the manner of `apikey=…`, and any of `secrets`."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, SECRET)
    if "=" in text:
        text = _PARAMETER.sub(rf"\1={SECRET}", text)
    if "@" in text or "%40" in text:
        text = _TOKEN.sub(_without_address, text)
    return text


def redact_known(text: str | None) -> str | None:
    """Return a title or a name as it may be stored and shown; nothing stays nothing."""
    return redact_text(text) if text else None


def to_receipt_body(payload: object, secrets: Sequence[str] = ()) -> str:
    """Return the redacted payload as JSON text of at most 256 KiB, pure ASCII.

    What is larger becomes `{"truncated": true, "beginning": …}` with the first part of the JSON text. Only as much of
    the payload is looked at as can be kept.
    """
    body = json.dumps(redact(payload, secrets), separators=(",", ":"))
    if len(body) <= RECEIPT_BYTES:
        return body
    # Quotes and backslashes of the text double inside a string; half of the room always holds them.
    beginning = body[: RECEIPT_BYTES // 2 - 100]
    return json.dumps({"truncated": True, "beginning": beginning})


class _Redactor:
    def __init__(self, secrets: Sequence[str]) -> None:
        # The longest first: one secret may be a part of another.
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)
        self._longest = max(_LONGEST_ADDRESS, *map(len, secrets), 0)
        self._left = _MAX_VALUES
        self._room = RECEIPT_BYTES

    def value(self, value: object, depth: int) -> object:
        self._left -= 1
        if self._left < 0:
            return LEFT_OUT
        if isinstance(value, str):
            return self._text(value)
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)  # NaN is no JSON
        if isinstance(value, dict | list) and depth >= _MAX_DEPTH:
            return LEFT_OUT
        if isinstance(value, dict):
            return self._object(value, depth)
        if isinstance(value, list):
            return self._list(value, depth)
        return LEFT_OUT

    def _object(self, value: dict[object, object], depth: int) -> dict[str, object]:
        kept: dict[str, object] = {}
        for key, inner in value.items():
            if self._left <= 0:
                kept[LEFT_OUT] = len(value) - len(kept)
                break
            name = self._text(str(key))
            kept[name] = SECRET if _is_secret(str(key)) and inner not in (None, "") else self.value(inner, depth + 1)
        return kept

    def _list(self, value: list[object], depth: int) -> list[object]:
        kept: list[object] = []
        for inner in value:
            if self._left <= 0:
                kept.append(LEFT_OUT)
                break
            kept.append(self.value(inner, depth + 1))
        return kept

    def _text(self, text: str) -> str:
        clean = redact_text(text[:_MAX_STRING], self._secrets)
        if len(text) > _MAX_STRING:
            # What the cut went through would not be recognised: it can only stand at the very end.
            clean = clean[: -self._longest] + LEFT_OUT
        self._room -= len(clean)
        if self._room < 0:
            self._left = 0
        return clean


def _is_secret(key: str) -> bool:
    letters = _NOT_A_LETTER.sub("", key.lower())
    return any(word in letters for word in _SECRET_WORDS)


def _without_address(match: re.Match[str]) -> str:
    token = match[0]
    plain = token.replace("%40", "@")
    return E_MAIL if "@" in plain[1:-1] else token
