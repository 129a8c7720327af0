"""What the upstreams in memory share: the disk, failures that can be ordered, and the log of calls."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.clock import Clock
from reconciler.errors import UpstreamError
from reconciler.model import (
    InstanceName,
    UpstreamKind,
)
from reconciler.observed import (
    AppInfo,
    FolderListing,
)

WRITES = frozenset(
    {
        "remove",
        "unmonitor",
        "unmonitor_seasons",
        "restore_monitoring",
        "blocklist",
        "end_downloads",
        "delete_entries",
        "delete_entry",
        "delete_files",
        "search",
        "delete_request",
        "delete_record",
        "reset_variant",
        "announce",
    }
)
"""The calls that change something upstream."""

FILE_DELAY = timedelta(seconds=1)
"""How long files outlive the answer to their removal (upstreams.md 9.1)."""

LAST = "\U0010ffff"
"""Sorted behind every other character."""


class Disk:
    """The files of the household; what is removed goes a moment later."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._files: dict[str, str] = {}
        self._paths: list[str] = []  # the same, sorted: folders are listed thousands of times
        self._going: list[tuple[datetime, str, str]] = []

    def put(self, paths: Iterable[str], content: str) -> None:
        """Write files; `content` tells the copies of one path apart."""
        self._settle()
        for path in paths:
            if path not in self._files:
                insort(self._paths, path)
            self._files[path] = content

    def files(self) -> dict[str, str]:
        """Return what is on disk now, content by path."""
        self._settle()
        return dict(self._files)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files soon, unless something else was written in their place by then."""
        self._settle()
        at = self._clock.now() + FILE_DELAY
        self._going += [(at, path, self._files[path]) for path in paths if path in self._files]

    def remove_folder(self, folder: str) -> None:
        """Remove everything below a folder soon."""
        below = folder.rstrip("/") + "/"
        self.remove(self._below(below))

    def listing(self, folder: str) -> FolderListing:
        """List one folder; a missing one lists as empty."""
        self._settle()
        inside = [p[len(folder) :] for p in self._below(folder)]
        return FolderListing(
            directories=frozenset(p.partition("/")[0] for p in inside if "/" in p),
            files=frozenset(p for p in inside if "/" not in p),
        )

    def _below(self, start: str) -> list[str]:
        return self._paths[bisect_left(self._paths, start) : bisect_left(self._paths, start + LAST)]

    def _settle(self) -> None:
        due = [g for g in self._going if g[0] <= self._clock.now()]
        self._going = [g for g in self._going if g[0] > self._clock.now()]
        for _, path, content in due:
            if self._files.get(path) == content:
                del self._files[path]
                del self._paths[bisect_left(self._paths, path)]


@dataclass
class Call:
    """One call that reached an upstream."""

    instance: InstanceName
    name: str
    arguments: tuple[object, ...] = ()


class MemoryUpstream:
    """Failures and the call log, common to all. `calls` may be shared between upstreams."""

    instance: InstanceName
    kind: UpstreamKind

    def __init__(self, instance: InstanceName, kind: UpstreamKind, app: AppInfo, calls: list[Call] | None) -> None:
        self.instance = instance
        self.kind = kind
        self.app = app
        self.calls: list[Call] = [] if calls is None else calls
        self.trouble: UpstreamError | None = None
        self.lost_answers: UpstreamError | None = None
        self.refusals_forgotten = 0
        self.before: Callable[[Call], None] = lambda _call: None

    def writes(self) -> list[Call]:
        return [c for c in self.calls if c.name in WRITES and c.instance == self.instance]

    async def identify(self) -> AppInfo:
        self._enter("identify")
        return self.app

    async def obstacle(self) -> str:
        self._enter("obstacle")
        return ""

    def forget_refusal(self) -> None:
        self.refusals_forgotten += 1

    async def aclose(self) -> None:
        """Nothing to close."""

    def _enter(self, name: str, *arguments: object) -> None:
        call = Call(self.instance, name, arguments)
        self.calls.append(call)
        self.before(call)
        if self.trouble is not None:
            raise self.trouble

    def _leave(self) -> None:
        """Lose the answer to a write that was carried out."""
        if self.lost_answers is not None:
            raise self.lost_answers
