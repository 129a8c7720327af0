"""The configured upstreams, and what is known of their health.

An instance that refused our credentials is left alone for an hour and one that refused a request for 15 minutes, so
that polling never earns a ban; `retry` and a restart forget that.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TypeVar

from reconciler.clock import Clock
from reconciler.errors import Rejected, Throttled, Unauthorized, Unintelligible, UpstreamError
from reconciler.model import InstanceName
from reconciler.observed import AppInfo, Seen, Unseen
from reconciler.ports import (
    LibraryClient,
    MediaServerClient,
    RequestClient,
    TorrentClient,
    Upstream,
    UpstreamHealth,
    WebhookSettings,
)
from reconciler.reasons import Reason
from reconciler.telemetry import get_logger

T = TypeVar("T")

AFTER_REFUSED_LOGIN = timedelta(hours=1)
AFTER_REFUSED_CALL = timedelta(minutes=15)

_REFUSED = frozenset({Reason.UNAUTHORIZED, Reason.REJECTED})
"""What somebody must mend: said in the log also of an instance that did not answer before."""


@dataclass(frozen=True, slots=True)
class Upstreams:
    """One client per configured instance; `webhooks` are the settings of those that send them, by the same clients."""

    torrents: Mapping[InstanceName, TorrentClient] = field(default_factory=dict)
    libraries: Mapping[InstanceName, LibraryClient] = field(default_factory=dict)
    requests: RequestClient | None = None
    media_server: MediaServerClient | None = None
    webhooks: Mapping[InstanceName, WebhookSettings] = field(default_factory=dict)

    def all(self) -> Iterable[Upstream]:
        yield from self.torrents.values()
        yield from self.libraries.values()
        if self.requests is not None:
            yield self.requests
        if self.media_server is not None:
            yield self.media_server

    async def aclose(self) -> None:
        """Close every client."""
        for upstream in self.all():
            await upstream.aclose()


def reason_of(error: UpstreamError) -> Reason:
    """Translate an upstream error into the reason a condition shows. The one place that does."""
    match error:
        case Unauthorized():
            return Reason.UNAUTHORIZED
        case Rejected():
            return Reason.REJECTED
        case Throttled():
            return Reason.THROTTLED
        case Unintelligible():
            return Reason.UNINTELLIGIBLE
        case _:
            return Reason.UNREACHABLE


class Doubt(Enum):
    """Why an instance that answers is not believed in everything."""

    LIST = auto()  # its list lost most of its rows at once, or another program answers
    VANISHED = auto()  # titles vanished, and it cannot be seen whether their files are gone


@dataclass(frozen=True, slots=True)
class _Refusal:
    """An instance that is left alone for a while, and what is shown meanwhile."""

    upstream: Upstream
    at: datetime
    until: datetime
    shown: Unseen


class Health:
    """Remembers which instances answer, keeps away from those that refused us, and logs each change once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[InstanceName, UpstreamHealth] = {}
        self._refusals: dict[InstanceName, _Refusal] = {}
        self._doubts: dict[tuple[InstanceName, Doubt], str] = {}
        self._refusing: set[InstanceName] = set()
        self._has_returned = False
        self._log = get_logger()

    def lost(self) -> frozenset[InstanceName]:
        """Return the instances that did not answer when last asked."""
        return frozenset(name for name, row in self._rows.items() if not row.reachable)

    def take_returned(self) -> bool:
        """Tell, once, whether an instance that was lost is back: whatever waits for it can go on."""
        has_returned, self._has_returned = self._has_returned, False
        return has_returned

    def rows(self) -> tuple[UpstreamHealth, ...]:
        """Return what the status page shows."""
        return tuple(self._with_doubts(row) for _, row in sorted(self._rows.items()))

    def doubted(self, instance: InstanceName, doubt: Doubt, message: str) -> None:
        """Say why nothing is concluded from what an instance answers, or with an empty message that it is again."""
        known = self._doubts.pop((instance, doubt), "")
        if message:
            self._doubts[instance, doubt] = message
        if message and not known:
            self._log.warning("upstream doubted", upstream=instance, error=message)
        elif known and not message:
            self._log.info("upstream believed again", upstream=instance)

    def _with_doubts(self, row: UpstreamHealth) -> UpstreamHealth:
        doubts = [self._doubts.get((row.instance, doubt), "") for doubt in Doubt]
        said = "; ".join(text for text in doubts if text)
        return replace(row, last_error=said) if row.reachable and said else row

    def forget_refusals(self, asked_at: datetime | None) -> None:
        """Let every instance be asked again that refused before a person asked to try again."""
        if asked_at is None:
            return
        for instance, refusal in list(self._refusals.items()):
            if refusal.at < asked_at:
                del self._refusals[instance]
                refusal.upstream.forget_refusal()

    async def ask(self, upstream: Upstream, read: Callable[[], Awaitable[T]]) -> Seen[T] | Unseen:
        """Run one reading of one upstream and turn its trouble into `Unseen`."""
        refusal = self._refusals.get(upstream.instance)
        if refusal is not None:
            if self._clock.now() < refusal.until:
                return refusal.shown
            del self._refusals[upstream.instance]
        try:
            data = await read()
        except UpstreamError as error:
            return self.failed(upstream, error)
        return Seen(data, self._clock.now())

    def failed(self, upstream: Upstream, error: UpstreamError) -> Unseen:
        """Record trouble and return how it is shown."""
        now = self._clock.now()
        why = Unseen(reason_of(error), str(error))
        pause = error.retry_after
        if isinstance(error, Unauthorized):
            pause = AFTER_REFUSED_LOGIN
        elif isinstance(error, Rejected):
            pause = AFTER_REFUSED_CALL
        if pause is not None:
            self._refusals[upstream.instance] = _Refusal(upstream, now, now + pause, why)
        known = self._rows.get(upstream.instance)
        if known is None or known.reachable:
            self._log.warning("upstream lost", upstream=upstream.instance, reason=why.reason, error=why.message)
            since = now
        else:
            since = known.since
            if why.reason in _REFUSED and upstream.instance not in self._refusing:
                self._log.warning("upstream refuses", upstream=upstream.instance, reason=why.reason, error=why.message)
        if why.reason in _REFUSED:
            self._refusing.add(upstream.instance)
        base = known or UpstreamHealth(upstream.instance, upstream.kind, False, since)
        self._rows[upstream.instance] = replace(base, reachable=False, since=since, last_error=why.message)
        return why

    def answered(self, upstream: Upstream, app: AppInfo) -> None:
        """Record that an instance answered as the right program."""
        now = self._clock.now()
        known = self._rows.get(upstream.instance)
        if known is not None and not known.reachable:
            seconds = round((now - known.since).total_seconds(), 3)
            self._log.info("upstream back", upstream=upstream.instance, version=app.version, seconds=seconds)
            self._has_returned = True
            self._refusing.discard(upstream.instance)
        since = known.since if known is not None and known.reachable else now
        self._rows[upstream.instance] = UpstreamHealth(
            upstream.instance, upstream.kind, True, since, app.name, app.version, now, ""
        )
