"""The version: it stands in `reconciler/__init__.py`, and `make version` copies it to what cannot read it there."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "reconciler/__init__.py"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a copy stands: the one line that begins with `before` and ends with `after`."""

    path: str
    before: str
    after: str = ""

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(rf"^({re.escape(self.before)})(.*)({re.escape(self.after)})$", re.MULTILINE)

    def read(self, root: Path) -> str:
        (found,) = self.pattern.finditer((root / self.path).read_text())
        return found[2]

    def write(self, root: Path, version: str) -> None:
        text = (root / self.path).read_text()
        (root / self.path).write_text(self.pattern.sub(rf"\g<1>{version}\g<3>", text))


COPIES = (
    Place("helm/Chart.yaml", "version: "),
    Place("helm/Chart.yaml", 'appVersion: "', '"'),
    Place("Dockerfile", "ARG VERSION="),
    Place(
        "docs/examples/compose.yaml", "    image: deletion-reconciler:", " # not published; build it under this name"
    ),
)


def read(root: Path) -> str:
    """Return the version."""
    return Place(SOURCE, '__version__ = "', '"').read(root)


def differing(root: Path) -> list[str]:
    """Return the copies that say something else."""
    version = read(root)
    return [f"{place.path}: {place.before.strip()}" for place in COPIES if place.read(root) != version]


def main(root: Path) -> None:
    """Copy the version to wherever else it must stand."""
    version = read(root)
    for place in COPIES:
        place.write(root, version)
    sys.stdout.write(f"{version}\n")


if __name__ == "__main__":
    main(ROOT)
