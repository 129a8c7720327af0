"""Where the content of torrents lies, as their client sees it."""

from collections.abc import Iterable

from reconciler.observed import Torrent, TorrentFile
from reconciler.plan.paths import is_within, join, normal, relative


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
    content = torrent.content_path
    if torrent.save_path and torrent.download_path and is_within(content, torrent.download_path):
        return (content, join(torrent.save_path, relative(content, torrent.download_path)))
    return (content,)
