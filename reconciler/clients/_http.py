"""The only place that knows the HTTP library: one private request path and the status-to-error table.

Nothing is retried here. Replies are read whole before they are judged, so half a body is an error, never a short list.
A call's timeout bounds the whole call, also against an upstream that answers drop by drop: a lease is compared with it.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import httpx

from reconciler.clock import Clock, SystemClock
from reconciler.errors import Rejected, Throttled, Unauthorized, Unintelligible, Unreachable, UpstreamError
from reconciler.model import InstanceName

READ_TIMEOUT = timedelta(seconds=30)
CONNECT_TIMEOUT = timedelta(seconds=5)

_LONGEST_QUOTE = 200
_SHORTEST_SECRET = 8
_SECONDS = re.compile(r"[0-9]{1,6}")

CallObserver = Callable[[InstanceName, str, str, float], None]
"""Told of every call: instance, operation, outcome (`ok` or the error's class name), seconds."""

Transport = httpx.AsyncBaseTransport
"""What carries the requests, where tests do not want a socket."""


def ignore_calls(_instance: InstanceName, _operation: str, _outcome: str, _seconds: float) -> None:
    """Observe nothing."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer."""

    upstream: InstanceName
    status: int
    text: str
    content_type: str

    @property
    def is_page(self) -> bool:
        """Tell whether this is a web page, such as the login page of a proxy, where data was expected."""
        return "html" in self.content_type or self.text.lstrip()[:1] == "<"

    def json(self) -> Any:
        """Parse the body; raises `Unintelligible` for anything but JSON (an HTML login page, half a body)."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError) as error:
            what = "a web page" if self.is_page else "no valid JSON"
            raise Unintelligible(
                self.upstream,
                f"answered {what} instead of data; check the URL and any proxy before it",
                status=self.status,
            ) from error


class Http:
    """An HTTP connection pool to one upstream instance."""

    def __init__(
        self,
        instance: InstanceName,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: timedelta = READ_TIMEOUT,
        observer: CallObserver = ignore_calls,
        clock: Clock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.instance = instance
        self.base_url = base_url.rstrip("/")
        self._observer = observer
        self._clock = clock or SystemClock()
        self._timeout = timeout
        self._secrets = _secrets_of(headers or {})
        self._client = httpx.AsyncClient(
            base_url=self.base_url,
            headers=dict(headers or {}),
            timeout=httpx.Timeout(timeout.total_seconds(), connect=CONNECT_TIMEOUT.total_seconds()),
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._client.aclose()

    def forget_cookies(self) -> None:
        """Drop the session, so that the next login starts clean."""
        self._client.cookies.clear()

    async def send(
        self,
        method: str,
        path: str,
        *,
        operation: str,
        params: Mapping[str, Any] | Sequence[tuple[str, Any]] | None = None,
        form: Mapping[str, str] | None = None,
        body: object | None = None,
        accept: frozenset[int] = frozenset(),
        timeout: timedelta | None = None,
    ) -> Reply:
        """Send one request and return its complete answer.

        2xx and the statuses in `accept` are returned; everything else raises an `UpstreamError`. `operation` names
        the call for metrics and logs; it comes from a closed set and carries no ids.
        """
        started = self._clock.monotonic()
        outcome = "CancelledError"
        try:
            reply = await self._exchange(method, path, params, form, body, timeout or self._timeout)
            self._judge(reply, accept)
            outcome = "ok"
        except UpstreamError as error:
            outcome = type(error).__name__
            raise
        finally:
            self._observer(self.instance, operation, outcome, self._clock.monotonic() - started)
        return reply[0]

    async def _exchange(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | Sequence[tuple[str, Any]] | None,
        form: Mapping[str, str] | None,
        body: object | None,
        timeout: timedelta,
    ) -> tuple[Reply, httpx.Headers]:
        seconds = timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                response = await self._client.request(
                    method,
                    path,
                    params=params if params is None or isinstance(params, Mapping) else list(params),
                    data=form,
                    json=body,
                    timeout=httpx.Timeout(seconds, connect=min(seconds, CONNECT_TIMEOUT.total_seconds())),
                )
        except (httpx.TimeoutException, TimeoutError) as error:
            raise Unreachable(self.instance, "did not answer in time") from error
        except httpx.RemoteProtocolError as error:
            raise Unreachable(self.instance, "broke off its answer") from error
        except httpx.DecodingError as error:
            raise Unintelligible(self.instance, "answered something that cannot be decoded") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(self.instance, f"cannot be reached ({type(error).__name__})") from error
        return (
            Reply(self.instance, response.status_code, response.text, response.headers.get("content-type", "")),
            response.headers,
        )

    def _judge(self, exchange: tuple[Reply, httpx.Headers], accept: frozenset[int]) -> None:
        reply, headers = exchange
        status = reply.status
        if status < 300 or status in accept:
            return
        if status < 400:
            raise Unintelligible(
                self.instance, "answers with a redirect; its URL needs the application's URL base", status=status
            )
        if status in {401, 403}:
            raise Unauthorized(self.instance, f"refused our credentials ({status})", status=status)
        if status == 429:
            raise Throttled(self.instance, "asked us to slow down", status=status, retry_after=_retry_after(headers))
        if status >= 500:
            raise Unreachable(
                self.instance,
                f"answered {status}{self._quoted(reply)}",
                status=status,
                retry_after=_retry_after(headers),
            )
        raise Rejected(self.instance, f"refused the request ({status}){self._quoted(reply)}", status=status)

    def _quoted(self, reply: Reply) -> str:
        """Quote the upstream's own message without any secret that we sent and it repeats."""
        said = _said(reply)
        for secret in self._secrets:
            said = said.replace(secret, "***")
        return f": {said[:_LONGEST_QUOTE]}" if said else ""


def _secrets_of(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the words of our own headers that are long enough to be a key."""
    return tuple(word for value in headers.values() for word in value.split() if len(word) >= _SHORTEST_SECRET)


def _retry_after(headers: httpx.Headers) -> timedelta | None:
    """Read the delay in seconds; the form with a date would compare the clocks of two hosts."""
    value = headers.get("retry-after", "").strip()
    return timedelta(seconds=int(value)) if _SECONDS.fullmatch(value) else None


def _said(reply: Reply) -> str:
    """Find the upstream's own message, put on one line."""
    try:
        parsed = json.loads(reply.text)
    except (ValueError, RecursionError):
        return ""
    if isinstance(parsed, list) and parsed and isinstance(parsed[0], dict):
        text = "; ".join(str(item.get("errorMessage", "")) for item in parsed if isinstance(item, dict))
    elif isinstance(parsed, dict):
        text = str(
            parsed.get("message") or parsed.get("error") or parsed.get("errorMessage") or parsed.get("title") or ""
        )
    else:
        return ""
    return " ".join(text.split())
