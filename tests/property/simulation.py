"""A household lived in at random: people request, delete and request again while upstreams fail and processes die.

Everything that exists is labelled when it comes into being (`goods.py`). Every write is compared with these labels
(`watcher.py`), and so is what is left in the end (`rest.py`).
"""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from reconciler.errors import Throttled, Unauthorized, Unintelligible, Unreachable, UpstreamError
from reconciler.model import DeletionState, InfoHash, InstanceName, Media, MediaKind, Options, TorrentId
from reconciler.observed import DownloadClient, RequestStatus
from tests.property.goods import MOVIES, NAMES, SEASONS, SEEDED_TO, SERIES, Goods, parts_of
from tests.property.labels import Asked, Part
from tests.property.watcher import Watcher
from tests.support.bench import Bench
from tests.support.memory_base import WRITES, Call, MemoryUpstream
from tests.support.worlds import RADARR, RADARR_4K, SONARR

BEFORE_HISTORY = frozenset({"entries", "queue", "history_since"})
BEFORE_REQUESTS = frozenset({"torrents", "records"})
"""Reads of a round just before which somebody may still do something that this round must not overlook."""


class Killed(BaseException):
    """The process died here. No handler may live through it."""


class Simulation:
    """One life of a household, wholly determined by its seed."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench = bench
        self.home = bench.household
        self.rng = random.Random(seed)
        self.goods = Goods(bench, self.rng)
        self.asked = Asked()
        self.watcher = Watcher(self.goods, self.asked)
        self.wanted: dict[Part, datetime] = {}
        self.requested: set[Part] = set()
        """What was sent to its library since it was last asked to go: that is looked for."""
        self.log: list[str] = []
        self.met: Counter[str] = Counter()
        """What this life had to cope with."""
        self._open: tuple[DeletionState, ...] = ()
        self._is_lived_in = True
        self._kill_in: tuple[InstanceName, int] | None = None
        self._answered_searches = {library.instance: 0 for library in self.home.libraries}
        self.titles: tuple[Media, ...] = (*MOVIES, *SERIES)
        self.upstreams: tuple[MemoryUpstream, ...] = (*self.home.clients, *self.home.libraries, self.home.jellyseerr)
        self._chances = {upstream.instance: random.Random(f"{seed} {upstream.instance}") for upstream in self.upstreams}
        """What happens at the calls of each upstream: in which order they are read at once, nobody can tell."""
        for library in self.home.libraries:
            library.clients = tuple(DownloadClient(name, name.lower(), 8080) for name in NAMES.values())
        for upstream in self.upstreams:
            upstream.before = self._before

    async def furnish(self) -> None:
        """Obtain everything, and let the histories be read."""
        self.goods.furnish()
        self.goods.heard.clear()
        await self.bench.reconciler.run_ledger()

    # --- what people and programs do -------------------------------------------------------------------------------

    async def live(self, steps: int) -> None:
        """Do things at random, with passes between them."""
        for _ in range(steps):
            action = self.rng.choice(
                [
                    self._delete,
                    self._delete,
                    self._act,
                    self._act,
                    self._toggle_trouble,
                    self._pass,
                    self._pass,
                    self._pass,
                    self._killed_pass,
                    self._let_time_pass,
                    self._crash,
                    self._cancel,
                    self._approve,
                ]
            )
            self.log.append(action.__name__)
            await action()
            await self.watcher.check()
            await self.tell()
            self._open = tuple(s for s in await self.bench.everything() if s.deletion.settled_at is None)
        self._heal()
        self._is_lived_in = False

    async def _delete(self) -> None:
        media = self.rng.choice(self.titles)
        seasons = None
        instances = None
        if media.kind is MediaKind.SERIES and self.rng.random() < 0.7:
            seasons = frozenset(self.rng.sample(SEASONS, self.rng.randint(1, 2)))
        elif media.kind is MediaKind.MOVIE:
            instances = self.rng.choice([None, [RADARR], [RADARR_4K]])
        covered = frozenset(instances or ([SONARR] if media.kind is MediaKind.SERIES else [RADARR, RADARR_4K]))
        mine = [s.deletion for s in self._open if s.deletion.media.is_same(media)]
        if any(d.instances == covered and d.seasons == seasons for d in mine):
            return
        options = Options(
            delete_files=self.rng.random() < 0.8,
            remove_empty_series=seasons is not None and self.rng.random() < 0.5,
            blocklist=seasons is not None and self.rng.random() < 0.2,
        )
        parts = [
            Part(library, media, season)
            for library in covered
            for season in (seasons if seasons is not None else (None, *(SEASONS if library == SONARR else ())))
        ]
        self.log.append(f"  {media} in {sorted(covered)}, seasons {seasons}, {options}")
        self.asked.add(parts)
        self.wanted = {part: at for part, at in self.wanted.items() if part not in parts}
        self.requested -= set(parts)
        self._meet(parts)
        await self.bench.ask(
            media,
            options=options,
            seasons=seasons,
            instances=instances,
            grace=timedelta(minutes=10) if self.rng.random() < 0.1 else timedelta(0),
            needs_approval=self.rng.random() < 0.1,
        )

    def _meet(self, parts: Sequence[Part]) -> None:
        """Count what is special about what a new deletion is for."""
        by_name: Counter[str] = Counter()
        for client in self.home.clients:
            for torrent, _ in client.by_id.values():
                by_name[torrent.content_path] += 1
        for label, thing in self.goods.labels.torrents.items():
            row = self.goods.client(label.client).by_id.get(TorrentId(label.hash))
            if row is None or not thing.owners & set(parts):
                continue
            self.met["packs"] += bool(thing.owners - set(parts))
            self.met["cross-seeds"] += by_name[row[0].content_path] > 1

    async def _act(self) -> None:
        self._somebody_acts(
            self.rng.choice(self.titles),
            ["request", "request", "pending", "approve", "rss", "rss pack", "person", "cross-seed"],
        )

    def _somebody_acts(self, media: Media, kinds: Sequence[str]) -> None:
        """Somebody requests something again, or a library does something by itself."""
        parts = parts_of(media)
        chosen = self.rng.sample(parts, self.rng.randint(1, 2))
        if self._open and self.rng.random() < 0.6:
            deletion = self.rng.choice(self._open).deletion
            about = [p for p in parts_of(deletion.media) if p.is_covered_by(deletion)]
            chosen = self.rng.sample(about, 1) if about else chosen
        kind = self.rng.choice(kinds)
        self.log.append(f"  {kind} {chosen}")
        match kind:
            case "request":
                self._want(chosen)
                self.goods.request(chosen, RequestStatus.APPROVED, is_fresh=True)
                self._send(chosen)
            case "pending":
                self.goods.request(chosen, RequestStatus.PENDING, is_fresh=True)
            case "approve":
                self._approve_request()
            case "person":
                there = [p for p in chosen if self.goods.entry(p) is not None]
                self._want(there)
                for part in there:
                    self.goods.fetch([part], is_fresh=True, by_person=True)
            case "cross-seed":
                mine = [k for k, t in self.goods.labels.torrents.items() if t.owners & set(chosen)]
                if mine:
                    self.goods.cross_seed(self.rng.choice(mine))
            case _:
                looked_for = [p for p in chosen if self.goods.is_monitored(p)]
                if looked_for:
                    self.goods.fetch(looked_for if kind == "rss pack" else looked_for[:1], is_fresh=False)

    def _want(self, parts: Sequence[Part]) -> None:
        now = self.bench.clock.now()
        self.wanted |= dict.fromkeys(parts, now)
        is_late = any(p.is_covered_by(s.deletion) and s.deletion.bound_at for p in parts for s in self._open)
        self.met["late wants"] += is_late

    def _approve_request(self) -> None:
        for request in list(self.home.jellyseerr.asked.values()):
            if request.status is RequestStatus.PENDING:
                self.home.jellyseerr.decide(request.id, RequestStatus.APPROVED)
                parts = sorted(self.goods.labels.requests[request.id].owners, key=str)
                self._want(parts)
                self._send(parts)
                break

    def _send(self, parts: Sequence[Part]) -> None:
        """Do what Jellyseerr does with an approved request, and what follows from it."""
        self.requested |= set(parts)
        self.goods.add(parts, is_fresh=True)
        for part in parts:
            if not self.goods.has_file(part):
                self.goods.fetch([part], is_fresh=True)
            self.goods.scan(part)

    # --- trouble ---------------------------------------------------------------------------------------------------

    async def _toggle_trouble(self) -> None:
        upstream = self.rng.choice(self.upstreams)
        what = self.rng.choice(["down", "lost answers", "well"])
        self.log.append(f"  {upstream.instance} {what}")
        upstream.trouble = self._error(upstream) if what == "down" else None
        upstream.lost_answers = Unreachable(upstream.instance, "timed out") if what == "lost answers" else None

    def _error(self, upstream: MemoryUpstream) -> UpstreamError:
        kind = self.rng.choice([Unreachable, Unreachable, Unintelligible, Throttled, Unauthorized])
        return kind(upstream.instance, "out of order")

    def _heal(self) -> None:
        for upstream in self.upstreams:
            upstream.trouble = upstream.lost_answers = None

    async def _pass(self) -> None:
        self.met["outages"] += bool(self._open) and any(u.trouble or u.lost_answers for u in self.upstreams)
        await self.bench.reconciler.run_pass()

    async def _killed_pass(self) -> None:
        self._kill_in = self.rng.choice(self.upstreams).instance, self.rng.randint(1, 8)
        try:
            await self.bench.reconciler.run_pass()
        except Killed:
            self.log.append("  killed")
        self._kill_in = None
        self.bench.restart()

    async def _let_time_pass(self) -> None:
        self.bench.clock.advance(self.rng.choice([1, 5, 20, 120, 1200, 7200]))
        self._seed(SEEDED_TO if self.rng.random() < 0.3 else 0.5)
        if self.rng.random() < 0.5:
            await self.bench.reconciler.run_ledger()

    def _seed(self, ratio: float) -> None:
        """Let every torrent have been seeded so far."""
        for client in self.home.clients:
            for torrent, _ in list(client.by_id.values()):
                client.change(InfoHash(torrent.id), ratio=max(ratio, torrent.ratio))

    async def _crash(self) -> None:
        self.rng.choice(self.home.clients).crash()

    async def _cancel(self) -> None:
        if self._open and self.rng.random() < 0.3:
            chosen = self.rng.choice(self._open).deletion
            self.wanted = {p: at for p, at in self.wanted.items() if not p.is_covered_by(chosen)}
            self.log.append(f"  {chosen.label}")
            await self.bench.store.cancel(chosen.id, "somebody")

    async def _approve(self) -> None:
        if self._open:
            chosen = self.rng.choice(self._open).deletion
            lifted = await self.bench.store.approve(chosen.id, "somebody")
            self.log.append(f"  {chosen.label}: {sorted(lifted)}")

    async def tell(self) -> None:
        """Deliver some of the webhooks, lose the others; and let libraries carry out the searches asked of them."""
        for reference in self.goods.heard:
            if self.rng.random() < 0.5:
                await self.bench.hear(reference)
        for add in self.goods.added:
            if self.rng.random() < 0.5:
                await self.bench.hear(manual_add=add)
        self.goods.heard.clear()
        self.goods.added.clear()
        for library in self.home.libraries:
            for entry_id, season in library.searched_seasons[self._answered_searches[library.instance] :]:
                entry = library.by_id.get(entry_id)
                for part in parts_of(entry.media) if entry else ():
                    is_meant = part.library == library.instance and season in {None, part.season}
                    if is_meant and self.goods.is_monitored(part) and not self.goods.has_file(part):
                        self.goods.fetch([part], is_fresh=True)
            self._answered_searches[library.instance] = len(library.searched_seasons)

    def _before(self, call: Call) -> None:
        """Between any two calls time passes, somebody may do something, or the process may die."""
        self.bench.clock.advance(timedelta(milliseconds=1))
        if call.name in WRITES:
            self.log.append(f"    {call}")
            self.watcher.saw(call)
        if self._kill_in is not None and self._kill_in[0] == call.instance:
            self._kill_in = call.instance, self._kill_in[1] - 1
            if self._kill_in[1] <= 0:
                raise Killed
        is_chance = self._is_lived_in and self._chances[call.instance].random() < 0.02
        if is_chance and call.name in BEFORE_HISTORY:
            kind = MediaKind.SERIES if call.instance == SONARR else MediaKind.MOVIE
            media = self.rng.choice([m for m in self.titles if m.kind is kind])
            self._somebody_acts(media, ["request", "pending", "approve", "rss", "person"])
        elif is_chance and call.name in BEFORE_REQUESTS:
            self._somebody_acts(self.rng.choice(self.titles), ["request", "pending", "approve"])
