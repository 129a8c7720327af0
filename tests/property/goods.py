"""How things come into a simulated household: requests, titles, grabs, imports, packs and cross-seeds, all labelled."""

import random
from collections.abc import Iterable, Sequence

from reconciler.model import InfoHash, InstanceName, ManualAdd, Media, MediaKind, NewReference, TorrentId
from reconciler.observed import Entry, MediaRequest, RequestStatus, Torrent
from reconciler.plan.extents import absolute_files
from tests.property.labels import Labels, Part, Thing, TorrentLabel
from tests.support.bench import Bench
from tests.support.memory_library import MemoryLibrary
from tests.support.memory_upstreams import MemoryTorrents
from tests.support.worlds import RADARR, RADARR_4K, SONARR, hash_of

SEASONS = (0, 1, 2, 3)
MOVIES = tuple(Media(MediaKind.MOVIE, tmdb_id=n) for n in range(1, 5))
SERIES = tuple(Media(MediaKind.SERIES, tmdb_id=n, tvdb_id=1000 + n) for n in range(1, 4))
EPISODES = 2
SEEDED_TO = 1.0
"""The least ratio of what is tagged `seed`."""

NAMES = {InstanceName("qbittorrent"): "qBittorrent", InstanceName("upstairs"): "upstairs"}


def parts_of(media: Media) -> tuple[Part, ...]:
    """Return all that people may own of a title."""
    if media.kind is MediaKind.SERIES:
        return tuple(Part(SONARR, media, season) for season in SEASONS)
    return Part(RADARR, media), Part(RADARR_4K, media)


