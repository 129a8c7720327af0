"""Whole lists: titles, torrents, requests, items; each believed only if it does not look as if most of it is lost."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from reconciler.clock import Clock
from reconciler.errors import Unintelligible, UpstreamError
from reconciler.ledger import Backfill, Ledger
from reconciler.model import InstanceName, LedgerCoverage, LibraryRow
from reconciler.observed import (
    AppInfo,
    DownloadClient,
    Entry,
    Library,
    MediaServer,
    PathMapping,
    RequestBoard,
    RequestServer,
    RootFolder,
    Seen,
    Torrent,
    Unseen,
)
from reconciler.plan.policy import Policy
from reconciler.plan.world import LedgerView, Torrents
from reconciler.ports import (
    Baseline,
    Doubted,
    Lease,
    LibraryClient,
    MediaServerClient,
    PassStore,
    RequestClient,
    TorrentClient,
    Upstream,
)
from reconciler.reasons import Reason
from reconciler.upstreams import Doubt, Health, Upstreams


@dataclass(frozen=True, slots=True)
class _Setup:
    """Who a library is and how it is set up: asked once per pass, not in every round."""

    app: AppInfo
    root_folders: tuple[RootFolder, ...]
    path_mappings: tuple[PathMapping, ...]
    torrent_clients: tuple[DownloadClient, ...]
    recycle_bin: str


class Lists:
    """Reads whole lists for the passes of one process."""

    def __init__(
        self,
        store: PassStore,
        upstreams: Upstreams,
        health: Health,
        policy: Policy,
        clock: Clock,
        *,
        suspicious_minimum: int,
    ) -> None:
        self._store = store
        self._upstreams = upstreams
        self._health = health
        self._clock = clock
        self._ledger = Ledger(store, clock)
        self._backfills: dict[InstanceName, Backfill] = {}
        self._suspicious_minimum = suspicious_minimum
        self._reads_servers = _has_several_of_a_variant(policy)
        self._setups: dict[InstanceName, _Setup] = {}
        self._apps: dict[InstanceName, AppInfo] = {}
        self._servers: tuple[RequestServer, ...] | None = None
        self._saved: dict[InstanceName, dict[int, LibraryRow]] = {}
        self._removed: set[tuple[InstanceName, str]] = set()

    def begin_pass(self) -> None:
        """Forget what may be kept for one pass only."""
        self._setups.clear()
        self._apps.clear()
        self._servers = None

    def begin_epoch(self) -> None:
        """Forget what is in the database as we left it: another process may have written since."""
        self._saved.clear()
        self._backfills.clear()

    def removed(self, instance: InstanceName, ids: Iterable[str]) -> None:
        """Remember what we removed ourselves, so that its absence is not suspicious."""
        self._removed |= {(instance, i) for i in ids}

    # --- libraries -------------------------------------------------------------------------------------------------

    async def libraries(self, lease: Lease | None) -> dict[InstanceName, tuple[Seen[Library] | Unseen, LedgerView]]:
        """Read every library, bring its ledger up to date and keep a snapshot of its titles."""
        clients = self._upstreams.libraries
        read = await asyncio.gather(*(self._library(lease, client) for client in clients.values()))
        return dict(zip(clients, read, strict=True))

    async def _library(self, lease: Lease | None, client: LibraryClient) -> tuple[Seen[Library] | Unseen, LedgerView]:
        coverage = await self._store.coverage(client.instance)
        observation = await self._health.ask(client, lambda: self._read_library(client))
        if isinstance(observation, Unseen):
            return observation, LedgerView(coverage, is_current=False)
        library = observation.data
        self._health.answered(client, library.app)
        suspicion = await self._suspicion(lease, client.instance, library.app, {str(i) for i in library.entries})
        if suspicion is not None:
            return suspicion, LedgerView(coverage, is_current=False)
        if lease is not None:
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
        self, lease: Lease | None, client: LibraryClient, library: Library, coverage: LedgerCoverage
    ) -> tuple[LedgerCoverage, bool]:
        if not coverage.is_complete or lease is None:
            return coverage, coverage.is_complete
        result = await self._health.ask(client, lambda: self._ledger.sync(lease, client, library.entries, coverage))
        return (coverage, False) if isinstance(result, Unseen) else (result.data, True)

    async def backfill(self, lease: Lease) -> bool:
        """Read one more page of every ledger that is not complete; return whether any page was read."""
        was_read = False
        for name, client in self._upstreams.libraries.items():
            coverage = await self._store.coverage(name)
            if coverage.is_complete:
                continue
            run = self._backfills.pop(name, None) or Backfill(self._store, client, self._clock)
            page = await self._health.ask(client, partial(run.step, lease, coverage))
            if isinstance(page, Seen) and not page.data.is_complete:
                self._backfills[name] = run  # only now: a page that was read and not stored must be read again
            was_read |= isinstance(page, Seen)
        return was_read

    async def has_complete_ledgers(self) -> bool:
        """Tell whether every configured library's history was read to its end once."""
        coverages = [await self._store.coverage(name) for name in self._upstreams.libraries]
        return all(coverage.is_complete for coverage in coverages)

    async def _save_titles(self, lease: Lease, instance: InstanceName, entries: Iterable[Entry]) -> None:
        saved = self._saved.setdefault(instance, {})
        rows = [_row(instance, e) for e in entries]
        changed = [r for r in rows if saved.get(r.entry_id) != r]
        if changed:
            await self._store.save_library(lease, instance, changed)
            saved.update({r.entry_id: r for r in changed})

    # --- torrents --------------------------------------------------------------------------------------------------

    async def torrents(
        self, lease: Lease | None
    ) -> tuple[Seen[Torrents] | Unseen | None, Mapping[InstanceName, Unseen]]:
        """Read the torrents of every client, and tell which clients could not be read.

        As long as one is missing nothing is known of the whole: what is looked for may be there, or share its files.
        """
        clients = self._upstreams.torrents
        if not clients:
            return None, {}
        read = await asyncio.gather(*(self._client(lease, client) for client in clients.values()))
        unseen = {name: o for name, o in zip(clients, read, strict=True) if isinstance(o, Unseen)}
        if unseen:
            return unseen[min(unseen)], unseen
        seen = [o for o in read if isinstance(o, Seen)]
        return Seen(Torrents({t.key: t for o in seen for t in o.data}), min(o.at for o in seen)), {}

    async def _client(self, lease: Lease | None, client: TorrentClient) -> Seen[tuple[Torrent, ...]] | Unseen:
        observation = await self._health.ask(client, lambda: self._read_torrents(client))
        if isinstance(observation, Unseen):
            return observation
        app, torrents = observation.data
        self._health.answered(client, app)
        identity = replace(app, version="")
        suspicion = await self._suspicion(lease, client.instance, identity, {t.id for t in torrents})
        return suspicion or Seen(torrents, observation.at)

    async def _read_torrents(self, client: TorrentClient) -> tuple[AppInfo, tuple[Torrent, ...]]:
        return await self._app(client), await client.torrents()

    # --- requests and the media server -----------------------------------------------------------------------------

    async def board(self, lease: Lease | None) -> Seen[RequestBoard] | Unseen | None:
        """Read Jellyseerr's records and requests."""
        client = self._upstreams.requests
        if client is None:
            return None
        observation = await self._health.ask(client, lambda: self._read_board(client))
        if isinstance(observation, Unseen):
            return observation
        board = observation.data
        self._health.answered(client, board.app)
        identity = replace(board.app, version="")
        suspicion = await self._suspicion(lease, client.instance, identity, {str(i) for i in board.records})
        return suspicion or observation

    async def _read_board(self, client: RequestClient) -> RequestBoard:
        app = await self._app(client)
        records = {r.id: r for r in await client.records()}
        requests = {r.id: r for r in await client.requests()}
        if any(r.record_id not in records for r in requests.values()):
            raise Unintelligible(client.instance, "its records changed while they were read")
        return RequestBoard(app, records, requests, await self._request_servers(client))

    async def _request_servers(self, client: RequestClient) -> tuple[RequestServer, ...]:
        """Read once per pass which library a request is sent to, where that is not plain from its variant.

        A key that may not read the settings tells nothing; then a request may be for any library of its variant.
        """
        if not self._reads_servers:
            return ()
        if self._servers is None:
            try:
                self._servers = await client.servers()
            except UpstreamError:
                self._servers = ()
        return self._servers

    async def media_server(self, lease: Lease | None) -> Seen[MediaServer] | Unseen | None:
        """Read what Jellyfin lists."""
        client = self._upstreams.media_server
        if client is None:
            return None
        observation = await self._health.ask(client, lambda: self._read_items(client))
        if isinstance(observation, Unseen):
            return observation
        server = observation.data
        self._health.answered(client, server.app)
        identity = replace(server.app, version="")
        suspicion = await self._suspicion(lease, client.instance, identity, {i.id for i in server.items})
        return suspicion or observation

    async def _read_items(self, client: MediaServerClient) -> MediaServer:
        return MediaServer(await self._app(client), await client.items())

    # --- shared ----------------------------------------------------------------------------------------------------

    async def _app(self, client: Upstream) -> AppInfo:
        """Ask who answers, once per pass."""
        app = self._apps.get(client.instance)
        if app is None:
            app = self._apps[client.instance] = await client.identify()
        return app

    async def _suspicion(
        self, lease: Lease | None, instance: InstanceName, app: AppInfo, ids: set[str]
    ) -> Unseen | None:
        """Compare a list with the last complete one, and let the status show what is suspicious."""
        suspicion = await self._compare(lease, instance, app, ids)
        self._health.doubted(instance, Doubt.LIST, suspicion.message if suspicion is not None else "")
        return suspicion

    async def _compare(self, lease: Lease | None, instance: InstanceName, app: AppInfo, ids: set[str]) -> Unseen | None:
        """Compare a list with the last complete one: a list that suddenly lost most of its rows proves no absence."""
        now = Baseline(instance, f"{app.name}/{app.instance_name or ''}", frozenset(ids), self._clock.now())
        before = await self._store.baseline(instance)
        doubted = self._doubted(before, now) if before is not None else None
        if before is not None and doubted is not None and not before.believes(doubted):
            if lease is not None and before.doubted != doubted:
                await self._store.doubt(lease, instance, doubted)
            return Unseen(Reason.SUSPICIOUS_LIST, doubted.text)
        is_known = before is not None and before.ids == ids and before.doubted is None
        if lease is not None and not is_known:
            await self._store.save_baseline(lease, now)
        return None

    def _doubted(self, before: Baseline, now: Baseline) -> Doubted | None:
        """Return why a list that came now is not to be believed; `None` if it is."""
        expected = {i for i in before.ids if (now.instance, i) not in self._removed}
        missing = frozenset(expected - now.ids)
        lacking = f"{len(missing)} of {len(expected)} rows"
        if before.identity != now.identity:
            text = f"answers as {now.identity!r}, before as {before.identity!r}; check what its URL points to"
            text += f" ({lacking} of before are not there)" if missing else ""
        elif len(missing) < self._suspicious_minimum or len(missing) * 2 <= len(expected):
            return None
        else:
            text = f"{lacking} vanished at once; approve if that is right"
        return Doubted(now.identity, before.at, missing, f"{now.instance}: {text}")


def _has_several_of_a_variant(policy: Policy) -> bool:
    variants = [(library.kind, library.is_4k) for library in policy.libraries.values()]
    return len(variants) > len(set(variants))


def _row(instance: InstanceName, entry: Entry) -> LibraryRow:
    files = entry.files or ()
    return LibraryRow(
        instance,
        entry.id,
        entry.media,
        entry.title,
        entry.year,
        entry.path,
        entry.added,
        entry.size,
        tuple(f.path for f in files),
        tuple(f.size for f in files),
    )
