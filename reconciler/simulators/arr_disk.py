"""What Radarr and Sonarr do on the real disk: import, remove, recycle and list (upstreams.md 3.4, 9.4)."""

import contextlib
import os
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_NEVER_LISTED = frozenset(
    {"boot", "bootmgr", "cache", "msocache", "recovery", "$recycle.bin", "recycler", "system volume information"}
    | {"temporary internet files", "windows", ".fseventd", ".spotlight", ".trashes", ".vol", "cachedmessages"}
    | {"caches", "trash", ".@__thumb", "@eadir"}
)


def bring_in(source: Path, target: Path) -> int:
    """Put a finished download into the library: a hard link, or a copy across file systems. Returns the size."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target.stat().st_size


def take_away(path: Path, recycle_bin: Path | None) -> Path | None:
    """Remove a file or folder, or move it into the recycle bin and return where it went. Missing is fine."""
    if not path.exists():
        return None
    if recycle_bin is not None:
        recycle_bin.mkdir(parents=True, exist_ok=True)
        target = recycle_bin / path.name
        number = 1
        while target.exists():
            target = recycle_bin / f"{path.stem}_{number}{path.suffix}"
            number += 1
        shutil.move(path, target)
        return target
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    return None


def is_nested(path: Path, others: Iterable[Path]) -> bool:
    """Tell whether another title lives in `path` or below it: then its folder is not removed."""
    return any(other == path or path in other.parents for other in others)


def holds_folders(root: Path) -> bool:
    """Tell whether a root folder is there and not suspiciously empty."""
    try:
        return any(item.is_dir() for item in root.iterdir())
    except OSError:
        return False


def listing(query: str, *, include_files: bool, invisible: Iterable[Path] = ()) -> dict[str, Any]:
    """List a folder as `GET /filesystem` does: what follows the last slash is dropped, trouble lists as empty.

    Folders below `invisible` (a mount that is away) look empty.
    """
    folder = Path(query[: query.rfind("/") + 1] or "/")
    parent = str(folder.parent)
    answer: dict[str, Any] = {
        "parent": parent if parent.endswith("/") else f"{parent}/",
        "directories": [],
        "files": [],
    }
    if "/" not in query or any(hidden == folder or hidden in folder.parents for hidden in invisible):
        return answer
    with contextlib.suppress(OSError):
        items = sorted(folder.iterdir(), key=lambda item: item.name)
        answer["directories"] = [
            _row("folder", item) for item in items if item.is_dir() and item.name.lower() not in _NEVER_LISTED
        ]
        if include_files:
            answer["files"] = [_row("file", item) for item in items if item.is_file()]
    return answer


def _row(kind: str, item: Path) -> dict[str, Any]:
    status = item.stat()
    modified = datetime.fromtimestamp(status.st_mtime, UTC).isoformat().replace("+00:00", "Z")
    row: dict[str, Any] = {"type": kind, "name": item.name, "path": str(item), "lastModified": modified}
    if kind == "folder":
        return {**row, "path": f"{item}/"}
    return {**row, "extension": item.suffix, "size": status.st_size}
