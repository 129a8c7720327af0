"""Random worlds for the planner: libraries, torrents, cross-seeds, packs, references, requests and what cannot be seen.

A scene is made in two steps, as in life: deletions are bound in one world, and planned for in a later one, in which
anything may have changed.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st

from reconciler.model import (
    DeletionState,
    Hints,
    InfoHash,
    InstanceName,
    ManualAdd,
    Media,
    MediaKind,
    Monitoring,
    Options,
    Reference,
    ReferenceKind,
    Source,
)
from reconciler.observed import (
    Entry,
    EntryFile,
    MediaRequest,
    MediaStatus,
    QueueItem,
    Record,
    RequestBoard,
    RequestStatus,
    Seen,
    Torrent,
    Unseen,
)
from reconciler.plan import Policy, World, plan_deletion
from reconciler.plan.world import LedgerView, Torrents
from reconciler.reasons import Reason
from tests.property.scene import Scene, settled_judgements
from tests.support.clocks import START
from tests.support.worlds import (
    POLICY,
    RADARR,
    RADARR_4K,
    SONARR,
    UNREACHABLE,
    WITH_4K,
    applied,
    board_of,
    changed,
    current_ledger,
    deletion,
    entry,
    files_of,
    finishing,
    hash_of,
    incomplete_ledger,
    library,
    queue_item,
    record,
    reference,
    released,
    request,
    torrent,
    torrent_id,
    world,
)

TITLES = (
    Media(MediaKind.MOVIE, tmdb_id=1),
    Media(MediaKind.MOVIE, tmdb_id=2),
    Media(MediaKind.MOVIE, tmdb_id=3),
    Media(MediaKind.SERIES, tmdb_id=1, tvdb_id=101),
    Media(MediaKind.SERIES, tmdb_id=2, tvdb_id=102),
)
HASHES = tuple(range(1, 7))
FOLDERS = ("/data/movies/A", "/data/movies/B", "/data/movies/A/Extras", "/data/tv/C", "/data/torrents/Same")

some = st.sampled_from
seldom = st.integers(0, 19).map(lambda n: n == 19)
sometimes = st.integers(0, 3).map(lambda n: n == 3)


def home_of(media: Media) -> InstanceName:
    return RADARR if media.kind is MediaKind.MOVIE else SONARR


@st.composite
def torrents(draw: st.DrawFn) -> tuple[tuple[Torrent, ...], dict[object, object]]:
    """Torrents that may share a folder, be rootless or hybrid, and whose files may be unreadable."""
    found: list[Torrent] = []
    files: dict[object, object] = {}
    for number in draw(st.sets(some(HASHES), min_size=2, max_size=5)):
        folder = draw(some(["Own", "Own", "Own", "Same", "Same", "A", ""]))
        name = f"Own.{number}" if folder == "Own" else folder or f"Loose.{number}"
        save_path = draw(some(["/data/torrents", "/data/torrents", "/data/movies"]))
        one = torrent(
            number,
            name,
            save_path=save_path,
            content_path=save_path if not folder else None,
            added_on=draw(some([1000, 2000])),
            infohash_v1=hash_of(number + 50) if draw(seldom) else None,
            tags=["keep"] if draw(seldom) else [],
            progress=draw(some([0.0, 1.0])),
        )
        found.append(one)
        if draw(seldom):
            files[one.id] = None
        elif not folder:
            files[one.id] = files_of(one, *draw(st.sets(some(["a.mkv", "A/b.mkv", f"{number}.mkv"]), min_size=1)))
    return tuple(found), files


@st.composite
def references(
    draw: st.DrawFn, first: int, entries: Sequence[tuple[InstanceName, Entry]], present: Sequence[InfoHash]
) -> list[Reference]:
    """References of random entries, also of ones that are not there (any more), to random hashes."""
    found: list[Reference] = []
    for number in range(first, first + draw(st.integers(1, 6))):
        if entries and not draw(seldom):
            instance, owner = draw(some(list(entries)))
            media, entry_id = owner.media, owner.id
        else:
            media, entry_id = draw(some(TITLES)), draw(st.integers(1, 9))
            instance = home_of(media)
        found.append(
            reference(
                number,
                draw(some([*present, *present, *present, hash_of(1), hash_of(51)])),
                entry_id,
                None if draw(seldom) else media,
                instance=instance,
                kind=draw(some(list(ReferenceKind))),
                by_person=draw(seldom),
                history_id=None if draw(seldom) else -1,
            )
        )
    return found


@st.composite
def libraries(draw: st.DrawFn) -> dict[InstanceName, tuple[list[Entry], list[QueueItem]]]:
    """Titles with folders that may collide, and queues that may name any of them."""
    found: dict[InstanceName, tuple[list[Entry], list[QueueItem]]] = {}
    for instance, kind in ((RADARR, MediaKind.MOVIE), (RADARR_4K, MediaKind.MOVIE), (SONARR, MediaKind.SERIES)):
        mine = [m for m in TITLES if m.kind is kind]
        entries = [
            entry(
                draw(st.integers(0, 2)) * 10 + number,
                media,
                path=draw(some(FOLDERS)) if draw(seldom) else f"/data/{instance}/{number}",
                added=draw(some(["old", "new"])),
                monitored=draw(seldom),
                tags=["keep"] if draw(seldom) else [],
                files=(EntryFile(number, f"/data/{instance}/{number}/{draw(some('ab'))}.mkv", 1),)
                if draw(st.booleans())
                else (),
            )
            for number, media in enumerate(draw(st.lists(some(mine), unique=True, min_size=1)), 1)
        ]
        queue = [
            queue_item(
                n, draw(st.integers(1, 22)), hash_of(draw(some(HASHES))), client=draw(some(["qBittorrent", "x"]))
            )
            for n in range(draw(some([0, 0, 0, 1, 2])))
        ]
        found[instance] = (entries, queue)
    return found


@st.composite
def boards(draw: st.DrawFn) -> RequestBoard:
    rows: list[Record | MediaRequest] = []
    number = 0
    for index, media in enumerate(draw(st.lists(some(TITLES), unique=True)), 1):
        statuses = list(MediaStatus)
        rows.append(
            record(
                index, media, status=draw(some(statuses)), status_4k=draw(some(statuses)), created_at=draw(some("xy"))
            )
        )
        for _ in range(draw(st.integers(0, 2))):
            number += 1
            rows.append(request(number, index, media, status=draw(some(list(RequestStatus))), is_4k=draw(seldom)))
    return board_of(*rows)


@st.composite
def worlds(draw: st.DrawFn, *, before: World | None = None, dark: st.SearchStrategy[bool] = seldom) -> World:
    """A world; with `before`, a later one that knows its references. `dark` draws whether an upstream is unseen."""
    held = draw(libraries())
    pairs = [(name, e) for name, (entries, _) in held.items() for e in entries]
    found, files = draw(torrents())
    known = list(before.references) if before else []
    known += draw(references(max((r.number for r in known), default=0) + 1, pairs, [InfoHash(t.id) for t in found]))
    ledger: dict[InstanceName, LedgerView] = {}
    for name in held:
        if draw(dark):
            ledger[name] = draw(some([incomplete_ledger(name), current_ledger(name, is_current=False)]))
        else:
            ledger[name] = current_ledger(name, gap=draw(seldom))
    hidden = Unseen(draw(some([Reason.UNREACHABLE, Reason.SUSPICIOUS_LIST])), "cannot be seen")
    seen = world(
        torrents=hidden if draw(dark) else found,
        files=files,  # type: ignore[arg-type]  # by torrent id
        libraries={
            name: UNREACHABLE if draw(dark) else library(*entries, queue=queue, app=name.split("-")[0].title())
            for name, (entries, queue) in held.items()
        },
        board=hidden if draw(dark) else draw(boards()),
        references=known,
        ledger=ledger,
        manual_adds=[
            ManualAdd(home_of(m), 21, m, draw(st.integers(1, 30))) for m in draw(st.lists(some(TITLES), max_size=1))
        ],
        now=START + timedelta(minutes=draw(some([0, 1, 30])) if before else 0),
        destructive_recently=draw(some([0, 0, 0, 24])),
    )
    return replace(seen, position=max((r.number for r in known), default=0))


@st.composite
def wishes(draw: st.DrawFn, number: int) -> DeletionState:
    media = draw(some(TITLES))
    both = [RADARR, RADARR_4K] if media.kind is MediaKind.MOVIE else [SONARR]
    is_inferred = draw(seldom)
    return deletion(
        media,
        number=number,
        instances=draw(some([both, both[:1]])),
        source=Source.JELLYSEERR if is_inferred else Source.DASHBOARD,
        options=Options(delete_files=not draw(seldom)),
        hints=Hints(hashes=(hash_of(draw(some(HASHES))),) if draw(seldom) else ()),
        inferred=is_inferred,
        approved=[r for r in (Reason.PROTECTED, Reason.BREAKER_OPEN, Reason.INFERRED_DELETE) if draw(seldom)],
        not_before=START + timedelta(minutes=10) if draw(seldom) else None,
        requested_at=START + timedelta(seconds=number),
    )


@st.composite
def scenes(
    draw: st.DrawFn, *, is_bound: bool | None = None, dark: st.SearchStrategy[bool] = seldom, enforce: bool = True
) -> Scene:
    """Deletions, bound in an earlier world (unless `is_bound` is false), and the world to plan in."""
    base = draw(some([POLICY, WITH_4K]))
    policy: Policy = replace(base, enforce=enforce, breaker_limit=draw(some([25, 25, 25, 1])))
    states = [draw(wishes(number)) for number in range(1, draw(st.integers(1, 3)) + 1)]
    if RADARR_4K not in policy.libraries:
        states = [changed(s, instances=s.deletion.instances - {RADARR_4K}) for s in states]
    first = draw(worlds(dark=st.just(False)))
    bound: list[DeletionState] = []
    for state in states:
        plan = None if is_bound is False else plan_deletion(state, first, policy)
        if plan is None or plan.bind is None:
            bound.append(state)
            continue
        first = released(first, plan.bind.released, state.deletion.id)
        bound.append(_lived(draw, replace(applied(state, plan.bind), conditions=plan.conditions)))
    if is_bound:
        bound = [s for s in bound if s.deletion.bound_at is not None]
    later = draw(worlds(before=first, dark=dark))
    unchanged = [n for n in ("torrents", "libraries", "board", "references", "manual_adds") if not draw(sometimes)]
    later = replace(later, **{name: getattr(first, name) for name in unchanged})
    if "libraries" in unchanged and draw(st.booleans()):
        later = _calmed(later, bound)
    if "torrents" in unchanged and draw(sometimes):
        later = _readded(later, draw(some(HASHES)))
    if draw(dark):
        later = replace(later, torrents=UNREACHABLE) if draw(st.booleans()) else replace(later, board=UNREACHABLE)
    return settled_judgements(bound, later, policy)


def _calmed(seen: World, states: Sequence[DeletionState]) -> World:
    """Let the freeze be done: the bound titles are not monitored, and other clients fetch nothing for them."""
    bound = {(t.instance, t.external_id) for s in states for t in s.targets}
    libraries = dict(seen.libraries)
    for name, observation in seen.libraries.items():
        if isinstance(observation, Seen):
            entries = {
                n: replace(e, monitoring=Monitoring(False)) if (name, str(n)) in bound else e
                for n, e in observation.data.entries.items()
            }
            queue = tuple(i for i in observation.data.queue if i.client == "qBittorrent")
            libraries[name] = Seen(replace(observation.data, entries=entries, queue=queue), observation.at)
    return replace(seen, libraries=libraries)


def _readded(seen: World, number: int) -> World:
    """Let one torrent have been removed and added again."""
    assert isinstance(seen.torrents, Seen)
    data = seen.torrents.data
    by_key = {k: replace(t, added_on=3000) if k.id == torrent_id(number) else t for k, t in data.by_key.items()}
    return replace(seen, torrents=Seen(Torrents(by_key, data.files), seen.torrents.at))


def _lived(draw: st.DrawFn, state: DeletionState) -> DeletionState:
    """Let a bound deletion have come some way already."""
    stage = draw(some(["bound", "frozen", "sent", "finishing", "cancelling"]))
    if stage == "frozen":
        return changed(state, frozen_at=START)
    if stage in {"sent", "finishing"}:
        at = draw(some([START - timedelta(hours=1), START]))
        targets = tuple(replace(t, sent_at=at) if draw(st.booleans()) else t for t in state.targets)
        state = changed(replace(state, targets=targets), frozen_at=START, destroyed_at=at)
        return finishing(state) if stage == "finishing" else state
    if stage == "cancelling":
        return changed(state, frozen_at=START, cancel_requested_at=START)
    return state
