"""Who asked for a deletion and from where, in words. Pure."""

from reconciler.model import Source
from reconciler.web.schemas import DeletionOut

_NAMES = {
    Source.DASHBOARD: "a dashboard",
    Source.JELLYSEERR: "Jellyseerr",
    Source.RADARR: "Radarr",
    Source.SONARR: "Sonarr",
    Source.JELLYFIN: "Jellyfin",
    Source.RESYNC: "polling",
    Source.API: "the API",
    Source.CLI: "the command line",
}


def name_of(source: Source) -> str:
    return _NAMES[source]


def asked_by(one: DeletionOut) -> str:
    """Return who asked and from where; what nobody said says so."""
    where, who = name_of(one.source), one.requested_by
    if one.source is Source.RESYNC:
        return "found by polling"
    if one.inferred:
        return f"concluded from {where}{f', which names {who}' if who else ''}"
    if one.source in {Source.RADARR, Source.SONARR}:
        return f"deleted in {where}"
    return f"{who}, through {where}" if who else f"through {where}"
