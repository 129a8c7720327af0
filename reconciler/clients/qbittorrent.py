"""The client of qBittorrent 4.5 to 5.3 (upstreams.md 5).

The versions differ in their login (`Ok.` or 204, `Fails.` or 401, the cookie's name) and not in what is read here.
Every call is tried with the session there is; a 403 earns one login and one repetition. A refused login is not
repeated for an hour, because five of them ban our address, which Radarr and Sonarr may share.
"""

import asyncio
import posixpath
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from reconciler.clients._http import CallObserver, Http, Reply, Transport, ignore_calls
from reconciler.clock import Clock, SystemClock
from reconciler.errors import Rejected, Unauthorized, Unintelligible
from reconciler.model import InfoHash, InstanceName, TorrentId, UpstreamKind, parse_info_hash, parse_torrent_id
from reconciler.observed import AppInfo, Torrent, TorrentFile, Trackers

APP_NAME = "qBittorrent"
LOGIN_PAUSE = timedelta(hours=1)
"""How long a refused login is not repeated."""

_API = "/api/v2"
_IDS_PER_READ = 100
"""Ids in one `torrents/info?hashes=`: about 4 KB of URL, which every proxy lets through."""

_VERSION = re.compile(r"v?\d+\.\d+[\w.+-]*")
_WEB_API_VERSION = re.compile(r"\d+(\.\d+)+")
_OTHER_SOURCE = re.compile(r"\*\* \[\w+\] \*\*")
"""How DHT, peer exchange and local discovery are listed among the trackers."""


