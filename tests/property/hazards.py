"""Scenes in which all is ready to go, but for a few hazards: each is one way in which a delete would be wrong."""

from collections.abc import Callable
from dataclasses import replace

from hypothesis import strategies as st

from reconciler.model import DeletionState, InfoHash, ManualAdd, Media, MediaKind, Reference, TargetKind
from reconciler.observed import (
    Entry,
    Library,
    MediaRequest,
    MediaStatus,
    Record,
    RequestBoard,
    RequestStatus,
    Seen,
    Torrent,
)
from reconciler.plan import World, plan_deletion
from reconciler.plan.world import Torrents
from tests.property.scene import Scene, settled_judgements
from tests.property.scenes import TITLES, home_of, seldom, some
from tests.support.worlds import (
    POLICY,
    UNREACHABLE,
    applied,
    board_of,
    changed,
    current_ledger,
    deletion,
    destroyed,
    entry,
    hash_of,
    incomplete_ledger,
    library,
    queue_item,
    record,
    reference,
    released,
    request,
    sent,
    torrent,
    torrent_id,
    world,
)

STAGES = ("torrents", "torrents", "entry", "request")
OTHER = Media(MediaKind.MOVIE, tmdb_id=99)
OTHER_ENTRY = 99

Hazard = Callable[[World, DeletionState], World | DeletionState]
"""What is otherwise about the world, or about the deletion itself."""


def with_entries(seen: World, media: Media, *added: Entry) -> World:
    """Return the world with titles put into the library of a kind of media, in the place of those numbered so."""
    name = home_of(media)
    observation = seen.libraries[name]
    if not isinstance(observation, Seen):
        return seen
    entries = {**observation.data.entries, **{e.id: e for e in added}}
    return replace(
        seen, libraries={**seen.libraries, name: Seen(replace(observation.data, entries=entries), observation.at)}
    )


def with_torrents(seen: World, *added: Torrent) -> World:
    if not isinstance(seen.torrents, Seen):
        return seen
    data = seen.torrents.data
    fresh = world(torrents=added).torrents
    assert isinstance(fresh, Seen)
    by_key = {**data.by_key, **fresh.data.by_key}
    return replace(seen, torrents=Seen(Torrents(by_key, {**data.files, **fresh.data.files}), seen.torrents.at))


def with_rows(seen: World, *rows: Record | MediaRequest) -> World:
    if not isinstance(seen.board, Seen):
        return seen
    data = seen.board.data
    fresh = board_of(*rows)
    board = RequestBoard(data.app, {**data.records, **fresh.records}, {**data.requests, **fresh.requests})
    return replace(seen, board=Seen(board, seen.board.at))


def bound_torrents(seen: World, state: DeletionState) -> list[Torrent]:
    if not isinstance(seen.torrents, Seen):
        return []
    targets = state.targets_of(TargetKind.TORRENT)
    return [t for target in targets for t in seen.torrents.data.matching(InfoHash(target.external_id))]


def bound_entries(seen: World, state: DeletionState) -> list[Entry]:
    observation = seen.libraries[home_of(state.deletion.media)]
    entries = observation.data.entries if isinstance(observation, Seen) else {}
    return [entries[int(t.external_id)] for t in state.targets_of(TargetKind.ENTRY) if int(t.external_id) in entries]


def requested(seen: World, state: DeletionState, number: int, status: RequestStatus) -> World:
    """Add a request to the record of a title, which is made if there is none."""
    media = state.deletion.media
    known = seen.records.same(media) or (record(71, media),)
    return with_rows(seen, *known, request(number, known[0].id, media, status=status))


def somebody_requests_it(seen: World, state: DeletionState) -> World:
    return requested(seen, state, 71, RequestStatus.APPROVED)


def somebody_asks_for_it_without_approval(seen: World, state: DeletionState) -> World:
    return requested(seen, state, 72, RequestStatus.PENDING)


def somebody_adds_it_by_hand(seen: World, state: DeletionState) -> World:
    media = state.deletion.media
    return replace(seen, manual_adds=(*seen.manual_adds, ManualAdd(home_of(media), 50, media, 1000)))


def somebody_grabs_it(seen: World, state: DeletionState) -> World:
    media = state.deletion.media
    grab = reference(1001, 60, 50, media, instance=home_of(media), by_person=True)
    return replace(seen, references=(*seen.references, grab))


def a_webhook_tells_of_a_grab(seen: World, state: DeletionState) -> World:
    """Whether a person made it is not known before the history was read."""
    media = state.deletion.media
    name, numbers = home_of(media), [int(t.external_id) for t in state.targets_of(TargetKind.ENTRY)]
    grabs = (reference(1003, 61, n, media, instance=name, history_id=None) for n in numbers)
    return with_torrents(replace(seen, references=(*seen.references, *grabs)), torrent(61))


