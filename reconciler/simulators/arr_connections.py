"""Connect webhooks of Radarr and Sonarr: sent once, inside the action, muted after failures (upstreams.md 4.1)."""

import itertools
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


TRIGGERS = {
    "Grab": "onGrab",
    "Download": "onDownload",
    "Rename": "onRename",
    "MovieAdded": "onMovieAdded",
    "MovieDelete": "onMovieDelete",
    "MovieFileDelete": "onMovieFileDelete",
    "SeriesAdd": "onSeriesAdd",
    "SeriesDelete": "onSeriesDelete",
    "EpisodeFileDelete": "onEpisodeFileDelete",
    "Health": "onHealthIssue",
    "HealthRestored": "onHealthRestored",
    "ApplicationUpdate": "onApplicationUpdate",
    "ManualInteractionRequired": "onManualInteractionRequired",
}
"""The checkbox that sends each event. An import has two more: for upgrades, and in Sonarr for all its files at once."""


@dataclass(slots=True)
class Connection:
    """One receiver. `events` `None` means all; with `tags` only titles carrying one of them are told of.

    `import_complete` and `per_file` are Sonarr's two checkboxes that both send `Download`; `upgrades` is the one that
    tells of imports that replace something. `id` is given when it is added.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    events: frozenset[str] | None = None
    tags: frozenset[int] = frozenset()
    per_file: bool = True
    import_complete: bool = False
    upgrades: bool = True
    id: int = 0
    name: str = ""
    method: str = "POST"
    username: str = ""
    password: str = ""
    delivered: int = 0
    failed: int = 0
    dropped: int = 0
    level: int = 0
    failing_since: datetime | None = None
    muted_until: datetime | None = None

    def wants(self, payload: Mapping[str, Any], tags: Collection[int]) -> bool:
        if payload.get("isUpgrade") is True and not self.upgrades:
            return False
        is_ticked = self.events is None or payload["eventType"] in self.events
        return is_ticked and (not self.tags or bool(self.tags & set(tags)))

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
        self._ids = itertools.count(1)
        self.others: list[dict[str, Any]] = []  # connections that are no webhooks, as the API shows them
        self.sent: list[dict[str, Any]] = []

    @property
    def all(self) -> tuple[Connection, ...]:
        """Every receiver."""
        return tuple(self._receivers)

    def add(self, connection: Connection) -> Connection:
        connection.id = next(self._ids)
        connection.name = connection.name or f"Webhook {connection.id}"
        self._receivers.append(connection)
        return connection

    def add_other(self, name: str) -> dict[str, Any]:
        """Add a connection that is no webhook: it sends nothing here, and nobody may touch it."""
        row = {
            "id": next(self._ids),
            "name": name,
            "implementation": "Discord",
            "implementationName": "Discord",
            "configContract": "DiscordSettings",
            "onGrab": True,
            "tags": [],
            "fields": [{"order": 0, "name": "webHookUrl", "value": "https://chat.example/1"}],
        }
        self.others.append(row)
        return row

    def replace(self, connection: Connection) -> None:
        """Put changed settings in the place of those with the same id; what it has been through is forgotten."""
        self._receivers = [connection if known.id == connection.id else known for known in self._receivers]

    def remove(self, id_: int) -> None:
        self._receivers = [known for known in self._receivers if known.id != id_]
        self.others = [row for row in self.others if row["id"] != id_]

    async def send(
        self, payload: dict[str, Any], *, tags: Collection[int] = (), per_file: bool = False, complete: bool = False
    ) -> None:
        """Tell every receiver, one after the other, and wait for each; a failure is swallowed and the event lost."""
        self.sent.append(payload)
        for receiver in self._receivers:
            if not receiver.wants(payload, tags):
                continue
            if (per_file and not receiver.per_file) or (complete and not receiver.import_complete):
                continue
            await self._deliver(receiver, payload)

    def is_muted(self, receiver: Connection) -> bool:
        return receiver.muted_until is not None and self._clock.now() < receiver.muted_until

    def failed(self, receiver: Connection) -> None:
        receiver.did_fail(self._clock.now())

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
        if self.is_muted(receiver):
            receiver.dropped += 1
            return
        try:
            answer = await self.post(receiver, payload)
        except httpx.HTTPError:
            self.failed(receiver)
            return
        if answer.is_success:
            receiver.succeeded()
        else:
            self.failed(receiver)

    async def post(self, receiver: Connection, payload: Mapping[str, Any]) -> httpx.Response:
        """Send one payload as the settings say; raises `httpx.HTTPError` when nobody answers."""
        if self._http is None:
            self._http = loopback_client(timeout=_TIMEOUT_SECONDS, follow_redirects=True)
        login = (receiver.username, receiver.password) if receiver.username or receiver.password else None
        headers = {"Accept": "application/json", **receiver.headers}
        return await self._http.request(
            receiver.method, receiver.url, json=payload, headers=headers, auth=login or httpx.USE_CLIENT_DEFAULT
        )
