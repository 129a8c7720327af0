"""What a round needs beyond the lists: files and trackers of some torrents, files and folders of some titles."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from reconciler.errors import Rejected, UpstreamError
from reconciler.intake import command_text
from reconciler.model import ConditionType, DeletionState, InstanceName, TargetKind
from reconciler.observed import (
    EntryFile,
    FolderListing,
    Issue,
    Library,
    Seen,
    Torrent,
    TorrentFile,
    TorrentKey,
    Trackers,
    Unseen,
)
from reconciler.plan.content import files_to_read, likely_cross_seeds, payload_of
from reconciler.plan.files import folders_of
from reconciler.plan.policy import Policy
from reconciler.plan.seeding import needs_trackers
from reconciler.plan.world import Torrents
from reconciler.reasons import Reason
from reconciler.upstreams import Health, Upstreams, reason_of

MOST_CONCURRENT_READS = 8
"""How many small reads (file lists, folders) one upstream gets at a time."""

_NOTHING_TO_ASK = frozenset({Reason.AFTER_ENTRY, Reason.FILES_KEPT, Reason.WANTED_AGAIN})

T = TypeVar("T")
K = TypeVar("K")

_Shape = tuple[TorrentKey, int, int, str, str, str, str]


class Details:
    """Reads details for the passes of one process. What hardly changes is read once per pass."""

    def __init__(self, upstreams: Upstreams, health: Health, policy: Policy) -> None:
        self._upstreams = upstreams
        self._health = health
        self._policy = policy
        self._files: dict[_Shape, tuple[TorrentFile, ...]] = {}
        self._trackers: dict[_Shape, Trackers] = {}

    def begin_pass(self) -> None:
        """Forget what may be kept for one pass only."""
        self._files.clear()
        self._trackers.clear()

    # --- torrents --------------------------------------------------------------------------------------------------

    async def with_files(
        self, torrents: Torrents, condemned: Sequence[Torrent], folders: Sequence[str]
    ) -> Torrents | Unseen:
        """Add the file lists that tell who shares files with the condemned, following from one to the next."""
        while needed := files_to_read(torrents, condemned, folders):
            read = await self.with_files_of(torrents, needed)
            if isinstance(read, Unseen):
                return read
            torrents = read
        return await self._with_trackers(torrents, condemned)

    async def with_files_of(self, torrents: Torrents, keys: Iterable[TorrentKey]) -> Torrents | Unseen:
        """Add the file lists of these torrents."""

        async def read(torrent: Torrent) -> tuple[TorrentFile, ...] | None:
            known = self._files.get(_shape(torrent))
            if known is None:
                files = await self._upstreams.torrents[torrent.instance].files(torrent.id)
                if files is None:
                    return None
                known = self._files[_shape(torrent)] = files
            return known

        found = await self._of_torrents(torrents, keys, read)
        return found if isinstance(found, Unseen) else torrents.knowing(files=found)

    async def _with_trackers(self, torrents: Torrents, condemned: Sequence[Torrent]) -> Torrents | Unseen:
        """Add who the condemned, and what goes along with them, are announced to, if an obligation may depend on it."""
        if not needs_trackers(self._policy.seeding):
            return torrents

        async def read(torrent: Torrent) -> Trackers | None:
            known = self._trackers.get(_shape(torrent))
            if known is None:
                trackers = await self._upstreams.torrents[torrent.instance].trackers(torrent.id)
                if trackers is None:
                    return None
                known = self._trackers[_shape(torrent)] = trackers
            return known

        along = {o.key for t in condemned for o in (*(payload_of(t, torrents) or ()), *likely_cross_seeds(t, torrents))}
        found = await self._of_torrents(torrents, {t.key for t in condemned} | along, read)
        if isinstance(found, Unseen):
            return found
        return torrents.knowing(trackers={k: t for k, t in found.items() if t is not None})

    async def _of_torrents(
        self, torrents: Torrents, keys: Iterable[TorrentKey], read: Callable[[Torrent], Awaitable[T]]
    ) -> dict[TorrentKey, T] | Unseen:
        """Make one small read per torrent, client by client."""
        chosen = [torrents.by_key[key] for key in sorted(keys)]
        found: dict[TorrentKey, T] = {}
        for client in sorted({t.instance for t in chosen}):
            mine = [t for t in chosen if t.instance == client]
            result = await self._health.ask(self._upstreams.torrents[client], partial(_each, mine, read))
            if isinstance(result, Unseen):
                return result
            found |= {t.key: one for t, one in zip(mine, result.data, strict=True)}
        return found

    # --- libraries -------------------------------------------------------------------------------------------------

    async def of_library(
        self,
        name: InstanceName,
        observation: Seen[Library] | Unseen,
        states: Sequence[DeletionState],
        unread: Iterable[int],
    ) -> Seen[Library] | Unseen:
        """Add the files of the entries that are `unread`, and the folders that show whether files are gone."""
        if isinstance(observation, Unseen):
            return observation
        client = self._upstreams.libraries[name]
        library = observation.data
        entries = sorted({i for i in unread if library.entries[i].files is None})
        concerned = [s for s in states if name in s.deletion.instances and looks_for_files(s)]
        folders = sorted({folder for s in concerned for folder in folders_of(s, name, library)})

        async def listing_of(folder: str) -> FolderListing:
            try:
                return await client.list_folder(folder)
            except Rejected:
                return FolderListing(frozenset(), frozenset())  # it cannot show this folder: proves nothing

        async def read() -> tuple[list[tuple[EntryFile, ...]], list[FolderListing]]:
            return await _each(entries, client.entry_files), await _each(folders, listing_of)

        result = await self._health.ask(client, read)
        if isinstance(result, Unseen):
            return result
        files, listings = result.data
        detailed = replace(
            library,
            entry_files=dict(zip(entries, files, strict=True)),
            listings=dict(zip(folders, listings, strict=True)),
        )
        return Seen(detailed, observation.at)

    # --- issues ----------------------------------------------------------------------------------------------------

    async def issues(self, states: Sequence[DeletionState]) -> dict[int, Seen[Issue] | Unseen]:
        """Read the issues in which deletions were ordered that are not bound yet."""
        client = self._upstreams.requests
        wanted = {
            s.deletion.hints.command.issue_id
            for s in states
            if s.deletion.bound_at is None and s.deletion.hints.command is not None
        }
        if client is None:
            return {}
        found: dict[int, Seen[Issue] | Unseen] = {}
        for number in sorted(wanted):
            answer = await self._health.ask(client, partial(client.issue, number))
            if isinstance(answer, Unseen):
                found[number] = answer
            elif answer.data is None:
                found[number] = Unseen(Reason.COMMAND_UNVERIFIED, f"{client.instance} does not show it")
            else:
                found[number] = Seen(_cleaned(answer.data), answer.at)
        return found

    async def tvdb_ids(self, tmdb_ids: Iterable[int]) -> tuple[dict[int, int], dict[int, Unseen]]:
        """Translate series that are known by TMDB id only; tell why one could not be asked."""
        client = self._upstreams.requests
        found: dict[int, int] = {}
        failed: dict[int, Unseen] = {}
        if client is None:
            return found, failed
        for tmdb_id in sorted(tmdb_ids):
            try:
                tvdb_id = await client.tvdb_id(tmdb_id)
            except UpstreamError as error:
                failed[tmdb_id] = Unseen(reason_of(error), str(error))
                continue
            if tvdb_id is not None:
                found[tmdb_id] = tvdb_id
        return found, failed


def _cleaned(issue: Issue) -> Issue:
    """Bring what was written into the form in which a webhook's order is kept, so that the two can be compared."""
    comments = tuple(replace(comment, text=command_text(comment.text)) for comment in issue.comments)
    return replace(issue, comments=comments)


