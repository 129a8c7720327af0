"""Relations between paths that different programs report. Nothing here touches a disk.

Paths are compared as text after normalising separators; a path with a drive letter or a backslash is a Windows path and
is compared without regard to case.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

from reconciler.observed import FolderListing, PathMapping

_UNTIDY = re.compile(r"\\|/(?:/|\./|\.?$)|^.:")


def normal(path: str) -> str:
    """Return `path` in the one form in which paths are compared: `/` between parts, none at the end."""
    if path.startswith("/") and not _UNTIDY.search(path):
        return path  # nearly all are, and there are many
    joined = ("/" if path.startswith(("/", "\\")) else "") + "/".join(_parts(path))
    return joined.casefold() if _is_windows(path) else joined


def _is_windows(path: str) -> bool:
    return "\\" in path or path[1:2] == ":"


def _parts(path: str) -> list[str]:
    """Return the parts of a path as they are spelt."""
    text = path.replace("\\", "/") if _is_windows(path) else path
    return [part for part in text.split("/") if part not in {"", "."}]


def is_within(path: str, folder: str) -> bool:
    """Tell whether `path` is `folder` or lies in it. An empty path lies nowhere."""
    inner, outer = normal(path), normal(folder)
    if not inner or not outer:
        return False
    return inner == outer or inner.startswith(outer if outer.endswith("/") else outer + "/")


def relative(path: str, folder: str) -> str:
    """Return the part of `path` below `folder`, which it must lie in, with `/` between its parts."""
    return "/".join(_parts(path)[len(_parts(folder)) :])


def touch(a: str, b: str) -> bool:
    """Tell whether two paths are equal or one lies in the other."""
    return is_within(a, b) or is_within(b, a)


def parent(path: str) -> str:
    """Return the folder that holds `path` with a trailing separator, as the file-system listing wants it."""
    separator = "\\" if "\\" in path and "/" not in path else "/"
    head, _, _ = path.rstrip("/\\").rpartition(separator)
    return head + separator


def name_of(path: str) -> str:
    """Return the last part of a path."""
    return path.rstrip("/\\").replace("\\", "/").rpartition("/")[2]


def join(folder: str, name: str) -> str:
    """Return the path of `name` (which may have parts of its own) in `folder`."""
    separator = "\\" if "\\" in folder and "/" not in folder else "/"
    return folder.rstrip("/\\") + separator + name.replace("/", separator)


def as_library_sees(path: str, mappings: Iterable[PathMapping]) -> str:
    """Translate a path of the download client by the library's remote path mappings; the longest one wins."""
    fitting = [m for m in mappings if is_within(path, m.remote)]
    if not fitting:
        return path
    best = max(fitting, key=lambda m: len(normal(m.remote)))
    rest = "/".join(_parts(path)[len(_parts(best.remote)) :])
    return join(best.local, rest) if rest else best.local.rstrip("/\\")


NEVER_LISTED = frozenset(
    {
        "$recycle.bin",
        "system volume information",
        "recycler",
        "recovery",
        "boot",
        "bootmgr",
        "windows",
        "msocache",
        "documents and settings",
        "@eadir",
        ".@__thumb",
        "cache",
        "caches",
        ".caches",
        ".fseventd",
        ".spotlight-v100",
        ".trashes",
        ".spotlight",
        ".vol",
        "cachedmessages",
        "temporary internet files",
        ".trash-1000",
        ".trash",
        "trash",
        "lost+found",
        "#recycle",
        ".grab",
        ".appledouble",
    }
)
"""Folder names that Radarr and Sonarr leave out of every listing, in any case: not being listed proves nothing."""


class Existence(StrEnum):
    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"


def existence(path: str, listings: Mapping[str, FolderListing]) -> Existence:
    """Judge from folder listings whether `path` exists.

    A folder that is missing, unreadable or empty lists the same (upstreams.md 9.4), so only a listing that shows
    something else proves that `path` is not in it; an empty one is judged by its own parent.
    """
    folder = parent(path)
    if len(normal(folder)) <= 1 or name_of(path).casefold() in NEVER_LISTED:
        return Existence.UNKNOWN
    listing = listings.get(folder)
    if listing is None:
        return Existence.UNKNOWN
    if not listing.is_empty:
        return Existence.PRESENT if _is_listed(name_of(path), folder, listing) else Existence.ABSENT
    return Existence.ABSENT if existence(folder, listings) is Existence.ABSENT else Existence.UNKNOWN


def _is_listed(name: str, folder: str, listing: FolderListing) -> bool:
    if name in listing.directories or name in listing.files:
        return True
    wanted = join(folder, name)
    if not _is_windows(wanted):
        return False  # as it is spelt or not at all; download folders hold too many names to compare each
    return any(normal(join(folder, each)) == normal(wanted) for each in (*listing.directories, *listing.files))


def folders_to_list(path: str) -> tuple[str, ...]:
    """Return the folders whose listings `existence` may need for `path`: its parent and its parent's parent."""
    folders: list[str] = []
    current = path
    for _ in range(2):
        current = parent(current)
        if len(normal(current)) <= 1:
            break
        folders.append(current)
    return tuple(folders)
