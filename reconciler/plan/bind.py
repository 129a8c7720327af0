"""Binding: which concrete things a deletion may destroy, decided once and stored before anything is touched."""

from collections.abc import Iterable

from reconciler.model import (
    Deletion,
    DeletionState,
    InfoHash,
    InstanceName,
    Media,
    MediaKind,
    Source,
    Target,
    TargetKind,
)
from reconciler.observed import Entry, Library, RequestStatus, Seen, Unseen
from reconciler.plan.downloads import downloads_of, queued_hashes
from reconciler.plan.facts import LIBRARY_SOURCES, is_bound
from reconciler.plan.paths import name_of
from reconciler.plan.policy import Policy
from reconciler.plan.variants import covers_request
from reconciler.plan.world import Coverage, World
from reconciler.ports import Binding


def resolve(deletion: Deletion, world: World) -> Media:
    """Return the deletion's media with the ids that trustworthy sources add.

    Jellyseerr's mapping comes first: the TMDB id that Sonarr keeps may be missing or wrong (upstreams.md 3.3).
    """
    media = deletion.media
    if media.kind is not MediaKind.SERIES:
        return media
    if deletion.source is Source.SONARR and media.tvdb_id is not None:
        media = Media(media.kind, None, media.tvdb_id)
    for record in world.records.same(media):
        media = media.merged(record.media)
    if media.tvdb_id is None and media.tmdb_id is not None:
        media = Media(media.kind, media.tmdb_id, world.tvdb_ids.get(media.tmdb_id))
    if media.tvdb_id is not None:
        return media
    for titles in world.titles.values():
        for entry in titles.same(media):
            media = media.merged(entry.media)
    for row in world.rows.same(media):
        media = media.merged(row.media)
    return media


def coverage_of(state: DeletionState, world: World, media: Media) -> Coverage:
    """Return what the deletion covers: its media in its units, and the entries bound or about to be bound."""
    deletion = state.deletion
    bound = state.targets_of(TargetKind.ENTRY)
    if deletion.bound_at is not None:
        ids = {(t.instance, int(t.external_id)) for t in bound}
    else:
        ids = {(t.instance, int(t.external_id)) for t in _entry_targets(deletion, world, media)}
    return Coverage(media, deletion.units, frozenset(ids))


def live_entries(instance: InstanceName, world: World, media: Media) -> tuple[Entry, ...]:
    """Return the entries of a library that are this media, in order of id; none if it was not seen."""
    titles = world.titles.get(instance)
    return titles.same(media) if titles else ()


def aliases_of(hash_: InfoHash, world: World) -> frozenset[InfoHash]:
    """Return every name of the torrents that a hash may mean, as far as the clients show them."""
    names = {hash_}
    if isinstance(world.torrents, Seen):
        for torrent in world.torrents.data.matching(hash_):
            names |= torrent.aliases
    return frozenset(names)


def binding_of(deletion: Deletion, world: World, policy: Policy, coverage: Coverage) -> Binding:
    """Return everything the deletion may destroy, and the references it releases."""
    entries = _entry_targets(deletion, world, coverage.media)
    files = file_targets(world, coverage, entries)
    covered = list(world.references_about(coverage))
    released = tuple(sorted(r.number for r in covered if r.released_by is None))
    hashes = {r.hash for r in covered if r.hash is not None} | set(deletion.hints.hashes)
    downloads = downloads_of(
        deletion, covered, hashes | queued_hashes(world, coverage), frozenset(released), world, policy
    )
    requests, live = _request_targets(deletion, world, policy, coverage)
    return Binding(
        deletion=deletion.id,
        media=coverage.media,
        targets=(*entries, *files, *downloads, *requests),
        released=released,
        bound_seq=world.position,
        live_request_ids=live,
        at=world.now,
    )


def late_binding(state: DeletionState, world: World, policy: Policy, coverage: Coverage) -> Binding | None:
    """Return what the re-read of history, queue, files and records adds to a bound deletion (the sweep), or `None`.

    Only what belongs to entries that were bound is swept; a new entry's references protect their hash. A webhook's
    reference is not swept before the history has told whether a person made the grab. What is only finished because it
    is wanted again gets nothing new.
    """
    deletion = state.deletion
    coverage = coverage.only(deletion.units - deletion.finishing)
    is_open = bool(coverage.units) or not deletion.instances
    if (deletion.finishing and not coverage.units) or not is_open:
        return None
    if isinstance(world.torrents, Unseen) or isinstance(world.board, Unseen):
        return None  # without Jellyseerr nobody knows whether a later grab is for a new request
    late = [
        r
        for r in world.references_about(coverage)
        if r.released_by is None and coverage.has_entry_of(r) and not r.by_person and r.history_id is not None
    ]
    released = tuple(sorted(r.number for r in late))
    bound = {t.external_id for t in state.targets if t.kind in {TargetKind.TORRENT, TargetKind.CROSS_SEED}}
    known = {alias for h in bound for alias in aliases_of(InfoHash(h), world)}
    hashes = {r.hash for r in late if r.hash is not None} | queued_hashes(world, coverage) | set(deletion.hints.hashes)
    downloads = downloads_of(deletion, late, hashes - known, frozenset(released), world, policy)
    have = {(t.kind, t.instance, t.external_id) for t in state.targets}
    requests, _ = _request_targets(deletion, world, policy, coverage)
    records = [t for t in requests if t.kind is TargetKind.RECORD]
    files = file_targets(world, coverage, state.targets_of(TargetKind.ENTRY))
    added = [t for t in (*downloads, *records, *files) if (t.kind, t.instance, t.external_id) not in have]
    if not added and not released:
        return None
    return Binding(
        deletion=deletion.id,
        media=coverage.media,
        targets=tuple(added),
        released=released,
        bound_seq=deletion.bound_seq or 0,
        live_request_ids=deletion.live_request_ids,
        at=world.now,
    )


