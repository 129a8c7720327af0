"""The torrents of a simulated qBittorrent and their real files: add, download, recheck, remove, crash."""

import asyncio
import contextlib
import urllib.parse
import urllib.request
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from reconciler.clock import Clock
from reconciler.model import InfoHash, TorrentId
from reconciler.simulators.qbittorrent_dialects import Dialect
from reconciler.simulators.torrentfile import Metainfo

_FETCH_TIMEOUT_SECONDS = 10.0


class Content(StrEnum):
    """What qBittorrent believes about a torrent's content; the disk may already say otherwise."""

    WHOLE = "whole"
    PARTIAL = "partial"
    ARRIVING = "arriving"
    MISSING = "missing"


@dataclass(slots=True)
class SimulatedTorrent:
    """One torrent. `meta` is `None` until a magnet's metadata has arrived. Tests may change any field.

    `private` is `None` without metadata. `seeding_seconds` is how long it has seeded; `None` counts from completion.
    """

    id: TorrentId
    name: str
    save_path: Path
    meta: Metainfo | None
    infohash_v1: InfoHash | None
    infohash_v2: InfoHash | None
    added_on: int
    category: str = ""
    tags: set[str] = field(default_factory=set)
    stopped: bool = False
    content: Content = Content.PARTIAL
    completed_on: int = -1
    ratio: float = 0.0
    trackers: list[str] = field(default_factory=list)
    private: bool | None = None
    seeding_seconds: int | None = None

    def seeding_time(self, now: int) -> int:
        """Return for how many seconds it has seeded at `now`, in seconds since the epoch."""
        if self.content is not Content.WHOLE:
            return 0
        return now - self.completed_on if self.seeding_seconds is None else self.seeding_seconds

    def learn(self, meta: Metainfo) -> None:
        """Take over what the torrent file says of itself."""
        self.meta, self.private = meta, meta.private
        self.infohash_v1, self.infohash_v2 = meta.infohash_v1, meta.infohash_v2
        self.trackers += [tracker for tracker in meta.trackers if tracker not in self.trackers]

    @property
    def content_path(self) -> Path:
        """The only file, in a folder or not, the root folder, or the save path of several files without a root."""
        if self.meta is None:
            return self.save_path / self.name
        if len(self.meta.files) == 1:
            return self.save_path / self.meta.files[0].name
        return self.save_path / self.meta.root

    def has_all_data(self) -> bool:
        return self.meta is not None and self.meta.is_complete(self.save_path)


