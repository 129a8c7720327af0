"""What is known of the senders of webhooks: their connection as last seen, and when they were heard from. Pure."""

from collections.abc import Iterable, Mapping

from reconciler.config import Settings
from reconciler.connect import SenderGuide, guides
from reconciler.connections import MUTED
from reconciler.model import InstanceName, Source, UpstreamKind
from reconciler.ports import Heard, Overview, SenderHeard
from reconciler.web.answers import Out
from reconciler.web.schemas import WebhookOut


class HeaderOut(Out):
    """The header that carries the secret. `value` is what it looks like: the secret itself is never shown."""

    name: str
    value: str


class SenderOut(Out):
    """One sender of webhooks: how it is set up, and what is known of it.

    `url` is `null` while `public_url` is not set; `path` is what stands behind it. `header` is `null` while no webhook
    secret is configured. `place` is where it is set up in that program. `events` are what to tick there, `payload` is
    what to paste, or an example. `connectable`: `reconciler connect` does all of it.
    """

    source: Source
    instance: str | None
    configured: bool
    path: str
    url: str | None
    header: HeaderOut | None
    place: str | None
    events: tuple[str, ...]
    payload: str | None
    notes: tuple[str, ...]
    connectable: bool
    heard: Heard | None
    webhook: WebhookOut


class SendersOut(Out):
    """Every sender that could be set up, and those that were heard from without being configured."""

    public_url: str | None
    senders: tuple[SenderOut, ...]


_HEADER = HeaderOut(name="Authorization", value="Bearer WEBHOOK_SECRET")

SOURCES: Mapping[UpstreamKind, Source] = {
    UpstreamKind.RADARR: Source.RADARR,
    UpstreamKind.SONARR: Source.SONARR,
    UpstreamKind.JELLYSEERR: Source.JELLYSEERR,
    UpstreamKind.JELLYFIN: Source.JELLYFIN,
}
"""The kinds of upstream that send webhooks, and as whom."""


def heard_from(overview: Overview, source: Source, instance: InstanceName | None) -> SenderHeard | None:
    return next((one for one in overview.senders if (one.source, one.instance) == (source, instance)), None)


def webhook_out(overview: Overview, kind: UpstreamKind, instance: InstanceName) -> WebhookOut | None:
    """Return what is known of one instance's webhook; `None` for a kind that sends none."""
    source = SOURCES.get(kind)
    if source is None:
        return None
    return _webhook_out(overview, source, instance)


def _webhook_out(overview: Overview, source: Source, instance: InstanceName | None) -> WebhookOut:
    heard = heard_from(overview, source, instance)
    seen = overview.connections.get(instance) if instance is not None else None
    is_muted = seen is not None and seen.is_muted(heard)
    return WebhookOut(
        exists=seen.state.exists if seen else None,
        enabled=seen.state.enabled if seen else None,
        muted=is_muted if seen else None,
        problems=(*((MUTED,) if is_muted else ()), *seen.state.problems) if seen else (),
        checked_at=seen.at if seen else None,
        heard_at=heard.heard_at if heard else None,
        test_at=heard.test_at if heard else None,
    )


def remarks_on_webhooks(overview: Overview, configured: Mapping[InstanceName, UpstreamKind]) -> Iterable[str]:
    """Say which instances do not tell us anything. Polling finds it all the same, only later."""
    states = {name: overview.connections[name].state for name in configured if name in overview.connections}
    missing = sorted(name for name, state in states.items() if not state.exists)
    disabled = sorted(name for name, state in states.items() if state.exists and not state.enabled)
    muted = sorted(name for name, state in states.items() if state.is_sent and _is_muted(overview, configured, name))
    if missing:
        yield f"{', '.join(missing)} {'sends' if len(missing) == 1 else 'send'} no webhook here"
    if disabled:
        yield f"the webhook of {', '.join(disabled)} is off"
    if muted:
        yield f"the webhook of {', '.join(muted)} could not be delivered, and perhaps nothing is sent for a while"


def _is_muted(overview: Overview, configured: Mapping[InstanceName, UpstreamKind], name: InstanceName) -> bool:
    source = SOURCES.get(configured[name])
    heard = heard_from(overview, source, name) if source is not None else None
    return overview.connections[name].is_muted(heard)


def senders_out(settings: Settings, overview: Overview) -> SendersOut:
    """Return every sender with how it is set up; last those that were heard from and are none of the configured."""
    known = [_sender_out(settings, overview, guide) for guide in guides(settings)]
    listed = {(one.source, one.instance) for one in known}
    strangers = [
        _stranger_out(overview, heard)
        for heard in overview.senders
        if (heard.source, heard.instance) not in listed and heard.source not in {Source.API, Source.CLI}
    ]
    return SendersOut(public_url=settings.public_url, senders=(*known, *strangers))


def _sender_out(settings: Settings, overview: Overview, guide: SenderGuide) -> SenderOut:
    heard = heard_from(overview, guide.source, guide.instance)
    return SenderOut(
        source=guide.source,
        instance=guide.instance,
        configured=guide.configured,
        path=guide.path,
        url=f"{settings.public_url}{guide.path}" if settings.public_url else None,
        header=_HEADER if settings.webhook_secret else None,
        place=guide.place or None,
        events=guide.events,
        payload=guide.payload or None,
        notes=guide.notes,
        connectable=guide.connectable,
        heard=heard.heard if heard else None,
        webhook=_webhook_out(overview, guide.source, guide.instance),
    )


def _stranger_out(overview: Overview, heard: SenderHeard) -> SenderOut:
    return SenderOut(
        source=heard.source,
        instance=heard.instance,
        configured=False,
        path=f"/webhooks/{heard.source.value}",
        url=None,
        header=None,
        place=None,
        events=(),
        payload=None,
        notes=("It cannot be told which of the configured instances this is.",),
        connectable=False,
        heard=heard.heard,
        webhook=_webhook_out(overview, heard.source, heard.instance),
    )