class Goods:
    """What a household has, and how it gets more."""

    def __init__(self, bench: Bench, rng: random.Random) -> None:
        self.bench = bench
        self.home = bench.household
        self.rng = rng
        self.labels = Labels()
        self.heard: list[NewReference] = []
        self.added: list[ManualAdd] = []
        self._hashes = 0

    def library(self, name: InstanceName) -> MemoryLibrary:
        return next(library for library in self.home.libraries if library.instance == name)

    def client(self, name: InstanceName) -> MemoryTorrents:
        return next(client for client in self.home.clients if client.instance == name)

    def entry(self, part: Part) -> Entry | None:
        return next((e for e in self.library(part.library).by_id.values() if e.media == part.media), None)

    def has_file(self, part: Part) -> bool:
        entry = self.entry(part)
        return entry is not None and any(part.season in {None, f.season} for f in entry.files or ())

    def is_monitored(self, part: Part) -> bool:
        entry = self.entry(part)
        if entry is None:
            return False
        seasons = dict(entry.monitoring.seasons)
        return entry.monitoring.monitored if part.season is None else seasons.get(part.season, False)

    # --- at the beginning ------------------------------------------------------------------------------------------

    def furnish(self) -> None:
        """Obtain everything: seasons alone, in packs or both, collections of movies, and cross-seeds of some."""
        for media in (*MOVIES, *SERIES):
            parts = parts_of(media)
            for number in range(0, len(parts), 2):
                self.request(parts[number : number + 2], RequestStatus.APPROVED, is_fresh=False)
            self.add(parts, is_fresh=False)
            if media.kind is MediaKind.SERIES and self.rng.random() < 0.5:
                pack = self.rng.sample(parts, self.rng.randint(2, len(parts)))
                self.fetch(pack, is_fresh=False)
                parts = tuple(p for p in parts if p not in pack or self.rng.random() < 0.3)
            for part in parts:
                for _ in range(self.rng.choice([1, 1, 2])):
                    self.fetch([part], is_fresh=False)
            self.home.jellyseerr.scan(media)
            if media.kind is MediaKind.MOVIE:
                self.home.jellyseerr.scan(media, is_4k=True)
        collection = [Part(RADARR, media) for media in MOVIES[:2]]
        if self.rng.random() < 0.5:
            collection.append(Part(RADARR_4K, MOVIES[0]))
        self.fetch(collection, is_fresh=False)
        for label in list(self.labels.torrents):
            if self.rng.random() < 0.3:
                self.cross_seed(label)

    # --- requests and titles ---------------------------------------------------------------------------------------

    def request(self, parts: Sequence[Part], status: RequestStatus, *, is_fresh: bool) -> tuple[MediaRequest, ...]:
        """Request parts of one title: each variant of a movie by itself, the seasons of a series together."""
        media, seasons = parts[0].media, [p.season for p in parts if p.season is not None]
        made: list[MediaRequest] = []
        for group in [parts] if seasons else [[part] for part in parts]:
            is_4k = group[0].library == RADARR_4K
            asked = self.home.jellyseerr.ask_for(media, status=status, is_4k=is_4k, seasons=seasons)
            self.labels.requests[asked.id] = Thing(frozenset(group), self.bench.clock.now(), is_fresh)
            made.append(asked)
        return tuple(made)

    def add(self, parts: Sequence[Part], *, is_fresh: bool) -> None:
        """Let Jellyseerr send parts to their libraries: titles are added, or monitored if they are there already."""
        for part in parts:
            library, entry = self.library(part.library), self.entry(part)
            if entry is None:
                entry = library.add(part.media, self._title(part), monitored=False, seasons=SEASONS)
                owner = frozenset({part._replace(season=None)})
                self.labels.entries[library.instance, entry.added] = Thing(owner, self.bench.clock.now(), is_fresh)
                if is_fresh and part.season is None:
                    self.added.append(ManualAdd(library.instance, entry.id, part.media))
            library.monitor(entry.id, [] if part.season is None else [part.season])

    def scan(self, part: Part) -> None:
        self.home.jellyseerr.scan(part.media, is_4k=part.library == RADARR_4K)

    # --- torrents and files ----------------------------------------------------------------------------------------

    def fetch(self, parts: Sequence[Part], *, is_fresh: bool, by_person: bool = False) -> None:
        """Grab one release for parts (sometimes one known from before) and import its files over those of its names."""
        client = self.rng.choice(self.home.clients)
        hash_ = self._known_hash(parts, client) if self.rng.random() < 0.4 else self._new_hash()
        names = [self._file(part, episode) for part in parts for episode in self._episodes(part)]
        name = f"{self._title(parts[0])}.{hash_[-4:]}"
        torrent = client.add(hash_, name, [f"{name}/{n}" for n in names], save_path="/data/torrents")
        self._label(client, torrent, parts, is_fresh=is_fresh)
        self._mark(client, torrent)
        for part in parts:
            self._refer(part, hash_, client, is_fresh=is_fresh, by_person=by_person)

    def _refer(self, part: Part, hash_: InfoHash, client: MemoryTorrents, *, is_fresh: bool, by_person: bool) -> None:
        library, entry = self.library(part.library), self.entry(part)
        assert entry is not None
        for episode in self._episodes(part):
            place = None if part.season is None else (part.season, episode)
            named = NAMES[client.instance]
            self.heard.append(library.grab(entry.id, hash_, by_person=by_person, episode=place, client=named))
            file = library.import_file(
                entry.id, hash_, f"{part.season or 0}/{episode}.mkv", episode=place, client=named
            )
            owners = frozenset({part})
            self.labels.files[f"{library.instance}#{file.id}"] = Thing(owners, self.bench.clock.now(), is_fresh)

    def cross_seed(self, label: TorrentLabel) -> None:
        """Add a torrent over the files of another one: with a file more, in another client, or known to a history."""
        found = self.client(label.client).by_id.get(TorrentId(label.hash))
        if found is None:
            return
        torrent, files = found
        label = label._replace(added_on=torrent.added_on)
        if label in self.labels.removed:
            return
        thing = self.labels.torrents[label]
        client = self.client(label.client) if self.rng.random() < 0.7 else self.rng.choice(self.home.clients)
        names = [f.name for f in files]
        has_more = self.rng.random() < 0.3
        more = [f"{torrent.name}/more.mkv"] if has_more else []
        hash_ = self._new_hash()
        twin = client.add(
            hash_, torrent.name, [*names, *more], save_path=torrent.save_path, sizes={f.name: f.size for f in files},
            data=False,
        )  # fmt: skip
        if has_more:
            self.home.disk.put([f"{torrent.save_path}/{more[0]}"], f"{hash_}@more")
            self.labels.files[f"{hash_}@more"] = Thing(frozenset(), self.bench.clock.now())
        owners = frozenset() if has_more else thing.owners
        known = [part for part in sorted(owners, key=str) if self.entry(part) is not None]
        is_claimed = bool(known) and self.rng.random() < 0.3
        if is_claimed:  # a history names it, and for one part only
            owners = frozenset(known[:1])
            library, entry = self.library(known[0].library), self.entry(known[0])
            assert entry is not None
            place = None if known[0].season is None else (known[0].season, 1)
            self.heard.append(library.grab(entry.id, hash_, episode=place, client=NAMES[client.instance]))
        self._label(client, twin, owners, is_fresh=thing.is_fresh, is_claimed=is_claimed)

    def _label(
        self,
        client: MemoryTorrents,
        torrent: Torrent,
        owners: Iterable[Part],
        *,
        is_fresh: bool,
        is_claimed: bool = True,
    ) -> None:
        label = TorrentLabel(client.instance, torrent.id, torrent.added_on)
        known = self.labels.torrents.get(label)
        mine = frozenset(owners) | (known.owners if known else frozenset())
        thing = Thing(mine, self.bench.clock.now(), is_fresh or bool(known and known.is_fresh), is_claimed)
        self.labels.torrents[label] = thing
        content = f"{torrent.id}@{torrent.added_on}"
        for path in absolute_files(torrent, client.by_id[torrent.id][1]):
            held = self.home.disk.files().get(path)
            if held == content:
                self.labels.files[content] = thing

    def _mark(self, client: MemoryTorrents, torrent: Torrent) -> None:
        """Let some torrents have to be seeded on, and a few be protected."""
        draw = self.rng.random()
        if draw < 0.2:
            client.change(InfoHash(torrent.id), tags=frozenset({"seed"}), ratio=0.2)
        elif draw < 0.23:
            client.change(InfoHash(torrent.id), tags=frozenset({"keep"}))

    def _known_hash(self, parts: Sequence[Part], client: MemoryTorrents) -> InfoHash:
        """Return the hash of a torrent for the same parts that is gone now, or a new one."""
        free = [
            label.hash
            for label, thing in self.labels.torrents.items()
            if thing.owners == frozenset(parts)
            and thing.is_claimed
            and label.client == client.instance
            and not any(label.hash in c.by_id for c in self.home.clients)
        ]
        return InfoHash(self.rng.choice(free)) if free else self._new_hash()

    def _new_hash(self) -> InfoHash:
        self._hashes += 1
        return hash_of(self._hashes)

    def _title(self, part: Part) -> str:
        return f"{part.media.kind.value}-{part.media.tmdb_id}"

    def _file(self, part: Part, episode: int) -> str:
        season = "" if part.season is None else f".s{part.season}"
        return f"{part.library}.{self._title(part)}{season}.e{episode}.mkv"

    def _episodes(self, part: Part) -> range:
        return range(1, 1 + (EPISODES if part.season is not None else 1))
