"""A stateful HTTP simulator of qBittorrent 4.6, 5.1 and 5.2 with real files (upstreams.md 5, 8 and 9.1).

It is put together here from its parts: who is let in (`qbittorrent_door`), the torrents and their files
(`qbittorrent_session`), what is shown of them (`qbittorrent_rows`), and trouble on command (`faults`).
"""

import asyncio
import contextlib
import urllib.parse
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from reconciler.clock import Clock, SystemClock
from reconciler.model import InfoHash, TorrentId, parse_info_hash
from reconciler.simulators.faults import Faults
from reconciler.simulators.qbittorrent_dialects import DIALECTS, Mode
from reconciler.simulators.qbittorrent_door import Door
from reconciler.simulators.qbittorrent_rows import file_rows, listing, properties, tracker_rows
from reconciler.simulators.qbittorrent_session import SimulatedTorrent, TorrentSession, fetch_url
from reconciler.simulators.torrentfile import parse_torrent

Params = Mapping[str, str]
Action = Callable[[Params], Awaitable[Response]]


class QBittorrentSimulator:
    """One simulated qBittorrent; serve its `app`.

    Its parts are public, so that tests look at them and change them: `session` (torrents, delays, sources), `door`
    (sessions, bans, counters), `faults` (outages). `requests` are the last calls as (method, path). Downloads and
    removals under way end with the application's lifespan.
    """

    def __init__(
        self,
        mode: Mode | str,
        *,
        username: str,
        password: str,
        save_root: Path,
        api_key: str | None = None,
        bypass: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self.mode = Mode(mode)
        self.dialect = DIALECTS[self.mode]
        self._clock = clock or SystemClock()
        self.door = Door(
            self.dialect, self._clock, username=username, password=password, api_key=api_key, bypass=bypass
        )
        self.session = TorrentSession(self.dialect, self._clock, save_root)
        self.requests: deque[tuple[str, str]] = deque(maxlen=10_000)
        routes = [Route("/api/v2/{path:path}", self._answer, methods=["GET", "POST", "HEAD", "PUT", "DELETE"])]
        self.faults = Faults(
            Starlette(routes=routes, lifespan=self._lifespan, exception_handlers={HTTPException: _say})
        )
        self._readers: dict[str, Action] = {
            "app/version": self._version,
            "app/webapiVersion": self._web_api_version,
            "app/preferences": self._preferences,
            "app/defaultSavePath": self._default_save_path,
            "torrents/info": self._info,
            "torrents/files": self._files,
            "torrents/properties": self._properties,
            "torrents/trackers": self._trackers,
            "torrents/categories": self._categories,
            "torrents/tags": self._tags,
        }
        self._writers: dict[str, Action] = {
            "torrents/delete": self._delete,
            f"torrents/{self.dialect.stop}": self._stop,
            f"torrents/{self.dialect.start}": self._start,
            "torrents/recheck": self._recheck,
            "torrents/addTags": self._add_tags,
            "torrents/removeTags": self._remove_tags,
            "torrents/createCategory": self._create_category,
            "torrents/setCategory": self._set_category,
        }
        if self.dialect.is_modern:
            self._writers["torrents/setTags"] = self._set_tags

    @property
    def app(self) -> ASGIApp:
        return self.faults

    async def restart(self) -> None:
        """Stop in good order and start again: sessions and bans are gone, torrents are not."""
        await self.session.restart()
        self.door.forget()

    def crash(self) -> None:
        """Die and start again: sessions and bans are gone, and what was deleted a moment ago is back."""
        self.session.crash()
        self.door.forget()

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        yield
        await self.session.aclose()

    # --- one request -----------------------------------------------------------------------------------------------

    async def _answer(self, request: Request) -> Response:
        path = str(request.path_params["path"])
        self.requests.append((request.method, path))
        self.door.check_headers(request)
        if path == "auth/login":
            _expect_post(request)
            return self.door.log_in(request, await _params(request))
        if not self.door.lets_in(request):
            raise HTTPException(403, "Forbidden")
        if path == "auth/logout":
            _expect_post(request)
            return self.door.log_out(request)
        if path == "torrents/add":
            _expect_post(request)
            async with request.form() as form:
                return await self._add(form)
        if action := self._writers.get(path):
            _expect_post(request)
        elif action := self._readers.get(path):
            if request.method not in {"GET", "HEAD", "POST"}:
                raise HTTPException(405, "Method Not Allowed")
        else:
            raise HTTPException(404, "Endpoint does not exist" if self.dialect.has_keys else "Not Found")
        return await action(await _params(request))

    def _required(self, params: Params, *names: str) -> tuple[str, ...]:
        if missing := [name for name in names if name not in params]:
            said = f"Missing required parameters: {', '.join(missing)}" if self.dialect.is_modern else "Bad Request"
            raise HTTPException(400, said)
        return tuple(params[name] for name in names)

    def _ids(self, params: Params) -> list[TorrentId]:
        """Return the ids that `hashes` names: every one for exactly `all`, unknown and malformed ones as they are."""
        (hashes,) = self._required(params, "hashes")
        if hashes == "all":
            return list(self.session.torrents)
        return [TorrentId(each) for each in hashes.lower().split("|")]

    def _torrent(self, params: Params) -> SimulatedTorrent:
        (torrent_id,) = self._required(params, "hash")
        torrent = self.session.torrents.get(TorrentId(torrent_id.lower()))
        if torrent is None:
            raise HTTPException(404, "Not Found")
        return torrent

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    def _done(self) -> Response:
        return Response(status_code=self.dialect.empty_status)

    # --- reading ---------------------------------------------------------------------------------------------------

    async def _version(self, _params: Params) -> Response:
        return PlainTextResponse(self.dialect.app)

    async def _web_api_version(self, _params: Params) -> Response:
        return PlainTextResponse(self.dialect.web_api)

    async def _default_save_path(self, _params: Params) -> Response:
        return PlainTextResponse(str(self.session.save_root))

    async def _preferences(self, _params: Params) -> Response:
        preferences: dict[str, object] = {
            "save_path": str(self.session.save_root),
            "temp_path_enabled": False,
            "temp_path": "",
            "bypass_local_auth": self.door.bypass,
            "web_ui_max_auth_fail_count": 5,
            "web_ui_ban_duration": 3600,
            "max_ratio_act": 0,
        }
        if self.dialect.is_modern:
            preferences["torrent_content_remove_option"] = "Delete"
        return JSONResponse(preferences)

    async def _info(self, params: Params) -> Response:
        return JSONResponse(listing(self.session, self.dialect, self._now(), params))

    async def _files(self, params: Params) -> Response:
        return JSONResponse(file_rows(self._torrent(params)))

    async def _properties(self, params: Params) -> Response:
        return JSONResponse(properties(self._torrent(params), self._now()))

    async def _trackers(self, params: Params) -> Response:
        return JSONResponse(tracker_rows(self._torrent(params)))

    async def _categories(self, _params: Params) -> Response:
        return JSONResponse(
            {name: {"name": name, "savePath": path} for name, path in sorted(self.session.categories.items())}
        )

    async def _tags(self, _params: Params) -> Response:
        return JSONResponse(sorted(self.session.tags))

    # --- changing --------------------------------------------------------------------------------------------------

    async def _delete(self, params: Params) -> Response:
        _, delete_files = self._required(params, "hashes", "deleteFiles")
        self.session.delete(self._ids(params), delete_files=delete_files == "true")
        return Response(status_code=200)

    async def _stop(self, params: Params) -> Response:
        self.session.stop(self._ids(params))
        return self._done()

    async def _start(self, params: Params) -> Response:
        self.session.start(self._ids(params))
        return self._done()

    async def _recheck(self, params: Params) -> Response:
        self.session.recheck(self._ids(params))
        return self._done()

    async def _add_tags(self, params: Params) -> Response:
        tags = _split(self._required(params, "hashes", "tags")[1])
        self.session.tags |= tags
        for torrent in self._chosen(params):
            torrent.tags |= tags
        return self._done()

    async def _remove_tags(self, params: Params) -> Response:
        tags = _split(self._required(params, "hashes", "tags")[1])
        for torrent in self._chosen(params):
            torrent.tags = torrent.tags - tags if tags else set()
        return self._done()

    async def _set_tags(self, params: Params) -> Response:
        tags = _split(self._required(params, "hashes", "tags")[1])
        self.session.tags |= tags
        for torrent in self._chosen(params):
            torrent.tags = set(tags)
        return self._done()

    async def _create_category(self, params: Params) -> Response:
        (name,) = self._required(params, "category")
        if not name or name in self.session.categories:
            raise HTTPException(409 if name else 400, "Unable to create category")
        self.session.categories[name] = params.get("savePath", "")
        return self._done()

    async def _set_category(self, params: Params) -> Response:
        name = self._required(params, "hashes", "category")[1]
        if name and name not in self.session.categories:
            raise HTTPException(409, "Incorrect category name")
        for torrent in self._chosen(params):
            torrent.category = name
        return self._done()

    def _chosen(self, params: Params) -> list[SimulatedTorrent]:
        return [self.session.torrents[each] for each in self._ids(params) if each in self.session.torrents]

    # --- adding ----------------------------------------------------------------------------------------------------

    async def _add(self, form: FormData) -> Response:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        documents: list[bytes] = [await value.read() for value in form.values() if isinstance(value, UploadFile)]
        try:
            metas = [parse_torrent(document) for document in documents]
        except ValueError:
            raise HTTPException(415, "Error: the file is not a valid torrent file.") from None
        save_path = Path(fields["savepath"]) if fields.get("savepath") else None
        category, tags = fields.get("category", ""), _split(fields.get("tags", ""))
        stopped = fields.get(self.dialect.stopped) == "true"
        skip_checking = fields.get("skip_checking") == "true"
        without_root = fields.get("contentLayout") == "NoSubfolder"

        def add(document: bytes) -> TorrentId | None:
            meta = parse_torrent(document)
            return self.session.add(
                meta.without_root() if without_root else meta,
                save_path=save_path,
                category=category,
                tags=tags,
                stopped=stopped,
                skip_checking=skip_checking,
            )

        async def fetch_and_add(url: str) -> None:
            # the real program only logs what goes wrong here
            with contextlib.suppress(OSError, ValueError):
                add(await asyncio.to_thread(fetch_url, url))

        added = [add(document) for document, _ in zip(documents, metas, strict=True)]
        pending = 0
        for url in fields.get("urls", "").split():
            if url.startswith("magnet:"):
                info_hash, name = _read_magnet(url)
                magnet = self.session.add_magnet(
                    info_hash, name, save_path=save_path, category=category, tags=tags, stopped=stopped
                )
                added.append(magnet)
            else:
                pending += 1
                self.session.spawn(fetch_and_add(url))
        return self._added([each for each in added if each], added.count(None), pending)

    def _added(self, ids: list[TorrentId], failures: int, pending: int) -> Response:
        if not self.dialect.has_keys:
            return PlainTextResponse("Ok." if ids or pending else "Fails.")
        if not ids and not pending:
            raise HTTPException(409, "No torrent was added")
        counts = {"success_count": len(ids), "failure_count": failures, "pending_count": pending}
        return JSONResponse({**counts, "added_torrent_ids": ids}, 202 if pending else 200)


async def _say(_request: Request, error: Exception) -> Response:
    """Answer errors as qBittorrent does: a line of plain text."""
    if not isinstance(error, HTTPException):
        raise error
    return PlainTextResponse(error.detail, error.status_code)


async def _params(request: Request) -> Params:
    """Return the query of a GET, or the form of a POST: the query of a POST is ignored."""
    if request.method != "POST":
        return dict(request.query_params)
    async with request.form() as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


def _expect_post(request: Request) -> None:
    if request.method != "POST":
        raise HTTPException(405, "Method Not Allowed")


def _split(tags: str) -> set[str]:
    return {tag.strip() for tag in tags.split(",")} - {""}


def _read_magnet(url: str) -> tuple[InfoHash, str]:
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
    name = query.get("dn", [""])[0]
    for topic in query.get("xt", []):
        info_hash = parse_info_hash(topic.removeprefix("urn:btih:").removeprefix("urn:btmh:1220"))
        if info_hash:
            return info_hash, name
    raise HTTPException(415, "Error: the link is not valid.")
