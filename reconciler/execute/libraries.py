"""Radarr and Sonarr: bulk calls where they exist, and every title read again just before it is changed for good."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from reconciler.errors import UpstreamError
from reconciler.execute.sending import Failure, Sending
from reconciler.model import ConditionType, DeletionId, InstanceName, Media, Unit
from reconciler.observed import Entry
from reconciler.plan.actions import (
    Action,
    Blocklist,
    DeleteEntry,
    DeleteFiles,
    EndDownloads,
    RestoreMonitoring,
    Search,
    Unmonitor,
    UnmonitorSeasons,
)
from reconciler.ports import Lease, LibraryClient
from reconciler.upstreams import Upstreams


class LibrarySteps:
    """The steps at libraries; each is given actions of one kind at one instance."""

    def __init__(
        self, sending: Sending, upstreams: Upstreams, on_removed: Callable[[InstanceName, Iterable[str]], None]
    ) -> None:
        self._sending = sending
        self._upstreams = upstreams
        self._on_removed = on_removed

    def _library(self, instance: InstanceName) -> LibraryClient:
        return self._upstreams.libraries[instance]

    async def unmonitor(self, lease: Lease, actions: Sequence[Unmonitor]) -> list[Failure]:
        client = self._library(actions[0].instance)
        await self._sending.announce(lease, actions, lambda _: "stop looking for it")
        return await self._sending.bulk(
            actions,
            ConditionType.ENTRY_ABSENT,
            lambda chunk: client.unmonitor(sorted({a.entry_id for a in chunk})),
            lambda a: client.unmonitor([a.entry_id]),
        )

    async def unmonitor_seasons(self, lease: Lease, actions: Sequence[UnmonitorSeasons]) -> list[Failure]:
        client = self._library(actions[0].instance)
        await self._sending.announce(lease, actions, lambda a: f"stop looking for season {_seasons(a)}")

        async def together(chunk: Sequence[UnmonitorSeasons]) -> None:
            seasons: dict[int, set[int]] = {}
            for action in chunk:
                seasons.setdefault(action.entry_id, set()).update(action.seasons)
            await client.unmonitor_seasons(seasons)

        return await self._sending.bulk(actions, ConditionType.ENTRY_ABSENT, together, lambda a: together([a]))

    async def blocklist(
        self, blocklisted: set[DeletionId], lease: Lease, actions: Sequence[Blocklist]
    ) -> list[Failure]:
        client = self._library(actions[0].instance)

        async def mark(action: Blocklist) -> None:
            await self._sending.announce(
                lease, [action], lambda _: f"blocklist {len(action.history_ids)} of its releases"
            )
            for history_id in action.history_ids:
                await self._sending.prove(lease)
                await client.blocklist(history_id)
            blocklisted.add(action.deletion)

        return await self._sending.each(actions, ConditionType.ENTRY_ABSENT, mark)

    async def restore(self, lease: Lease, actions: Sequence[RestoreMonitoring]) -> list[Failure]:
        client = self._library(actions[0].instance)

        async def restore(action: RestoreMonitoring) -> None:
            if await self._is_same_entry(client, action.entry_id, action.media, action.added):
                await self._sending.announce(lease, [action], lambda _: "give back its monitoring")
                await client.restore_monitoring(action.entry_id, action.prior)

        return await self._sending.each(actions, ConditionType.ENTRY_ABSENT, restore)

    async def end_downloads(self, lease: Lease, actions: Sequence[EndDownloads]) -> list[Failure]:
        client = self._library(actions[0].instance)
        await self._sending.announce(lease, actions, lambda _: "end its downloads in other clients")

        async def one(action: EndDownloads) -> None:
            await self._sending.prove(lease)
            await client.end_downloads(action.queue_ids)

        return await self._sending.bulk(
            actions,
            ConditionType.ENTRY_ABSENT,
            lambda chunk: client.end_downloads(sorted({i for a in chunk for i in a.queue_ids})),
            one,
        )

    async def delete_entries(self, lease: Lease, actions: Sequence[DeleteEntry]) -> list[Failure]:
        client = self._library(actions[0].instance)
        try:
            live = await self._re_read(client, actions)
        except UpstreamError as error:
            return self._sending.failed(error, actions, ConditionType.ENTRY_ABSENT)
        same = [a for a in actions if (e := live.get(a.entry_id)) and _is_still_frozen(e, a)]
        failures: list[Failure] = []
        for alone, delete_files, add_exclusion in sorted({_entry_key(a) for a in same}):
            group = [a for a in same if _entry_key(a) == (alone, delete_files, add_exclusion)]
            await self._sending.announce(lease, group, lambda a: f"delete {_path(a)}")
            self._on_removed(client.instance, [str(a.entry_id) for a in group])

            async def together(
                chunk: Sequence[DeleteEntry], files: bool = delete_files, exclusion: bool = add_exclusion
            ) -> None:
                ids = sorted({a.entry_id for a in chunk})
                await client.delete_entries(ids, delete_files=files, add_exclusion=exclusion)

            async def one(a: DeleteEntry) -> None:
                await self._sending.prove(lease)
                await client.delete_entry(a.entry_id, delete_files=a.delete_files, add_exclusion=a.add_exclusion)

            if alone:
                failures += await self._sending.each(group, ConditionType.ENTRY_ABSENT, one)
            else:
                failures += await self._sending.bulk(group, ConditionType.ENTRY_ABSENT, together, one)
        return failures

    async def _re_read(self, client: LibraryClient, actions: Sequence[DeleteEntry]) -> dict[int, Entry]:
        """Read the titles again just before they go: singly if there are few, else the whole list in one call."""
        ids = sorted({a.entry_id for a in actions})
        if len(ids) > 5:
            return {e.id: e for e in await client.entries() if e.id in set(ids)}
        read = await asyncio.gather(*(client.entry(i) for i in ids))
        return {e.id: e for e in read if e is not None}

    async def delete_files(self, lease: Lease, actions: Sequence[DeleteFiles]) -> list[Failure]:
        client = self._library(actions[0].instance)

        async def delete(action: DeleteFiles) -> None:
            if not await self._is_same_entry(client, action.entry_id, action.media, action.added):
                return
            bound = set(zip(action.file_ids, action.paths, strict=True))  # an import reuses a path, never an id
            ids = [f.id for f in await client.entry_files(action.entry_id) if (f.id, f.path) in bound]
            if ids:
                await self._sending.announce(lease, [action], lambda _: f"delete {len(ids)} files")
                await client.delete_files(action.entry_id, ids)

        return await self._sending.each(actions, ConditionType.ENTRY_ABSENT, delete)

    async def search(
        self, searched: set[tuple[DeletionId, Unit]], lease: Lease, actions: Sequence[Search]
    ) -> list[Failure]:
        client = self._library(actions[0].instance)

        async def search(action: Search) -> None:
            await self._sending.announce(lease, [action], lambda _: "search for a fresh copy")
            await client.search(action.entry_id, action.season)
            searched.add((action.deletion, Unit(action.instance, action.season)))

        return await self._sending.each(actions, ConditionType.ENTRY_ABSENT, search)

    async def _is_same_entry(self, client: LibraryClient, entry_id: int, media: Media, added: str) -> bool:
        entry = await client.entry(entry_id)
        return entry is not None and _is_same(entry, media, added, None)


def _entry_key(action: DeleteEntry) -> tuple[bool, bool, bool]:
    return action.alone, action.delete_files, action.add_exclusion


def _path(action: Action) -> str:
    return action.path if isinstance(action, DeleteEntry) else ""


def _seasons(action: Action) -> str:
    return ", ".join(map(str, action.seasons)) if isinstance(action, UnmonitorSeasons) else ""


def _is_still_frozen(entry: Entry, action: DeleteEntry) -> bool:
    """Tell whether an entry is as planned; somebody who monitors it, or a season of it, since then wants it."""
    if not _is_same(entry, action.media, action.added, action.path):
        return False
    if action.emptied:
        return not entry.file_count and not any(is_monitored for _, is_monitored in entry.monitoring.seasons)
    return not entry.monitoring.monitored


def _is_same(entry: Entry, media: Media, added: str, path: str | None) -> bool:
    return entry.media.is_same(media) and entry.added == added and path in {None, entry.path}
