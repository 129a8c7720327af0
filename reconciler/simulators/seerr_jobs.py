"""The simulated Seerr's jobs: scans that bring rows back, and the sync that marks rows deleted (upstreams.md 2.5)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from reconciler.clock import Clock
from reconciler.errors import UpstreamError
from reconciler.observed import MediaStatus
from reconciler.simulators import seerr_servers
from reconciler.simulators.seerr_media_server import Listing
from reconciler.simulators.seerr_rows import stamp
from reconciler.simulators.seerr_servers import Server
from reconciler.simulators.seerr_service import Refused, SeerrService
from reconciler.simulators.seerr_state import MediaRow, MediaType

JOBS: dict[str, tuple[str, str]] = {
    "jellyfin-recently-added-scan": ("Jellyfin Recently Added Scan", "0 */5 * * * *"),
    "jellyfin-full-scan": ("Jellyfin Full Library Scan", "0 0 3 * * *"),
    "radarr-scan": ("Radarr Scan", "0 0 4 * * *"),
    "sonarr-scan": ("Sonarr Scan", "0 30 4 * * *"),
    "availability-sync": ("Media Availability Sync", "0 0 5 * * *"),
    "download-sync": ("Download Sync", "0 * * * * *"),
    "download-sync-reset": ("Download Sync Reset", "0 0 1 * * *"),
    "image-cache-cleanup": ("Image Cache Cleanup", "0 0 5 * * *"),
    "process-blocklisted-tags": ("Process Blocklisted Tags", "0 30 1 */7 * *"),
}

_THERE = frozenset({MediaStatus.AVAILABLE, MediaStatus.PARTIALLY_AVAILABLE})


def job_json(job_id: str, service: SeerrService, clock: Clock) -> dict[str, object]:
    name, schedule = JOBS[job_id]
    return {
        "id": job_id,
        "name": name,
        "type": "process",
        "interval": "fixed",
        "cronSchedule": schedule,
        "nextExecutionTime": stamp(clock.now() + timedelta(hours=1)),
        "running": job_id in service.running_jobs,
    }


def start(job_id: str, service: SeerrService) -> None:
    """Start a job in the background; the others touch nothing that this simulator keeps."""
    work = {
        "radarr-scan": scan_servers,
        "sonarr-scan": scan_servers,
        "jellyfin-recently-added-scan": scan_jellyfin,
        "jellyfin-full-scan": scan_jellyfin,
        "availability-sync": sync_availability,
    }.get(job_id)
    if work is None:
        return

    async def run() -> None:
        try:
            await work(job_id, service)
        finally:
            service.running_jobs.discard(job_id)

    service.running_jobs.add(job_id)
    service.spawn(run())


async def scan_servers(job_id: str, service: SeerrService) -> None:
    """Create or update a row for every title that is monitored or has a file."""
    kind = job_id.removesuffix("-scan")
    for server in [server for server in service.servers if server.kind == kind]:
        try:
            rows = await seerr_servers.entries(server)
        except UpstreamError:
            continue
        for row in rows:
            if kind == "radarr":
                _scan_movie(service, server, row)
            else:
                _scan_series(service, server, row)


async def scan_jellyfin(_job_id: str, service: SeerrService) -> None:
    """Create or update a row for everything the media server lists."""
    try:
        listing = await service.shown_by_media_server()
    except UpstreamError:
        return
    for (media_type, tmdb_id), seasons in sorted(listing.items()):
        media = _row(service, media_type, tmdb_id)
        if media and media.normal.status is not MediaStatus.AVAILABLE:
            media.normal.media_server_id = f"jellyfin-{media_type}-{tmdb_id}"
            service.make_available(media, seasons=seasons)


async def sync_availability(_job_id: str, service: SeerrService) -> None:
    """Mark what nobody has any more as deleted; a server that cannot be asked counts as having it.

    A media server that answers 500 counts as empty (upstreams.md 2.5).
    """
    try:
        listing = await service.shown_by_media_server()
    except UpstreamError as error:
        if error.status != 500:
            return
        listing = {}
    libraries: list[tuple[Server, list[dict[str, Any]] | None]] = []
    for server in service.servers:
        try:
            libraries.append((server, await seerr_servers.entries(server)))
        except UpstreamError:
            libraries.append((server, None))
    for media in list(service.database.media.values()):
        for is_4k in (False, True):
            if media.variant(is_4k=is_4k).status in _THERE:
                _sync_variant(service, media, libraries, {} if is_4k else listing, is_4k=is_4k)


def _sync_variant(
    service: SeerrService,
    media: MediaRow,
    libraries: list[tuple[Server, list[dict[str, Any]] | None]],
    listing: Listing,
    *,
    is_4k: bool,
) -> None:
    seasons: set[int] = set()
    if (media.media_type, media.tmdb_id) in listing:
        shown = listing[media.media_type, media.tmdb_id]
        if shown is None or media.media_type == "movie":
            return
        seasons |= shown
    for server, rows in libraries:
        if server.media_type != media.media_type or server.is_4k is not is_4k:
            continue
        if rows is None:
            return
        for row in rows:
            if media.media_type == "movie" and row.get("tmdbId") == media.tmdb_id and row.get("hasFile"):
                return
            if media.media_type == "tv" and media.tvdb_id and row.get("tvdbId") == media.tvdb_id:
                seasons |= {number for number, (files, _total) in _season_files(row).items() if files}
    if not seasons:
        service.database.mark_deleted(media, is_4k=is_4k)
        return
    lost = [s for s in media.seasons if s.status_of(is_4k=is_4k) in _THERE and s.number not in seasons]
    for season in lost:
        season.set_status(MediaStatus.DELETED, is_4k=is_4k)
    if lost:
        media.variant(is_4k=is_4k).status = MediaStatus.PARTIALLY_AVAILABLE
        service.database.touch(media)


def _scan_movie(service: SeerrService, server: Server, row: Mapping[str, Any]) -> None:
    has_file = bool(row.get("hasFile"))
    media = _row(service, "movie", int(row["tmdbId"])) if has_file or row.get("monitored") else None
    if media is None:
        return
    variant = media.variant(is_4k=server.is_4k)
    variant.service_id, variant.external_service_id = server.id, int(row["id"])
    variant.external_service_slug = str(row.get("titleSlug") or row["tmdbId"])
    if variant.status is MediaStatus.AVAILABLE:
        return
    if has_file:
        service.make_available(media, is_4k=server.is_4k)
    else:
        variant.status = MediaStatus.PROCESSING
        service.database.touch(media)


def _scan_series(service: SeerrService, server: Server, row: Mapping[str, Any]) -> None:
    files = _season_files(row)
    has_files = any(have for have, _total in files.values())
    tvdb_id = int(row["tvdbId"])
    tmdb_id = next((t.tmdb_id for t in service.database.titles.values() if t.tvdb_id == tvdb_id), None)
    media = _row(service, "tv", tmdb_id) if tmdb_id and (has_files or row.get("monitored")) else None
    if media is None:
        return
    is_4k = server.is_4k
    variant = media.variant(is_4k=is_4k)
    variant.service_id, variant.external_service_id = server.id, int(row["id"])
    variant.external_service_slug = str(row.get("titleSlug") or tvdb_id)
    complete = [number for number, (have, total) in files.items() if have and have >= total]
    for number, (have, _total) in files.items():
        if number not in complete:
            status = MediaStatus.PARTIALLY_AVAILABLE if have else MediaStatus.PROCESSING
            service.database.season(media, number).set_status(status, is_4k=is_4k)
    if complete and len(complete) == len(files):
        service.make_available(media, is_4k=is_4k, seasons=complete)
        return
    for number in complete:
        service.database.season(media, number).set_status(MediaStatus.AVAILABLE, is_4k=is_4k)
    variant.status = MediaStatus.PARTIALLY_AVAILABLE if has_files else MediaStatus.PROCESSING
    service.database.touch(media)


def _row(service: SeerrService, media_type: MediaType, tmdb_id: int) -> MediaRow | None:
    """Return the title's row, created if need be; `None` while TMDB is silent, or for blocklisted titles."""
    media = service.database.media_of(media_type, tmdb_id)
    if media is not None:
        return None if media.is_blocklisted else media
    try:
        title = service.title(media_type, tmdb_id)
    except Refused:
        return None
    return service.database.add_media(media_type, tmdb_id, tvdb_id=title.tvdb_id)


def _season_files(row: Mapping[str, Any]) -> dict[int, tuple[int, int]]:
    """Return (files, episodes) of each season that is monitored or has files, specials left out."""
    found: dict[int, tuple[int, int]] = {}
    for season in row.get("seasons", []):
        statistics = season.get("statistics") or {}
        have = int(statistics.get("episodeFileCount", 0))
        if season["seasonNumber"] > 0 and (have or season.get("monitored")):
            found[season["seasonNumber"]] = (have, int(statistics.get("totalEpisodeCount", have)))
    return found
