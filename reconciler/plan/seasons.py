"""Seasons in Sonarr: unmonitor them, delete their episode files, and let the series be."""

from collections.abc import Iterable

from reconciler.model import Reference, ReferenceKind, Target, TargetKind, Unit
from reconciler.observed import Entry, EntryFile, RequestStatus
from reconciler.plan.actions import Blocklist, DeleteFiles, UnmonitorSeasons
from reconciler.plan.blockers import seeding_in_place, seeds_in_place, unreachable_root, unwanted, whole_blocker
from reconciler.plan.entries import EntryFinding, Shelf, deleting, foreign_downloads, freezing, gone, waits_for_seeding
from reconciler.plan.facts import counted, is_due
from reconciler.plan.variants import instances_of_request
from reconciler.reasons import Reason


def judge_seasons(shelf: Shelf, seasons: frozenset[int]) -> EntryFinding:
    """Judge the seasons that are covered in one library and not only being finished."""
    if not shelf.bound:
        if shelf.newcomers:
            entry = shelf.newcomers[0]
            text = f"{entry.title!r} is there again as entry {entry.id}, which this deletion never bound"
            return shelf.is_false(Reason.REAPPEARED, text)
        return shelf.found(gone(shelf))
    target, entry = shelf.bound[0]
    files = files_of(shelf, entry)
    if files is None:
        return shelf.is_false(Reason.NOT_LOOKED_YET, "reading its episode files")
    mine = [f for f in files if f.season in seasons]
    return (
        _blocked(shelf, entry, mine)
        or _freezing(shelf, target, entry, seasons)
        or _deleting(shelf, target, entry, mine)
        or _finished(shelf, entry, files, seasons)
    )


def files_of(shelf: Shelf, entry: Entry) -> tuple[EntryFile, ...] | None:
    """Return the files of a title, or `None` if they were not read in this round."""
    return entry.files if entry.files is not None else shelf.library.entry_files.get(entry.id)


def bound_files(shelf: Shelf) -> dict[tuple[int, str], Target]:
    """Return the bound episode files by id and path: a new import may take an old one's path, never its id."""
    return {
        (int(t.external_id), t.path or ""): t
        for t in shelf.state.targets_of(TargetKind.FILE)
        if t.instance == shelf.instance
    }


def delete_files(shelf: Shelf, target: Target, entry: Entry, files: Iterable[EntryFile]) -> tuple[DeleteFiles, ...]:
    """Return the one action that deletes these bound files, or none if all were asked for just now."""
    known = bound_files(shelf)
    due = [(f, known[f.id, f.path]) for f in files if is_due(known[f.id, f.path], shelf.world.now, shelf.policy)]
    if not due:
        return ()
    return (
        DeleteFiles(
            shelf.state.deletion.id,
            shelf.instance,
            target.number,
            entry.id,
            entry.media,
            entry.added,
            tuple(f.id for f, _ in due),
            tuple(f.path for f, _ in due),
            tuple(t.number for _, t in due),
            sum(f.size for f, _ in due),
        ),
    )


def _blocked(shelf: Shelf, entry: Entry, mine: list[EntryFile]) -> EntryFinding | None:
    takes_files = shelf.state.deletion.options.delete_files
    doomed = [f.path for f in mine] if takes_files else []
    blocker = unwanted(shelf.state, shelf.instance, entry, doomed, len(mine), shelf.policy)
    if blocker is None and mine and takes_files:
        blocker = unreachable_root(shelf.instance, shelf.library, entry)
        for file in mine:
            blocker = blocker or seeds_in_place(
                shelf.state, shelf.instance, shelf.library, file.path, shelf.world, shelf.torrents.kept
            )
    return None if blocker is None else shelf.found(blocker)


def _freezing(shelf: Shelf, target: Target, entry: Entry, seasons: frozenset[int]) -> EntryFinding | None:
    deletion = shelf.state.deletion
    monitored = tuple(sorted(n for n, is_monitored in entry.monitoring.seasons if is_monitored and n in seasons))
    downloads = foreign_downloads(shelf)
    if monitored or downloads:
        unmonitor = UnmonitorSeasons(deletion.id, shelf.instance, target.number, entry.id, monitored)
        return freezing(shelf, (unmonitor,) if monitored else (), downloads)
    grabs = _grabs(shelf) if deletion.options.blocklist and deletion.blocklisted_at is None else ()
    if not grabs:
        return None
    blocklist = Blocklist(deletion.id, shelf.instance, target.number, grabs)
    text = f"keeping {len(grabs)} of its releases from being grabbed again"
    return shelf.is_false(Reason.FREEZING, text, freeze=(blocklist,))


