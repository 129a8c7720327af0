"""Reads every upstream into one round's `World`. Reads only; whatever cannot be read completely is `Unseen`."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from reconciler.clock import Clock
from reconciler.model import (
    DeletionId,
    DeletionState,
    InfoHash,
    InstanceName,
    LibraryRow,
    Media,
    MediaKind,
    Reference,
    TargetKind,
)
from reconciler.observe.details import Details, asks_media_server, needs_files
from reconciler.observe.lists import Lists
from reconciler.observed import Entry, Library, MediaServer, RequestBoard, Seen, Torrent, TorrentKey, Unseen
from reconciler.plan.attribution import candidates_to_read
from reconciler.plan.bind import coverage_of, resolve
from reconciler.plan.index import MediaIndex
from reconciler.plan.paths import normal
from reconciler.plan.policy import Policy
from reconciler.plan.world import LedgerView, Torrents, World
from reconciler.ports import Destroyed, Lease, PassStore
from reconciler.reasons import Reason
from reconciler.upstreams import Health, Upstreams

_TORRENTS = frozenset({TargetKind.TORRENT, TargetKind.CROSS_SEED})


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
        denied_until: Callable[[datetime], datetime | None] = lambda _now: None,
    ) -> None:
        self._store = store
        self._policy = policy
        self._clock = clock
        self._denied_until = denied_until
        self._lists = Lists(store, upstreams, health, policy, clock, suspicious_minimum=suspicious_minimum)
        self._details = Details(upstreams, health, policy)

    def begin_pass(self) -> None:
        """Forget what may be kept for one pass only."""
        self._lists.begin_pass()
        self._details.begin_pass()

    def begin_epoch(self) -> None:
        """Forget what is in the database as we left it: another process may have written since."""
        self._lists.begin_epoch()

    def removed(self, instance: InstanceName, ids: Iterable[str]) -> None:
        """Remember what we removed ourselves, so that its absence is not suspicious."""
        self._lists.removed(instance, ids)

    async def libraries(self, lease: Lease | None) -> dict[InstanceName, tuple[Seen[Library] | Unseen, LedgerView]]:
        """Read every library, bring its ledger up to date and keep a snapshot of its titles.

        Without the lease nothing is written: a ledger is then current if it was ever read to its end.
        """
        return await self._lists.libraries(lease)

    async def board(self, lease: Lease | None) -> Seen[RequestBoard] | Unseen | None:
        """Read Jellyseerr's records and requests."""
        return await self._lists.board(lease)

    async def backfill(self, lease: Lease) -> bool:
        """Read one more page of every ledger that is not complete; return whether any page was read."""
        return await self._lists.backfill(lease)

    async def has_complete_ledgers(self) -> bool:
        """Tell whether every configured library's history was read to its end once."""
        return await self._lists.has_complete_ledgers()

    def _remember_sent(self, states: Iterable[DeletionState]) -> None:
        """Learn from the store what a process before this one removed: it may have died right after its call."""
        for target in (t for s in states for t in s.targets if t.sent_at is not None):
            id_ = target.external_id
            self._lists.removed(target.instance, [id_[:40].lower() if target.kind in _TORRENTS else id_])

    async def observe(
        self, lease: Lease | None, states: Sequence[DeletionState], recently: Destroyed, *, to_the_end: bool = False
    ) -> World:
        """Read everything the planner needs for the next step of these deletions, or for all steps `to_the_end`.

        The order matters. What reaches us while we read counts as later than this round, so our own position comes
        first. Torrents and requests are read after the histories: the torrent of a grab that a history tells was added
        before, and so was the request that led to it.
        """
        self._remember_sent(states)
        position = await self._store.ledger_position()
        libraries = await self._lists.libraries(lease)
        (torrents, unseen_clients), board = await asyncio.gather(self._lists.torrents(lease), self._lists.board(lease))
        seen = {name: o.data for name, (o, _) in libraries.items() if isinstance(o, Seen)}
        tvdb_ids, untranslated = await self._tvdb_ids(states, board)
        due = _Due(states, tvdb_ids, seen, board)
        rows = await self._store.library_rows(due.media)
        references, torrents = await self._references(states, due, torrents)
        unread = _Due([s for s in states if needs_files(s)], tvdb_ids, seen, board)
        observed = dict(
            zip(
                libraries,
                await asyncio.gather(
                    *(self._details.of_library(n, o, states, unread.ids_in(n)) for n, (o, _) in libraries.items())
                ),
                strict=True,
            )
        )
        unseen_titles: list[LibraryRow] = []
        for name, observation in observed.items():
            if isinstance(observation, Unseen):
                unseen_titles += await self._store.library_of(name)
        releasers = await self._releasers(states, references)
        bound = [s.deletion.bound_seq for s in (*states, *releasers.values())]
        bound_from = min((seq for seq in bound if seq is not None), default=0)
        now = self._clock.now()
        world = World(
            now=now,
            torrents=torrents,
            libraries=observed,
            board=board,
            ledger={name: view for name, (_, view) in libraries.items()},
            references=references,
            referenced_hashes=await self._store.referenced_hashes(),
            library_rows=rows,
            unseen_titles=tuple(unseen_titles),
            manual_adds=await self._store.manual_adds_after(0 if _any_unbound(states) else bound_from),
            tvdb_ids=tvdb_ids,
            untranslated=untranslated,
            releasers=releasers,
            clients=self._policy.torrent_clients,
            unseen_clients=unseen_clients,
            issues=await self._details.issues(states) if isinstance(board, Seen) else {},
            media_server=await self._media_server(lease, states, to_the_end=to_the_end),
            denied_until=self._denied_until(now),
            position=position,
            destructive_recently=recently.deletions,
            destructive_size=recently.size,
        )
        return await self._with_candidates(world, states)

    # --- what these deletions need ---------------------------------------------------------------------------------

    async def _media_server(
        self, lease: Lease | None, states: Sequence[DeletionState], *, to_the_end: bool
    ) -> Seen[MediaServer] | Unseen | None:
        if self._policy.media_server is None:
            return None
        if not to_the_end and not any(asks_media_server(s) for s in states):
            return Unseen(Reason.NOT_LOOKED_YET, "not looked yet")
        return await self._lists.media_server(lease)

    async def _tvdb_ids(
        self, states: Sequence[DeletionState], board: Seen[RequestBoard] | Unseen | None
    ) -> tuple[dict[int, int], dict[int, Unseen]]:
        """Translate the series that are known by TMDB id only, through Jellyseerr; tell why it could not be asked."""
        if not isinstance(board, Seen):
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
        asked, failed = await self._details.tvdb_ids(wanted - set(found))
        return found | asked, failed

    async def _releasers(
        self, states: Sequence[DeletionState], references: Iterable[Reference]
    ) -> dict[DeletionId, DeletionState]:
        """Return the deletions that released any of these references: the open ones may still be called off.

        Those that have ended matter if they were to keep their files.
        """
        found = {
            s.deletion.id: s for s in states if s.deletion.settled_at is None or not s.deletion.options.delete_files
        }
        known = {s.deletion.id for s in states}
        others = {r.released_by for r in references if r.released_by is not None} - known
        if others:
            found |= {s.deletion.id: s for s in await self._store.releasers_among(others)}
        return found

    async def _references(
        self, states: Sequence[DeletionState], due: "_Due", torrents: Seen[Torrents] | Unseen | None
    ) -> tuple[tuple[Reference, ...], Seen[Torrents] | Unseen | None]:
        """Return the ledger rows that matter, and the torrents with the files of those that may have to go."""
        entries = {(t.instance, int(t.external_id)) for s in states for t in s.targets_of(TargetKind.ENTRY)}
        entries |= {(name, e.id) for name, e in due.entries}
        found = {r.number: r for r in await self._store.references_of_media(due.media)}
        found |= {r.number: r for r in await self._store.references_of_entries(entries)}
        hashes = _hashes(states, found.values())
        if isinstance(torrents, Seen):
            condemned: dict[TorrentKey, Torrent] = {t.key: t for h in sorted(hashes) for t in torrents.data.matching(h)}
            folders = [e.path for _, e in due.entries]
            read = await self._details.with_files(torrents.data, tuple(condemned.values()), folders)
            if not isinstance(read, Unseen):
                read = await self._details.with_files_of(read, _users_of_what_went(states, read) - read.files.keys())
            torrents = read if isinstance(read, Unseen) else Seen(read, torrents.at)
            if isinstance(torrents, Seen):
                concerned = {*condemned, *torrents.data.files}
                hashes |= {alias for key in concerned for alias in torrents.data.by_key[key].aliases}
        found |= {r.number: r for r in await self._store.references_of_hashes(hashes)}
        return tuple(r for _, r in sorted(found.items())), torrents

    async def _with_candidates(self, world: World, states: Sequence[DeletionState]) -> World:
        """Add the files of the torrents that nobody referred to, where one of them may be the title's own."""
        if not isinstance(world.torrents, Seen):
            return world
        lost = [s for s in states if s.deletion.settled_at is None and not any(t.kind in _TORRENTS for t in s.targets)]
        keys = {
            key
            for state in lost
            for key in candidates_to_read(
                state, world, coverage_of(state, world, resolve(state.deletion, world)), world.torrents.data
            )
        }
        if not keys:
            return world
        read = await self._details.with_files_of(world.torrents.data, keys)
        return replace(world, torrents=read if isinstance(read, Unseen) else Seen(read, world.torrents.at))


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
        self.entries: tuple[tuple[InstanceName, Entry], ...] = tuple(
            (name, e) for name, library in seen.items() for e in library.entries.values() if index.same(e.media)
        )
        self.media: tuple[Media, ...] = (*asked, *(e.media for _, e in self.entries))

    def ids_in(self, instance: InstanceName) -> tuple[int, ...]:
        return tuple(e.id for name, e in self.entries if name == instance)


def _any_unbound(states: Sequence[DeletionState]) -> bool:
    return any(s.deletion.bound_at is None for s in states)


def _hashes(states: Sequence[DeletionState], references: Iterable[Reference]) -> set[InfoHash]:
    hashes = {r.hash for r in references if r.hash is not None}
    for state in states:
        hashes |= set(state.deletion.hints.hashes)
        hashes |= {InfoHash(t.external_id) for t in state.targets if t.kind in _TORRENTS}
    return hashes


def _users_of_what_went(states: Sequence[DeletionState], torrents: Torrents) -> set[TorrentKey]:
    """Return the torrents that may use the files of removed ones: they tell whether the data went, too."""
    sent = [t for s in states for t in s.targets if t.kind in _TORRENTS and t.sent_at is not None]
    paths = {normal(path) for target in sent for path in target.files}
    return {torrent.key for path in paths for torrent in torrents.by_extent.holding(path)}
