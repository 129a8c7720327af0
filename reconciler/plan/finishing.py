"""Wanted again after something was destroyed: only the old copy goes, and a fresh one comes."""

from reconciler.model import ConditionType, Monitoring, ReferenceKind, Target, TargetKind, Unit
from reconciler.observed import Entry, EntryFile, QueueItem, Seen
from reconciler.plan.actions import DeleteFiles, RestoreMonitoring, Search
from reconciler.plan.blockers import staying
from reconciler.plan.entries import EntryFinding, Shelf
from reconciler.plan.facts import counted, is_due, is_unknown
from reconciler.plan.paths import normal
from reconciler.plan.seasons import bound_files, delete_files, files_of
from reconciler.plan.world import fetched_hash
from reconciler.reasons import Reason


def finish(shelf: Shelf, season: int | None) -> EntryFinding:
    """Delete the old files only, give back monitoring, and see that a fresh copy comes: of a title or of one season."""
    if not shelf.bound:
        text = "the old entry is gone"
        if shelf.newcomers:
            text += "; the new one belongs to the new request"
        return shelf.is_true(Reason.WANTED_AGAIN, text)
    target, entry = shelf.bound[0]
    files = files_of(shelf, entry)
    if files is None:
        text = "reading the files of the old copy"
        return shelf.found(is_unknown(ConditionType.ENTRY_ABSENT, shelf.instance, Reason.NOT_LOOKED_YET, text))
    mine = tuple(f for f in files if season is None or f.season == season)
    old = [f for f in _old_files(shelf, target, entry, mine, season) if not _is_held(shelf, f)]
    what = "" if season is None else f"season {season} "
    if old:
        text = f"{what}wanted again: {counted(len(old), 'old file')} still to delete"
        return shelf.is_false(Reason.PRESENT, text, actions=_deletes(shelf, target, entry, old, season))
    prior = _prior(target, entry, season)
    if prior is not None:
        deletion = shelf.state.deletion.id
        restore = RestoreMonitoring(deletion, shelf.instance, target.number, entry.id, entry.media, entry.added, prior)
        text = f"{what}wanted again: monitoring is being restored"
        return shelf.is_false(Reason.PRESENT, text, actions=(restore,))
    is_fetching = bool(mine) or any(_is_fresh(i, entry, shelf, season) for i in shelf.library.queue)
    if not is_fetching and Unit(shelf.instance, season) not in shelf.state.deletion.searched:
        search = Search(shelf.state.deletion.id, shelf.instance, target.number, entry.id, season)
        text = f"{what}wanted again: a search for a fresh copy is started"
        return shelf.is_false(Reason.PRESENT, text, actions=(search,))
    left = "what is there now stays" if mine else "its old copy is gone"
    text = f"the title stays because {what or 'it '}is wanted again; {left}"
    return shelf.is_false(Reason.WANTED_AGAIN, text)


def _deletes(
    shelf: Shelf, target: Target, entry: Entry, old: list[EntryFile], season: int | None
) -> tuple[DeleteFiles, ...]:
    if season is not None:
        return delete_files(shelf, target, entry, old)
    if not is_due(target, shelf.world.now, shelf.policy):
        return ()
    ids, paths = tuple(f.id for f in old), tuple(f.path for f in old)
    size = sum(f.size for f in old)
    deletion = shelf.state.deletion.id
    return (
        DeleteFiles(deletion, shelf.instance, target.number, entry.id, entry.media, entry.added, ids, paths, size=size),
    )


def _is_held(shelf: Shelf, file: EntryFile) -> bool:
    """Tell whether a torrent that stays, or must be seeded on, has this file."""
    kept = shelf.torrents.kept | shelf.torrents.seeding
    return any(staying(shelf.state, shelf.instance, shelf.library, file.path, shelf.world, kept))


def _prior(target: Target, entry: Entry, season: int | None) -> Monitoring | None:
    """Return the monitoring that the freeze took and that is not given back yet."""
    prior = target.prior
    if prior is None:
        return None
    if season is None:
        return prior if prior.monitored and not entry.monitoring.monitored else None
    now = dict(entry.monitoring.seasons)
    was = dict(prior.seasons)
    is_season_lost = was.get(season, False) and not now.get(season, False)
    is_title_lost = prior.monitored and not entry.monitoring.monitored
    if is_season_lost or is_title_lost:
        return Monitoring(is_title_lost, ((season, True),) if is_season_lost else ())
    return None


def _is_fresh(item: QueueItem, entry: Entry, shelf: Shelf, season: int | None) -> bool:
    """Tell whether a queue item fetches the new copy: the queue shows what we removed for up to a minute more."""
    if item.entry_id != entry.id or (season is not None and item.season not in {None, season}):
        return False
    hash_ = fetched_hash(item, shelf.library)
    torrents = shelf.world.torrents
    if hash_ is None or not isinstance(torrents, Seen):
        return True
    matching = torrents.data.matching(hash_)
    names = {hash_, *(alias for torrent in matching for alias in torrent.aliases)}
    is_bound = any(t.external_id in names for t in shelf.state.targets_of(TargetKind.TORRENT))
    return not is_bound or any(torrent.key in shelf.torrents.kept for torrent in matching)


def _old_files(
    shelf: Shelf, target: Target, entry: Entry, files: tuple[EntryFile, ...], season: int | None
) -> tuple[EntryFile, ...]:
    """Return the bound files that are certainly still the old copy.

    The new copy may have the very same path, but never the same id: what was not bound with its id is not old. A
    season's new files may have been bound by the sweep just before anybody knew that they were wanted. So none counts
    as old after an import that was not released.
    """
    if not shelf.state.deletion.options.delete_files:
        return ()
    was_imported = any(
        r.kind is ReferenceKind.IMPORT
        and r.released_by is None
        and (r.instance, r.entry_id) == (target.instance, entry.id)
        and season in {None, r.season}
        for r in shelf.world.references_about(shelf.coverage)
    )
    if was_imported:
        return ()
    if season is not None:
        known = bound_files(shelf)
        return tuple(f for f in sorted(files, key=lambda f: f.id) if (f.id, f.path) in known)
    bound = {(id_, normal(path)) for id_, path in zip(target.file_ids, target.files, strict=False)}
    return tuple(f for f in sorted(files, key=lambda f: f.id) if (f.id, normal(f.path)) in bound)
