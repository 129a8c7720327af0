"""Which torrents share content files, and whose file lists are needed to tell."""

from collections.abc import Iterable

from reconciler.observed import Torrent, TorrentKey
from reconciler.plan.extents import absolute_files, extents, is_rootless
from reconciler.plan.paths import normal
from reconciler.plan.world import Torrents, tree_of


def files_to_read(
    torrents: Torrents, condemned: Iterable[Torrent], folders: Iterable[str] = ()
) -> frozenset[TorrentKey]:
    """Choose the torrents whose file lists a plan needs and does not have yet.

    These are the condemned, all that could share a file with one of them or with what shares one, those of exactly the
    same size (they may be equal file trees elsewhere), and rootless ones whose save path could reach into one of
    `folders` (titles about to be deleted). Ask again with what was read until nothing is left to read.
    """
    needed: set[TorrentKey] = set()
    reached: dict[TorrentKey, Torrent] = {}
    waiting = list(condemned)
    for torrent in waiting:
        needed |= {other.key for other in torrents.by_size.get(torrent.size, ()) if torrent.size}
    while waiting:
        torrent = waiting.pop()
        if torrent.key in reached:
            continue
        reached[torrent.key] = torrent
        needed |= {torrent.key, *(other.key for other in neighbours(torrent, torrents))}
        waiting += sharing(torrent, torrents) or ()
    for folder in folders:
        needed |= {t.key for t in torrents.by_extent.touching(folder) if is_rootless(t)}
    return frozenset(needed - torrents.files.keys())


def neighbours(torrent: Torrent, torrents: Torrents) -> tuple[Torrent, ...]:
    """Return the other torrents that could have a file in common, judged without file lists, in order of key."""
    found = {t.key: t for extent in extents(torrent) for t in torrents.by_extent.touching(extent)}
    return tuple(t for key, t in sorted(found.items()) if key != torrent.key)


def sharing(torrent: Torrent, torrents: Torrents) -> tuple[Torrent, ...] | None:
    """Return the other torrents that have a content file in common, or `None` if that cannot be determined."""
    mine = places(torrent, torrents)
    if mine is None:
        return None
    found: list[Torrent] = []
    for other in neighbours(torrent, torrents):
        theirs = places(other, torrents)
        if theirs is None:
            return None
        if mine & theirs:
            found.append(other)
    return tuple(found)


def payload_of(torrent: Torrent, torrents: Torrents) -> tuple[Torrent, ...] | None:
    """Return a torrent and all that share content files with it, directly or through others, in order of key.

    `None` if that cannot be determined, because a file list could not be read.
    """
    members: dict[TorrentKey, Torrent] = {}
    waiting = [torrent]
    while waiting:
        member = waiting.pop()
        if member.key in members:
            continue
        members[member.key] = member
        beside = sharing(member, torrents)
        if beside is None:
            return None
        waiting += beside
    return tuple(t for _, t in sorted(members.items()))


def places(torrent: Torrent, torrents: Torrents) -> frozenset[str] | None:
    """Return where a torrent's files lie, in the form in which paths are compared; `None` when they were not read."""
    files = torrents.files.get(torrent.key)
    return None if files is None else frozenset(normal(path) for path in absolute_files(torrent, files))


def likely_cross_seeds(torrent: Torrent, torrents: Torrents) -> tuple[Torrent, ...]:
    """Return the torrents with an equal file tree that do not share files with this one, in order of key."""
    files = torrents.files.get(torrent.key)
    if not files:
        return ()
    mine = places(torrent, torrents) or frozenset()
    return tuple(
        other
        for other in torrents.by_tree.get(tree_of(files), ())
        if other.key != torrent.key
        and other.size == torrent.size
        and not mine & (places(other, torrents) or frozenset())
    )


def content_paths(torrent: Torrent, torrents: Torrents) -> tuple[str, ...] | None:
    """Return the paths that hold a torrent's content, as exactly as needed to compare with a folder.

    Its content path if that is its own, else its files; `None` when those were not read.
    """
    if not is_rootless(torrent):
        return extents(torrent)
    files = torrents.files.get(torrent.key)
    return None if files is None else absolute_files(torrent, files)
