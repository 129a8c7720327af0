"""A simulated Radarr or Sonarr: shared behaviour (upstreams.md 3 and 4). `radarr.py` and `sonarr.py` complete it.

State lives in memory, files on the real disk, downloads in a qBittorrent (simulated or real). Changes of state happen
between awaits, so a request never sees half of another.
"""

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from reconciler.model import parse_torrent_id
from reconciler.simulators import arr_disk as disk
from reconciler.simulators.arr_core import ArrCore, T
from reconciler.simulators.arr_releases import Download, DownloadClient, Release
from reconciler.simulators.arr_state import Blocked, Command, Followed, HistoryRow, MediaFile, Part, webhook_release

Episodes = frozenset[tuple[int, int]]
"""Pairs of season and episode."""

_FAILED = "Manually marked as failed"
_FAILED_KEEPS = ("downloadClient", "downloadClientName", "indexer", "size")


class ArrSimulator(ArrCore[T]):
    """What Radarr and Sonarr do alike."""

    # --- downloading -----------------------------------------------------------------------------------------------

    async def grab(self, title_id: int, release: Release, source: str = "Search", *, client: str = "") -> bool:
        """Send a release to a download client; a refusal is a failed grab that leaves no trace (upstreams.md 9.4).

        `source` is the history's `releaseSource`: `Rss`, `Search`, `UserInvokedSearch`, `InteractiveSearch`, ….
        `client` names the download client; without it the first one is taken.
        """
        title = self.titles[title_id]
        name = client or self.clients[0].name
        downloader = self.download_clients.get(name)
        if downloader is not None and not await downloader.add(release.torrent):
            return False
        grabbed_id = release.info_hash.upper()
        parts = self.parts_of(title, release.episodes)
        if title_id in self.titles:
            episode_ids: Sequence[int | None] = [part.episode_id for part in parts]
            for episode_id in episode_ids or [None]:
                self.add_history_row(
                    title_id,
                    "grabbed",
                    download_id=grabbed_id,
                    source_title=release.title,
                    quality=release.quality,
                    episode_id=episode_id,
                    data=_grab_data(release, source, name),
                )
        self.followed[release.meta.torrent_id.upper()] = Followed(
            download_id=release.meta.torrent_id.upper(),
            title_id=title_id if title_id in self.titles else None,
            title=release.title,
            client=name,
            size=release.size,
            left=release.size,
            quality=release.quality,
            parts=parts,
            release=release,
        )
        payload = {
            **self.envelope("Grab"),
            **self.webhook_subject(title, parts),
            "release": webhook_release(release),
            "downloadClient": name,
            "downloadClientType": "qBittorrent",
            "downloadId": grabbed_id,
            "customFormatInfo": {"customFormats": [], "customFormatScore": 0},
        }
        await self.connections.send(payload, tags=title.tags)
        return True

    async def search(self, title_id: int, source: str, within: Episodes | None = None) -> None:
        """Grab what a search would: for what is missing, the first releases that are not blocklisted.

        `within` limits it to some episodes of a series.
        """
        title = self.titles.get(title_id)
        if title is None:
            return
        offers = self.indexer.find(self.media_of(title), is_blocked=lambda release: self.is_blocked(title_id, release))
        for release in self.wanted(title, offers, source, within):
            if title_id in self.titles:
                await self.grab(title_id, release, source)

    async def refresh_downloads(self) -> None:
        """Look at the download clients once: follow progress, forget what is gone, import what is finished."""
        async with self._refreshing:
            for name, client in list(self.download_clients.items()):  # one may be added meanwhile
                shown = await client.downloads()
                if shown is not None:
                    await self._compare(name, client, {id_.upper(): download for id_, download in shown.items()})

    async def _compare(self, name: str, client: DownloadClient, here: dict[str, Download]) -> None:
        if self.imports_leftovers:
            await self._adopt(name, client, here)
        for item in [item for item in self.followed.values() if item.client == name and not item.by_hand]:
            download = here.get(item.download_id)
            if download is not None:
                item.was_shown = True
                await self._follow(item, download, client)
            elif item.was_shown:  # a torrent that was just added may take a moment to be listed
                self.followed.pop(item.download_id, None)

    async def _adopt(self, name: str, client: DownloadClient, here: dict[str, Download]) -> None:
        """Follow finished downloads of our category that carry a title's name, although nobody grabbed them."""
        known = {row.download_id for row in self.history} | self.followed.keys()
        for id_, download in here.items():
            title = next((title for title in self.titles.values() if title.is_named_in(download.name)), None)
            if title is None or id_ in known or not download.is_complete:
                continue
            parts = self.parts_of(title, self.episodes_in(await client.media_files(download)))
            item = Followed(id_, title.id, download.name, name, size=download.size, parts=parts)
            self.followed.setdefault(id_, item)

    async def _follow(self, item: Followed, download: Download, client: DownloadClient) -> None:
        item.left = int(download.size * (1 - download.progress))
        item.output_path = download.content_path
        if not download.is_complete:
            return
        item.status, item.state = "completed", "importPending"
        sources = [path for path in await client.media_files(download) if path.is_file()]
        title = self.titles.get(item.title_id) if item.title_id is not None else None
        if title is None or not sources:
            return
        await self._import(title, item, sources)

    async def import_download(self, download_id: str, sources: Sequence[Path]) -> None:
        """Import a grab from files that lie somewhere, without a download client that has fetched them."""
        item = self.followed[download_id.upper()]
        await self._import(self.titles[item.title_id or 0], item, sources)

    async def import_by_hand(
        self, title_id: int, sources: Sequence[Path], *, episodes: Iterable[tuple[int, int]] = ()
    ) -> None:
        """Import files as a person does, or from a black hole: nothing leads from them to a download.

        `episodes` are those of a series that the files hold between them; their names tell which holds which.
        """
        title = self.titles[title_id]
        item = Followed("", title_id, sources[0].stem, client="", parts=self.parts_of(title, tuple(episodes)))
        await self._import(title, item, sources)

    async def _import(self, title: T, item: Followed, sources: Sequence[Path]) -> None:
        payloads = self.bring_in(title, item, sources)
        self.followed.pop(item.download_id, None)
        for payload, options in payloads:
            await self.connections.send(payload, tags=title.tags, **options)

    def import_data(self, item: Followed, file: MediaFile, dropped: Path) -> dict[str, str]:
        """The `data` of an import's history row."""
        client = {"downloadClient": "qBittorrent", "downloadClientName": item.client} if item.client else {}
        return {
            "fileId": str(file.id),
            "droppedPath": str(dropped),
            "importedPath": str(file.path),
            **client,
            "releaseGroup": "SIM",
            "size": str(file.size),
        }

    def replace_file(self, file: MediaFile) -> Path | None:
        """Take the file that an upgrade replaces out of the library; return where the recycle bin keeps it."""
        self.files.pop(file.id, None)
        self.forget_file(file)
        self.note_file_deleted(file, "Upgrade")
        return disk.take_away(file.path, self.recycle_bin)

    def note_file_deleted(self, file: MediaFile, reason: str) -> None:
        for episode_id in file.episode_ids or (None,):
            self.add_history_row(
                file.title_id,
                self.file_deleted_event,
                source_title=str(file.path),
                quality=file.quality,
                episode_id=episode_id,
                data={"reason": reason, "size": str(file.size)},
            )

    # --- deleting --------------------------------------------------------------------------------------------------

    async def delete_titles(self, ids: Sequence[int], *, delete_files: bool, add_exclusion: bool) -> None:
        """Delete titles as the originals do: rows, history and webhooks now, files and exclusions afterwards."""
        gone = [self.titles.pop(id_) for id_ in ids]
        sizes = {title.id: sum(file.size for file in self.files_of(title.id)) for title in gone}
        self.history = [row for row in self.history if row.title_id in self.titles]
        for item in self.followed.values():
            if item.title_id in sizes:
                item.title_id = None
        payloads = [(title, self.deleted_payload(title, sizes[title.id], delete_files)) for title in gone]
        for title, payload in payloads:
            await self.connections.send(payload, tags=title.tags)
        self.spawn(self._clean_up(gone, delete_files=delete_files, add_exclusion=add_exclusion))

    async def _clean_up(self, gone: Sequence[T], *, delete_files: bool, add_exclusion: bool) -> None:
        await asyncio.sleep(self.file_removal_delay)
        for title in gone:
            for file in self.files_of(title.id):
                del self.files[file.id]
            self.blocklist = [row for row in self.blocklist if row.title_id != title.id]
            self.forget(title)
            if add_exclusion:
                id_ = self.new_id("exclusion")
                self.exclusions[id_] = {"id": id_, **self.exclusion_of(title)}
        if not delete_files or self.fail_file_removal:
            return
        for title in gone:
            if disk.is_nested(title.path, [other.path for other in self.titles.values()]):
                if self.aborts_bulk_on_nested:
                    return
                continue
            disk.take_away(title.path, self.recycle_bin)

    def delete_file(self, file: MediaFile, folder: Path) -> dict[str, Any]:
        """Delete one library file now and return the webhook that tells of it.

        The file is looked for in `folder`, whatever title it belongs to; its row goes even if it is not there.
        """
        title = self.titles[file.title_id]
        del self.files[file.id]
        payload = self.file_deleted_payload(title, file)
        self.forget_file(file)
        disk.take_away(folder / file.path.relative_to(title.path), self.recycle_bin)
        self.note_file_deleted(file, "Manual")
        return payload

    async def end_downloads(
        self, ids: Sequence[str], *, remove_from_client: bool, blocklist: bool, search_again: bool
    ) -> None:
        """Drop downloads from the queue; one row of a pack takes the whole pack along (upstreams.md 3.6)."""
        for download_id in ids:
            item = self.followed.pop(download_id, None)
            if item is None:
                continue
            torrent = parse_torrent_id(item.download_id)
            downloader = self.download_clients.get(item.client)
            if remove_from_client and downloader is not None and torrent is not None:
                await downloader.remove(torrent)
            if blocklist and item.title_id is not None and item.release is not None:
                names = {item.download_id, item.release.info_hash.upper()}
                self._fail(
                    [row for row in self._grabs_of(item.title_id) if row.download_id in names],
                    search_again=search_again,
                )

    # --- failed downloads ------------------------------------------------------------------------------------------

    def mark_failed(self, history_id: int) -> bool:
        """Fail a download by a row of the history; the download itself stays. `False` if there is no such row."""
        row = next((row for row in self.history if row.id == history_id), None)
        if row is None:
            return False
        grabs = [
            grab for grab in self._grabs_of(row.title_id) if row.download_id and grab.download_id == row.download_id
        ]
        self._fail(grabs or [row], search_again=True)
        return True

    def is_blocked(self, title_id: int, release: Release) -> bool:
        """Tell whether a release was blocklisted for this title."""
        return any(row.title_id == title_id and row.forbids(release) for row in self.blocklist)

    def _grabs_of(self, title_id: int) -> list[HistoryRow]:
        return [row for row in self.history if row.title_id == title_id and row.event == "grabbed"]

    def _fail(self, rows: Sequence[HistoryRow], *, search_again: bool) -> None:
        """Blocklist the release of these rows, note it in the history, and search anew for what of it is monitored."""
        if not rows:
            return
        first = rows[0]
        self.blocklist.append(
            Blocked(
                id=self.new_id("blocked"),
                title_id=first.title_id,
                source_title=first.source_title,
                quality=first.quality,
                date=self.now_text(),
                protocol="usenet" if first.data.get("protocol") == "1" else "torrent",
                indexer=first.data.get("indexer", ""),
                message=_FAILED,
                info_hash=first.data.get("torrentInfoHash", ""),
                episode_ids=tuple(row.episode_id for row in rows if row.episode_id is not None),
            )
        )
        said = {name: first.data[name] for name in _FAILED_KEEPS if name in first.data}
        for row in rows:
            self.add_history_row(
                row.title_id,
                "downloadFailed",
                download_id=row.download_id,
                source_title=row.source_title,
                quality=row.quality,
                episode_id=row.episode_id,
                data={**said, "message": _FAILED},
            )
        if search_again and self.redownload_failed:
            self.spawn(self.search(first.title_id, "Search", self.episodes_named_by(rows)))

    # --- commands --------------------------------------------------------------------------------------------------

    def queue_command(self, name: str, body: dict[str, Any]) -> Command:
        command = Command(self.new_id("command"), name, self.now_text(), body)
        self.commands[command.id] = command
        self.spawn(self._run(command))
        return command

    async def _run(self, command: Command) -> None:
        command.status = "started"
        if command.name == "RefreshMonitoredDownloads":
            await self.refresh_downloads()
        elif command.name == "RssSync":
            for title_id in list(self.titles):
                await self.search(title_id, "Rss")
        for title_id, within in self.searched(command):
            # a command sent to the API counts as a person's
            await self.search(title_id, "UserInvokedSearch", within)
        command.status = "completed"

    async def _poll(self) -> None:
        while True:
            with contextlib.suppress(OSError):  # the download client may come and go
                await self.refresh_downloads()
            await asyncio.sleep(self.poll_seconds)

    # --- what differs ----------------------------------------------------------------------------------------------

    @abstractmethod
    def parts_of(self, title: T, episodes: Sequence[tuple[int, int]]) -> tuple[Part, ...]:
        """Return the episodes with these seasons and numbers; none for movies."""

    @abstractmethod
    def wanted(self, title: T, offers: Sequence[Release], source: str, within: Episodes | None) -> Sequence[Release]:
        """Choose what a search grabs, see `search`."""

    @abstractmethod
    def bring_in(
        self, title: T, item: Followed, sources: Sequence[Path]
    ) -> list[tuple[dict[str, Any], dict[str, bool]]]:
        """Import a finished download: files, rows and history now; return the webhooks to send."""

    @abstractmethod
    def searched(self, command: Command) -> list[tuple[int, Episodes | None]]:
        """Return the titles that a command searches for, and within which episodes; none for other commands."""

    @abstractmethod
    def deleted_payload(self, title: T, size: int, delete_files: bool) -> dict[str, Any]: ...

    @abstractmethod
    def exclusion_of(self, title: T) -> dict[str, Any]: ...

    @abstractmethod
    def file_deleted_payload(self, title: T, file: MediaFile) -> dict[str, Any]: ...

    def episodes_named_by(self, rows: Sequence[HistoryRow]) -> Episodes | None:
        """Return the episodes that rows of the history are about; `None` for movies."""
        _ = rows
        return None

    def episodes_in(self, files: Sequence[Path]) -> Sequence[tuple[int, int]]:
        """Return the episodes that files name; none for movies."""
        _ = files
        return ()

    def forget(self, title: T) -> None:
        """Drop further rows of a deleted title."""

    def forget_file(self, file: MediaFile) -> None:
        """Drop further rows of a deleted file."""


def _grab_data(release: Release, source: str, client: str) -> dict[str, str]:
    return {
        "indexer": release.indexer,
        "releaseGroup": "SIM",
        "guid": f"simulated-{release.info_hash}",
        "downloadUrl": f"http://indexer.invalid/{release.info_hash}",
        "size": str(release.size),
        "downloadClient": "qBittorrent",
        "downloadClientName": client,
        "protocol": "2",
        "releaseSource": source,
        "torrentInfoHash": release.info_hash,
        "tmdbId": "0",
        "tvdbId": "0",
    }
