"""Ordinary use must not fill the queue of what waits for a person: 500 deletions of all usual kinds, as configured.

A library that grew over years: upgrades, season packs, packs of everything, collections, cross-seeds, torrents that
nobody knows, some titles that were never requested or came from elsewhere. The upstreams are in memory, the store is
SQLite, and every setting has its default but the watch window: what has ended is not looked at for a day.
"""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

from reconciler.config import load_settings
from reconciler.main import policy_of
from reconciler.model import DeletionId, InfoHash, Media, MediaKind, Phase, Source
from reconciler.observed import Entry
from tests.support.bench import Bench, bench_at
from tests.support.memory_upstreams import Household
from tests.support.worlds import hash_of

WISHES = 500
KEPT = 50
AT_ONCE = 25
SAVE_PATH = "/data/torrents"
CONFIGURED = {
    "QBITTORRENT_URL": "http://qbittorrent:8080",
    "QBITTORRENT_USERNAME": "admin",
    "QBITTORRENT_PASSWORD": "a-password-for-tests",
    "RADARR_URL": "http://radarr:7878",
    "RADARR_API_KEY": "a-key-for-tests",
    "SONARR_URL": "http://sonarr:8989",
    "SONARR_API_KEY": "a-key-for-tests",
    "JELLYSEERR_URL": "http://jellyseerr:5055",
    "JELLYSEERR_API_KEY": "a-key-for-tests",
    "RECONCILER_WATCH_WINDOW_SECONDS": "600",
}


@dataclass(frozen=True)
class Title:
    media: Media
    entry: Entry
    hashes: frozenset[InfoHash]
    seasons: tuple[int, ...] = ()


@dataclass
class Years:
    """Fills a household as years of use do; every choice comes from `rng`."""

    home: Household
    rng: random.Random
    count: int = 0
    titles: list[Title] = field(default_factory=list)

    def torrent(self, name: str, *files: str) -> InfoHash:
        """Add a torrent; some have a cross-seed beside them that no history names."""
        hash_ = self._fresh()
        self.home.qbittorrent.add(hash_, name, files, save_path=SAVE_PATH)
        if self.rng.random() < 0.1:
            self.home.qbittorrent.add(self._fresh(), name, files, save_path=SAVE_PATH, data=False)
        return hash_

    def _fresh(self) -> InfoHash:
        self.count += 1
        return hash_of(self.count)

    def movie(self, number: int) -> None:
        media, title = Media(MediaKind.MOVIE, tmdb_id=1000 + number), f"Movie {number}"
        entry = self.home.radarr.add(media, title, monitored=self.rng.random() < 0.8)
        hashes: list[InfoHash] = []
        for version in range(self.rng.choice([1, 1, 1, 2, 3])):
            release = f"{title}.v{version}"
            hashes.append(self.torrent(release, f"{release}/{release}.mkv"))
            self.home.radarr.grab(entry.id, hashes[-1])
            self.home.radarr.import_file(entry.id, hashes[-1], f"{title}.mkv")
        self._tidy(hashes[:-1])
        self._request(media)
        self.titles.append(Title(media, entry, frozenset(hashes)))

    def moved_in(self, number: int) -> None:
        """Add a movie that somebody imported by hand, from a disk of old."""
        media, title = Media(MediaKind.MOVIE, tmdb_id=1000 + number), f"Movie {number}"
        entry = self.home.radarr.add(media, title)
        self.home.radarr.import_file(entry.id, None, f"{title}.mkv", size=700_000 + number)
        self.titles.append(Title(media, entry, frozenset()))

    def collection(self, *numbers: int) -> None:
        """Add movies that came in one torrent."""
        name = f"Collection {numbers[0]}"
        hash_ = self.torrent(name, *(f"{name}/Movie {number}.mkv" for number in numbers))
        for number in numbers:
            media, title = Media(MediaKind.MOVIE, tmdb_id=1000 + number), f"Movie {number}"
            entry = self.home.radarr.add(media, title)
            self.home.radarr.grab(entry.id, hash_)
            self.home.radarr.import_file(entry.id, hash_, f"{title}.mkv")
            self._request(media)
            self.titles.append(Title(media, entry, frozenset({hash_})))

    def series(self, number: int) -> None:
        media = Media(MediaKind.SERIES, tmdb_id=5000 + number, tvdb_id=7000 + number)
        title, seasons = f"Series {number}", tuple(range(1, self.rng.randint(2, 5)))
        entry = self.home.sonarr.add(media, title, seasons=seasons)
        hashes: list[InfoHash] = []
        if self.rng.random() < 0.25:
            hashes.append(self._release(entry, f"{title}.complete", [(s, e) for s in seasons for e in (1, 2)]))
        for season in seasons:
            if self.rng.random() < 0.6:
                hashes.append(self._release(entry, f"{title}.S{season}", [(season, e) for e in (1, 2)]))
            else:
                hashes += [self._release(entry, f"{title}.S{season}E{e}", [(season, e)]) for e in (1, 2)]
        self._request(media, seasons)
        self.titles.append(Title(media, entry, frozenset(hashes), seasons))

    def _release(self, entry: Entry, name: str, episodes: Iterable[tuple[int, int]]) -> InfoHash:
        episodes = list(episodes)
        hash_ = self.torrent(name, *(f"{name}/S{season}E{episode}.mkv" for season, episode in episodes))
        for season, episode in episodes:
            self.home.sonarr.grab(entry.id, hash_, episode=(season, episode))
        for season, episode in episodes:
            file = f"Season {season}/E{episode}.mkv"
            self.home.sonarr.import_file(entry.id, hash_, file, episode=(season, episode))
        return hash_

    def _tidy(self, old: Iterable[InfoHash]) -> None:
        """Let some torrents of earlier versions be gone already: they were seeded enough."""
        ids = {str(hash_) for hash_ in old if self.rng.random() < 0.4}
        for id_ in [id_ for id_ in self.home.qbittorrent.by_id if id_ in ids]:
            del self.home.qbittorrent.by_id[id_]

    def _request(self, media: Media, seasons: tuple[int, ...] = ()) -> None:
        if self.rng.random() < 0.85:
            self.home.jellyseerr.ask_for(media, seasons=seasons)
        self.home.jellyseerr.scan(media)

    def stranger(self, number: int) -> None:
        """Add a torrent that belongs to no title."""
        self.torrent(f"stranger {number}", f"stranger {number}/file.iso")


