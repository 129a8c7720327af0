"""Which torrents share content files, and whose file lists are needed to tell."""

from collections.abc import Iterable

from reconciler.model import TorrentId
from reconciler.observed import Torrent
from reconciler.plan.extents import absolute_files, extents, is_rootless
from reconciler.plan.paths import normal
from reconciler.plan.world import Torrents


def files_to_read(
    torrents: Torrents, condemned: Iterable[Torrent], folders: Iterable[str] = ()
) -> frozenset[TorrentId]:
    """Choose the torrents whose file lists a plan needs.

    These are the condemned, all that could share a file with one of them, and rootless ones whose save path could
    reach into one of `folders` (titles about to be deleted).
    """
    needed: set[TorrentId] = set()
    for torrent in condemned:
        needed |= {torrent.id, *(other.id for other in neighbours(torrent, torrents))}
    for folder in folders:
        needed |= {t.id for t in torrents.by_extent.touching(folder) if is_rootless(t)}
    return frozenset(needed)


def neighbours(torrent: Torrent, torrents: Torrents) -> tuple[Torrent, ...]:
    """Return the other torrents that could have a file in common, judged without file lists, in order of id."""
    found = {t.id: t for extent in extents(torrent) for t in torrents.by_extent.touching(extent)}
    return tuple(t for id_, t in sorted(found.items()) if id_ != torrent.id)


def sharing(torrent: Torrent, torrents: Torrents) -> tuple[Torrent, ...] | None:
    """Return the other torrents that have a content file in common, or `None` if that cannot be determined."""
    own = torrents.files.get(torrent.id)
    if own is None:
        return None
    mine = {normal(path) for path in absolute_files(torrent, own)}
    found: list[Torrent] = []
    for other in neighbours(torrent, torrents):
        files = torrents.files.get(other.id)
        if files is None:
            return None
        if mine & {normal(path) for path in absolute_files(other, files)}:
            found.append(other)
    return tuple(found)


def content_paths(torrent: Torrent, torrents: Torrents) -> tuple[str, ...] | None:
    """Return the paths that hold a torrent's content, as exactly as needed to compare with a folder.

    Its content path if that is its own, else its files; `None` when those were not read.
    """
    if not is_rootless(torrent):
        return extents(torrent)
    files = torrents.files.get(torrent.id)
    return None if files is None else absolute_files(torrent, files)
