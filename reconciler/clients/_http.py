"""The only place that knows the HTTP library: one private request path and the status-to-error table.

Nothing is retried here. Replies are read whole before they are judged, so half a body is an error, never a short list.
"""

import json
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

CallObserver = Callable[[InstanceName, str, str, float], None]
"""Told of every call: instance, operation, outcome (`ok` or the error's class name), seconds."""


def _ignore(_instance: InstanceName, _operation: str, _outcome: str, _seconds: float) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer."""

    upstream: InstanceName
    status: int
    text: str
    content_type: str

    def json(self) -> Any:
        """Parse the body; raises `Unintelligible` for anything but JSON (an HTML login page, half a body)."""
        try:
            return json.loads(self.text)
        except ValueError as error:
            what = "a web page" if "html" in self.content_type or self.text.lstrip()[:1] == "<" else "no valid JSON"
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
        observer: CallObserver = _ignore,
        clock: Clock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.instance = instance
        self.base_url = base_url.rstrip("/")
        self._observer = observer
        self._clock = clock or SystemClock()
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
        outcome = "ok"
        try:
            reply = await self._exchange(method, path, params, form, body, timeout)
            self._judge(reply, accept)
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
        timeout: timedelta | None,
    ) -> tuple[Reply, httpx.Headers]:
        try:
            response = await self._client.request(
                method,
                path,
                params=params if params is None or isinstance(params, Mapping) else list(params),
                data=form,
                json=body,
                timeout=timeout.total_seconds() if timeout else httpx.USE_CLIENT_DEFAULT,
            )
        except httpx.TimeoutException as error:
            raise Unreachable(self.instance, "did not answer in time") from error
        except httpx.RemoteProtocolError as error:
            raise Unreachable(self.instance, "broke off its answer") from error
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
                self.instance, f"answered {status}{_said(reply)}", status=status, retry_after=_retry_after(headers)
            )
        raise Rejected(self.instance, f"refused the request ({status}){_said(reply)}", status=status)


def _retry_after(headers: httpx.Headers) -> timedelta | None:
    value = headers.get("retry-after", "")
    return timedelta(seconds=int(value)) if value.isdigit() else None


def _said(reply: Reply) -> str:
    """Quote the upstream's own message, shortened and on one line."""
    try:
        parsed = json.loads(reply.text)
    except ValueError:
        return ""
    if isinstance(parsed, list) and parsed and isinstance(parsed[0], dict):
        text = "; ".join(str(item.get("errorMessage", "")) for item in parsed if isinstance(item, dict))
    elif isinstance(parsed, dict):
        text = str(
            parsed.get("message") or parsed.get("error") or parsed.get("errorMessage") or parsed.get("title") or ""
        )
    else:
        return ""
    line = " ".join(text.split())[:200]
    return f": {line}" if line else ""
