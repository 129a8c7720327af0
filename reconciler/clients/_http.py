"""The only place that knows the HTTP library: one private request path and the status-to-error table.

Nothing is retried here. Replies are read whole before they are judged, so half a body is an error, never a short list.
A call's timeout bounds the whole call, also against an upstream that answers drop by drop: a lease is compared with it.
"""

import asyncio
import errno
import json
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from types import TracebackType
from typing import Any, Self

import httpx

from reconciler.clock import Clock, SystemClock
from reconciler.errors import Rejected, Throttled, Unauthorized, Unintelligible, Unreachable, UpstreamError
from reconciler.model import InstanceName

READ_TIMEOUT = timedelta(seconds=30)
CONNECT_TIMEOUT = timedelta(seconds=5)

_LONGEST_QUOTE = 200
_SHORTEST_SECRET = 4
_AUTH_SCHEMES = frozenset({"basic", "bearer"})
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN})
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
    """An HTTP connection pool to one upstream instance.

    What upstreams say may be quoted in errors, but never with a word of `headers` or one of `secrets`: those are what
    we send in other places, such as a password in a form. `refusals` has what an upstream says with a 403 that is not
    about our credentials, and the words for it.
    """

    def __init__(
        self,
        instance: InstanceName,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
        refusals: Mapping[str, str] | None = None,
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
        self._secrets = _secrets_of(headers or {}, secrets)
        self._refusals = dict(refusals or {})
        self._client = httpx.AsyncClient(
            base_url=self.base_url,
            headers=dict(headers or {}),
            timeout=httpx.Timeout(timeout.total_seconds(), connect=CONNECT_TIMEOUT.total_seconds()),
            follow_redirects=False,
            trust_env=False,
            verify=_trust_for(self.base_url),
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

    @asynccontextmanager
    async def stream(
        self, path: str, *, operation: str, headers: Mapping[str, str] | None = None, silence: timedelta
    ) -> AsyncIterator["Streamed"]:
        """Ask for an answer that has no end, and return it while it comes.

        Its status is whatever it is: whoever asks judges it. Who says nothing for as long as `silence` counts as gone.
        """
        started = self._clock.monotonic()
        outcome = "CancelledError"
        timeout = httpx.Timeout(silence.total_seconds(), connect=CONNECT_TIMEOUT.total_seconds())
        # what comes compressed is held back until there is enough of it
        asked = self._client.build_request(
            "GET", path, headers={"Accept-Encoding": "identity", **(headers or {})}, timeout=timeout
        )
        try:
            with self._in_our_words(silence):
                response = await self._client.send(asked, stream=True)
            outcome = "ok"
        except UpstreamError as error:
            outcome = type(error).__name__
            raise
        finally:
            self._observer(self.instance, operation, outcome, self._clock.monotonic() - started)
        try:
            yield Streamed(self, response, silence)
        finally:
            await response.aclose()

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
        with self._in_our_words(timeout):
            async with asyncio.timeout(seconds):
                response = await self._client.request(
                    method,
                    path,
                    params=params if params is None or isinstance(params, Mapping) else list(params),
                    data=form,
                    json=body,
                    timeout=httpx.Timeout(seconds, connect=min(seconds, CONNECT_TIMEOUT.total_seconds())),
                )
        return (
            Reply(self.instance, response.status_code, response.text, response.headers.get("content-type", "")),
            response.headers,
        )

    @contextmanager
    def _in_our_words(self, timeout: timedelta) -> Iterator[None]:
        """Turn what the HTTP library raises into an `UpstreamError`."""
        try:
            yield
        except (httpx.TimeoutException, TimeoutError) as error:
            # left alone for as long as it kept us waiting, so that it does not hold up every round of the others' work
            raise Unreachable(self.instance, "did not answer in time", retry_after=timeout) from error
        except httpx.RemoteProtocolError as error:
            raise Unreachable(self.instance, "broke off its answer") from error
        except httpx.DecodingError as error:
            raise Unintelligible(self.instance, "answered something that cannot be decoded") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(self.instance, f"cannot be reached ({_cause_of(error)})") from error

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
            if (known := self._refusals.get(_said(reply))) is not None:
                raise Rejected(self.instance, known, status=status)
            raise Unauthorized(self.instance, f"refused our credentials ({status}){self._quoted(reply)}", status=status)
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


class Streamed:
    """An answer that is still coming; see `Http.stream`."""

    def __init__(self, http: Http, response: httpx.Response, silence: timedelta) -> None:
        self._http = http
        self._response = response
        self._silence = silence
        self.status = response.status_code
        self.content_type: str = response.headers.get("content-type", "")

    async def chunks(self) -> AsyncIterator[bytes]:
        """Return the bytes as they arrive. Raises `Unreachable` when the other side breaks off or falls silent."""
        with self._http._in_our_words(self._silence):
            async for chunk in self._response.aiter_bytes():
                yield chunk

    async def whole(self) -> Reply:
        """Wait for the end, for an answer that was expected to have none."""
        with self._http._in_our_words(self._silence):
            async with asyncio.timeout(self._silence.total_seconds()):
                await self._response.aread()
        return Reply(self._http.instance, self.status, self._response.text, self.content_type)


@cache
def authorities() -> ssl.SSLContext:
    """Return whose certificates are believed: what `SSL_CERT_FILE` or `SSL_CERT_DIR` names, or a list that comes along.

    It is read once: that takes a tenth of a second, and every instance has a connection pool of its own.
    """
    return httpx.create_ssl_context()


def _trust_for(url: str) -> ssl.SSLContext:
    """Where nothing is encrypted no list needs to be read, and nobody is believed."""
    return authorities() if url.lower().startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _secrets_of(headers: Mapping[str, str], others: Sequence[str]) -> tuple[str, ...]:
    """Return what must not be quoted, as it would look on one line: the longest first, one may be a part of another.

    Of our own headers it is every word; what is shorter than four characters is in every other sentence.
    """
    words = {word for value in headers.values() for word in value.split() if word.lower() not in _AUTH_SCHEMES}
    words |= {" ".join(secret.split()) for secret in others}
    return tuple(sorted((word for word in words if len(word) >= _SHORTEST_SECRET), key=len, reverse=True))


def _cause_of(error: BaseException) -> str:
    """Say in words why there is no connection. The libraries' own texts can name addresses, so they are not quoted."""
    for cause in _causes(error):
        match cause:
            case socket.gaierror():
                return "its host name is not known"
            case ConnectionRefusedError():
                return "it refused the connection"
            case ssl.SSLCertVerificationError():
                return "its certificate is not trusted"
            case ssl.SSLError():
                return "it does not speak HTTPS there, or not as we do"
            case OSError(errno=number) if number in _NO_ROUTE:
                return "the network is unreachable"
    return type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Go through an error and what led to it, the members of groups included (one attempt per address)."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        current = waiting.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        members = current.exceptions if isinstance(current, BaseExceptionGroup) else ()
        waiting += [*members, current.__cause__, current.__context__]


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