def lived_in(home: Household, rng: random.Random) -> Years:
    years = Years(home, rng)
    acquired = [
        *(partial(years.movie, number) for number in range(250)),
        *(partial(years.moved_in, number) for number in range(250, 260)),
        *(partial(years.collection, number, number + 1, number + 2) for number in range(260, 290, 3)),
        *(partial(years.series, number) for number in range(150)),
        *(partial(years.stranger, number) for number in range(40)),
    ]
    rng.shuffle(acquired)
    for acquire in acquired:
        acquire()
        home.clock.advance(timedelta(minutes=5))
    return years


async def wish(bench: Bench, title: Title, season: int | None, rng: random.Random) -> DeletionId:
    """Ask for a title or a season of it to go: in the dashboard, or by deleting a movie in Radarr itself."""
    if title.media.kind is MediaKind.MOVIE and rng.random() < 0.15:
        await bench.household.radarr.delete_entry(title.entry.id, delete_files=True, add_exclusion=False)
        return await bench.ask(title.media, source=Source.RADARR)
    return await bench.ask(title.media, seasons=None if season is None else [season])


async def settle(bench: Bench, wishes: list[DeletionId]) -> set[DeletionId]:
    """Run passes as they fall due until these have ended; return those that a person was asked about."""
    for number in range(60):
        await bench.reconciler.run_pass()
        states = [await bench.state(wish) for wish in wishes]
        open_ = [s for s in states if s.deletion.settled_at is None]
        held = {s.deletion.id for s in open_ if s.phase is Phase.HELD}
        if len(held) == len(open_):
            return held
        bench.clock.advance(timedelta(seconds=2 ** (number // 5)))
    raise AssertionError(f"{len(open_) - len(held)} deletions have not ended")


def chosen(years: Years, rng: random.Random) -> tuple[list[Title], list[tuple[Title, int | None]]]:
    """Return the titles that stay, and what is asked to go, in order: a title, or one season of it."""
    titles = rng.sample(years.titles, len(years.titles))
    kept, going = titles[:KEPT], titles[KEPT:]
    wishes: list[tuple[Title, int | None]] = []
    for title in going:
        by_season = title.seasons if rng.random() < 0.6 else ()
        wishes += [(title, season) for season in by_season] or [(title, None)]
    return kept, rng.sample(wishes, WISHES)


def is_whole(home: Household, title: Title, torrents_before: frozenset[str]) -> bool:
    """Tell whether a title still has its entry, its files and its torrents."""
    files = home.disk.files()
    entry = home.library_for(title.media).by_id[title.entry.id]
    has_files = bool(entry.files) and all(f.path in files for f in entry.files or ())
    has_torrents = {str(h) for h in title.hashes} & torrents_before <= set(home.qbittorrent.by_id)
    return has_files and has_torrents and entry.monitoring == title.entry.monitoring


async def test_of_500_ordinary_deletions_less_than_one_in_fifty_asks_a_person(tmp_path: Path) -> None:
    rng = random.Random(3)
    async with bench_at(tmp_path, policy_of(load_settings(CONFIGURED))) as bench:
        kept, wishes = chosen(lived_in(bench.household, rng), rng)
        torrents = frozenset(str(id_) for id_ in bench.household.qbittorrent.by_id)
        await bench.reconciler.run_ledger()
        asked: list[DeletionId] = []
        held: set[DeletionId] = set()
        for begin in range(0, WISHES, AT_ONCE):
            new = [await wish(bench, *one, rng) for one in wishes[begin : begin + AT_ONCE]]
            asked += new
            held |= await settle(bench, new)
            for _ in range(3):  # the breaker's window passes, and the histories are read as always
                bench.clock.advance(timedelta(minutes=20))
                await bench.reconciler.run_ledger()
        states = [await bench.state(one) for one in asked]
        why = Counter(c.reason.value for s in states if s.deletion.id in held for c in s.conditions if not c.is_settled)
        print(f"{len(held)} of {len(states)} ordinary deletions were held: {dict(why)}")
        assert len({s.deletion.id for s in states}) == WISHES
        assert len(held) * 50 < WISHES, why
        assert all(s.phase is Phase.CONVERGED for s in states if s.deletion.id not in held)
        assert [t.entry.title for t in kept if not is_whole(bench.household, t, torrents)] == []