def file_targets(world: World, coverage: Coverage, entries: Iterable[Target]) -> tuple[Target, ...]:
    """Return the episode files of the covered seasons of bound series: they are deleted one by one.

    Of a title that is covered whole no file is bound, because it goes with its folder.
    """
    found: list[Target] = []
    for target in entries:
        library = world.libraries.get(target.instance)
        if coverage.is_whole(target.instance) or not isinstance(library, Seen):
            continue
        entry = library.data.entries.get(int(target.external_id))
        if entry is None or not is_bound(entry, target):
            continue
        found += [
            Target(
                TargetKind.FILE,
                target.instance,
                str(file.id),
                media=entry.media,
                added=entry.added,
                name=name_of(file.path),
                path=file.path,
                size=file.size,
                season=file.season,
            )
            for file in sorted(library.data.entry_files.get(entry.id, ()), key=lambda f: f.id)
            if coverage.has(target.instance, file.season)
        ]
    return tuple(found)


def _entry_targets(deletion: Deletion, world: World, media: Media) -> tuple[Target, ...]:
    """The live entries of the title, and for a library that has none, the one last seen there."""
    targets: list[Target] = []
    hinted = deletion.hints.radarr_id if media.kind is MediaKind.MOVIE else deletion.hints.sonarr_id
    for instance in sorted({unit.instance for unit in deletion.units}):
        live = live_entries(instance, world, media)
        library = world.libraries.get(instance)
        targets += [_live_target(e, instance, library.data) for e in live if isinstance(library, Seen)]
        if live:
            continue
        rows = [r for r in world.rows.same(media) if r.instance == instance]
        last = max(rows, key=lambda r: (r.entry_id == hinted, r.entry_id), default=None)
        if last is not None:
            targets.append(
                Target(
                    TargetKind.ENTRY,
                    instance,
                    str(last.entry_id),
                    media=last.media,
                    added=last.added,
                    name=last.title,
                    path=last.path,
                    files=last.files,
                    size=last.size,
                    absent_since=world.now,
                )
            )
        elif hinted is not None and deletion.source in LIBRARY_SOURCES:
            targets.append(
                Target(
                    TargetKind.ENTRY, instance, str(hinted), media=media, name=deletion.title, absent_since=world.now
                )
            )
    return tuple(targets)


def _live_target(entry: Entry, instance: InstanceName, library: Library) -> Target:
    files = entry.files if entry.files is not None else library.entry_files.get(entry.id, ())
    return Target(
        TargetKind.ENTRY,
        instance,
        str(entry.id),
        media=entry.media,
        added=entry.added,
        name=entry.title,
        path=entry.path,
        files=tuple(f.path for f in files),
        file_ids=tuple(f.id for f in files),
        size=entry.size,
        prior=entry.monitoring,
    )


def _request_targets(
    deletion: Deletion, world: World, policy: Policy, coverage: Coverage
) -> tuple[list[Target], frozenset[int]]:
    """The media rows and the requests that are covered, and every request that is live at this moment.

    A request is covered with its variant and all its seasons, or not at all. A pending request and the request that a
    decline was about are never bound, so they are never cleared. If a decline does not say which request that was, it
    may be any declined one.
    """
    if policy.request_instance is None or not isinstance(world.board, Seen):
        return [], frozenset()
    records = world.records.same(coverage.media)
    requests = world.requests.same(coverage.media)
    instance = policy.request_instance
    targets = [Target(TargetKind.RECORD, instance, str(r.id), media=r.media, added=r.created_at) for r in records]
    targets += [
        Target(TargetKind.REQUEST, instance, str(r.id), media=r.media, added=r.created_at, name=r.requested_by)
        for r in requests
        if covers_request(r, deletion, world, policy)
        and r.status is not RequestStatus.PENDING
        and r.id != deletion.hints.request_id
        and not (deletion.inferred and r.status is RequestStatus.DECLINED)
    ]
    return targets, frozenset(r.id for r in requests if r.is_live)
