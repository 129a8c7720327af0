"""Reads every upstream into one round's `World`. Reads only; whatever cannot be read completely is `Unseen`."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from reconciler.clock import Clock
from reconciler.errors import Rejected, Unintelligible, UpstreamError
from reconciler.ledger import Backfill, Ledger
from reconciler.model import (
    DeletionId,
    DeletionState,
    InfoHash,
    InstanceName,
    LedgerCoverage,
    LibraryRow,
    Media,
    MediaKind,
    Reference,
    TargetKind,
    TorrentId,
)
from reconciler.observed import (
    AppInfo,
    Entry,
    EntryFile,
    FolderListing,
    Library,
    PathMapping,
    RequestBoard,
    RootFolder,
    Seen,
    Torrent,
    TorrentFile,
    Unseen,
)
from reconciler.plan.content import files_to_read
from reconciler.plan.files import folders_of
from reconciler.plan.index import MediaIndex
from reconciler.plan.policy import Policy
from reconciler.plan.world import LedgerView, Torrents, World
from reconciler.ports import (
    Baseline,
    Lease,
    LibraryClient,
    PassStore,
    RequestClient,
    TorrentClient,
    Upstream,
)
from reconciler.reasons import Reason
from reconciler.upstreams import Health, Upstreams, reason_of

MOST_CONCURRENT_READS = 8
"""How many small reads (file lists, folders) one upstream gets at a time."""


@dataclass(frozen=True, slots=True)
class _Setup:
    """Who a library is and how it is set up: asked once per pass, not in every round."""

    app: AppInfo
    root_folders: tuple[RootFolder, ...]
    path_mappings: tuple[PathMapping, ...]
    torrent_clients: frozenset[str]
    recycle_bin: str


class Observer:
    """Reads the upstreams for the passes of one process."""

    def __init__(
        self,
        store: PassStore,
        upstreams: Upstreams,
        health: Health,
        policy: Policy,
        clock: Clock,
        *,
        suspicious_minimum: int = 10,
    ) -> None:
        self._store = store
        self._upstreams = upstreams
        self._health = health
        self._policy = policy
        self._clock = clock
        self._ledger = Ledger(store, clock)
        self._backfills: dict[InstanceName, Backfill] = {}
        self._suspicious_minimum = suspicious_minimum
        self._setups: dict[InstanceName, _Setup] = {}
        self._apps: dict[InstanceName, AppInfo] = {}
        self._saved: dict[InstanceName, dict[int, LibraryRow]] = {}
        self._removed: set[tuple[InstanceName, str]] = set()

    def begin_pass(self) -> None:
        """Forget what may be kept for one pass only."""
        self._setups.clear()
        self._apps.clear()

    def removed(self, instance: InstanceName, ids: Iterable[str]) -> None:
        """Remember what we removed ourselves, so that its absence is not suspicious."""
        self._removed |= {(instance, i) for i in ids}

    def _remember_sent(self, states: Iterable[DeletionState]) -> None:
        """Learn from the store what a process before this one removed: it may have died right after its call."""
        for target in (t for s in states for t in s.targets if t.sent_at is not None):
            id_ = target.external_id
            self._removed.add((target.instance, id_[:40].lower() if target.kind is TargetKind.TORRENT else id_))

    async def observe(self, lease: Lease, states: Sequence[DeletionState], destructive_recently: int) -> World:
        """Read everything the planner needs for these deletions.

        The order matters. What reaches us while we read counts as later than this round, so our own position comes
        first. Torrents and requests are read after the histories: the torrent of a grab that a history tells was added
        before, and so was the request that led to it.
        """
        self._remember_sent(states)
        position = await self._store.ledger_position()
        libraries = await self.libraries(lease)
        torrents, board = await asyncio.gather(self._torrents(lease), self._board(lease))
        seen = {name: o.data for name, (o, _) in libraries.items() if isinstance(o, Seen)}
        tvdb_ids, untranslated = await self._tvdb_ids(states, board)
        due = _Due(states, tvdb_ids, seen, board)
        rows = await self._store.library_rows(due.media)
        references, condemned = await self._references(states, due, torrents)
        torrents = await self._with_files(torrents, condemned, [e.path for _, e in due.entries])
        unread = _Due([s for s in states if _needs_files(s)], tvdb_ids, seen, board)
        observed = dict(
            zip(
                libraries,
                await asyncio.gather(*(self._with_details(n, o, states, unread) for n, (o, _) in libraries.items())),
                strict=True,
            )
        )
        unseen_titles: list[LibraryRow] = []
        for name, observation in observed.items():
            if isinstance(observation, Unseen):
                unseen_titles += await self._store.library_of(name)
        bound_from = min((s.deletion.bound_seq for s in states if s.deletion.bound_seq is not None), default=None)
        return World(
            now=self._clock.now(),
            torrents=torrents,
            libraries=observed,
            board=board,
            ledger={name: view for name, (_, view) in libraries.items()},
            references=references,
            referenced_hashes=await self._store.referenced_hashes(),
            library_rows=rows,
            unseen_titles=tuple(unseen_titles),
            manual_adds=await self._store.manual_adds_after(0 if _any_unbound(states) else bound_from or 0),
            tvdb_ids=tvdb_ids,
            untranslated=untranslated,
            releasers=await self._releasers(states, references),
            position=position,
            destructive_recently=destructive_recently,
        )

    # --- whole lists -----------------------------------------------------------------------------------------------

    async def libraries(self, lease: Lease) -> dict[InstanceName, tuple[Seen[Library] | Unseen, LedgerView]]:
        """Read every library, bring its ledger up to date and keep a snapshot of its titles."""
        clients = self._upstreams.libraries
        read = await asyncio.gather(*(self._library(lease, client) for client in clients.values()))
        return dict(zip(clients, read, strict=True))

    async def _library(self, lease: Lease, client: LibraryClient) -> tuple[Seen[Library] | Unseen, LedgerView]:
        coverage = await self._store.coverage(client.instance)
        observation = await self._health.ask(client, lambda: self._read_library(client))
        if isinstance(observation, Unseen):
            return observation, LedgerView(coverage, is_current=False)
        library = observation.data
        self._health.answered(client, library.app)
        suspicion = await self._suspicion(lease, client.instance, library.app, {str(i) for i in library.entries})
        if suspicion is not None:
            return suspicion, LedgerView(coverage, is_current=False)
        await self._save_titles(lease, client.instance, library.entries.values())
        coverage, is_current = await self._sync(lease, client, library, coverage)
        return observation, LedgerView(coverage, is_current)

    async def _read_library(self, client: LibraryClient) -> Library:
        setup = self._setups.get(client.instance)
        if setup is None:
            app = await client.identify()
            setup = self._setups[client.instance] = _Setup(
                app,
                *await asyncio.gather(
                    client.root_folders(), client.path_mappings(), client.torrent_clients(), client.recycle_bin()
                ),
            )
        entries, queue = await asyncio.gather(client.entries(), client.queue())
        return Library(
            app=setup.app,
            entries={e.id: e for e in entries},
            queue=queue,
            root_folders=setup.root_folders,
            path_mappings=setup.path_mappings,
            torrent_clients=setup.torrent_clients,
            recycle_bin=setup.recycle_bin,
        )

    async def _sync(
        self, lease: Lease, client: LibraryClient, library: Library, coverage: LedgerCoverage
    ) -> tuple[LedgerCoverage, bool]:
        if not coverage.is_complete:
            return coverage, False
        result = await self._health.ask(client, lambda: self._ledger.sync(lease, client, library.entries, coverage))
        return (coverage, False) if isinstance(result, Unseen) else (result.data, True)

    async def backfill(self, lease: Lease) -> bool:
        """Read one more page of every ledger that is not complete; return whether any page was read."""
        was_read = False
        for name, client in self._upstreams.libraries.items():
            coverage = await self._store.coverage(name)
            if coverage.is_complete:
                continue
            run = self._backfills.setdefault(name, Backfill(self._store, client, self._clock))
            page = await self._health.ask(client, partial(run.step, lease, coverage))
            if isinstance(page, Unseen) or page.data.is_complete:
                del self._backfills[name]
            was_read |= isinstance(page, Seen)
        return was_read

    async def has_complete_ledgers(self) -> bool:
        """Tell whether every configured library's history was read to its end once."""
        coverages = [await self._store.coverage(name) for name in self._upstreams.libraries]
        return all(coverage.is_complete for coverage in coverages)

    async def _torrents(self, lease: Lease) -> Seen[Torrents] | Unseen | None:
        client = self._upstreams.torrents
        if client is None:
            return None
        observation = await self._health.ask(client, lambda: self._read_torrents(client))
        if isinstance(observation, Unseen):
            return observation
        app, torrents = observation.data
        self._health.answered(client, app)
        identity = replace(app, version="")
        suspicion = await self._suspicion(lease, client.instance, identity, {t.id for t in torrents})
        return suspicion or Seen(Torrents({t.id: t for t in torrents}), observation.at)

    async def _board(self, lease: Lease) -> Seen[RequestBoard] | Unseen | None:
        client = self._upstreams.requests
        if client is None:
            return None
        observation = await self._health.ask(client, lambda: self._read_board(client))
        if isinstance(observation, Unseen):
            return observation
        board = observation.data
        self._health.answered(client, board.app)
        suspicion = await self._suspicion(
            lease, client.instance, replace(board.app, version=""), {str(i) for i in board.records}
        )
        return suspicion or observation

    async def _app(self, client: Upstream) -> AppInfo:
        """Ask who answers, once per pass."""
        app = self._apps.get(client.instance)
        if app is None:
            app = self._apps[client.instance] = await client.identify()
        return app

    async def _read_torrents(self, client: TorrentClient) -> tuple[AppInfo, tuple[Torrent, ...]]:
        return await self._app(client), await client.torrents()

    async def _read_board(self, client: RequestClient) -> RequestBoard:
        app = await self._app(client)
        records = {r.id: r for r in await client.records()}
        requests = {r.id: r for r in await client.requests()}
        if any(r.record_id not in records for r in requests.values()):
            raise Unintelligible(client.instance, "its records changed while they were read")
        return RequestBoard(app, records, requests)

    async def _suspicion(self, lease: Lease, instance: InstanceName, app: AppInfo, ids: set[str]) -> Unseen | None:
        """Compare a list with the last complete one: a list that suddenly lost most of its rows proves no absence."""
        baseline = await self._store.baseline(instance)
        identity = f"{app.name}/{app.instance_name or ''}"
        if baseline is not None:
            if baseline.identity != identity:
                text = f"answers as {identity!r}, before as {baseline.identity!r}; check what its URL points to"
                return Unseen(Reason.SUSPICIOUS_LIST, f"{instance}: {text}")
            expected = {i for i in baseline.ids if (instance, i) not in self._removed}
            missing = expected - ids
            if len(missing) >= self._suspicious_minimum and len(missing) * 2 > len(expected):
                text = f"{len(missing)} of {len(expected)} rows vanished at once; approve if that is right"
                return Unseen(Reason.SUSPICIOUS_LIST, f"{instance}: {text}")
        if baseline is None or baseline.ids != ids:
            await self._store.save_baseline(lease, Baseline(instance, identity, frozenset(ids), self._clock.now()))
        return None

    async def _save_titles(self, lease: Lease, instance: InstanceName, entries: Iterable[Entry]) -> None:
        saved = self._saved.setdefault(instance, {})
        rows = [_row(instance, e) for e in entries]
        changed = [r for r in rows if saved.get(r.entry_id) != r]
        if changed:
            await self._store.save_library(lease, instance, changed)
            saved.update({r.entry_id: r for r in changed})

    # --- what these deletions need ---------------------------------------------------------------------------------

    async def _tvdb_ids(
        self, states: Sequence[DeletionState], board: Seen[RequestBoard] | Unseen | None
    ) -> tuple[dict[int, int], dict[int, Unseen]]:
        """Translate the series that are known by TMDB id only, through Jellyseerr; tell why it could not be asked."""
        client = self._upstreams.requests
        if client is None or not isinstance(board, Seen):
            return {}, {}
        wanted = {
            m.tmdb_id
            for m in (s.deletion.media for s in states if s.deletion.bound_at is None)
            if m.kind is MediaKind.SERIES and m.tvdb_id is None and m.tmdb_id is not None
        }
        known = {
            r.media.tmdb_id: r.media.tvdb_id
            for r in board.data.records.values()
            if r.media.kind is MediaKind.SERIES and r.media.tmdb_id in wanted and r.media.tvdb_id is not None
        }
        found: dict[int, int] = {k: v for k, v in known.items() if k is not None and v is not None}
        failed: dict[int, Unseen] = {}
        for tmdb_id in sorted(wanted - set(found)):
            try:
                tvdb_id = await client.tvdb_id(tmdb_id)
            except UpstreamError as error:
                failed[tmdb_id] = Unseen(reason_of(error), str(error))
                continue
            if tvdb_id is not None:
                found[tmdb_id] = tvdb_id
        return found, failed

    async def _releasers(
        self, states: Sequence[DeletionState], references: Iterable[Reference]
    ) -> dict[DeletionId, DeletionState]:
        """Return the open deletions that released any of these references: each may still be called off."""
        found = {s.deletion.id: s for s in states if s.deletion.settled_at is None}
        known = {s.deletion.id for s in states}
        others = {r.released_by for r in references if r.released_by is not None} - known
        if others:
            found |= {s.deletion.id: s for s in await self._store.open_among(others)}
        return found

    async def _references(
        self, states: Sequence[DeletionState], due: "_Due", torrents: Seen[Torrents] | Unseen | None
    ) -> tuple[tuple[Reference, ...], tuple[Torrent, ...]]:
        """Return the ledger rows that matter, and the torrents that may have to go."""
        entries = {(t.instance, int(t.external_id)) for s in states for t in s.targets_of(TargetKind.ENTRY)}
        entries |= {(name, e.id) for name, e in due.entries}
        found = {r.number: r for r in await self._store.references_of_media(due.media)}
        found |= {r.number: r for r in await self._store.references_of_entries(entries)}
        hashes = _hashes(states, found.values())
        condemned: dict[TorrentId, Torrent] = {}
        if isinstance(torrents, Seen):
            condemned = {t.id: t for h in sorted(hashes) for t in torrents.data.matching(h)}
            beside = files_to_read(torrents.data, condemned.values())
            hashes |= {alias for id_ in beside for alias in torrents.data.by_id[id_].aliases}
        found |= {r.number: r for r in await self._store.references_of_hashes(hashes)}
        return tuple(r for _, r in sorted(found.items())), tuple(condemned.values())

    async def _with_files(
        self, torrents: Seen[Torrents] | Unseen | None, condemned: Sequence[Torrent], folders: Sequence[str]
    ) -> Seen[Torrents] | Unseen | None:
        client = self._upstreams.torrents
        if client is None or not isinstance(torrents, Seen):
            return torrents
        needed = files_to_read(torrents.data, condemned, folders)
        files = await self._read_files(client, needed)
        if isinstance(files, Unseen):
            return files
        return Seen(Torrents(torrents.data.by_id, files), torrents.at)

    async def _read_files(
        self, client: TorrentClient, needed: Iterable[TorrentId]
    ) -> dict[TorrentId, tuple[TorrentFile, ...] | None] | Unseen:
        gate = asyncio.Semaphore(MOST_CONCURRENT_READS)

        async def read(torrent: TorrentId) -> tuple[TorrentFile, ...] | None:
            async with gate:
                return await client.files(torrent)

        ordered = sorted(needed)
        result = await self._health.ask(client, lambda: asyncio.gather(*(read(t) for t in ordered)))
        if isinstance(result, Unseen):
            return result
        return dict(zip(ordered, result.data, strict=True))

    async def _with_details(
        self, name: InstanceName, observation: Seen[Library] | Unseen, states: Sequence[DeletionState], unread: "_Due"
    ) -> Seen[Library] | Unseen:
        """Add the files of the titles that are `unread`, and the folders that show whether files are gone."""
        if isinstance(observation, Unseen):
            return observation
        client = self._upstreams.libraries[name]
        library = observation.data
        concerned = [s for s in states if name in s.deletion.instances]
        series = sorted({e.id for holder, e in unread.entries if holder == name and e.files is None})
        folders = sorted({folder for s in concerned if _looks_for_files(s) for folder in folders_of(s, name, library)})
        gate = asyncio.Semaphore(MOST_CONCURRENT_READS)

        async def files_of(entry_id: int) -> tuple[EntryFile, ...]:
            async with gate:
                return await client.entry_files(entry_id)

        async def listing_of(folder: str) -> FolderListing:
            async with gate:
                try:
                    return await client.list_folder(folder)
                except Rejected:
                    return FolderListing(frozenset(), frozenset())  # it cannot show this folder: proves nothing

        async def read() -> tuple[list[tuple[EntryFile, ...]], list[FolderListing]]:
            return (
                list(await asyncio.gather(*(files_of(i) for i in series))),
                list(await asyncio.gather(*(listing_of(f) for f in folders))),
            )

        result = await self._health.ask(client, read)
        if isinstance(result, Unseen):
            return result
        files, listings = result.data
        detailed = replace(
            library,
            entry_files=dict(zip(series, files, strict=True)),
            listings=dict(zip(folders, listings, strict=True)),
        )
        return Seen(detailed, observation.at)


