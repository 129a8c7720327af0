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
from functools import cache
from typing import Any

from itsdangerous import BadSignature, TimestampSigner, URLSafeTimedSerializer
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from reconciler.clock import Clock
from reconciler.web.answers import root_of, scheme_of

LASTS = timedelta(days=7)
SAID_FOR = timedelta(minutes=1)
AHEAD = timedelta(minutes=5)
"""How far the clock of the replica that signed may be ahead of ours."""


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
    has to sign in then) it is made up. `root_path` is where the application is: browsers send a cookie to every port of
    a host, so each installation needs a name of its own.
    """

    def __init__(self, key: SecretStr | None, tokens: dict[SecretStr, Access], clock: Clock, root_path: str) -> None:
        self._key = _derived(key.get_secret_value()) if key else secrets.token_bytes(32)
        self._clock = clock
        self._sessions = self._serializer("session")
        self._said = self._serializer("said")
        self._accesses = {self._mark(token): access for token, access in tokens.items()}
        self.cookie = f"reconciler_{self._mac(b'cookie', root_path)[:8]}"

    def of(self, request: Request) -> Session:
        """Return the session of a request; a new one, in which nobody has signed in, if it brings none that holds."""
        match self._signed(self._sessions, request.cookies.get(self.cookie, ""), LASTS):
            case [str(id_), str(mark)]:
                return Session(id_, self._accesses.get(mark))
            case _:
                return Session(secrets.token_urlsafe(16), is_new=True)

    def begin(self, response: Response, request: Request, token: SecretStr | None = None) -> None:
        """Give the browser a session of its own, for the token that it showed; never one that it brought along."""
        self._put(response, request, Session(secrets.token_urlsafe(16)), self._mark(token) if token else "")

    def keep(self, response: Response, request: Request, session: Session) -> None:
        """Give the browser this session, so that the form in the response belongs to it; nobody is signed in by it."""
        self._put(response, request, session, "")

    def end(self, response: Response, request: Request) -> None:
        response.delete_cookie(self.cookie, path=root_of(request) or "/", httponly=True, samesite="lax")

    def form_token(self, session: Session) -> str:
        """Return what a form of this session carries; no other session's form has the same."""
        return self._mac(b"form", session.id)

    def is_from_form(self, session: Session, token: str) -> bool:
        return hmac.compare_digest(self.form_token(session).encode(), token.encode("utf-8", "replace"))

    def saying(self, session: Session, message: str) -> str:
        """Return what an address carries, so that the page there says something to this session, for a minute."""
        return str(self._said.dumps([session.id, message]))

    def said(self, session: Session, carried: str) -> str | None:
        """Return what is to be said; nothing that another session, or a mere link, wants said."""
        match self._signed(self._said, carried, SAID_FOR):
            case [session.id, str(message)]:
                return message
            case _:
                return None

    def _put(self, response: Response, request: Request, session: Session, mark: str) -> None:
        response.set_cookie(
            self.cookie,
            str(self._sessions.dumps([session.id, mark])),
            max_age=int(LASTS.total_seconds()),
            path=root_of(request) or "/",
            secure=scheme_of(request) == "https",
            httponly=True,
            samesite="lax",
        )

    def _mark(self, token: SecretStr) -> str:
        """Name a token without telling it."""
        return self._mac(b"token", token.get_secret_value())[:32]

    def _mac(self, use: bytes, text: str) -> str:
        return hmac.new(self._key, use + b"\0" + text.encode(), hashlib.sha256).hexdigest()

    def _serializer(self, use: str) -> URLSafeTimedSerializer:
        kwargs = {"digest_method": hashlib.sha256, "key_derivation": "hmac", "clock": self._clock}
        return URLSafeTimedSerializer(self._key, salt=use, signer=_Signer, signer_kwargs=kwargs)

    def _signed(self, serializer: URLSafeTimedSerializer, text: str, lasts: timedelta) -> object:
        """Return what was signed, if it is not too old. Another host's clock may be ahead a little."""
        try:
            found, signed_at = serializer.loads(text, return_timestamp=True)
        except (BadSignature, ValueError):
            return None
        return found if -AHEAD <= self._clock.now() - signed_at <= lasts else None


@cache
def _derived(secret: str) -> bytes:
    """Return a key that takes long to guess a secret from: cookies and forms let anybody try."""
    return hashlib.scrypt(secret.encode(), salt=b"reconciler session", n=2**14, r=8, p=1, dklen=32)
