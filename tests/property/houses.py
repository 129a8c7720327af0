"""Random houses for the planner: seasons, packs, collections, cross-seeds, HD and 4K, and two clients.

Everything fits together as in a household that works, so that deletions come far; then a few things happen that they
must respect. `scenes.py` is for worlds in which nothing fits.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st

from reconciler.model import (
    DeletionState,
    InfoHash,
    InstanceName,
    ManualAdd,
    Media,
    MediaKind,
    Monitoring,
    Options,
    Reference,
    ReferenceKind,
    TargetKind,
    Unit,
)
from reconciler.observed import (
    Entry,
    EntryFile,
    Library,
    MediaRequest,
    MediaStatus,
    Record,
    RequestStatus,
    Seen,
    Torrent,
    TorrentFile,
    TorrentKey,
    Unseen,
)
from reconciler.plan import Policy, World, plan_deletion
from reconciler.plan.policy import CrossSeeds, SeedingPolicy, SeedingRule, TorrentInstance
from reconciler.plan.world import Torrents
from tests.property.scene import Scene, settled_judgements
from tests.property.scenes import seldom, some, sometimes
from tests.support.clocks import START
from tests.support.worlds import (
    QBITTORRENT,
    RADARR,
    RADARR_4K,
    SONARR,
    WITH_4K,
    applied,
    board_of,
    changed,
    deletion,
    entry,
    library,
    queue_item,
    record,
    reference,
    released,
    request,
    torrent,
    world,
)

UPSTAIRS = InstanceName("upstairs")
HOUSE = replace(
    WITH_4K,
    torrent_clients={
        QBITTORRENT: TorrentInstance(QBITTORRENT, download_clients=frozenset({"qBittorrent"})),
        UPSTAIRS: TorrentInstance(UPSTAIRS, download_clients=frozenset({"upstairs"})),
    },
)
SEEDED = SeedingPolicy((SeedingRule(min_ratio=1.0),))

MOVIES = tuple(Media(MediaKind.MOVIE, tmdb_id=n) for n in (1, 2))
SERIES = tuple(Media(MediaKind.SERIES, tmdb_id=n, tvdb_id=100 + n) for n in (1, 2))
SEASONS = (0, 1, 2, 2019)
NAMES = {QBITTORRENT: "qBittorrent", UPSTAIRS: "upstairs"}

Part = tuple[InstanceName, Media, int | None]
"""A title in a library, or one season of it."""

PARTS: tuple[Part, ...] = (
    *((instance, media, None) for instance in (RADARR, RADARR_4K) for media in MOVIES),
    *((SONARR, media, season) for media in SERIES for season in SEASONS),
)


def _number(media: Media) -> int:
    return media.tmdb_id or 0


class House:
    """What is being put into a house; `world` is what the planner sees of it."""

    def __init__(self) -> None:
        self.torrents: list[Torrent] = []
        self.files: dict[TorrentKey, tuple[TorrentFile, ...]] = {}
        self.references: list[Reference] = []
        self.rows: list[Record | MediaRequest] = []
        self.packs = 0
        self.cross_seeds = 0

    def add(
        self, client: InstanceName, name: str, files: Sequence[str], *, ratio: float = 2.0, hash_: int = 0
    ) -> Torrent:
        number = hash_ or len(self.torrents) + 1
        size = 1000 * len(files)
        one = replace(torrent(number, name), instance=client, ratio=ratio, size=size)
        self.torrents.append(one)
        self.files[one.key] = tuple(TorrentFile(f"{name}/{file}", 1000) for file in files)
        return one

    def refer(self, part: Part, one: Torrent, client: str | None, *, by_person: bool = False) -> None:
        instance, media, season = part
        number = len(self.references) + 1
        self.references.append(
            reference(
                number, InfoHash(one.id), _number(media), media,
                instance=instance, season=season, episode=None if season is None else 1, client=client,
                by_person=by_person,
            )
        )  # fmt: skip

    def world(self) -> World:
        both = tuple(NAMES.values())
        seen = world(
            libraries={
                RADARR: library(*(_movie(RADARR, m) for m in MOVIES), torrent_clients=both),
                RADARR_4K: library(*(_movie(RADARR_4K, m) for m in MOVIES), torrent_clients=both),
                SONARR: library(
                    *(_series(m) for m in SERIES),
                    app="Sonarr",
                    torrent_clients=both,
                    entry_files={_number(m): _episodes(m) for m in SERIES},
                ),
            },
            board=board_of(*self.rows),
            references=self.references,
            policy=HOUSE,
        )
        return replace(seen, torrents=Seen(Torrents({t.key: t for t in self.torrents}, dict(self.files)), START))


def _movie(instance: InstanceName, media: Media) -> Entry:
    return entry(_number(media), media, path=f"/data/{instance}/{_number(media)}")


def _series(media: Media) -> Entry:
    one = entry(_number(media), media, path=f"/data/tv/{_number(media)}", file_count=len(SEASONS))
    return replace(one, monitoring=Monitoring(True, tuple((n, True) for n in SEASONS), "all"))


def _episodes(media: Media) -> tuple[EntryFile, ...]:
    folder, first = f"/data/tv/{_number(media)}", 100 * _number(media)
    return tuple(EntryFile(first + n, f"{folder}/{s}/1.mkv", 1000, s) for n, s in enumerate(SEASONS))


@st.composite
def furnished(draw: st.DrawFn) -> House:
    """A house in which every part has a release, alone or in a pack, and some have cross-seeds."""
    house = House()
    left = list(draw(st.permutations(PARTS)))
    while left:
        parts = [left.pop()]
        if draw(sometimes):
            parts += draw(st.lists(some(PARTS), max_size=2, unique=True))
        parts = list(dict.fromkeys(p for p in parts if p[1].kind is parts[0][1].kind))
        house.packs += len(parts) > 1
        client = draw(some([QBITTORRENT, QBITTORRENT, UPSTAIRS]))
        name, files = f"Release.{len(house.torrents) + 1}", [f"{n}.mkv" for n in range(len(parts))]
        one = house.add(client, name, files, ratio=draw(some([0.5, 2.0, 2.0])))
        for part in parts:
            house.refer(part, one, None if draw(seldom) else NAMES[client])
        if draw(seldom):
            house.add(UPSTAIRS if client == QBITTORRENT else QBITTORRENT, name, files, hash_=int(one.id, 16))
        if draw(sometimes):
            house.cross_seeds += 1
            extra = ["extra.mkv"] if draw(sometimes) else []
            twin = house.add(client, name, [*files, *extra], ratio=draw(some([0.5, 2.0, 2.0])))
            if draw(sometimes):
                house.refer(draw(some([*parts, draw(some(PARTS))])), twin, NAMES[client])
    for media in (*MOVIES, *SERIES):
        number = len(house.rows) + 1
        available = MediaStatus.AVAILABLE
        has_4k = media.kind is MediaKind.MOVIE
        house.rows.append(
            record(number, media, status=available, status_4k=available if has_4k else MediaStatus.UNKNOWN)
        )
        for is_4k in (False, True) if has_4k else (False,):
            house.rows.append(_request(draw, 10 * number + is_4k, number, media, is_4k=is_4k))
    return house


def _request(draw: st.DrawFn, number: int, record_id: int, media: Media, *, is_4k: bool) -> MediaRequest:
    seasons = draw(st.lists(some(SEASONS), unique=True)) if media.kind is MediaKind.SERIES else []
    status = draw(
        some([RequestStatus.APPROVED, RequestStatus.COMPLETED, RequestStatus.PENDING, RequestStatus.DECLINED])
    )
    return replace(request(number, record_id, media, status=status, is_4k=is_4k), seasons=tuple(seasons))


@st.composite
def wishes(draw: st.DrawFn, number: int) -> DeletionState:
    """A deletion of a movie in one or both libraries, of a series, or of some of its seasons."""
    media = draw(some((*MOVIES, *SERIES)))
    is_series = media.kind is MediaKind.SERIES
    instances = [SONARR] if is_series else draw(some([[RADARR], [RADARR_4K], [RADARR, RADARR_4K]]))
    every = st.just(frozenset(SEASONS))
    seasons = draw(st.none() | every | st.frozensets(some(SEASONS), min_size=1)) if is_series else None
    options = Options(
        delete_files=not draw(seldom),
        remove_empty_series=seasons is not None and draw(st.booleans()),
        blocklist=seasons is not None and draw(sometimes),
    )
    state = deletion(
        media,
        number=number,
        instances=instances,
        options=options,
        inferred=draw(seldom),
        not_before=START + timedelta(minutes=10) if draw(seldom) else None,
        requested_at=START + timedelta(seconds=number),
    )
    return changed(state, seasons=seasons, needs_approval=draw(seldom))


@st.composite
def houses(draw: st.DrawFn) -> Scene:
    """Deletions in a house, bound and brought some way, and a few things that happened since."""
    house = draw(furnished())
    seeding = replace(SEEDED, block_entry=draw(st.booleans())) if draw(sometimes) else SeedingPolicy()
    policy: Policy = replace(HOUSE, seeding=seeding, cross_seeds=draw(some([CrossSeeds.KEEP, *CrossSeeds])))
    seen = house.world()
    wished = [draw(wishes(number)) for number in range(1, draw(st.integers(1, 3)) + 1)]
    if draw(sometimes):
        return Scene(tuple(wished), seen, policy)
    states: list[DeletionState] = []
    for state in wished:
        plan = plan_deletion(state, seen, policy)
        if plan.bind is None:
            states.append(state)
            continue
        seen = released(seen, plan.bind.released, state.deletion.id)
        states.append(replace(applied(state, plan.bind), conditions=plan.conditions))
    if not draw(sometimes):
        seen = replace(seen, libraries=_frozen(draw, seen, states))
        states = [changed(s, frozen_at=START) if s.deletion.bound_at else s for s in states]
    states = [changed(s, inferred=True) if draw(seldom) else s for s in states]
    seen, states = _brought_on(draw, seen, states)
    for _ in range(draw(some([0, 0, 1, 1, 2]))):
        seen = _happened(draw, seen, house, states)
    if draw(seldom):
        seen = replace(seen, denied_until=START + timedelta(hours=1))
    return settled_judgements(states, seen, policy)


def _frozen(draw: st.DrawFn, seen: World, states: list[DeletionState]) -> dict[InstanceName, Seen[Library] | Unseen]:
    """Return the libraries when what is covered is not looked for; of the rest some may be looked for, or be there."""
    units = {(s.deletion.media, unit) for s in states for unit in s.deletion.units if s.deletion.bound_at}
    libraries = dict(seen.libraries)
    for name, observation in seen.libraries.items():
        assert isinstance(observation, Seen)
        entries, files = dict(observation.data.entries), dict(observation.data.entry_files)
        for number, one in observation.data.entries.items():
            is_whole = (one.media, Unit(name)) in units
            covered = {n for n in SEASONS if is_whole or (one.media, Unit(name, n)) in units}
            looked_for = frozenset(SEASONS) - covered if draw(st.booleans()) else frozenset()
            flags = tuple((n, n in looked_for) for n, _ in one.monitoring.seasons)
            entries[number] = replace(one, monitoring=Monitoring(not is_whole, flags, one.monitoring.new_items))
            if number in files and draw(sometimes):
                files[number] = tuple(f for f in files[number] if f.season in covered)
                entries[number] = replace(entries[number], file_count=len(files[number]))
        libraries[name] = Seen(replace(observation.data, entries=entries, entry_files=files), observation.at)
    return libraries


def _brought_on(draw: st.DrawFn, seen: World, states: list[DeletionState]) -> tuple[World, list[DeletionState]]:
    """Let some deletions have removed their torrents, or all but their requests."""
    brought: list[DeletionState] = []
    for state in states:
        stage = draw(some(["bound", "bound", "torrents", "files", "files"]))
        if stage == "bound" or state.deletion.bound_at is None:
            brought.append(state)
            continue
        kinds = {TargetKind.TORRENT, TargetKind.CROSS_SEED}
        if stage == "files":
            kinds |= {TargetKind.FILE, TargetKind.ENTRY} if state.deletion.seasons is None else {TargetKind.FILE}
        going = [t for t in state.targets if t.kind in kinds]
        seen, gone = _without(seen, state, going)
        targets = tuple(
            replace(t, sent_at=START - timedelta(hours=1), absent_since=START) if t.number in gone else t
            for t in state.targets
        )
        brought.append(changed(replace(state, targets=targets), frozen_at=START, destroyed_at=START if gone else None))
        is_wanted = draw(sometimes)
        if gone and is_wanted:
            units = st.frozensets(some(sorted(state.deletion.units, key=str)), min_size=1)
            brought[-1] = changed(brought[-1], finishing=draw(units))
    return seen, brought


def _without(seen: World, state: DeletionState, going: Iterable[object]) -> tuple[World, set[int]]:
    """Take targets out of the world, as far as nothing else needs them; return which went."""
    gone: set[int] = set()
    assert isinstance(seen.torrents, Seen)
    by_key, files = dict(seen.torrents.data.by_key), seen.torrents.data.files
    libraries = dict(seen.libraries)
    for target in state.targets:
        if target not in going:
            continue
        if target.kind in {TargetKind.TORRENT, TargetKind.CROSS_SEED}:
            mine = [t for t in by_key.values() if target.instance == t.instance and target.external_id in t.aliases]
            needed = any(r.released_by != state.deletion.id for t in mine for r in seen.references_to(t.aliases))
            if not needed:
                by_key = {k: t for k, t in by_key.items() if t not in mine}
                gone.add(target.number)
            continue
        observation = libraries[target.instance]
        assert isinstance(observation, Seen)
        held, number = observation.data, int(target.external_id)
        if target.kind is TargetKind.ENTRY:
            held = replace(held, entries={n: e for n, e in held.entries.items() if n != number})
        else:
            own = {n: tuple(f for f in its if f.id != number) for n, its in held.entry_files.items()}
            counts = {n: replace(e, file_count=len(own.get(n, ()))) for n, e in held.entries.items()}
            held = replace(held, entry_files=own, entries=counts)
        libraries[target.instance] = Seen(held, observation.at)
        gone.add(target.number)
    return replace(seen, torrents=Seen(Torrents(by_key, files), START), libraries=libraries), gone


def _happened(draw: st.DrawFn, seen: World, house: House, states: list[DeletionState]) -> World:
    """Let somebody ask for a part again, a library fetch one, or a torrent be shared that was not."""
    part = draw(some(_parts_of(states) or PARTS))
    instance, media, season = part
    match draw(some(["request", "grab", "import", "person", "add", "fetch", "cross-seed", "rename"])):
        case "request":
            rows = [r for r in house.rows if isinstance(r, Record) and r.media == media]
            seasons = () if season is None or draw(sometimes) else (season,)
            status = draw(some([RequestStatus.APPROVED, RequestStatus.APPROVED, RequestStatus.PENDING]))
            asked = request(90 + draw(st.integers(0, 5)), rows[0].id, media, is_4k=instance == RADARR_4K, status=status)
            house.rows.append(replace(asked, seasons=seasons))
            return replace(seen, board=Seen(board_of(*house.rows), START))
        case "add":
            return replace(seen, manual_adds=(*seen.manual_adds, ManualAdd(instance, 50, media, 1000)))
        case "fetch":
            instance, media, season = draw(some(PARTS))
            bound = {t.external_id for s in states for t in s.targets_of(TargetKind.TORRENT)}
            one = draw(some([t for t in house.torrents if t.id in bound] or house.torrents))
            client = draw(some([NAMES[one.instance], *NAMES.values(), "elsewhere"]))
            item = replace(queue_item(1, _number(media), one.id, client=client), season=season)
            observation = seen.libraries[instance]
            assert isinstance(observation, Seen)
            fetching = Seen(replace(observation.data, queue=(item,)), START)
            return replace(seen, libraries={**seen.libraries, instance: fetching})
        case "cross-seed":
            one = draw(some(house.torrents))
            extra = ["new.mkv"] if draw(sometimes) else []
            names = [f.name.partition("/")[2] for f in house.files[one.key]]
            twin = house.add(one.instance, one.name, [*names, *extra])
            assert isinstance(seen.torrents, Seen)
            by_key = {**seen.torrents.data.by_key, twin.key: twin}
            return replace(seen, torrents=Seen(Torrents(by_key, dict(house.files)), START))
        case "rename":
            along = {t.external_id for s in states for t in s.targets_of(TargetKind.CROSS_SEED)}
            one = draw(some([t for t in house.torrents if t.id in along] or house.torrents))
            first, *others = house.files[one.key]
            house.files[one.key] = (replace(first, name=f"{one.name}/renamed.mkv"), *others)
            assert isinstance(seen.torrents, Seen)
            return replace(seen, torrents=Seen(Torrents(seen.torrents.data.by_key, dict(house.files)), START))
        case kind:
            before = len(house.references)
            one = draw(some(house.torrents))
            house.refer(part, one, NAMES[one.instance], by_person=kind == "person")
            what = ReferenceKind.IMPORT if kind == "import" else ReferenceKind.GRAB
            known = None if draw(seldom) else 5000
            late = [replace(r, number=r.number + 1000, kind=what, history_id=known) for r in house.references[before:]]
            return replace(seen, references=(*seen.references, *late))


def _parts_of(states: Iterable[DeletionState]) -> list[Part]:
    """Return the parts that any of the deletions covers."""
    found: list[Part] = []
    for part in PARTS:
        instance, media, season = part
        units = {Unit(instance), Unit(instance, season)}
        found += [part for s in states if s.deletion.media == media and s.deletion.units & units]
    return found