class _Due:
    """The titles that the due deletions are about: by every id that libraries and records know, and where they are."""

    def __init__(
        self,
        states: Sequence[DeletionState],
        tvdb_ids: Mapping[int, int],
        seen: Mapping[InstanceName, Library],
        board: Seen[RequestBoard] | Unseen | None,
    ) -> None:
        asked = [s.deletion.media for s in states]
        asked += [Media(MediaKind.SERIES, tmdb_id, tvdb_id) for tmdb_id, tvdb_id in sorted(tvdb_ids.items())]
        index = MediaIndex((m, m) for m in asked)
        records = board.data.records.values() if isinstance(board, Seen) else ()
        asked += [r.media for r in records if index.same(r.media)]
        index = MediaIndex((m, m) for m in asked)
        self.entries = tuple(
            (name, e) for name, library in seen.items() for e in library.entries.values() if index.same(e.media)
        )
        self.media: tuple[Media, ...] = (*asked, *(e.media for _, e in self.entries))


def _any_unbound(states: Sequence[DeletionState]) -> bool:
    return any(s.deletion.bound_at is None for s in states)


def _hashes(states: Sequence[DeletionState], references: Iterable[Reference]) -> set[InfoHash]:
    hashes = {r.hash for r in references if r.hash is not None}
    for state in states:
        hashes |= set(state.deletion.hints.hashes)
        hashes |= {InfoHash(t.external_id) for t in state.targets_of(TargetKind.TORRENT)}
    return hashes


def _needs_files(state: DeletionState) -> bool:
    """Tell whether the files a title has now matter: at binding, and to finish an old copy."""
    return state.deletion.bound_at is None or state.deletion.finishing_old_copy


def _looks_for_files(state: DeletionState) -> bool:
    """Tell whether the disk must be looked at: something was destroyed, or the title was gone at binding already."""
    deletion = state.deletion
    if deletion.bound_at is None or not deletion.options.delete_files:
        return False
    return deletion.destroyed_at is not None or all(
        t.absent_since is not None for t in state.targets_of(TargetKind.ENTRY)
    )


def _row(instance: InstanceName, entry: Entry) -> LibraryRow:
    return LibraryRow(
        instance,
        entry.id,
        entry.media,
        entry.title,
        entry.year,
        entry.path,
        entry.added,
        entry.size,
        tuple(f.path for f in entry.files or ()),
    )
