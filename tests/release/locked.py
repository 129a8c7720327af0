"""What the lock says is shipped, and what its packages say of themselves."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, cast

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

IMAGE = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "extra": ""}
"""What holds in the image, whatever machine this is."""

CLASSIFIERS = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "License :: OSI Approved :: Python Software Foundation License": "PSF-2.0",
}
"""Those that say exactly which licence is meant."""

SHIPPED_EXTRAS = ("notifications",)
"""What is optional for `pip install` and always in the image."""

BY_HAND = {
    # These say only "BSD"; their licence files have the three clauses.
    "databases": "BSD-3-Clause",
    "itsdangerous": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
}
"""Read by a person, where a package's metadata is not exact."""


@dataclass(frozen=True)
class Locked:
    """One package of a lock."""

    name: str
    version: str
    marker: str | None
    hashes: tuple[str, ...]

    @property
    def is_shipped(self) -> bool:
        """Whether it is in the image."""
        return self.marker is None or Marker(self.marker).evaluate(IMAGE)

    @cached_property
    def about(self) -> Message | None:
        """Its metadata, if this very version is installed here."""
        try:
            found = metadata.distribution(self.name)
        except metadata.PackageNotFoundError:
            return None
        return cast("Message", found.metadata) if found.version == self.version else None

    @property
    def licence(self) -> str | None:
        """Its licence as an SPDX expression, if that is known exactly. Of several without a word between them, all."""
        if self.name in BY_HAND:
            return BY_HAND[self.name]
        if self.about is None:
            return None
        if expression := self.about.get("License-Expression"):
            return str(expression)
        classified = [
            text for text in self.about.get_all("Classifier", []) if text.startswith("License :: OSI Approved :: ")
        ]
        if classified:
            exact = [CLASSIFIERS[text] for text in classified if text in CLASSIFIERS]
            if len(exact) == len(classified):
                return " AND ".join(sorted(exact))
        written = str(self.about.get("License") or "")
        return written if re.fullmatch(r"[A-Za-z0-9.-]+-\d[A-Za-z0-9.-]*|MIT|ISC", written) else None

    @property
    def needs(self) -> list[str]:
        """The names of what it depends on in the image."""
        requirements = [Requirement(text) for text in (self.about and self.about.get_all("Requires-Dist")) or ()]
        return sorted(names_of(requirements))


def names_of(requirements: list[Requirement]) -> set[str]:
    """Return the names of those that hold in the image."""
    return {canonicalize_name(one.name) for one in requirements if one.marker is None or one.marker.evaluate(IMAGE)}


def read_lock(path: Path) -> list[Locked]:
    """Return every package of a lock, in its order."""
    blocks = re.split(r"\n(?=\S)", path.read_text().strip())
    return [_read(block) for block in blocks]


def _read(block: str) -> Locked:
    head = re.match(r"(\S+?)(?:\[\S+\])?==(\S+)(?: ; ([^\\]+?))? \\\n", block)
    if head is None:
        raise ValueError(f"this is no entry of a lock: {block.splitlines()[0]}")
    hashes = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
    return Locked(canonicalize_name(head[1]), head[2], head[3], hashes)


def direct(project: Mapping[str, Any]) -> list[str]:
    """Return the names of what the project itself depends on in the image."""
    extras = project["optional-dependencies"]
    texts = [*project["dependencies"], *(text for extra in SHIPPED_EXTRAS for text in extras[extra])]
    return sorted(names_of([Requirement(text) for text in texts]))
