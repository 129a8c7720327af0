"""Carries out plans: joins actions of one kind into bulk calls, re-reads what is about to be destroyed, records first.

Returning says that requests were accepted, never that anything is gone; only the next observation says that.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from reconciler.clock import Clock
from reconciler.errors import Overtaken, Rejected, Unreachable, UpstreamError
from reconciler.lease import LONGEST_CALL, LeaseKeeper
from reconciler.model import ConditionType, DeletionId, Event, InfoHash, InstanceName, Media, TorrentId
from reconciler.observed import Entry, MediaRequest, Record, RequestStatus
from reconciler.plan.actions import (
    Action,
    Announce,
    Blocklist,
    DeleteEntry,
    DeleteFiles,
    DeleteRecord,
    DeleteRequest,
    EndDownloads,
    RemoveTorrent,
    ResetVariant,
    RestoreMonitoring,
    Search,
    Unmonitor,
    UnmonitorSeasons,
    is_destructive,
    targets_of,
)
from reconciler.ports import Lease, LibraryClient, PassStore, RequestClient
from reconciler.reasons import Reason
from reconciler.telemetry import get_logger
from reconciler.upstreams import Health, Upstreams, reason_of

CHUNK = 100
"""How many items one bulk call carries."""

KEEPS_FOR = timedelta(seconds=60)
"""How long an observation may be acted on. What could not be sent by then is planned again: slow upstreams take
minutes per call, and meanwhile somebody may want a title back."""

A = TypeVar("A", bound=Action)


@dataclass(frozen=True, slots=True)
class Failure:
    """An action that was refused or not answered, in the form in which a condition shows it."""

    deletion: DeletionId
    type: ConditionType
    instance: InstanceName
    reason: Reason
    message: str
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Executed:
    """What came of a round's actions. Of the deletions `searched` and `blocklisted` that was accepted."""

    failures: tuple[Failure, ...] = ()
    searched: frozenset[DeletionId] = frozenset()
    blocklisted: frozenset[DeletionId] = frozenset()


