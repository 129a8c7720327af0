"""Asking the running service, the way any other program would: over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from reconciler.cli.exits import NotFound, Refused
from reconciler.clients import sse
from reconciler.clients._http import Http, Reply, Streamed
from reconciler.connections import shown
from reconciler.errors import ConfigError, ReconcilerError, Unintelligible, Unreachable
from reconciler.model import InstanceName

URL_VARIABLE = "RECONCILER_URL"
TOKEN_VARIABLE = "RECONCILER_API_TOKEN"  # noqa: S105 - the variable's name, not a secret
TOKEN_FILE_VARIABLE = "RECONCILER_API_TOKEN_FILE"  # noqa: S105 - likewise

SILENCE = timedelta(seconds=40)
"""A stream that says nothing for so long is gone: the service sends a comment every 15 seconds."""

_NAME = InstanceName("reconciler")
_PROBLEM = "application/problem+json"
_JUDGED_HERE = frozenset({400, 401, 403, 404, 405, 409, 413, 415, 422, 500, 502, 503})


def connect(url: str, token: str | None) -> Http:
    """Open a connection to the service at `url`."""
    headers = {"Reconciler-Client": "cli", **({"Authorization": f"Bearer {token}"} if token else {})}
    return Http(_NAME, url, headers=headers)


def token_from(environ: Mapping[str, str]) -> str | None:
    """Return the API token the environment holds or names a file of; `None` if it does neither."""
    token = environ.get(TOKEN_VARIABLE, "").strip()
    named = environ.get(TOKEN_FILE_VARIABLE, "").strip()
    if token or not named:
        return token or None
    try:
        return Path(named).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            [f"{TOKEN_FILE_VARIABLE} names a file that cannot be read; correct it or its permissions."]
        ) from None


class Connection:
    """The running service, for as long as a command stays. The same errors as `Service`."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url
        self._http = connect(url, token)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def get(
        self, path: str, params: Mapping[str, Any] | None = None, *, timeout: timedelta | None = None
    ) -> dict[str, Any]:
        return await self.call("GET", path, params=params, timeout=timeout)

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: object | None = None,
        timeout: timedelta | None = None,
    ) -> dict[str, Any]:
        with self._where():
            reply = await self._http.send(
                method, path, operation="cli", params=params, body=body, accept=_JUDGED_HERE, timeout=timeout
            )
        return _document_of(reply)

    @asynccontextmanager
    async def events(self, last_id: str) -> AsyncIterator[Streamed]:
        """Open the stream of events, from after the one of this id on; of what happens next if it is empty."""
        headers = {"Accept": sse.MEDIA_TYPE, **({"Last-Event-ID": last_id} if last_id else {})}
        async with AsyncExitStack() as opened:
            with self._where():
                stream = self._http.stream("/events", operation="cli", headers=headers, silence=SILENCE)
                streamed = await opened.enter_async_context(stream)
            if streamed.status != 200 or sse.MEDIA_TYPE not in streamed.content_type:
                _document_of(await streamed.whole())
                raise not_ours()
            yield streamed

    @contextmanager
    def _where(self) -> Iterator[None]:
        """Name the address of a service that cannot be reached."""
        try:
            yield
        except Unreachable as error:
            if error.status is not None:  # it was reached, and said something
                raise
            where = f"{error.message} at {shown(self._url)}"
            raise Unreachable(_NAME, f"{where}; is it running? See --url or {URL_VARIABLE}") from error


class Service:
    """The running service. Raises `Refused`, `NotFound` or an `UpstreamError`; answers are JSON objects."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url
        self._token = token

    def connection(self) -> Connection:
        """Return a connection for a command that stays."""
        return Connection(self._url, self._token)

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return asyncio.run(self._call("GET", path, params=params))

    def post(self, path: str, body: object | None = None, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return asyncio.run(self._call("POST", path, params=params, body=body))

    async def _call(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, body: object | None = None
    ) -> dict[str, Any]:
        async with self.connection() as connection:
            return await connection.call(method, path, params=params, body=body)


def _document_of(reply: Reply) -> dict[str, Any]:
    """Return the JSON object of an answer; raises what an error says.

    Whatever stands before the service may answer for it, in JSON too. Its own errors are told by their media type.
    """
    document = reply.json()
    expected = _PROBLEM if reply.status >= 400 else "json"
    if not isinstance(document, dict) or expected not in reply.content_type:
        raise not_ours(reply.status if reply.status >= 400 else None)
    if reply.status >= 400:
        raise _error_of(reply, document)
    return document


def not_ours(status: int | None = None) -> Unintelligible:
    """Return the error for an answer that the reconciler does not give; `status` is that of an error."""
    what = "something" if status is None else f"something ({status})"
    return Unintelligible(_NAME, f"answered {what} that is not from the reconciler; check --url", status=status)


def path_of(deletion: str, action: str = "") -> str:
    """Return where one deletion is found, or an action on it; an id cannot leave its place in the address."""
    return f"/deletions/{quote(deletion, safe='')}{action}"


def _error_of(reply: Reply, problem: Mapping[str, Any]) -> ReconcilerError:
    said = f"{problem.get('title', 'It refused')}. {problem.get('detail', '')}".strip()
    said += "".join(f" {error['field']}: {error['message']}." for error in problem.get("errors") or [])
    match reply.status:
        case 404:
            return NotFound(said)
        case 500 | 502 | 503:
            return Unreachable(_NAME, f"cannot answer now: {said.rstrip('.')}", status=reply.status)
        case 401:
            return Refused(f"{said} Use --token or {TOKEN_VARIABLE}.")
        case _:
            return Refused(said)
