"""Connect webhooks of Radarr and Sonarr: sent once, inside the action, muted after failures (upstreams.md 4.1)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from reconciler.clock import Clock
from reconciler.simulators.loopback import loopback_client

GRACE = timedelta(minutes=5)
MUTED = (timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=30), timedelta(minutes=60))
_TIMEOUT_SECONDS = 100.0


@dataclass(slots=True)
class Connection:
    """One receiver. `events` `None` means all; with `tags` only titles carrying one of them are told of.

    `import_complete` and `per_file` are Sonarr's two checkboxes that both send `Download`.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    events: frozenset[str] | None = None
    tags: frozenset[int] = frozenset()
    per_file: bool = True
    import_complete: bool = False
    delivered: int = 0
    failed: int = 0
    dropped: int = 0
    level: int = 0
    failing_since: datetime | None = None
    muted_until: datetime | None = None

    def wants(self, event: str, tags: Collection[int]) -> bool:
        return (self.events is None or event in self.events) and (not self.tags or bool(self.tags & set(tags)))

    def succeeded(self) -> None:
        self.delivered += 1
        self.level = max(0, self.level - 1)
        self.muted_until = None
        if self.level == 0:
            self.failing_since = None

    def did_fail(self, now: datetime) -> None:
        """The first failure starts a grace period; each one after it mutes for longer."""
        self.failed += 1
        if self.failing_since is None:
            self.failing_since = now
        if now - self.failing_since < GRACE:
            return
        self.level = min(self.level + 1, len(MUTED))
        self.muted_until = now + MUTED[self.level - 1]


class Connections:
    """Every receiver of one application; `sent` keeps what was sent or would have been, for tests to look at."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._http: httpx.AsyncClient | None = None
        self._receivers: list[Connection] = []
        self.sent: list[dict[str, Any]] = []

    def add(self, connection: Connection) -> Connection:
        self._receivers.append(connection)
        return connection

    async def send(
        self, payload: dict[str, Any], *, tags: Collection[int] = (), per_file: bool = False, complete: bool = False
    ) -> None:
        """Tell every receiver, one after the other, and wait for each; a failure is swallowed and the event lost."""
        self.sent.append(payload)
        for receiver in self._receivers:
            if not receiver.wants(payload["eventType"], tags):
                continue
            if (per_file and not receiver.per_file) or (complete and not receiver.import_complete):
                continue
            await self._deliver(receiver, payload)

    async def resend(self, number: int) -> None:
        """Send an earlier payload again: a duplicate, or out of order."""
        payload = self.sent[number]
        for receiver in self._receivers:
            await self._deliver(receiver, payload)

    async def aclose(self) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _deliver(self, receiver: Connection, payload: dict[str, Any]) -> None:
        now = self._clock.now()
        if receiver.muted_until is not None and now < receiver.muted_until:
            receiver.dropped += 1
            return
        if self._http is None:
            self._http = loopback_client(timeout=_TIMEOUT_SECONDS, follow_redirects=True)
        try:
            answer = await self._http.post(
                receiver.url, json=payload, headers={"Accept": "application/json", **receiver.headers}
            )
        except httpx.HTTPError:
            receiver.did_fail(self._clock.now())
            return
        if answer.is_success:
            receiver.succeeded()
        else:
            receiver.did_fail(self._clock.now())
