"""A household lived in at random: people request, delete and request again while upstreams fail and processes die.

Everything that exists is labelled when it comes into being: for which titles, and whether somebody wanted it afresh.
The checks compare every write that reaches an upstream with these labels and with what was asked to be deleted.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.errors import Throttled, Unauthorized, Unintelligible, Unreachable, UpstreamError
from reconciler.model import InfoHash, ManualAdd, Media, MediaKind, NewReference, Options, Phase, SettledAs
from reconciler.observed import RequestStatus
from reconciler.reasons import Effect, effect_of
from tests.support.bench import Bench
from tests.support.memory_base import WRITES, Call, MemoryUpstream
from tests.support.memory_library import MemoryLibrary
from tests.support.worlds import hash_of

BEFORE_HISTORY = frozenset({"entries", "queue", "history_since"})
BEFORE_REQUESTS = frozenset({"torrents", "records"})
"""Reads of a round just before which somebody may still do something that this round must not overlook."""


class Killed(BaseException):
    """The process died here. No handler may live through it."""


@dataclass
class Thing:
    """Something upstream: whose it is, when it came, and whether it is the fresh copy somebody asked for."""

    owners: frozenset[Media]
    since: datetime
    is_fresh: bool = False


@dataclass
class Taken:
    """A thing that a write was about."""

    call: Call
    thing: Thing
    at: datetime


@dataclass
class Labels:
    """What exists, by what identifies it upstream."""

    torrents: dict[tuple[str, str], Thing] = field(default_factory=dict)  # (hash, added_on)
    entries: dict[tuple[str, str], Thing] = field(default_factory=dict)  # (library, added)
    requests: dict[int, Thing] = field(default_factory=dict)
    files: dict[str, Thing] = field(default_factory=dict)  # by content


class Simulation:
    """One life of a household, wholly determined by its seed."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench = bench
        self.home = bench.household
        self.rng = random.Random(seed)
        self.things = Labels()
        self.taken: list[Taken] = []
        self.asked: set[Media] = set()
        self.wanted: dict[Media, datetime] = {}
        self.log: list[str] = []
        self._hashes = 0
        self._kill_in: int | None = None
        self._heard: list[NewReference] = []
        self._added: list[ManualAdd] = []
        self._answered_searches = {library.instance: 0 for library in self._libraries()}
        self.titles = [Media(MediaKind.MOVIE, tmdb_id=n) for n in range(1, 7)]
        self.titles += [Media(MediaKind.SERIES, tmdb_id=n, tvdb_id=1000 + n) for n in range(1, 4)]
        for upstream in self.home.upstreams:
            upstream.before = self._before

    def _libraries(self) -> tuple[MemoryLibrary, MemoryLibrary]:
        return self.home.radarr, self.home.sonarr

    # --- the household at its beginning ---

    async def furnish(self) -> None:
        """Obtain every title, some with leftovers of upgrades, and one pack for two movies."""
        for media in self.titles:
            self._obtain(media, is_fresh=False, copies=self.rng.choice([1, 1, 2]))
        pack = self._new_hash()
        torrent = self.home.qbittorrent.add(pack, "Pack", ["Pack/a.mkv", "Pack/b.mkv"], save_path="/data/torrents")
        both = self.titles[:2]
        self._label_torrent(pack, torrent.added_on, both, is_fresh=False)
        for media in both:
            entry = next(e for e in self.home.radarr.by_id.values() if e.media == media)
            self.home.radarr.grab(entry.id, pack)
        await self.bench.reconciler.run_ledger()

    def _new_hash(self) -> InfoHash:
        self._hashes += 1
        return hash_of(self._hashes)

    def _label_torrent(self, hash_: InfoHash, added_on: int, owners: Iterable[Media], *, is_fresh: bool) -> None:
        thing = Thing(frozenset(owners), self.bench.clock.now(), is_fresh)
        self.things.torrents[hash_, str(added_on)] = thing
        self.things.files[f"{hash_}@{added_on}"] = thing

    def _title(self, media: Media) -> str:
        return f"{media.kind.value}-{media.tmdb_id}"

    def _obtain(self, media: Media, *, is_fresh: bool, copies: int = 1) -> None:
        """Request a title, add it to its library if it is not there, and fetch it if it has no file."""
        self._request(media, RequestStatus.APPROVED, is_fresh=is_fresh)
        self._send(media, is_fresh=is_fresh, copies=copies)

    def _send(self, media: Media, *, is_fresh: bool, copies: int = 1) -> None:
        """Do what Jellyseerr does with an approved request."""
        self._add(media, is_fresh=is_fresh)
        entry = next(e for e in self.home.library_for(media).by_id.values() if e.media == media)
        for _ in range(copies):
            if not entry.files or not is_fresh:
                self._fetch(media, is_fresh=is_fresh)
        self.home.jellyseerr.scan(media)

    def _request(self, media: Media, status: RequestStatus, *, is_fresh: bool) -> None:
        request = self.home.jellyseerr.ask_for(media, status=status)
        self.things.requests[request.id] = Thing(frozenset({media}), self.bench.clock.now(), is_fresh)

    def _add(self, media: Media, *, is_fresh: bool) -> None:
        library = self.home.library_for(media)
        if any(e.media == media for e in library.by_id.values()):
            return
        entry = library.add(media, self._title(media))
        self.things.entries[library.instance, entry.added] = Thing(frozenset({media}), self.bench.clock.now(), is_fresh)
        if is_fresh and media.kind is MediaKind.MOVIE:
            self._added.append(ManualAdd(library.instance, entry.id, media))

    def _fetch(self, media: Media, *, is_fresh: bool, by_person: bool = False) -> None:
        """Grab a release (sometimes one known from before) and import it over a file of the same name."""
        library = self.home.library_for(media)
        entry = next(e for e in library.by_id.values() if e.media == media)
        hash_ = self._new_hash()
        if self.rng.random() < 0.4:
            known = [h for (h, _), t in self.things.torrents.items() if t.owners == {media}]
            free = [InfoHash(h) for h in known if h not in self.home.qbittorrent.by_id]
            hash_ = self.rng.choice(free) if free else hash_
        name = f"{self._title(media)}.{hash_[-4:]}"
        torrent = self.home.qbittorrent.add(hash_, name, save_path="/data/torrents")
        self._label_torrent(hash_, torrent.added_on, [media], is_fresh=is_fresh)
        self._heard.append(library.grab(entry.id, hash_, by_person=by_person))
        file = library.import_file(entry.id, hash_)
        self.things.files[f"{hash_}#{file.id}"] = Thing(frozenset({media}), self.bench.clock.now(), is_fresh)

    # --- what people and programs do ---

    async def live(self, steps: int) -> None:
        """Do things at random, with passes between them."""
        for _ in range(steps):
            action = self.rng.choice(
                [
                    self._delete,
                    self._delete,
                    self._act,
                    self._toggle_trouble,
                    self._pass,
                    self._pass,
                    self._pass,
                    self._killed_pass,
                    self._let_time_pass,
                    self._crash,
                    self._cancel,
                ]
            )
            self.log.append(action.__name__)
            await action()
            await self.check_taken()
            await self._tell()
        self._heal()

    async def _delete(self) -> None:
        media = self.rng.choice(self.titles)
        mine = [s for s in await self.bench.everything() if s.deletion.media.is_same(media)]
        if any(s.deletion.settled_at is None for s in mine):
            return
        keeps = self.rng.random() < 0.2
        self.log.append(f"  {media} files {'kept' if keeps else 'deleted'}")
        self.asked.add(media)
        self.wanted.pop(media, None)
        await self.bench.ask(media, options=Options(delete_files=not keeps))

    async def _act(self) -> None:
        self._somebody_acts(self.rng.choice(self.titles), ["request", "request", "pending", "approve", "rss", "person"])

    def _somebody_acts(self, media: Media, kinds: list[str]) -> None:
        """Somebody requests something again, or a library does something by itself."""
        library = self.home.library_for(media)
        entry = next((e for e in library.by_id.values() if e.media == media), None)
        kind = self.rng.choice(kinds)
        self.log.append(f"  {kind} {media}")
        if kind == "request":
            self.wanted[media] = self.bench.clock.now()
            self._obtain(media, is_fresh=True)
        elif kind == "pending":
            self._request(media, RequestStatus.PENDING, is_fresh=True)
        elif kind == "approve":
            for request in list(self.home.jellyseerr.asked.values()):
                if request.status is RequestStatus.PENDING:
                    self.home.jellyseerr.decide(request.id, RequestStatus.APPROVED)
                    self.wanted[request.media] = self.bench.clock.now()
                    self._send(request.media, is_fresh=True)
                    break
        elif entry is not None and kind == "person":
            self.wanted[media] = self.bench.clock.now()
            self._fetch(media, is_fresh=True, by_person=True)
        elif entry is not None and entry.monitoring.monitored:
            self._fetch(media, is_fresh=False)

    async def _toggle_trouble(self) -> None:
        upstream = self.rng.choice(self.home.upstreams)
        what = self.rng.choice(["down", "lost answers", "well"])
        self.log.append(f"  {upstream.instance} {what}")
        upstream.trouble = self._error(upstream) if what == "down" else None
        upstream.lost_answers = Unreachable(upstream.instance, "timed out") if what == "lost answers" else None

    def _error(self, upstream: MemoryUpstream) -> UpstreamError:
        kind = self.rng.choice([Unreachable, Unreachable, Unintelligible, Throttled, Unauthorized])
        return kind(upstream.instance, "out of order")

    def _heal(self) -> None:
        for upstream in self.home.upstreams:
            upstream.trouble = upstream.lost_answers = None

    async def _pass(self) -> None:
        await self.bench.reconciler.run_pass()

    async def _killed_pass(self) -> None:
        self._kill_in = self.rng.randint(1, 25)
        try:
            await self.bench.reconciler.run_pass()
        except Killed:
            self.log.append("  killed")
        self._kill_in = None
        self.bench.restart()

    async def _let_time_pass(self) -> None:
        self.bench.clock.advance(self.rng.choice([1, 5, 20, 120, 1200, 7200]))
        if self.rng.random() < 0.5:
            await self.bench.reconciler.run_ledger()

    async def _crash(self) -> None:
        self.home.qbittorrent.crash()

    async def _cancel(self) -> None:
        open_ = [s for s in await self.bench.everything() if s.deletion.settled_at is None]
        if open_ and self.rng.random() < 0.3:
            chosen = self.rng.choice(open_).deletion
            self.wanted = {m: at for m, at in self.wanted.items() if not m.is_same(chosen.media)}
            await self.bench.store.cancel(chosen.id, "somebody")

    async def _tell(self) -> None:
        """Deliver some of the webhooks, lose the others; and let libraries carry out the searches asked of them."""
        for reference in self._heard:
            if self.rng.random() < 0.5:
                await self.bench.hear(reference)
        for add in self._added:
            if self.rng.random() < 0.5:
                await self.bench.hear(manual_add=add)
        self._heard.clear()
        self._added.clear()
        for library in self._libraries():
            for entry_id in library.searched[self._answered_searches[library.instance] :]:
                if entry_id in library.by_id:
                    self._fetch(library.by_id[entry_id].media, is_fresh=True)
            self._answered_searches[library.instance] = len(library.searched)

    def _before(self, call: Call) -> None:
        """Between any two calls time passes, somebody may do something, or the process may die."""
        self.bench.clock.advance(timedelta(milliseconds=1))
        if call.name in WRITES:
            self._check(call)
        if self._kill_in is not None:
            self._kill_in -= 1
            if self._kill_in <= 0:
                raise Killed
        if self.rng.random() < 0.02 and call.name in BEFORE_HISTORY:
            kind = MediaKind.MOVIE if call.instance == self.home.radarr.instance else MediaKind.SERIES
            media = self.rng.choice([m for m in self.titles if m.kind is kind])
            self._somebody_acts(media, ["request", "pending", "approve", "rss", "person"])
        elif self.rng.random() < 0.02 and call.name in BEFORE_REQUESTS:
            self._somebody_acts(self.rng.choice(self.titles), ["request", "pending", "approve"])

    # --- checks ---

    def _check(self, call: Call) -> None:
        """Check that a write is about something that was asked to be deleted."""
        first, *_ = call.arguments
        if call.name == "remove":
            assert isinstance(first, tuple)
            for id_ in first:
                torrent = self.home.qbittorrent.by_id.get(id_)
                if torrent is not None:
                    self._check_thing(call, self.things.torrents[id_, str(torrent[0].added_on)])
        elif call.name in {"delete_entry", "delete_entries", "unmonitor"}:
            library = next(lib for lib in self._libraries() if lib.instance == call.instance)
            for number in first if isinstance(first, tuple) else (first,):
                entry = library.by_id.get(number)
                if entry is not None:
                    self._check_thing(call, self.things.entries[library.instance, entry.added])
        elif call.name == "delete_files":
            library = next(lib for lib in self._libraries() if lib.instance == call.instance)
            assert isinstance(first, int)
            on_disk = self.home.disk.files()
            ids = call.arguments[1]
            assert isinstance(ids, tuple)
            for file in library.by_id[first].files or ():
                if file.id in ids and file.path in on_disk:
                    self._check_thing(call, self.things.files[on_disk[file.path]])
        elif call.name == "delete_request":
            assert isinstance(first, int)
            if first in self.home.jellyseerr.asked:
                self._check_request(call, first)
        elif call.name == "delete_record":
            for request in self.home.jellyseerr.asked.values():
                if request.record_id == first:
                    self._check_request(call, request.id)

    def _check_request(self, call: Call, number: int) -> None:
        request = self.home.jellyseerr.asked[number]
        assert request.status is not RequestStatus.PENDING, f"{call} clears a pending request"
        self._check_thing(call, self.things.requests[number])

    def _check_thing(self, call: Call, thing: Thing) -> None:
        assert thing.owners <= self.asked, f"{call} is about {thing}, asked were {self.asked}"
        self.taken.append(Taken(call, thing, self.bench.clock.now()))

    async def check_taken(self) -> None:
        """Check that what was taken was bound by a deletion that was open then, and that nothing fresh came later."""
        everything = await self.bench.everything()
        for taken in self.taken:
            for media in taken.thing.owners:
                bound = [
                    s.deletion.bound_at
                    for s in everything
                    if s.deletion.media.is_same(media)
                    and s.deletion.bound_at is not None
                    and s.deletion.bound_at <= taken.at
                    and (
                        s.deletion.settled_as is not SettledAs.CANCELLED
                        or (s.deletion.settled_at or taken.at) >= taken.at
                    )
                ]
                assert bound, f"{taken}: no deletion of {media} was open"
                assert not taken.thing.is_fresh or max(bound) >= taken.thing.since, f"{taken}, bound at {bound}"
        self.taken.clear()

    async def come_to_rest(self) -> None:
        """Without trouble, everything settles or is held with a reason; then nothing more is written."""
        self.bench.restart()
        await self.bench.reconciler.run_ledger()
        await self.bench.passes(most=60)
        for state in await self.bench.everything():
            if state.deletion.settled_at is None:
                held = [c for c in state.conditions if effect_of(c.reason) is Effect.HOLD]
                assert state.phase is Phase.HELD, (state.deletion, state.conditions)
                assert held
        for _ in range(3):
            self.bench.clock.advance(timedelta(minutes=16))
            await self._tell()
            await self.bench.passes(most=60)
        written = len(self.home.writes())
        for _ in range(3):
            self.bench.clock.advance(timedelta(hours=1))
            await self.bench.reconciler.run_pass()
        assert len(self.home.writes()) == written, self.home.writes()[written:]
        await self.check_taken()

    async def check_rest(self) -> None:
        """Check what is left: the untouched whole, the deleted gone, the wanted there."""
        torrents = {(str(t.id), str(t.added_on)) for t, _ in self.home.qbittorrent.by_id.values()}
        contents = set(self.home.disk.files().values())
        for key, thing in self.things.torrents.items():
            if not thing.owners & self.asked:
                assert key in torrents, f"{thing} lost its torrent"
                assert "@".join(key) in contents, f"{thing} lost its data"
        for (library, added), thing in self.things.entries.items():
            if not thing.owners & self.asked:
                found = next(lib for lib in self._libraries() if lib.instance == library)
                entry = next((e for e in found.by_id.values() if e.added == added), None)
                assert entry is not None, f"{thing} lost its entry"
                assert entry.monitoring.monitored, f"{thing} is not monitored any more"
        for number, thing in self.things.requests.items():
            if not thing.owners & self.asked:
                assert number in self.home.jellyseerr.asked, f"{thing} lost its request"
        last = {
            media: max(mine, key=lambda d: d.requested_at)
            for media in self.titles
            if (mine := [s.deletion for s in await self.bench.everything() if s.deletion.media.is_same(media)])
        }
        half_done = {  # what such a deletion took may come back, and the next one never saw it there
            media
            for media in self.titles
            for s in await self.bench.everything()
            if s.deletion.media.is_same(media)
            and s.deletion.destroyed_at
            and s.deletion.settled_as is SettledAs.CANCELLED
        }
        for media, deletion in last.items():
            if deletion.settled_as is SettledAs.CONVERGED and media not in half_done:
                left = [t for k, t in self.things.torrents.items() if k in torrents and t.owners == {media}]
                assert all(t.since > deletion.requested_at for t in left), f"{media} left {left}"
        for media, at in self.wanted.items():
            bound_at = last[media].bound_at if media in last else at
            if bound_at is None or (media in last and at <= bound_at):
                continue
            entry = next((e for e in self.home.library_for(media).by_id.values() if e.media == media), None)
            assert entry is not None, f"{media} was wanted again and is not in its library"
            assert entry.files, f"{media} was wanted again and has no file"
            assert {f.path for f in entry.files} <= set(self.home.disk.files()), f"{media} lost its file"
