"""Sessions of people in a browser: a signed cookie that says what they may do, and tokens for their forms.

Nothing is stored: every replica can read every cookie. The signing key comes from the API token, and a cookie names the
token it was given for, so that changing a token ends its sessions.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from itsdangerous import BadSignature, TimestampSigner, URLSafeTimedSerializer
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from reconciler.clock import Clock
from reconciler.web.answers import root_of

COOKIE = "reconciler_session"
LASTS = timedelta(days=7)


class Access(StrEnum):
    """What somebody may do; whoever may write may read."""

    READ = "read"
    WRITE = "write"

    def includes(self, other: "Access") -> bool:
        return self is Access.WRITE or self is other


@dataclass(frozen=True, slots=True)
class Session:
    """One browser's session; `access` is `None` until somebody signs in, and `id` binds forms to it.

    `is_new`: the browser does not know it yet.
    """

    id: str
    access: Access | None = None
    is_new: bool = False


class _Signer(TimestampSigner):
    """Takes its time from our clock."""

    def __init__(self, *args: Any, clock: Clock, **named: Any) -> None:
        super().__init__(*args, **named)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock.now().timestamp())


class Sessions:
    """Reads and writes the cookie. `tokens` are those that open sessions now, each with what it allows.

    `key` is where the signature comes from: the same for all replicas, and as secret as a token. Without one (nobody
    has to sign in then) it is made up.
    """

    def __init__(self, key: SecretStr | None, tokens: dict[SecretStr, Access], clock: Clock) -> None:
        secret = key.get_secret_value().encode() if key else secrets.token_bytes(32)
        self._key = hashlib.sha256(b"reconciler session\0" + secret).digest()
        self._serializer = URLSafeTimedSerializer(
            self._key,
            salt="session",
            signer=_Signer,
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac", "clock": clock},
        )
        self._accesses = {self._mark(token): access for token, access in tokens.items()}

    def of(self, request: Request) -> Session:
        """Return the session of a request; a new one, in which nobody has signed in, if it brings none that holds."""
        try:
            id_, mark = self._serializer.loads(request.cookies.get(COOKIE, ""), max_age=int(LASTS.total_seconds()))
        except (BadSignature, ValueError, TypeError):
            return Session(secrets.token_urlsafe(16), is_new=True)
        return Session(str(id_), self._accesses.get(str(mark)))

    def begin(self, response: Response, request: Request, token: SecretStr | None = None) -> None:
        """Give the browser a session of its own, for the token that it showed; never one that it brought along."""
        self._put(response, request, Session(secrets.token_urlsafe(16)), self._mark(token) if token else "")

    def keep(self, response: Response, request: Request, session: Session) -> None:
        """Give the browser this session, so that the form in the response belongs to it; nobody is signed in by it."""
        self._put(response, request, session, "")

    def end(self, response: Response, request: Request) -> None:
        response.delete_cookie(COOKIE, path=root_of(request) or "/", httponly=True, samesite="lax")

    def form_token(self, session: Session) -> str:
        """Return what a form of this session carries; no other session's form has the same."""
        return hmac.new(self._key, b"form\0" + session.id.encode(), hashlib.sha256).hexdigest()

    def is_from_form(self, session: Session, token: str) -> bool:
        return hmac.compare_digest(self.form_token(session).encode(), token.encode("utf-8", "replace"))

    def _put(self, response: Response, request: Request, session: Session, mark: str) -> None:
        response.set_cookie(
            COOKIE,
            str(self._serializer.dumps([session.id, mark])),
            max_age=int(LASTS.total_seconds()),
            path=root_of(request) or "/",
            secure=_is_encrypted(request),
            httponly=True,
            samesite="lax",
        )

    def _mark(self, token: SecretStr) -> str:
        """Name a token without telling it."""
        return hmac.new(self._key, b"token\0" + token.get_secret_value().encode(), hashlib.sha256).hexdigest()[:32]


def _is_encrypted(request: Request) -> bool:
    """Tell whether the browser came by https. Who lies about that to a proxy harms only the own cookie."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", "").lower())
