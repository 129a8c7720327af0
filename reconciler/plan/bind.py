"""Binding: which concrete things a deletion may destroy, decided once and stored before anything is touched."""

from reconciler.model import (
    Deletion,
    DeletionState,
    DownloadProtocol,
    InfoHash,
    InstanceName,
    Media,
    MediaKind,
    Reference,
    Source,
    Target,
    TargetKind,
    TorrentId,
)
from reconciler.observed import Entry, Library, RequestStatus, Seen, Unseen
from reconciler.plan.extents import absolute_files
from reconciler.plan.facts import LIBRARY_SOURCES, covered_variants
from reconciler.plan.world import Coverage, Policy, World, fetched_hash
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
    """Return what the deletion covers: its media in its instances, and the entries bound or about to be bound."""
    deletion = state.deletion
    bound = state.targets_of(TargetKind.ENTRY)
    if deletion.bound_at is not None:
        ids = {(t.instance, int(t.external_id)) for t in bound}
    else:
        ids = {(t.instance, int(t.external_id)) for t in _entry_targets(deletion, world, media)}
    return Coverage(media, deletion.instances, frozenset(ids))


def live_entries(instance: InstanceName, world: World, media: Media) -> tuple[Entry, ...]:
    """Return the entries of a library that are this media, in order of id; none if it was not seen."""
    titles = world.titles.get(instance)
    return titles.same(media) if titles else ()


def aliases_of(hash_: InfoHash, world: World) -> frozenset[InfoHash]:
    """Return every name of the torrents that a hash may mean, as far as the client shows them."""
    names = {hash_}
    if isinstance(world.torrents, Seen):
        for torrent in world.torrents.data.matching(hash_):
            names |= torrent.aliases
    return frozenset(names)


def binding_of(deletion: Deletion, world: World, policy: Policy, coverage: Coverage) -> Binding:
    """Return everything the deletion may destroy, and the references it releases."""
    entries = _entry_targets(deletion, world, coverage.media)
    covered = list(world.references_about(coverage))
    queued = _queued_hashes(world, coverage)
    hashes = {r.hash for r in covered if r.hash is not None} | set(deletion.hints.hashes) | queued
    torrents, unmanaged = _download_targets(covered, hashes, world, policy)
    requests, live = _request_targets(deletion, world, policy, coverage)
    return Binding(
        deletion=deletion.id,
        media=coverage.media,
        targets=(*entries, *torrents, *unmanaged, *requests),
        released=tuple(sorted(r.number for r in covered if r.released_by is None)),
        bound_seq=world.position,
        live_request_ids=live,
        at=world.now,
    )


def late_binding(state: DeletionState, world: World, policy: Policy, coverage: Coverage) -> Binding | None:
    """Return what the re-read of history, queue and records adds to a bound deletion (the sweep), or `None`.

    Only what belongs to entries that were bound is swept; a new entry's references protect their hash. A webhook's
    reference is not swept before the history has told whether a person made the grab.
    """
    deletion = state.deletion
    if deletion.finishing_old_copy or isinstance(world.torrents, Unseen) or isinstance(world.board, Unseen):
        return None  # without Jellyseerr nobody knows whether a later grab is for a new request
    late = [
        r
        for r in world.references_about(coverage)
        if r.released_by is None and coverage.has_entry_of(r) and not r.by_person and r.history_id is not None
    ]
    bound = {t.external_id for t in state.targets_of(TargetKind.TORRENT)}
    known = {alias for h in bound for alias in aliases_of(InfoHash(h), world)}
    hashes = {r.hash for r in late if r.hash is not None} | _queued_hashes(world, coverage)
    torrents, unmanaged = _download_targets(late, hashes - known, world, policy)
    have = {(t.kind, t.instance, t.external_id) for t in state.targets}
    requests, _ = _request_targets(deletion, world, policy, coverage)
    records = [t for t in requests if t.kind is TargetKind.RECORD]
    added = [t for t in (*torrents, *unmanaged, *records) if (t.kind, t.instance, t.external_id) not in have]
    released = tuple(sorted(r.number for r in late))
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


def _entry_targets(deletion: Deletion, world: World, media: Media) -> tuple[Target, ...]:
    """The live entries of the title, and for a library that has none, the one last seen there."""
    targets: list[Target] = []
    hinted = deletion.hints.radarr_id if media.kind is MediaKind.MOVIE else deletion.hints.sonarr_id
    for instance in sorted(deletion.instances):
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
        size=entry.size,
        prior=entry.monitoring,
    )