def _grabs(shelf: Shelf) -> tuple[int, ...]:
    """Return one history row per release that was grabbed for nothing but the covered seasons."""
    rows = [
        r
        for r in shelf.world.references_about(shelf.coverage)
        if r.instance == shelf.instance and r.kind is ReferenceKind.GRAB and r.history_id is not None
    ]
    by_release: dict[str, int] = {}
    for row in rows:
        if all(shelf.coverage.covers(r) for r in _of_release(row, shelf)):
            by_release.setdefault(row.hash or row.raw_hash or str(row.history_id), row.history_id or 0)
    return tuple(sorted(by_release.values()))


def _of_release(row: Reference, shelf: Shelf) -> tuple[Reference, ...]:
    """Return all that this library took from the release of a row; Usenet's are known by their download's id."""
    if row.hash is not None:
        return tuple(r for r in shelf.world.references_to([row.hash]) if r.instance == shelf.instance)
    rows = shelf.world.references if row.raw_hash is not None else ()
    return tuple(r for r in rows if (r.instance, r.raw_hash) == (shelf.instance, row.raw_hash))


def _deleting(shelf: Shelf, target: Target, entry: Entry, mine: list[EntryFile]) -> EntryFinding | None:
    if not mine or not shelf.state.deletion.options.delete_files:
        return None
    for file in mine:
        torrent = seeding_in_place(shelf.instance, shelf.library, file.path, shelf.world, shelf.torrents.seeding)
        if torrent is not None:
            text = f"SeedsInPlace: {torrent.name!r} must be seeded on, and its data is {file.path}"
            return shelf.is_false(Reason.AFTER_TORRENTS, text)
    known = bound_files(shelf)
    ready = [f for f in mine if (f.id, f.path) in known]
    was_sent = any(known[f.id, f.path].sent_at is not None for f in ready)
    text = f"{counted(len(mine), 'episode file')} {'asked to go, still listed' if was_sent else 'to delete'}"
    return shelf.is_false(
        Reason.REMOVING if was_sent else Reason.PRESENT, text, actions=delete_files(shelf, target, entry, ready)
    )


def _finished(shelf: Shelf, entry: Entry, files: tuple[EntryFile, ...], seasons: frozenset[int]) -> EntryFinding:
    names = f"season{'s' if len(seasons) > 1 else ''} {', '.join(str(s) for s in sorted(seasons))}"
    options = shelf.state.deletion.options
    if not options.delete_files:
        return shelf.is_true(Reason.ABSENT, f"{names}: not monitored; the files were to be kept, and the series stays")
    why_stays = _why_series_stays(shelf, entry, files) if options.remove_empty_series else "the series stays"
    if not why_stays:
        return _remove_series(shelf, entry)
    was_sent = any(t.sent_at is not None for t in shelf.state.targets_of(TargetKind.FILE))
    reason = Reason.ABSENT if was_sent else Reason.ALREADY_ABSENT
    return shelf.is_true(reason, f"{names}: not monitored, and without files; {why_stays}")


def _why_series_stays(shelf: Shelf, entry: Entry, files: tuple[EntryFile, ...]) -> str:
    """Return what is left of a series after its last covered season, or `""` if nothing is and nobody wants any."""
    if files or entry.file_count:
        return "the series stays: it has other files"
    monitored = [str(number) for number, is_monitored in entry.monitoring.seasons if is_monitored]
    if monitored:
        return f"the series stays: season {', '.join(monitored)} is monitored"
    deletion = shelf.state.deletion
    if any(unit.instance == shelf.instance for unit in deletion.finishing | deletion.withdrawn):
        return "the series stays: a season that was covered is wanted again"
    covered = shelf.coverage
    if any(i.entry_id == entry.id and not covered.has(shelf.instance, i.season) for i in shelf.library.queue):
        return "the series stays: more of it is being downloaded"
    for request in shelf.world.requests.same(shelf.coverage.media):
        concerns = instances_of_request(request, [shelf.instance], shelf.world, shelf.policy)
        asked = frozenset(request.seasons)
        is_covered = bool(asked) and all(Unit(shelf.instance, season) in deletion.units for season in asked)
        if concerns and not is_covered and (request.is_live or request.status is RequestStatus.PENDING):
            return f"the series stays: request {request.id} wants more of it"
    return ""


def _remove_series(shelf: Shelf, entry: Entry) -> EntryFinding:
    """Let the empty series go, by the rules for a whole title. There is nothing to freeze: no season is monitored."""
    blocker = whole_blocker(
        shelf.state,
        shelf.instance,
        shelf.library,
        entry,
        shelf.world,
        shelf.policy,
        shelf.coverage,
        shelf.torrents.kept,
    )
    if blocker is not None:
        return shelf.found(blocker)
    return waits_for_seeding(shelf) or deleting(shelf, emptied=True)
