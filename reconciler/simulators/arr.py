"""A simulated Radarr or Sonarr: shared behaviour (upstreams.md 3 and 4). `radarr.py` and `sonarr.py` complete it.

State lives in memory, files on the real disk, downloads in a qBittorrent (simulated or real). Changes of state happen
between awaits, so a request never sees half of another.
"""

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reconciler.model import parse_torrent_id
from reconciler.simulators import arr_disk as disk
from reconciler.simulators.arr_core import ArrCore, T
from reconciler.simulators.arr_releases import Download, DownloadClient, Release
from reconciler.simulators.arr_state import Command, Followed, MediaFile, Part, webhook_release


class ArrSimulator(ArrCore[T]):
    """What Radarr and Sonarr do alike."""

    # --- downloading -----------------------------------------------------------------------------------------------

    async def grab(self, title_id: int, release: Release, source: str = "Search") -> bool:
        """Send a release to the download client; a refusal is a failed grab that leaves no trace (upstreams.md 9.4).

        `source` is the history's `releaseSource`: `Rss`, `Search`, `UserInvokedSearch`, `InteractiveSearch`, ….
        """
        title = self.titles[title_id]
        if self.client is not None and not await self.client.add(release.torrent):
            return False
        grabbed_id = release.info_hash.upper()
        parts = self.parts_of(title, release)
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
                    data=self._grab_data(release, source),
                )
        self.followed[release.meta.torrent_id.upper()] = Followed(
            download_id=release.meta.torrent_id.upper(),
            title_id=title_id if title_id in self.titles else None,
            title=release.title,
            client=self.clients[0].name,
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
            "downloadClient": self.clients[0].name,
            "downloadClientType": "qBittorrent",
            "downloadId": grabbed_id,
            "customFormatInfo": {"customFormats": [], "customFormatScore": 0},
        }
        await self.connections.send(payload, tags=title.tags)
        return True

    async def search(self, title_id: int, source: str) -> None:
        """Grab what a search would: for what is missing, the first releases that are not blocklisted."""
        title = self.titles.get(title_id)
        if title is None:
            return
        for release in self.wanted(title, self.indexer.find(self.media_of(title), without=self.blocklist), source):
            if title_id in self.titles:
                await self.grab(title_id, release, source)

    async def refresh_downloads(self) -> None:
        """Look at the download client once: follow progress, forget what is gone, import what is finished."""
        if self.client is None:
            return
        async with self._refreshing:
            shown = await self.client.downloads()
            if shown is None:
                return
            here = {id_.upper(): download for id_, download in shown.items()}
            for item in [item for item in self.followed.values() if not item.by_hand]:
                download = here.get(item.download_id)
                if download is not None:
                    item.was_shown = True
                    await self._follow(item, download, self.client)
                elif item.was_shown:  # a torrent that was just added may take a moment to be listed
                    self.followed.pop(item.download_id, None)

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
        payloads = self.bring_in(title, item, sources)
        self.followed.pop(item.download_id, None)
        for payload, options in payloads:
            await self.connections.send(payload, tags=title.tags, **options)

    def import_data(self, file: MediaFile, dropped: Path) -> dict[str, str]:
        """The `data` of an import's history row."""
        return {
            "fileId": str(file.id),
            "droppedPath": str(dropped),
            "importedPath": str(file.path),
            "downloadClient": "qBittorrent",
            "downloadClientName": self.clients[0].name,
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

    def delete_file(self, file: MediaFile) -> dict[str, Any]:
        """Delete one library file now and return the webhook that tells of it."""
        title = self.titles[file.title_id]
        del self.files[file.id]
        payload = self.file_deleted_payload(title, file)
        self.forget_file(file)
        disk.take_away(file.path, self.recycle_bin)
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
            if remove_from_client and self.client is not None and torrent is not None:
                await self.client.remove(torrent)
            if blocklist and item.release is not None:
                self.blocklist.add(item.release.info_hash)
                if search_again and item.title_id is not None:
                    self.spawn(self.search(item.title_id, "Search"))

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
        elif command.name == self.search_command:
            for title_id in self.searched_titles(command.body):
                # a command sent to the API counts as a person's
                await self.search(title_id, "UserInvokedSearch")
        command.status = "completed"

    async def _poll(self) -> None:
        while True:
            with contextlib.suppress(OSError):  # the download client may come and go
                await self.refresh_downloads()
            await asyncio.sleep(self.poll_seconds)

    def _grab_data(self, release: Release, source: str) -> dict[str, str]:
        return {
            "indexer": release.indexer,
            "releaseGroup": "SIM",
            "guid": f"simulated-{release.info_hash}",
            "downloadUrl": f"http://indexer.invalid/{release.info_hash}",
            "size": str(release.size),
            "downloadClient": "qBittorrent",
            "downloadClientName": self.clients[0].name,
            "protocol": "2",
            "releaseSource": source,
            "torrentInfoHash": release.info_hash,
            "tmdbId": "0",
            "tvdbId": "0",
        }

    # --- what differs ----------------------------------------------------------------------------------------------

    @abstractmethod
    def parts_of(self, title: T, release: Release) -> tuple[Part, ...]:
        """Return the episodes a release is for; none for movies."""

    @abstractmethod
    def wanted(self, title: T, offers: Sequence[Release], source: str) -> Sequence[Release]:
        """Choose what a search grabs."""

    @abstractmethod
    def bring_in(
        self, title: T, item: Followed, sources: Sequence[Path]
    ) -> list[tuple[dict[str, Any], dict[str, bool]]]:
        """Import a finished download: files, rows and history now; return the webhooks to send."""

    @abstractmethod
    def searched_titles(self, body: dict[str, Any]) -> list[int]: ...

    @abstractmethod
    def deleted_payload(self, title: T, size: int, delete_files: bool) -> dict[str, Any]: ...

    @abstractmethod
    def exclusion_of(self, title: T) -> dict[str, Any]: ...

    @abstractmethod
    def file_deleted_payload(self, title: T, file: MediaFile) -> dict[str, Any]: ...

    def forget(self, title: T) -> None:
        """Drop further rows of a deleted title."""

    def forget_file(self, file: MediaFile) -> None:
        """Drop further rows of a deleted file."""