def nobody_asked_for_it_in_words(_: World, state: DeletionState) -> DeletionState:
    """Its record vanished, or the request was declined."""
    return changed(state, inferred=True)


def another_title_needs_its_torrent(seen: World, state: DeletionState) -> World:
    numbers = range(1002, 1002 + len(bound_torrents(seen, state)))
    needs = [
        reference(n, InfoHash(t.id), OTHER_ENTRY, OTHER)
        for n, t in zip(numbers, bound_torrents(seen, state), strict=True)
    ]
    return replace(seen, references=(*seen.references, *needs[:1]))


def another_title_is_fetching_its_torrent(seen: World, state: DeletionState) -> World:
    """No history tells of a download that was grabbed just now, but the queue does."""
    name = home_of(OTHER)
    observation = with_entries(seen, OTHER, entry(OTHER_ENTRY, OTHER)).libraries[name]
    if not isinstance(observation, Seen):
        return seen
    queue = tuple(queue_item(n, OTHER_ENTRY, t.id) for n, t in enumerate(bound_torrents(seen, state)[:1], 900))
    data = replace(observation.data, queue=(*observation.data.queue, *queue))
    return replace(seen, libraries={**seen.libraries, name: Seen(data, observation.at)})


def a_stranger_shares_its_files(seen: World, state: DeletionState) -> World:
    twins = [torrent(80 + n, t.name, save_path=t.save_path) for n, t in enumerate(bound_torrents(seen, state))]
    return with_torrents(seen, *twins[:1])


def its_torrent_was_added_anew(seen: World, state: DeletionState) -> World:
    return with_torrents(seen, *(replace(t, added_on=t.added_on + 1) for t in bound_torrents(seen, state)[:1]))


def its_torrent_is_protected(seen: World, state: DeletionState) -> World:
    return with_torrents(seen, *(replace(t, tags=frozenset({"keep"})) for t in bound_torrents(seen, state)[:1]))


def its_title_is_protected(seen: World, state: DeletionState) -> World:
    protected = (replace(e, tags=frozenset({"keep"})) for e in bound_entries(seen, state))
    return with_entries(seen, state.deletion.media, *protected)


def its_entry_is_another_one_now(seen: World, state: DeletionState) -> World:
    return with_entries(seen, state.deletion.media, *(replace(e, added="2030") for e in bound_entries(seen, state)))


def its_number_is_another_title_now(seen: World, state: DeletionState) -> World:
    media = replace(state.deletion.media, tmdb_id=98, tvdb_id=None)
    return with_entries(seen, state.deletion.media, *(replace(e, media=media) for e in bound_entries(seen, state)))


def another_title_lives_in_its_folder(seen: World, state: DeletionState) -> World:
    nested = [replace(entry(OTHER_ENTRY, OTHER), path=f"{e.path}/Extras") for e in bound_entries(seen, state)]
    return with_entries(seen, OTHER, *nested[:1])


def a_stranger_seeds_from_its_folder(seen: World, state: DeletionState) -> World:
    return with_torrents(seen, *(torrent(90, "Stranger", save_path=e.path) for e in bound_entries(seen, state)[:1]))


def its_torrent_seeds_from_another_title(seen: World, state: DeletionState) -> World:
    titles = [entry(OTHER_ENTRY, OTHER, path=t.content_path) for t in bound_torrents(seen, state)]
    return with_entries(seen, OTHER, *titles[:1])


def requests_cannot_be_seen(seen: World, _: DeletionState) -> World:
    return replace(seen, board=UNREACHABLE)


def torrents_cannot_be_seen(seen: World, _: DeletionState) -> World:
    return replace(seen, torrents=UNREACHABLE)


def its_library_cannot_be_seen(seen: World, state: DeletionState) -> World:
    return replace(seen, libraries={**seen.libraries, home_of(state.deletion.media): UNREACHABLE})


def a_history_was_not_read_yet(seen: World, _: DeletionState) -> World:
    name = max(seen.ledger)
    return replace(seen, ledger={**seen.ledger, name: incomplete_ledger(name)})


def its_history_is_not_current(seen: World, state: DeletionState) -> World:
    name = home_of(state.deletion.media)
    return replace(seen, ledger={**seen.ledger, name: current_ledger(name, is_current=False)})


