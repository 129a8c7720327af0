"""Which webhook each configured upstream should have, from the settings."""

from dataclasses import replace

from reconciler.config import LibrarySettings, Settings
from reconciler.intake.templates import JELLYSEERR_TEMPLATE
from reconciler.model import EVENT_WORDS, InstanceName, UpstreamKind, WantedWebhook

RADARR_EVENTS = ("onGrab", "onDownload", "onUpgrade", "onMovieAdded", "onMovieDelete")
SONARR_EVENTS = ("onGrab", "onDownload", "onUpgrade", "onImportComplete", "onSeriesAdd", "onSeriesDelete")
"""What `intake` makes something of. Deleted files of a title that stays are not among it."""

JELLYSEERR_EVENTS = (
    "MEDIA_PENDING",
    "MEDIA_AUTO_APPROVED",
    "MEDIA_APPROVED",
    "MEDIA_DECLINED",
    "MEDIA_AVAILABLE",
    "MEDIA_FAILED",
)
_ISSUES = ("ISSUE_CREATED", "ISSUE_COMMENT")


def wanted_webhooks(
    settings: Settings, public_url: str | None = None, *, moved_from: str | None = None
) -> tuple[WantedWebhook, ...]:
    """Return our webhook as it should be at each Radarr, Sonarr and Jellyseerr that is configured.

    `public_url` outweighs the setting. Without either they have no address. `moved_from` is the one of before, so that
    webhooks with addresses under it are ours.
    """
    base = public_url or settings.public_url
    secret = settings.webhook_secret.get_secret_value() if settings.webhook_secret else None
    every = (
        *_of_libraries(UpstreamKind.RADARR, settings.radarr, RADARR_EVENTS, base, secret),
        *_of_libraries(UpstreamKind.SONARR, settings.sonarr, SONARR_EVENTS, base, secret),
        *(
            WantedWebhook(
                instance=board.name,
                kind=UpstreamKind.JELLYSEERR,
                path=path_of(UpstreamKind.JELLYSEERR),
                urls=_at(base, path_of(UpstreamKind.JELLYSEERR)),
                events=jellyseerr_events(settings),
                secret=secret,
                template=JELLYSEERR_TEMPLATE,
            )
            for board in settings.jellyseerr
        ),
    )
    return tuple(
        replace(
            one,
            former=(*one.former, *_at(moved_from, one.path, path_of(one.kind, one.instance))),
            is_secret_new=settings.previous_webhook_secret is not None,
        )
        for one in every
    )


def path_of(kind: UpstreamKind, instance: InstanceName | None = None) -> str:
    """Return the path of a webhook; with several instances of a kind it names the one that sends."""
    return f"/webhooks/{kind.value}" + (f"/{instance}" if instance is not None else "")


def jellyseerr_events(settings: Settings) -> tuple[str, ...]:
    """Return the notification types that something is made of, as configured."""
    asked = {name for board in settings.jellyseerr for name in board.delete_on if name in EVENT_WORDS}
    has_phrase = any(board.command_phrase for board in settings.jellyseerr)
    events = {*JELLYSEERR_EVENTS, *asked, *(_ISSUES if has_phrase else ())}
    return tuple(name for name in EVENT_WORDS if name in events)


def _of_libraries(
    kind: UpstreamKind,
    instances: tuple[LibrarySettings, ...],
    events: tuple[str, ...],
    base: str | None,
    secret: str | None,
) -> list[WantedWebhook]:
    """Of several instances each has an address of its own: the short one does not tell them apart."""
    short, is_alone = path_of(kind), len(instances) == 1
    return [
        WantedWebhook(
            instance=one.name,
            kind=kind,
            path=short,
            urls=_at(base, short, path_of(kind, one.name)) if is_alone else _at(base, path_of(kind, one.name)),
            former=() if is_alone else _at(base, short),
            events=events,
            secret=secret,
        )
        for one in instances
    ]


def _at(base: str | None, *paths: str) -> tuple[str, ...]:
    return tuple(f"{base.rstrip('/')}{path}" for path in paths) if base else ()