class Executor:
    """Sends a round's actions."""

    def __init__(
        self,
        store: PassStore,
        upstreams: Upstreams,
        health: Health,
        keeper: LeaseKeeper,
        clock: Clock,
        *,
        on_removed: Callable[[InstanceName, Iterable[str]], None],
        is_stopping: Callable[[], bool],
    ) -> None:
        self._store = store
        self._upstreams = upstreams
        self._health = health
        self._keeper = keeper
        self._clock = clock
        self._on_removed = on_removed
        self._is_stopping = is_stopping
        self._until = clock.now()
        self._position = 0
        self._log = get_logger()

    async def execute(self, lease: Lease, actions: Sequence[Action], observed_at: datetime, position: int) -> Executed:
        """Carry out actions of many deletions, one kind and instance after the other.

        `position` is where the ledger stood when they were planned: what arrived since may need a torrent.

        Raises `LeaseLost` before the next call once the lease is gone. Stops between calls when asked to stop, or
        when what was observed at `observed_at` is too old; the rest is left to the next round.
        """
        self._until = observed_at + KEEPS_FOR
        self._position = position
        searched: set[DeletionId] = set()
        blocklisted: set[DeletionId] = set()
        failures = (
            *await self._run(lease, actions, RestoreMonitoring, self._restore),
            *await self._run(lease, actions, Unmonitor, self._unmonitor),
            *await self._run(lease, actions, UnmonitorSeasons, self._unmonitor_seasons),
            *await self._run(lease, actions, Blocklist, partial(self._blocklist, blocklisted)),
            *await self._run(lease, actions, EndDownloads, self._end_downloads),
            *await self._run(lease, actions, RemoveTorrent, self._remove_torrents),
            *await self._run(lease, actions, DeleteFiles, self._delete_files),
            *await self._run(lease, actions, DeleteEntry, self._delete_entries),
            *await self._run(lease, actions, Search, partial(self._search, searched)),
            *await self._run(lease, actions, Announce, self._announce_paths),
            *await self._run(lease, actions, DeleteRequest, self._delete_requests),
            *await self._run(lease, actions, DeleteRecord, self._delete_records),
            *await self._run(lease, actions, ResetVariant, self._reset_variants),
        )
        return Executed(failures, frozenset(searched), frozenset(blocklisted))

    def _is_over(self) -> bool:
        return self._is_stopping() or self._clock.now() >= self._until

    async def _run(
        self,
        lease: Lease,
        actions: Iterable[Action],
        kind: type[A],
        step: Callable[[Lease, Sequence[A]], Awaitable[list[Failure]]],
    ) -> list[Failure]:
        """Carry out the actions of one kind, instance by instance and chunk by chunk."""
        failures: list[Failure] = []
        chosen = [a for a in actions if isinstance(a, kind)]
        for instance in sorted({a.instance for a in chosen}):
            for chunk in _chunks([a for a in chosen if a.instance == instance]):
                if self._is_over():
                    return failures
                try:
                    failures += await step(lease, chunk)
                except Overtaken as cancelled:
                    self._log.info("not sent", kind=kind.__name__, reason=str(cancelled))  # planned anew next round
        return failures

    # --- recording -------------------------------------------------------------------------------------------------

    async def _announce(self, lease: Lease, actions: Sequence[Action], text: Callable[[Action], str]) -> None:
        """Store what is about to be sent, then prove the lease.

        Raises `Overtaken` when a person has cancelled one of the deletions meanwhile.
        """
        now = self._clock.now()
        sent: dict[DeletionId, list[int]] = {}
        events: dict[DeletionId, list[Event]] = {}
        for action in actions:
            sent.setdefault(action.deletion, []).extend(targets_of(action))
            events.setdefault(action.deletion, []).append(Event(type(action).__name__, text(action)))
        kind = type(actions[0]).__name__
        if is_destructive(actions[0]) or isinstance(actions[0], Announce):
            await self._store.mark_sent(lease, sent, now, kind=kind, destructive=is_destructive(actions[0]))
        else:
            await self._store.mark_sent(lease, dict.fromkeys(sent, ()), now, kind=kind, destructive=False)
        await self._store.add_events(lease, events, now)
        await self._keeper.ensure(lease, LONGEST_CALL)

    def _failed(self, error: UpstreamError, actions: Iterable[Action], type_: ConditionType) -> list[Failure]:
        return [
            Failure(a.deletion, type_, a.instance, reason_of(error), str(error), error.retry_after) for a in actions
        ]

    async def _each(
        self, actions: Iterable[A], type_: ConditionType, call: Callable[[A], Awaitable[None]]
    ) -> list[Failure]:
        """Make one call per action; one that fails does not stop the others."""
        failures: list[Failure] = []
        for action in actions:
            if self._is_over():
                break
            try:
                await call(action)
            except UpstreamError as error:
                failures += self._failed(error, [action], type_)
            except Overtaken as cancelled:
                self._log.info("not sent", kind=type(action).__name__, reason=str(cancelled))
        return failures

    async def _bulk(
        self,
        actions: Sequence[A],
        type_: ConditionType,
        together: Callable[[Sequence[A]], Awaitable[None]],
        one: Callable[[A], Awaitable[None]],
    ) -> list[Failure]:
        """Make one bulk call, and single calls for what it refused."""
        if not actions:
            return []
        if len(actions) > 1:
            try:
                await together(actions)
            except (Rejected, Unreachable) as error:
                if error.status is None:
                    return self._failed(error, actions, type_)
            except UpstreamError as error:
                return self._failed(error, actions, type_)
            else:
                return []
        return await self._each(actions, type_, one)

    def _library(self, instance: InstanceName) -> LibraryClient:
        return self._upstreams.libraries[instance]

    # --- libraries -------------------------------------------------------------------------------------------------

    async def _unmonitor(self, lease: Lease, actions: Sequence[Unmonitor]) -> list[Failure]:
        client = self._library(actions[0].instance)
        await self._announce(lease, actions, lambda _: "stop looking for it")
        return await self._bulk(
            actions,
            ConditionType.ENTRY_ABSENT,
            lambda chunk: client.unmonitor(sorted({a.entry_id for a in chunk})),
            lambda a: client.unmonitor([a.entry_id]),
        )

    async def _unmonitor_seasons(self, lease: Lease, actions: Sequence[UnmonitorSeasons]) -> list[Failure]:
        client = self._library(actions[0].instance)
        await self._announce(lease, actions, lambda a: f"stop looking for season {_seasons(a)}")

        async def together(chunk: Sequence[UnmonitorSeasons]) -> None:
            seasons: dict[int, set[int]] = {}
            for action in chunk:
                seasons.setdefault(action.entry_id, set()).update(action.seasons)
            await client.unmonitor_seasons(seasons)

        return await self._bulk(actions, ConditionType.ENTRY_ABSENT, together, lambda a: together([a]))

    async def _blocklist(
        self, blocklisted: set[DeletionId], lease: Lease, actions: Sequence[Blocklist]
    ) -> list[Failure]:
        client = self._library(actions[0].instance)

        async def mark(action: Blocklist) -> None:
            await self._announce(lease, [action], lambda _: f"blocklist {len(action.history_ids)} of its releases")
            for history_id in action.history_ids:
                await client.blocklist(history_id)
            blocklisted.add(action.deletion)

        return await self._each(actions, ConditionType.ENTRY_ABSENT, mark)

    async def _prove(self, lease: Lease) -> None:
        await self._keeper.ensure(lease, LONGEST_CALL)

    async def _restore(self, lease: Lease, actions: Sequence[RestoreMonitoring]) -> list[Failure]:
        client = self._library(actions[0].instance)

        async def restore(action: RestoreMonitoring) -> None:
            if await self._is_same_entry(client, action.entry_id, action.media, action.added):
                await self._announce(lease, [action], lambda _: "give back its monitoring")
                await client.restore_monitoring(action.entry_id, action.prior)

        return await self._each(actions, ConditionType.ENTRY_ABSENT, restore)

    async def _end_downloads(self, lease: Lease, actions: Sequence[EndDownloads]) -> list[Failure]:
        client = self._library(actions[0].instance)
        await self._announce(lease, actions, lambda _: "end its downloads in other clients")

        async def one(action: EndDownloads) -> None:
            await self._prove(lease)
            await client.end_downloads(action.queue_ids)

        return await self._bulk(
            actions,
            ConditionType.ENTRY_ABSENT,
            lambda chunk: client.end_downloads(sorted({i for a in chunk for i in a.queue_ids})),
            one,
        )

    async def _delete_entries(self, lease: Lease, actions: Sequence[DeleteEntry]) -> list[Failure]:
        client = self._library(actions[0].instance)
        try:
            live = await self._re_read(client, actions)
        except UpstreamError as error:
            return self._failed(error, actions, ConditionType.ENTRY_ABSENT)
        same = [a for a in actions if (e := live.get(a.entry_id)) and _is_still_frozen(e, a)]
        failures: list[Failure] = []
        for alone, delete_files, add_exclusion in sorted({_entry_key(a) for a in same}):
            group = [a for a in same if _entry_key(a) == (alone, delete_files, add_exclusion)]
            await self._announce(lease, group, lambda a: f"delete {_path(a)}")
            self._on_removed(client.instance, [str(a.entry_id) for a in group])

            async def together(
                chunk: Sequence[DeleteEntry], files: bool = delete_files, exclusion: bool = add_exclusion
            ) -> None:
                ids = sorted({a.entry_id for a in chunk})
                await client.delete_entries(ids, delete_files=files, add_exclusion=exclusion)

            async def one(a: DeleteEntry) -> None:
                await self._prove(lease)
                await client.delete_entry(a.entry_id, delete_files=a.delete_files, add_exclusion=a.add_exclusion)

            if alone:
                failures += await self._each(group, ConditionType.ENTRY_ABSENT, one)
            else:
                failures += await self._bulk(group, ConditionType.ENTRY_ABSENT, together, one)
        return failures

    async def _re_read(self, client: LibraryClient, actions: Sequence[DeleteEntry]) -> dict[int, Entry]:
        """Read the titles again just before they go: singly if there are few, else the whole list in one call."""
        ids = sorted({a.entry_id for a in actions})
        if len(ids) > 5:
            return {e.id: e for e in await client.entries() if e.id in set(ids)}
        read = await asyncio.gather(*(client.entry(i) for i in ids))
        return {e.id: e for e in read if e is not None}

    async def _delete_files(self, lease: Lease, actions: Sequence[DeleteFiles]) -> list[Failure]:
        client = self._library(actions[0].instance)

        async def delete(action: DeleteFiles) -> None:
            if not await self._is_same_entry(client, action.entry_id, action.media, action.added):
                return
            bound = set(zip(action.file_ids, action.paths, strict=True))  # an import reuses a path, never an id
            ids = [f.id for f in await client.entry_files(action.entry_id) if (f.id, f.path) in bound]
            if ids:
                await self._announce(lease, [action], lambda _: f"delete {len(ids)} files")
                await client.delete_files(action.entry_id, ids)

        return await self._each(actions, ConditionType.ENTRY_ABSENT, delete)

    async def _search(self, searched: set[DeletionId], lease: Lease, actions: Sequence[Search]) -> list[Failure]:
        client = self._library(actions[0].instance)

        async def search(action: Search) -> None:
            await self._announce(lease, [action], lambda _: "search for a fresh copy")
            await client.search(action.entry_id, action.season)
            searched.add(action.deletion)

        return await self._each(actions, ConditionType.ENTRY_ABSENT, search)

    async def _is_same_entry(self, client: LibraryClient, entry_id: int, media: Media, added: str) -> bool:
        entry = await client.entry(entry_id)
        return entry is not None and _is_same(entry, media, added, None)

    # --- torrents --------------------------------------------------------------------------------------------------

    async def _remove_torrents(self, lease: Lease, actions: Sequence[RemoveTorrent]) -> list[Failure]:
        client = self._upstreams.torrents[actions[0].instance]
        try:
            live = {t.id: t for t in await client.present([a.torrent for a in actions])}
        except UpstreamError as error:
            self._health.failed(client, error)
            return self._failed(error, actions, ConditionType.TORRENTS_ABSENT)
        same = [a for a in actions if a.torrent in live and str(live[a.torrent].added_on) == a.added]
        aliases: set[InfoHash] = {alias for a in same for alias in live[a.torrent].aliases}
        wanted = await self._store.unreleased_among(aliases, after=self._position)
        held = {a.deletion for a in same if live[a.torrent].aliases & wanted}  # its torrents may share their data
        free = [a for a in same if a.deletion not in held]
        failures: list[Failure] = []
        for delete_files in (False, True):
            group = [a for a in free if a.delete_files is delete_files]
            if not group:
                continue
            await self._announce(lease, group, _removal)
            self._on_removed(client.instance, [a.torrent for a in group])
            ids: list[TorrentId] = sorted({a.torrent for a in group})
            try:
                await client.remove(ids, delete_files=delete_files)
            except UpstreamError as error:
                self._health.failed(client, error)
                failures += self._failed(error, group, ConditionType.TORRENTS_ABSENT)
        return failures

    # --- the media server ------------------------------------------------------------------------------------------

    async def _announce_paths(self, lease: Lease, actions: Sequence[Announce]) -> list[Failure]:
        client = self._upstreams.media_server
        if client is None:
            raise LookupError("a plan named a media server that is not configured")
        await self._announce(lease, actions, lambda a: "tell it where something went")
        try:
            await client.announce(sorted({path for a in actions for path in a.paths}))
        except UpstreamError as error:
            return self._failed(error, actions, ConditionType.LIBRARY_REFRESHED)
        return []

    # --- requests --------------------------------------------------------------------------------------------------

    def _requests(self) -> RequestClient:
        client = self._upstreams.requests
        if client is None:
            raise LookupError("a plan named a request upstream that is not configured")
        return client

    async def _delete_requests(self, lease: Lease, actions: Sequence[DeleteRequest]) -> list[Failure]:
        client = self._requests()

        async def delete(action: DeleteRequest) -> None:
            live = await client.request(action.request_id)
            if live is not None and live.created_at == action.created_at and not _is_wanted(live, action.live_ids):
                await self._announce(lease, [action], lambda _: f"delete request {action.request_id}")
                await client.delete_request(action.request_id)

        return await self._each(actions, ConditionType.REQUEST_CLEARED, delete)

    async def _delete_records(self, lease: Lease, actions: Sequence[DeleteRecord]) -> list[Failure]:
        client = self._requests()
        try:
            records, requests = await self._board(client)
        except UpstreamError as error:
            return self._failed(error, actions, ConditionType.REQUEST_CLEARED)

        async def delete(action: DeleteRecord) -> None:
            live = records.get(action.record_id)
            taken = [r for r in requests if r.record_id == action.record_id]
            is_covered = {r.id for r in taken} <= action.request_ids
            is_wanted = any(_is_wanted(r, action.live_ids) for r in taken)
            if not _is_same_record(live, action.media, action.created_at) or not is_covered or is_wanted:
                return
            await self._announce(lease, [action], lambda _: f"delete record {action.record_id}")
            self._on_removed(client.instance, [str(action.record_id)])
            await client.delete_record(action.record_id)

        return await self._each(actions, ConditionType.REQUEST_CLEARED, delete)

    async def _reset_variants(self, lease: Lease, actions: Sequence[ResetVariant]) -> list[Failure]:
        client = self._requests()
        try:
            records, _ = await self._board(client)
        except UpstreamError as error:
            return self._failed(error, actions, ConditionType.REQUEST_CLEARED)

        async def reset(action: ResetVariant) -> None:
            if _is_same_record(records.get(action.record_id), action.media, action.created_at):
                await self._announce(lease, [action], lambda _: f"set record {action.record_id} to unknown")
                await client.reset_variant(action.record_id, is_4k=action.is_4k)

        return await self._each(actions, ConditionType.REQUEST_CLEARED, reset)

    async def _board(self, client: RequestClient) -> tuple[dict[int, Record], tuple[MediaRequest, ...]]:
        """Read records and requests once for a batch: deleting a record takes its requests along, new ones too."""
        records = {r.id: r for r in await client.records()}
        return records, await client.requests()