HAZARDS: tuple[Hazard, ...] = (
    somebody_requests_it,
    somebody_asks_for_it_without_approval,
    somebody_adds_it_by_hand,
    somebody_grabs_it,
    a_webhook_tells_of_a_grab,
    nobody_asked_for_it_in_words,
    another_title_needs_its_torrent,
    another_title_is_fetching_its_torrent,
    a_stranger_shares_its_files,
    its_torrent_was_added_anew,
    its_torrent_is_protected,
    its_title_is_protected,
    its_entry_is_another_one_now,
    its_number_is_another_title_now,
    another_title_lives_in_its_folder,
    a_stranger_seeds_from_its_folder,
    its_torrent_seeds_from_another_title,
    requests_cannot_be_seen,
    torrents_cannot_be_seen,
    its_library_cannot_be_seen,
    a_history_was_not_read_yet,
    its_history_is_not_current,
)


@st.composite
def staged(draw: st.DrawFn, *, unbound: bool = False, hazard: Hazard | None = None) -> Scene:
    """Titles with all that belongs to them, ready for some step, and one hazard or a few at once."""
    titles = draw(st.lists(some(TITLES), min_size=1, max_size=3, unique=True))
    seen = _furnished(draw, titles)
    wished = draw(st.lists(some(titles), min_size=1, max_size=2, unique=True))
    states = [deletion(media, number=n) for n, media in enumerate(wished, 1)]
    if unbound:
        return Scene(tuple(states), seen, POLICY)
    ready: list[DeletionState] = []
    for state in states:
        plan = plan_deletion(state, seen, POLICY)
        assert plan.bind is not None
        seen = released(seen, plan.bind.released, state.deletion.id)
        ready.append(replace(applied(state, plan.bind), conditions=plan.conditions))
    for index, state in enumerate(ready):
        seen, ready[index] = _brought_to(draw(some(STAGES)), seen, state)
        if draw(seldom):
            ready[index] = destroyed(ready[index])
    for chosen in [hazard] if hazard else draw(st.lists(some(HAZARDS), max_size=2)):
        index = draw(some(range(len(ready))))
        match chosen(seen, ready[index]):
            case World() as changed_world:
                seen = changed_world
            case changed_state:
                ready[index] = changed_state
    return settled_judgements(ready, seen, POLICY)


def _furnished(draw: st.DrawFn, titles: list[Media]) -> World:
    """Each title with an entry and its file, one or two torrents, a record, a request; references of reused numbers."""
    torrents: list[Torrent] = []
    references: list[Reference] = []
    rows: list[Record | MediaRequest] = []
    entries: dict[MediaKind, list[Entry]] = {MediaKind.MOVIE: [], MediaKind.SERIES: []}
    for number, media in enumerate(titles, 1):
        entries[media.kind].append(entry(number, media, path=f"/data/{media.kind}/{number}", monitored=False))
        for copy in range(draw(some([1, 2]))):
            torrents.append(torrent(10 * number + copy))
            references.append(reference(len(references) + 1, 10 * number + copy, number, media))
        if draw(seldom):
            other = replace(media, tmdb_id=97, tvdb_id=None)
            torrents.append(torrent(10 * number + 5))
            references.append(reference(len(references) + 1, 10 * number + 5, number, other))
        rows += [record(number, media, status=MediaStatus.AVAILABLE), request(number, number, media)]
    libraries: dict[MediaKind, Library] = {kind: library(*found) for kind, found in entries.items()}
    return world(
        torrents=torrents,
        radarr=libraries[MediaKind.MOVIE],
        sonarr=libraries[MediaKind.SERIES],
        board=board_of(*rows),
        references=references,
    )


def _brought_to(stage: str, seen: World, state: DeletionState) -> tuple[World, DeletionState]:
    """Let the steps before `stage` be done."""
    if stage == "torrents":
        return seen, state
    assert isinstance(seen.torrents, Seen)
    gone = {torrent_id(n) for n in range(100) if any(t.external_id == hash_of(n) for t in state.targets)}
    by_key = {k: t for k, t in seen.torrents.data.by_key.items() if k.id not in gone}
    seen = replace(seen, torrents=Seen(Torrents(by_key, seen.torrents.data.files), seen.now))
    state = sent(state, TargetKind.TORRENT)
    if stage == "entry":
        return seen, state
    name = home_of(state.deletion.media)
    observation = seen.libraries[name]
    assert isinstance(observation, Seen)
    bound = {t.external_id for t in state.targets_of(TargetKind.ENTRY)}
    left = {n: e for n, e in observation.data.entries.items() if str(n) not in bound}
    kept = Seen(replace(observation.data, entries=left), observation.at)
    return replace(seen, libraries={**seen.libraries, name: kept}), sent(state, TargetKind.TORRENT, TargetKind.ENTRY)
