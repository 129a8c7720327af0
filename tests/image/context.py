"""What goes to the builder: the files of the project that `.dockerignore` lets through, and how COPY places them."""

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from tests.image.dockerfile import Copy
from tests.image.trouble import StepFailed


def rules(text: str) -> list[tuple[re.Pattern[str], bool]]:
    """Return the rules of a `.dockerignore`: what each means, and whether it lets through."""
    lines = [line.strip() for line in text.splitlines()]
    return [
        (_pattern(line.removeprefix("!")), line.startswith("!")) for line in lines if line and not line.startswith("#")
    ]


def _pattern(line: str) -> re.Pattern[str]:
    """Return the pattern: `*` within one name, `**` over any number of folders, and all that lies below."""
    pieces = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", line.strip("/"))
    return re.compile("".join(pieces.get(part, re.escape(part)) for part in parts) + "(?:/.*)?")


def sent(root: Path, ignore: Iterable[tuple[re.Pattern[str], bool]]) -> list[str]:
    """Return the files under `root` that go to the builder, by their paths in it."""
    every = list(ignore)
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in {".git", ".venv"}]
        found += [(Path(folder) / name).relative_to(root).as_posix() for name in files]
    return sorted(path for path in found if _goes(path, every))


def _goes(path: str, every: Iterable[tuple[re.Pattern[str], bool]]) -> bool:
    goes = True
    for pattern, lets_through in every:
        if pattern.fullmatch(path):
            goes = lets_through
    return goes


def place(copy: Copy, source_root: Path, target_root: Path, files: Iterable[str] | None) -> None:
    """Carry out `copy`. `files` are those that may be taken; `None` means all."""
    target = target_root / copy.target.lstrip("/")
    into = copy.target.endswith("/") or len(copy.sources) > 1
    for name in copy.sources:
        relative = name.removeprefix("./").strip("/")
        source = source_root / relative
        if source.is_dir():
            taken = None if files is None else [path for path in files if path.startswith(f"{relative}/")]
            if taken == []:
                raise StepFailed(f"COPY {name}: nothing of it goes to the builder, see .dockerignore")
            _place_folder(source, target, taken and [path.removeprefix(f"{relative}/") for path in taken])
        elif source.is_file() and (files is None or relative in set(files)):
            place_at = target / source.name if into else target
            place_at.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, place_at)
        else:
            raise StepFailed(f"COPY {name}: there is no such file, or .dockerignore keeps it from the builder")
    _own(target, *copy.owner)


def _place_folder(source: Path, target: Path, taken: Iterable[str] | None) -> None:
    if taken is None:
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        return
    for path in taken:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / path, target / path)


def _own(top: Path, user: int, group: int) -> None:
    os.chown(top, user, group, follow_symlinks=False)
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            os.chown(Path(folder) / name, user, group, follow_symlinks=False)