def _chunks(actions: list[A]) -> Iterator[list[A]]:
    for start in range(0, len(actions), CHUNK):
        yield actions[start : start + CHUNK]


def _entry_key(action: DeleteEntry) -> tuple[bool, bool, bool]:
    return action.alone, action.delete_files, action.add_exclusion


def _path(action: Action) -> str:
    return action.path if isinstance(action, DeleteEntry) else ""


def _removal(action: Action) -> str:
    if not isinstance(action, RemoveTorrent):
        return ""
    data = "with its data" if action.delete_files else f"without its data: {action.why or 'it was to be kept'}"
    return f"remove torrent {action.name!r} {data}"


def _seasons(action: Action) -> str:
    return ", ".join(map(str, action.seasons)) if isinstance(action, UnmonitorSeasons) else ""


def _is_still_frozen(entry: Entry, action: DeleteEntry) -> bool:
    """Tell whether an entry is as planned; somebody who monitors it again after our freeze wants it."""
    return _is_same(entry, action.media, action.added, action.path) and not entry.monitoring.monitored


def _is_same(entry: Entry, media: Media, added: str, path: str | None) -> bool:
    return entry.media.is_same(media) and entry.added == added and path in {None, entry.path}


def _is_wanted(request: MediaRequest, live_ids: frozenset[int]) -> bool:
    """Tell whether a bound request became a wish since: approved, or opened again."""
    is_newly_live = request.is_live and request.id not in live_ids
    return is_newly_live or request.status is RequestStatus.PENDING


def _is_same_record(record: Record | None, media: Media, created_at: str) -> bool:
    return record is not None and record.media.is_same(media) and record.created_at == created_at
