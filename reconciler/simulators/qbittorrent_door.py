"""Who a simulated qBittorrent lets in: sessions, bans, API keys and the request checks (upstreams.md 5.1, 5.2)."""

import base64
import secrets
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from reconciler.clock import Clock
from reconciler.simulators.qbittorrent_dialects import Dialect

BAN_TEXT = "Your IP address has been banned after too many failed authentication attempts."


class Door:
    """The state of authentication; `logins` and `failed_logins` count every attempt since the beginning."""

    def __init__(
        self,
        dialect: Dialect,
        clock: Clock,
        *,
        username: str,
        password: str,
        api_key: str | None = None,
        bypass: bool = False,
        max_failures: int = 5,
        ban_duration: timedelta = timedelta(hours=1),
        session_timeout: timedelta = timedelta(hours=1),
    ) -> None:
        self.username = username
        self.password = password
        self.api_key = api_key
        self.bypass = bypass
        self.logins = 0
        self.failed_logins = 0
        self._dialect = dialect
        self._clock = clock
        self._max_failures = max_failures
        self._ban_duration = ban_duration.total_seconds()
        self._session_timeout = session_timeout.total_seconds()
        self._sessions: dict[str, float] = {}
        self._failures: Counter[str] = Counter()
        self._banned_until: dict[str, float] = {}

    def forget(self) -> None:
        """Drop sessions, failures and bans, as a restart does."""
        self._sessions.clear()
        self._failures.clear()
        self._banned_until.clear()

    def forget_sessions(self) -> None:
        self._sessions.clear()

    def is_banned(self, address: str) -> bool:
        return self._banned_until.get(address, 0.0) > self._clock.monotonic()

    def check_headers(self, request: Request) -> None:
        """Raise 401 for a foreign port in `Host`, or for an `Origin` or `Referer` that does not match it."""
        host = request.headers.get("host", "")
        port, listening = urlsplit(f"//{host}").port, _port(request)
        if port is not None and listening is not None and port != listening:
            raise HTTPException(401, "Unauthorized")
        if self._dialect.has_keys and self._bearer(request) is not None:
            return
        target = host if self._dialect.has_keys else request.headers.get("x-forwarded-host", host)
        for name in ("origin", "referer"):
            sent = request.headers.get(name)
            if sent is not None and urlsplit(sent).netloc != target:
                raise HTTPException(401, "Unauthorized")

    def lets_in(self, request: Request) -> bool:
        """Tell whether this request is authenticated, and keep its session alive; raises 401 for wrong Basic."""
        if self.bypass:
            return True
        if self._dialect.has_keys and (key := self._bearer(request)) is not None:
            return key == self.api_key
        session = request.cookies.get(self._dialect.cookie(_port(request)), "")
        now = self._clock.monotonic()
        if session in self._sessions and now - self._sessions[session] <= self._session_timeout:
            self._sessions[session] = now
            return True
        self._sessions.pop(session, None)
        return self._dialect.has_keys and self._basic(request)

    def log_in(self, request: Request, form: Mapping[str, str]) -> Response:
        """Answer `auth/login`."""
        self.logins += 1
        if self._dialect.has_keys and self._bearer(request) is not None:
            raise HTTPException(403, "Forbidden")
        if self.lets_in(request):
            return self._welcome()
        address = _address(request)
        if self.is_banned(address):
            raise HTTPException(403, BAN_TEXT)
        if (form.get("username"), form.get("password")) != (self.username, self.password):
            self._count_failure(address)
            return PlainTextResponse("", 401) if self._dialect.has_keys else PlainTextResponse("Fails.")
        self._failures.pop(address, None)
        session = secrets.token_urlsafe(24)
        self._sessions[session] = self._clock.monotonic()
        welcome = self._welcome()
        welcome.set_cookie(self._dialect.cookie(_port(request)), session, httponly=True, samesite="strict")
        return welcome

    def log_out(self, request: Request) -> Response:
        """Answer `auth/logout`."""
        self._sessions.pop(request.cookies.get(self._dialect.cookie(_port(request)), ""), None)
        return Response(status_code=self._dialect.empty_status)

    def _welcome(self) -> Response:
        return Response(status_code=204) if self._dialect.has_keys else PlainTextResponse("Ok.")

    def _count_failure(self, address: str) -> None:
        self.failed_logins += 1
        self._failures[address] += 1
        if self._failures[address] >= self._max_failures:
            del self._failures[address]
            self._banned_until[address] = self._clock.monotonic() + self._ban_duration

    def _bearer(self, request: Request) -> str | None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        return value if scheme.lower() == "bearer" else None

    def _basic(self, request: Request) -> bool:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        address = _address(request)
        expected = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        if not self.is_banned(address) and value == expected:
            return True
        if not self.is_banned(address):
            self._count_failure(address)
        raise HTTPException(401, "Unauthorized")


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _port(request: Request) -> int | None:
    """Return the port that the server listens on."""
    server = request.scope.get("server")
    return server[1] if server else None
