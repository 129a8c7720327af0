"""What a person enters at each sender of webhooks, in that program's own words."""

from dataclasses import dataclass

from reconciler.config import Settings
from reconciler.connect.wanted import RADARR_EVENTS, SONARR_EVENTS, jellyseerr_events, path_of
from reconciler.intake.templates import DASHBOARD_EXAMPLE, JELLYFIN_TEMPLATE, JELLYSEERR_TEMPLATE
from reconciler.model import EVENT_WORDS, InstanceName, Source, UpstreamKind

_ARR_PLACE = "Settings → Connect → + → Webhook"


@dataclass(frozen=True, slots=True)
class SenderGuide:
    """How one sender is set up. `instance` is `None` for one that has none, or when it is not configured.

    `events` are what to tick, `payload` what to paste, or an example where `place` is empty: a program that sends what
    it likes. `connectable` says that `reconciler connect` can do all of it.
    """

    source: Source
    instance: InstanceName | None
    configured: bool
    path: str
    place: str
    events: tuple[str, ...] = ()
    payload: str = ""
    connectable: bool = False
    notes: tuple[str, ...] = ()


def guides(settings: Settings) -> tuple[SenderGuide, ...]:
    """Return how every sender is set up: each configured instance, and the kinds that are not configured."""
    return (
        *_jellyseerr(settings),
        *_libraries(settings, UpstreamKind.RADARR),
        *_libraries(settings, UpstreamKind.SONARR),
        *_jellyfin(settings),
        SenderGuide(
            source=Source.DASHBOARD,
            instance=None,
            configured=True,
            path="/webhooks/dashboard",
            place="",
            payload=DASHBOARD_EXAMPLE,
            notes=("Send it with POST and the content type application/json; it deletes what it names.",),
        ),
    )


def _jellyseerr(settings: Settings) -> tuple[SenderGuide, ...]:
    names: list[InstanceName | None] = [board.name for board in settings.jellyseerr]
    return tuple(
        SenderGuide(
            source=Source.JELLYSEERR,
            instance=name,
            configured=name is not None,
            path=path_of(UpstreamKind.JELLYSEERR),
            place="Settings → Notifications → Webhook",
            events=tuple(EVENT_WORDS[event] for event in jellyseerr_events(settings)),
            payload=JELLYSEERR_TEMPLATE,
            connectable=name is not None,
            notes=("The payload is the default; Reset to Default brings it back.",),
        )
        for name in names or [None]
    )


def _libraries(settings: Settings, kind: UpstreamKind) -> tuple[SenderGuide, ...]:
    is_radarr = kind is UpstreamKind.RADARR
    instances = settings.radarr if is_radarr else settings.sonarr
    names: list[InstanceName | None] = [one.name for one in instances]
    return tuple(
        SenderGuide(
            source=Source(kind.value),
            instance=name,
            configured=name is not None,
            path=path_of(kind, name if len(names) > 1 else None),
            place=_ARR_PLACE,
            events=tuple(EVENT_WORDS[event] for event in (RADARR_EVENTS if is_radarr else SONARR_EVENTS)),
            connectable=name is not None,
            notes=(
                "Without Headers (before Radarr 5.16 and Sonarr 4.0.10): any user name, and the secret as password.",
                "No tags, or only titles with them are reported.",
            ),
        )
        for name in names or [None]
    )


def _jellyfin(settings: Settings) -> tuple[SenderGuide, ...]:
    names: list[InstanceName | None] = [server.name for server in settings.jellyfin]
    return tuple(
        SenderGuide(
            source=Source.JELLYFIN,
            instance=name,
            configured=name is not None,
            path=path_of(UpstreamKind.JELLYFIN),
            place="Dashboard → Plugins → Webhook → Add Generic Destination",
            events=("Item Deleted, for Movies and Series",),
            payload=JELLYFIN_TEMPLATE,
            notes=("Set by hand: the plugin keeps its settings to itself. Send All Properties stays off.",),
        )
        for name in names or [None]
    )
