"""Which content files torrents have, and which torrents share them."""

from collections.abc import Iterable

from reconciler.model import TorrentId
from reconciler.observed import Torrent, TorrentFile
from reconciler.plan.paths import join, normal, touch
from reconciler.plan.world import Torrents


def absolute_files(torrent: Torrent, files: Iterable[TorrentFile]) -> tuple[str, ...]:
    """Return where a torrent's files lie or will lie, as its client sees them.

    An unfinished torrent's files are in the download path and move to the save path when it finishes.
    """
    roots = [torrent.save_path, torrent.download_path] if torrent.download_path else [torrent.save_path]
    return tuple(join(root, f.name) for root in roots for f in files)


def is_rootless(torrent: Torrent) -> bool:
    """Tell whether the content path says nothing about the content: no root folder, or not known yet.

    A torrent without a root folder reports its save path, which it shares with strangers; 4.5 reports a relative path
    for a second after an add (upstreams.md 9.1).
    """
    content = torrent.content_path
    is_absolute = content.startswith(("/", "\\")) or content[1:2] == ":"
    return not is_absolute or normal(content) in {normal(torrent.save_path), normal(torrent.download_path)}


def extents(torrent: Torrent) -> tuple[str, ...]:
    """Return the folders or files within which all content of a torrent lies."""
    if is_rootless(torrent):
        return tuple(p for p in (torrent.save_path, torrent.download_path) if p)
    name = torrent.content_path.rstrip("/\\").replace("\\", "/").rpartition("/")[2]
    final = join(torrent.save_path, name) if torrent.save_path else torrent.content_path
    return (torrent.content_path, final)


def may_share(a: Torrent, b: Torrent) -> bool:
    """Tell, without their file lists, whether two torrents could have a file in common."""
    return any(touch(x, y) for x in extents(a) for y in extents(b))


def files_to_read(
    by_id: Iterable[Torrent], condemned: Iterable[Torrent], folders: Iterable[str] = ()
) -> frozenset[TorrentId]:
    """Choose the torrents whose file lists a plan needs.

    These are the condemned, all that could share a file with one of them, and rootless ones whose save path could
    reach into one of `folders` (titles about to be deleted).
    """
    condemned = tuple(condemned)
    ids = {t.id for t in condemned}
    kept = tuple(folders)
    return frozenset(
        t.id
        for t in by_id
        if t.id in ids
        or any(may_share(t, c) for c in condemned)
        or (is_rootless(t) and any(touch(extent, folder) for extent in extents(t) for folder in kept))
    )


def sharing(torrent: Torrent, torrents: Torrents) -> tuple[Torrent, ...] | None:
    """Return the other torrents that have a content file in common, or `None` if that cannot be determined."""
    others = [t for _, t in sorted(torrents.by_id.items()) if t.id != torrent.id and may_share(t, torrent)]
    own = torrents.files.get(torrent.id)
    if own is None:
        return None
    mine = {normal(path) for path in absolute_files(torrent, own)}
    found: list[Torrent] = []
    for other in others:
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