def _queued_hashes(world: World, coverage: Coverage) -> set[InfoHash]:
    """Hashes that a covered library is downloading for a bound entry in our torrent client."""
    found: set[InfoHash] = set()
    for instance in coverage.instances:
        library = world.libraries.get(instance)
        if not isinstance(library, Seen):
            continue
        for item in library.data.queue:
            hash_ = fetched_hash(item, library.data)
            is_covered = item.entry_id is not None and (instance, item.entry_id) in coverage.entry_ids
            if hash_ is not None and is_covered:
                found.add(hash_)
    return found


def _download_targets(
    references: list[Reference], hashes: set[InfoHash], world: World, policy: Policy
) -> tuple[list[Target], list[Target]]:
    """Split what was downloaded into torrents of our client and downloads we do not manage."""
    torrents: list[Target] = []
    unmanaged: list[Target] = []
    instance = policy.torrent_instance
    seen = world.torrents.data if isinstance(world.torrents, Seen) else None
    for hash_ in sorted(hashes):
        matches = seen.matching(hash_) if seen else ()
        naming = [r for r in references if r.hash == hash_]
        if not matches and naming and all(_is_elsewhere(r, world) for r in naming):
            unmanaged.append(_unmanaged(naming[0], hash_))
            continue
        if instance is None:
            continue
        torrent = matches[0] if matches else None
        name = torrent.name if torrent else next((r.source_title for r in naming if r.source_title), None)
        torrents.append(
            Target(
                TargetKind.TORRENT,
                instance,
                hash_,
                added=str(torrent.added_on) if torrent else None,
                name=name,
                path=torrent.content_path if torrent else None,
                files=_file_paths(torrent.id, world) if torrent else (),
                size=torrent.size if torrent else 0,
                absent_since=None if torrent else world.now,
            )
        )
    usenet = {r.raw_hash: r for r in references if r.protocol is DownloadProtocol.USENET and r.raw_hash}
    unmanaged += [_unmanaged(r, raw) for raw, r in sorted(usenet.items())]
    return torrents, unmanaged


def _file_paths(torrent_id: TorrentId, world: World) -> tuple[str, ...]:
    if not isinstance(world.torrents, Seen):
        return ()
    torrents = world.torrents.data
    torrent = torrents.by_id.get(torrent_id)
    files = torrents.files.get(torrent.id) if torrent else None
    return absolute_files(torrent, files) if torrent and files else ()


def _is_elsewhere(reference: Reference, world: World) -> bool:
    """Tell whether a grab went to a torrent client that is not qBittorrent."""
    library = world.libraries.get(reference.instance)
    if reference.client is None or not isinstance(library, Seen) or not library.data.torrent_clients:
        return False
    known = {name.casefold() for name in library.data.torrent_clients} | {"qbittorrent"}
    return reference.client.casefold() not in known


def _unmanaged(reference: Reference, external_id: str) -> Target:
    return Target(
        TargetKind.UNMANAGED,
        reference.instance,
        external_id,
        media=reference.media,
        name=f"{reference.source_title or 'a download'} in {reference.client or reference.protocol.value}",
    )


def _request_targets(
    deletion: Deletion, world: World, policy: Policy, coverage: Coverage
) -> tuple[list[Target], frozenset[int]]:
    """The media rows and the requests of the covered variants, and every request that is live at this moment.

    A pending request and the request that a decline was about are never bound, so they are never cleared. If a
    decline does not say which request that was, it may be any declined one.
    """
    if policy.request_instance is None or not isinstance(world.board, Seen):
        return [], frozenset()
    variants = covered_variants(deletion, policy)
    records = world.records.same(coverage.media)
    requests = world.requests.same(coverage.media)
    instance = policy.request_instance
    targets = [Target(TargetKind.RECORD, instance, str(r.id), media=r.media, added=r.created_at) for r in records]
    targets += [
        Target(TargetKind.REQUEST, instance, str(r.id), media=r.media, added=r.created_at, name=r.requested_by)
        for r in requests
        if r.is_4k in variants
        and r.status is not RequestStatus.PENDING
        and r.id != deletion.hints.request_id
        and not (deletion.inferred and r.status is RequestStatus.DECLINED)
    ]
    return targets, frozenset(r.id for r in requests if r.is_live)