async def _each(items: Sequence[K], read: Callable[[K], Awaitable[T]]) -> list[T]:
    """Make one small read per item, a few at a time."""
    gate = asyncio.Semaphore(MOST_CONCURRENT_READS)

    async def one(item: K) -> T:
        async with gate:
            return await read(item)

    return list(await asyncio.gather(*(one(item) for item in items)))


def _shape(torrent: Torrent) -> _Shape:
    """Return what changes when the files of a torrent may lie elsewhere, or it was added anew."""
    return (
        torrent.key,
        torrent.added_on,
        torrent.size,
        torrent.name,
        torrent.save_path,
        torrent.download_path,
        torrent.content_path,
    )


def needs_files(state: DeletionState) -> bool:
    """Tell whether the files a title has now matter: at binding, for seasons, and to finish an old copy."""
    deletion = state.deletion
    if deletion.settled_at is not None:
        return False
    return deletion.bound_at is None or deletion.seasons is not None or bool(deletion.finishing)


def looks_for_files(state: DeletionState) -> bool:
    """Tell whether the disk must be looked at: something was destroyed, or all was gone at binding already."""
    deletion = state.deletion
    if deletion.bound_at is None or not deletion.options.delete_files:
        return False
    if deletion.destroyed_at is not None:
        return True
    kinds = {TargetKind.ENTRY, TargetKind.FILE} if deletion.seasons is None else {TargetKind.FILE}
    return all(t.absent_since is not None for t in state.targets if t.kind in kinds)


def asks_media_server(state: DeletionState) -> bool:
    """Tell whether it is, or was, the media server's turn: everything before it was settled when last judged.

    It is asked again until the deletion ends, also if torrents that are seeded on let that take weeks.
    """
    if state.deletion.settled_at is not None or state.deletion.bound_at is None:
        return False
    shown = [c for c in state.conditions if c.type is ConditionType.LIBRARY_REFRESHED]
    return any(c.reason not in _NOTHING_TO_ASK for c in shown)
