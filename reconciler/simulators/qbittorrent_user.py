"""What a person (or Radarr) does with a qBittorrent of any version through its Web API: log in, add, stop, tag.

The reconciler never adds anything, so this is no part of its client. The demo and the tests use it on the simulator
and on the real program alike.
"""

import asyncio
import http.client
import json
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path

from reconciler.model import TorrentId

_TIMEOUT_SECONDS = 10.0
_REFRESHING = "refreshing"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class QBittorrentUser:
    """A logged-in user of one qBittorrent; blocking calls run in a thread."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self.url = url
        self._username = username
        self._password = password
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
        )

    async def get(self, path: str, *, headers: Mapping[str, str] | None = None, **query: str) -> Answer:
        """Read, for example `torrents/info`."""
        tail = "?" + urllib.parse.urlencode(query) if query else ""
        return await self._with_login(
            urllib.request.Request(f"{self.url}/api/v2/{path}{tail}", headers=dict(headers or {}))
        )

    async def post(self, path: str, **form: str) -> Answer:
        """Send a form, for example to `torrents/addTags`."""
        body = urllib.parse.urlencode(form).encode()
        return await self._with_login(urllib.request.Request(f"{self.url}/api/v2/{path}", data=body))

    async def add(
        self,
        torrent: bytes,
        *,
        save_path: Path,
        category: str = "",
        tags: Iterable[str] = (),
        stopped: bool = False,
        skip_checking: bool = False,
        without_root: bool = False,
    ) -> Answer:
        """Add a `.torrent` file. Its content is looked for below `save_path` and fetched when it is missing.

        `without_root` puts the files of a folder directly into `save_path`.
        """
        halted = str(stopped).lower()
        fields = {
            "savepath": str(save_path),
            "category": category,
            "tags": ",".join(tags),
            "paused": halted,  # up to 4.6
            "stopped": halted,  # from 5.0 on
            "skip_checking": str(skip_checking).lower(),
            "autoTMM": "false",
            "contentLayout": "NoSubfolder" if without_root else "Original",
        }
        body, content_type = _multipart(fields, torrent)
        request = urllib.request.Request(f"{self.url}/api/v2/torrents/add", data=body)
        request.add_header("Content-Type", content_type)
        return await self._with_login(request)

    async def rows(self) -> dict[TorrentId, dict[str, object]]:
        """Return the rows of `torrents/info` by id."""
        answer = await self.get("torrents/info")
        if answer.status != 200:
            raise RuntimeError(f"torrents/info answered {answer.status}")
        try:
            return {TorrentId(row["hash"]): row for row in json.loads(answer.body)}
        except ValueError as error:
            raise RuntimeError("torrents/info answered no JSON") from error

    async def stop(self, torrent: TorrentId) -> Answer:
        """Stop a torrent by either of the verbs that the versions know."""
        answer = await self.post("torrents/stop", hashes=torrent)
        return answer if answer.status != 404 else await self.post("torrents/pause", hashes=torrent)

    async def start(self, torrent: TorrentId) -> Answer:
        """Start a stopped torrent, likewise."""
        answer = await self.post("torrents/start", hashes=torrent)
        return answer if answer.status != 404 else await self.post("torrents/resume", hashes=torrent)

    async def refresh(self, torrent: TorrentId) -> None:
        """Let qBittorrent look at an idle torrent again, without changing it.

        Measured on 4.5.2: the seeding time it shows stands still while nothing happens to a torrent. An answer of its
        tracker moves it on, and so does a change of its tags.
        """
        for action in ("addTags", "removeTags"):
            await self.post(f"torrents/{action}", hashes=torrent, tags=_REFRESHING)

    async def log_in(self) -> Answer:
        body = urllib.parse.urlencode({"username": self._username, "password": self._password}).encode()
        return await asyncio.to_thread(self._open, urllib.request.Request(f"{self.url}/api/v2/auth/login", data=body))

    async def _with_login(self, request: urllib.request.Request) -> Answer:
        """Send, and once more after a login if the session is missing."""
        answer = await asyncio.to_thread(self._open, request)
        if answer.status != 403:
            return answer
        await self.log_in()
        request.remove_header("Cookie")
        return await asyncio.to_thread(self._open, request)

    def _open(self, request: urllib.request.Request) -> Answer:
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
                return Answer(response.status, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read())
        except http.client.HTTPException as error:
            raise ConnectionError("the answer broke off") from error


def _multipart(fields: Mapping[str, str], torrent: bytes) -> tuple[bytes, str]:
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="torrents"; filename="a.torrent"\r\n'
        "Content-Type: application/x-bittorrent\r\n\r\n"
    )
    body = b"".join([*parts, head.encode(), torrent, f"\r\n--{boundary}--\r\n".encode()])
    return body, f"multipart/form-data; boundary={boundary}"