class QBittorrent:
    """One qBittorrent. Give an API key (5.2 and later), a name and a password, or nothing where none is asked for."""

    def __init__(
        self,
        http: Http,
        *,
        username: str | None = None,
        password: str | None = None,
        api_key: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Take over `http`, which already carries the header of `api_key` (see `connect`)."""
        self._http = http
        self._credentials = (
            {"username": username, "password": password}
            if username is not None and password is not None and api_key is None
            else None
        )
        self._has_api_key = api_key is not None
        self._clock = clock or SystemClock()
        self._login_lock = asyncio.Lock()
        self._logins = 0
        self._refusal: tuple[float, Unauthorized] | None = None

    @property
    def instance(self) -> InstanceName:
        return self._http.instance

    @property
    def kind(self) -> UpstreamKind:
        return UpstreamKind.QBITTORRENT

    async def aclose(self) -> None:
        await self._http.aclose()

    def forget_refusal(self) -> None:
        """Forget that a login was refused, so that the next call tries again at once."""
        self._refusal = None

    async def obstacle(self) -> str:
        """Whoever is let in may delete: there is nothing that could keep us from it."""
        return ""

    async def identify(self) -> AppInfo:
        try:
            version = await self._send("GET", "app/version", operation="version")
            web_api = await self._send("GET", "app/webapiVersion", operation="version")
        except Rejected as error:
            raise Unintelligible(self.instance, "is not a qBittorrent; check the URL", status=error.status) from error
        said = version.text.strip()
        if not _VERSION.fullmatch(said) or not _WEB_API_VERSION.fullmatch(web_api.text.strip()):
            raise Unintelligible(self.instance, "is not a qBittorrent; check the URL and any proxy before it")
        return AppInfo(name=APP_NAME, version=said)

    async def torrents(self) -> tuple[Torrent, ...]:
        return self._parse_list(await self._send("GET", "torrents/info", operation="torrents"))

    async def present(self, torrents: Sequence[TorrentId]) -> tuple[Torrent, ...]:
        wanted = _checked(torrents)
        found: dict[TorrentId, Torrent] = {}
        for start in range(0, len(wanted), _IDS_PER_READ):
            ids = wanted[start : start + _IDS_PER_READ]
            reply = await self._send(
                "GET", "torrents/info", operation="torrents_by_id", params={"hashes": "|".join(ids)}
            )
            found |= {torrent.id: torrent for torrent in self._parse_list(reply) if torrent.id in ids}
        return tuple(found.values())

    async def files(self, torrent: TorrentId) -> tuple[TorrentFile, ...] | None:
        (wanted,) = _checked([torrent])
        reply = await self._send(
            "GET", "torrents/files", operation="files", params={"hash": wanted}, accept=frozenset({404})
        )
        if reply.status == 404 and not reply.is_page:
            return None
        return tuple(self._parse_file(row) for row in self._rows(reply))

    async def trackers(self, torrent: TorrentId) -> Trackers | None:
        """Return who one torrent is announced to, or `None` when there is no such torrent.

        Before 5.0 only this list tells whether a torrent is private: the rows of the other sources of peers then say
        why they are not used. What they say is translated, so that they say anything is what counts.
        """
        (wanted,) = _checked([torrent])
        reply = await self._send(
            "GET", "torrents/trackers", operation="trackers", params={"hash": wanted}, accept=frozenset({404})
        )
        if reply.status == 404 and not reply.is_page:
            return None
        rows = [(self._text(row, "url"), self._text(row, "msg", "")) for row in self._rows(reply)]
        excuses = [excuse.strip() for url, excuse in rows if _OTHER_SOURCE.fullmatch(url)]
        hosts = [_host_of(url) for url, _ in rows if not _OTHER_SOURCE.fullmatch(url)]
        return Trackers(hosts=frozenset(host for host in hosts if host), private=any(excuses) if excuses else None)

    async def remove(self, torrents: Sequence[TorrentId], *, delete_files: bool) -> None:
        """Ask for removal in one call. An empty sequence sends nothing.

        Raises `ValueError` for anything but torrent ids: the word `all` would remove every torrent there is.
        """
        ids = _checked(torrents)
        if not ids:
            return
        form = {"hashes": "|".join(ids), "deleteFiles": "true" if delete_files else "false"}
        reply = await self._send("POST", "torrents/delete", operation="remove", form=form)
        if reply.is_page:
            raise Unintelligible(self.instance, "answered a web page; check the URL and any proxy before it")

    # --- one call and its session ----------------------------------------------------------------------------------

    async def _send(
        self,
        method: str,
        path: str,
        *,
        operation: str,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        accept: frozenset[int] = frozenset(),
    ) -> Reply:
        """Send one request; after a 403 log in and send it once more, which is safe as it was not carried out."""
        self._check_refusal()
        logins = self._logins
        for is_last in (False, True):
            try:
                return await self._http.send(
                    method, f"{_API}/{path}", operation=operation, params=params, form=form, accept=accept
                )
            except Unauthorized as error:
                if error.status != 403 or self._credentials is None or is_last:
                    raise self._explained(error, after_login=is_last) from error
            await self._log_in(self._credentials, seen_logins=logins)
        raise AssertionError("the second attempt returns or raises")

    async def _log_in(self, credentials: Mapping[str, str], *, seen_logins: int) -> None:
        """Log in, unless another call did or failed to while this one waited."""
        async with self._login_lock:
            self._check_refusal()
            if self._logins != seen_logins:
                return
            self._http.forget_cookies()
            try:
                await self._log_in_once(credentials)
            except Unauthorized as refusal:
                self._refusal = (self._clock.monotonic(), refusal)
                raise
            self._logins += 1

    async def _log_in_once(self, credentials: Mapping[str, str]) -> None:
        reply = await self._http.send(
            "POST", f"{_API}/auth/login", operation="login", form=credentials, accept=frozenset({401, 403})
        )
        if reply.status == 403 and reply.is_page:
            raise Unauthorized(
                self.instance, "is behind something that refuses us (403); check the URL and any proxy", status=403
            )
        if reply.status == 403:
            raise Unauthorized(
                self.instance,
                "has banned our address after too many failed logins; correct the user name and password, then wait "
                "for the ban to end (an hour unless set otherwise) or restart qBittorrent",
                status=403,
            )
        said = reply.text.strip()
        if reply.status == 401 or said == "Fails.":
            raise Unauthorized(
                self.instance, "refused our login; correct the user name and password", status=reply.status
            )
        if said not in {"", "Ok."}:
            raise Unintelligible(self.instance, "answered our login with something else; check the URL and any proxy")

    def _check_refusal(self) -> None:
        """Raise the last refusal again while it is fresh, without asking qBittorrent."""
        if self._refusal is None:
            return
        refused_at, refusal = self._refusal
        if self._clock.monotonic() - refused_at < LOGIN_PAUSE.total_seconds():
            raise Unauthorized(self.instance, refusal.message, status=refusal.status)
        self._refusal = None

    def _explained(self, error: Unauthorized, *, after_login: bool) -> Unauthorized:
        """Say what to do about a refusal of an ordinary call."""
        if error.status == 401:
            message = (
                "refused the request before looking at it (401): the port in the URL must be the one that qBittorrent "
                "itself listens on (map 8080:8080, not 8081:8080), its server domains must allow the host name, and "
                "a proxy must not add a foreign Origin or Referer"
            )
        elif self._has_api_key:
            message = "refused our API key (403); create a new one in its Web UI settings"
        elif after_login:
            message = "took our login but refuses the session (403); check that no proxy drops its cookies"
        else:
            message = "asks for a login (403); configure a user name and password, or an API key"
        return Unauthorized(self.instance, message, status=error.status)

    # --- parsing ---------------------------------------------------------------------------------------------------

    def _rows(self, reply: Reply) -> list[dict[str, object]]:
        rows = reply.json()
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Unintelligible(self.instance, "answered something else than a list", status=reply.status)
        return rows

    def _parse_list(self, reply: Reply) -> tuple[Torrent, ...]:
        return tuple(self._parse_torrent(row) for row in self._rows(reply))

    def _parse_torrent(self, row: Mapping[str, object]) -> Torrent:
        torrent_id = parse_torrent_id(row.get("hash"))
        if torrent_id is None:
            raise Unintelligible(self.instance, "listed a torrent without a valid hash")
        save_path = self._text(row, "save_path")
        private = row.get("private")
        return Torrent(
            instance=self.instance,
            id=torrent_id,
            name=self._text(row, "name"),
            state=self._text(row, "state"),
            save_path=save_path,
            download_path=self._text(row, "download_path", ""),
            content_path=_absolute(save_path, self._text(row, "content_path")),
            size=self._integer(row, "size"),
            progress=self._number(row, "progress"),
            added_on=self._integer(row, "added_on"),
            infohash_v1=self._info_hash(row, "infohash_v1"),
            infohash_v2=self._info_hash(row, "infohash_v2"),
            category=self._text(row, "category"),
            tags=frozenset(tag.strip() for tag in self._text(row, "tags").split(",")) - {""},
            ratio=self._number(row, "ratio", 0.0),
            seeding_seconds=self._integer(row, "seeding_time", 0),
            private=private if isinstance(private, bool) else None,
            tracker=self._text(row, "tracker", ""),
        )

    def _parse_file(self, row: Mapping[str, object]) -> TorrentFile:
        return TorrentFile(name=self._text(row, "name"), size=self._integer(row, "size"))

    def _text(self, row: Mapping[str, object], name: str, default: str | None = None) -> str:
        value = row.get(name, default)
        if not isinstance(value, str):
            raise self._unreadable(name)
        return value

    def _number(self, row: Mapping[str, object], name: str, default: float | None = None) -> float:
        value = row.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._unreadable(name)
        return float(value)

    def _integer(self, row: Mapping[str, object], name: str, default: int | None = None) -> int:
        value = row.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._unreadable(name)
        return value

    def _info_hash(self, row: Mapping[str, object], name: str) -> InfoHash | None:
        """Read an optional hash; an empty text is none, anything else must be one."""
        value = row.get(name, "")
        parsed = parse_info_hash(value)
        if parsed is None and value != "":
            raise self._unreadable(name)
        return parsed

    def _unreadable(self, name: str) -> Unintelligible:
        return Unintelligible(self.instance, f"answered a row without a usable {name}")


def connect(
    instance: InstanceName,
    url: str,
    *,
    username: str | None = None,
    password: str | None = None,
    api_key: str | None = None,
    observer: CallObserver = ignore_calls,
    clock: Clock | None = None,
    transport: Transport | None = None,
) -> QBittorrent:
    """Make a client with a connection pool of its own; nothing is sent yet."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key is not None else None
    secrets = [password] if password else []
    http = Http(instance, url, headers=headers, secrets=secrets, observer=observer, clock=clock, transport=transport)
    return QBittorrent(http, username=username, password=password, api_key=api_key, clock=clock)


def _checked(torrents: Sequence[TorrentId]) -> list[TorrentId]:
    """Return the ids in lower case and without repetition; raises `ValueError` if any is none."""
    ids: dict[TorrentId, None] = {}
    for text in torrents:
        torrent_id = parse_torrent_id(text)
        if torrent_id is None:
            raise ValueError("not a torrent id")
        ids[torrent_id] = None
    return list(ids)


def _host_of(url: str) -> str | None:
    """Return the host of a tracker in lower case, or `None` for a text that is no address."""
    try:
        return urlsplit(url.strip()).hostname
    except ValueError:
        return None


def _absolute(save_path: str, content_path: str) -> str:
    """Complete the relative path that 4.5 shows during the first second after an add (upstreams.md 9.1)."""
    is_windows = re.match(r"[A-Za-z]:[/\\]|\\\\", content_path) is not None
    return content_path if not content_path or is_windows else posixpath.join(save_path, content_path)
