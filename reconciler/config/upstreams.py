"""The sections of the upstreams."""

from typing import Annotated

from pydantic import Field

from reconciler.config.kinds import (
    About,
    ApiKey,
    NameText,
    Notifications,
    Password,
    Reaction,
    ReactionChoice,
    Text,
    Url,
    Words,
)
from reconciler.config.sections import REACTION, PathMappingSettings, Section
from reconciler.model import InstanceName, UpstreamKind

_URL = "an http:// or https:// address without user name, password or query, such as"
_NAME = About(
    "What this instance is called in the status and in webhook addresses.",
    "lower-case letters, digits and hyphens, at most 63",
    env=False,
)
_API_KEY = "the key as text without spaces; in YAML write it in quotes"


class UpstreamSettings(Section):
    """What every configured upstream instance has."""

    name: Annotated[NameText, _NAME]
    url: Annotated[Url, About("Where the instance answers, with its URL base if it has one.", f"{_URL} http://host:80")]


class QBittorrentSettings(UpstreamSettings):
    """One qBittorrent: either user name and password, or an API key (qBittorrent 5.2 and later)."""

    name: Annotated[NameText, _NAME] = InstanceName("qbittorrent")
    username: Annotated[
        str | None, Field(min_length=1), About("The user of the web interface.", "the user's name as text")
    ] = None
    password: Annotated[
        Password | None,
        About("The password of that user.", "the password as text; in YAML write it in quotes", hidden=True),
    ] = None
    api_key: Annotated[
        ApiKey | None, About("Instead of user name and password: an API key (5.2 and later).", _API_KEY, hidden=True)
    ] = None
    download_clients: Annotated[
        Words,
        About(
            "What Radarr and Sonarr call this client, if they reach it at another address than `url`.",
            "a list of names",
            env=False,
        ),
    ] = frozenset()


class LibrarySettings(UpstreamSettings):
    """One Radarr or Sonarr."""

    api_key: Annotated[ApiKey, About("The API key, from Settings → General.", _API_KEY, hidden=True)]
    is_4k: Annotated[
        bool, About("Whether this instance holds the 4K variant of Jellyseerr's requests.", "true or false", env=False)
    ] = False
    instance_name: Annotated[
        Text | None,
        About(
            "What the app calls itself in webhooks (Settings → General → Instance Name), to tell several apart.",
            "the name as text",
            env=False,
        ),
    ] = None


class RadarrSettings(LibrarySettings):
    name: Annotated[NameText, _NAME] = InstanceName("radarr")


class SonarrSettings(LibrarySettings):
    name: Annotated[NameText, _NAME] = InstanceName("sonarr")


class JellyseerrSettings(UpstreamSettings):
    """One Jellyseerr, Seerr or Overseerr."""

    name: Annotated[NameText, _NAME] = InstanceName("jellyseerr")
    api_key: Annotated[ApiKey, About("The API key, from Settings → General.", _API_KEY, hidden=True)]
    delete_on: Annotated[
        Notifications,
        About(
            "Notification types that ask for a deletion. A declined request is held when files would be lost.",
            "a list of notification types in capitals; types that speak of a wish, an issue or a test cannot be in it",
        ),
    ] = frozenset({"MEDIA_DECLINED"})
    command_phrase: Annotated[
        Text | None,
        Field(min_length=3, max_length=100),
        About(
            "An issue or comment beginning so deletes its media, if its author may manage requests. Unset: none does.",
            "one line of 3 to 100 characters",
        ),
    ] = None


class JellyfinSettings(UpstreamSettings):
    """One Jellyfin, which is told that files are gone."""

    name: Annotated[NameText, _NAME] = InstanceName("jellyfin")
    api_key: Annotated[ApiKey, About("An API key, from Dashboard → API Keys.", _API_KEY, hidden=True)]
    on_item_deleted: Annotated[
        ReactionChoice,
        About(
            "What the webhook plugin's ItemDeleted means. Jellyfin also sends it when a disk was not mounted.", REACTION
        ),
    ] = Reaction.HOLD
    path_mappings: Annotated[
        tuple[PathMappingSettings, ...],
        About("Folders that Jellyfin sees elsewhere than Radarr and Sonarr do.", "a list of sections", env=False),
    ] = ()


SECTIONS: dict[UpstreamKind, type[UpstreamSettings]] = {
    UpstreamKind.QBITTORRENT: QBittorrentSettings,
    UpstreamKind.RADARR: RadarrSettings,
    UpstreamKind.SONARR: SonarrSettings,
    UpstreamKind.JELLYSEERR: JellyseerrSettings,
    UpstreamKind.JELLYFIN: JellyfinSettings,
}
"""The model of each upstream's section; the section's key is the kind's value."""

ALONE = frozenset({UpstreamKind.JELLYSEERR, UpstreamKind.JELLYFIN})
"""Upstreams of which there is one at most."""