class TorrentSession:
    """All torrents by id.

    Nothing outside `save_root` is ever written or removed. Missing content is fetched from a folder in `sources` or
    from the torrent's web seeds. `removal_delay` and `download_delay` are real time. A deletion younger than
    `durable_after` is undone by `crash`, as measured on the real program (upstreams.md 9.1).
    """

    def __init__(self, dialect: Dialect, clock: Clock, save_root: Path) -> None:
        self.save_root = save_root.resolve()
        self.torrents: dict[TorrentId, SimulatedTorrent] = {}
        self.categories: dict[str, str] = {}
        self.tags: set[str] = set()
        self.sources: list[Path] = []
        self.removal_delay = timedelta(0)
        self.download_delay = timedelta(0)
        self.durable_after = timedelta(milliseconds=50)
        self.fail_data_removal = False
        self._dialect = dialect
        self._clock = clock
        self._undurable: list[tuple[float, SimulatedTorrent]] = []
        self._removals: set[asyncio.Task[None]] = set()
        self._downloads: dict[TorrentId, asyncio.Task[None]] = {}
        self._others: set[asyncio.Task[None]] = set()

    # --- adding and arriving ---------------------------------------------------------------------------------------

    def add(
        self,
        meta: Metainfo,
        *,
        save_path: Path | None = None,
        category: str = "",
        tags: Iterable[str] = (),
        stopped: bool = False,
        skip_checking: bool = False,
    ) -> TorrentId | None:
        """Add a torrent; `None` when it is there already or would lie outside `save_root`."""
        torrent = self._enter(meta.torrent_id, meta.name, save_path, category, tags, stopped, meta)
        if torrent is None:
            return None
        torrent.learn(meta)
        self._look_at(torrent, trusting=skip_checking)
        return torrent.id

    def add_magnet(
        self,
        info_hash: InfoHash,
        name: str,
        *,
        save_path: Path | None = None,
        category: str = "",
        tags: Iterable[str] = (),
        stopped: bool = False,
    ) -> TorrentId | None:
        """Add a torrent by its hash alone; it has no files until `give_metadata`."""
        torrent = self._enter(TorrentId(info_hash[:40]), name, save_path, category, tags, stopped, None)
        if torrent is None:
            return None
        if len(info_hash) == 40:
            torrent.infohash_v1 = info_hash
        else:
            torrent.infohash_v2 = info_hash
        return torrent.id

    def give_metadata(self, torrent_id: TorrentId, meta: Metainfo) -> TorrentId:
        """Let a magnet's metadata arrive; the id of a hybrid torrent changes by it (upstreams.md 5.6)."""
        torrent = self.torrents.pop(torrent_id)
        torrent.id, torrent.name = meta.torrent_id, meta.name
        torrent.learn(meta)
        self.torrents[torrent.id] = torrent
        self._look_at(torrent, trusting=False)
        return torrent.id

    def _enter(
        self,
        torrent_id: TorrentId,
        name: str,
        save_path: Path | None,
        category: str,
        tags: Iterable[str],
        stopped: bool,
        meta: Metainfo | None,
    ) -> SimulatedTorrent | None:
        folder = (save_path or Path(self.categories.get(category) or self.save_root)).resolve()
        known = {torrent.infohash_v1 for torrent in self.torrents.values()} - {None}
        is_duplicate = torrent_id in self.torrents or (meta is not None and meta.infohash_v1 in known)
        if is_duplicate or not folder.is_relative_to(self.save_root):
            return None
        if category:
            self.categories.setdefault(category, "")
        torrent = SimulatedTorrent(
            id=torrent_id,
            name=name,
            save_path=folder,
            meta=meta,
            infohash_v1=None,
            infohash_v2=None,
            added_on=int(self._clock.now().timestamp()),
            category=category,
            tags=set(tags),
            stopped=stopped,
        )
        self.tags |= torrent.tags
        self.torrents[torrent_id] = torrent
        return torrent

    def _look_at(self, torrent: SimulatedTorrent, *, trusting: bool) -> None:
        """Compare with the disk, as an add or a recheck does; `trusting` looks for the files but not into them."""
        if torrent.meta is None:
            return
        if torrent.has_all_data() or (trusting and _files_are_there(torrent)):
            self._complete(torrent)
        elif trusting and self._dialect.keeps_missing:
            torrent.content = Content.MISSING
        else:
            torrent.content = Content.PARTIAL
            self._download(torrent)

    def _complete(self, torrent: SimulatedTorrent) -> None:
        torrent.content = Content.WHOLE
        if torrent.completed_on < 0:
            torrent.completed_on = int(self._clock.now().timestamp())

    def _download(self, torrent: SimulatedTorrent) -> None:
        """Begin to fetch missing content, if there is any place to fetch it from."""
        meta = torrent.meta
        if torrent.stopped or meta is None or torrent.id in self._downloads:
            return
        if not meta.web_seeds and not any(_holds(source, meta) for source in self.sources):
            return
        torrent.content = Content.ARRIVING
        task = asyncio.create_task(self._arrive(torrent, meta))
        self._downloads[torrent.id] = task

    async def _arrive(self, torrent: SimulatedTorrent, meta: Metainfo) -> None:
        torrent_id, this = torrent.id, asyncio.current_task()
        try:
            await asyncio.sleep(self.download_delay.total_seconds())
            contents = await asyncio.to_thread(_fetch, meta, tuple(self.sources))
            # written here and not in the thread: a torrent that was removed meanwhile must leave nothing behind
            for name, content in contents.items():
                path = torrent.save_path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            if torrent.has_all_data():
                self._complete(torrent)
            else:
                torrent.content = Content.PARTIAL
        except (OSError, ValueError):
            torrent.content = Content.PARTIAL
        finally:
            if self._downloads.get(torrent_id) is this:
                del self._downloads[torrent_id]

    # --- acting on torrents ----------------------------------------------------------------------------------------

    def stop(self, ids: Iterable[TorrentId]) -> None:
        for torrent in self._known(ids):
            torrent.stopped = True
            self._cancel_download(torrent)

    def start(self, ids: Iterable[TorrentId]) -> None:
        for torrent in self._known(ids):
            torrent.stopped = False
            if torrent.content is not Content.WHOLE:
                self._look_at(torrent, trusting=False)

    def recheck(self, ids: Iterable[TorrentId]) -> None:
        for torrent in self._known(ids):
            self._look_at(torrent, trusting=False)

    def delete(self, ids: Iterable[TorrentId], *, delete_files: bool) -> None:
        """Drop torrents from the list at once and, if told to, their files a moment later; unknown ids are skipped."""
        for torrent in self._known(ids):
            del self.torrents[torrent.id]
            self._cancel_download(torrent)
            self._undurable.append((self._clock.monotonic(), torrent))
            if delete_files:
                self._spawn(self._remove_data(torrent), self._removals)

    async def _remove_data(self, torrent: SimulatedTorrent) -> None:
        await asyncio.sleep(self.removal_delay.total_seconds())
        if self.fail_data_removal or torrent.meta is None:
            return
        folders: set[Path] = set()
        for file in torrent.meta.files:
            path = torrent.save_path / file.name
            # errors are only logged by the real program
            with contextlib.suppress(OSError):
                path.unlink()
            folders |= {folder for folder in path.parents if torrent.save_path in folder.parents}
        for folder in sorted(folders, key=lambda each: len(each.parts), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _known(self, ids: Iterable[TorrentId]) -> Sequence[SimulatedTorrent]:
        return [self.torrents[each] for each in dict.fromkeys(ids) if each in self.torrents]

    def _cancel_download(self, torrent: SimulatedTorrent) -> None:
        if task := self._downloads.pop(torrent.id, None):
            task.cancel()
            torrent.content = Content.PARTIAL

    # --- the process's own life ------------------------------------------------------------------------------------

    async def restart(self) -> None:
        """Stop in good order and start again: nothing is lost, and lost data is noticed."""
        while self._removals:
            await asyncio.gather(*self._removals, return_exceptions=True)
        self._undurable.clear()
        self._load()

    def crash(self) -> None:
        """Die at once and start again: young deletions are undone, running removals of data stop."""
        for task in self._removals:
            task.cancel()
        limit = self._clock.monotonic() - self.durable_after.total_seconds()
        for deleted_at, torrent in self._undurable:
            if deleted_at > limit and torrent.id not in self.torrents:
                self.torrents[torrent.id] = torrent
        self._undurable.clear()
        self._load()

    def _load(self) -> None:
        for torrent in self.torrents.values():
            if torrent.content is Content.WHOLE and not _files_are_there(torrent):
                torrent.content = Content.MISSING
            elif torrent.content is Content.PARTIAL:
                self._download(torrent)

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run something beside the requests; `settle` waits for it and `aclose` ends it."""
        self._spawn(work, self._others)

    async def settle(self) -> None:
        """Wait until no download, removal or other work is under way."""
        while running := self._running():
            await asyncio.gather(*running, return_exceptions=True)

    async def aclose(self) -> None:
        running = self._running()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _running(self) -> list[asyncio.Task[None]]:
        return [*self._removals, *self._downloads.values(), *self._others]

    @staticmethod
    def _spawn(work: Coroutine[object, object, None], group: set[asyncio.Task[None]]) -> None:
        task = asyncio.create_task(work)
        group.add(task)
        task.add_done_callback(group.discard)


def _files_are_there(torrent: SimulatedTorrent) -> bool:
    return torrent.meta is not None and all((torrent.save_path / file.name).is_file() for file in torrent.meta.files)


def _holds(source: Path, meta: Metainfo) -> bool:
    return all((source / file.name).is_file() for file in meta.files)


def _fetch(meta: Metainfo, sources: Sequence[Path]) -> dict[str, bytes]:
    """Read the whole content by file name; raises `OSError` when no place has it. Blocks."""
    for source in sources:
        if _holds(source, meta):
            return {file.name: (source / file.name).read_bytes() for file in meta.files}
    for seed in meta.web_seeds:
        with contextlib.suppress(OSError):
            return {file.name: fetch_url(_seed_url(seed, file.name, meta)) for file in meta.files}
    raise FileNotFoundError("no source has the content")


def _seed_url(seed: str, name: str, meta: Metainfo) -> str:
    """Return where a web seed keeps a file (BEP 19); one file may be named by the whole address."""
    if len(meta.files) == 1 and not seed.endswith("/"):
        return seed
    return f"{seed.rstrip('/')}/{urllib.parse.quote(name)}"


def fetch_url(url: str) -> bytes:
    """Fetch over HTTP without any proxy; raises `OSError`. Blocks."""
    if not url.startswith(("http://", "https://")):
        raise OSError("not an HTTP address")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=_FETCH_TIMEOUT_SECONDS) as response:
        body: bytes = response.read()
        return body
