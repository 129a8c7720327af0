"""Every setting with its default, its limits and its words for people. Where values come from is in `load.py`."""

from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from reconciler.config.kinds import (
    About,
    ApiKey,
    DatabaseUrl,
    DeleteWithoutFiles,
    DeleteWithoutFilesChoice,
    Host,
    LogFormat,
    LogFormatChoice,
    LogLevel,
    LogLevelChoice,
    LongSecret,
    Mode,
    ModeChoice,
    NameText,
    Notifications,
    Password,
    Url,
    Whole,
    Words,
)
from reconciler.model import InstanceName, MediaKind, UpstreamKind

_SECONDS = "a whole number of seconds"
_URL = "an http:// or https:// address without user name, password or query, such as"
_NAME = About(
    "What this instance is called on the status page and in webhook addresses.",
    "lower-case letters, digits and hyphens, at most 63",
    env=False,
)
_API_KEY = "the key as text without spaces; in YAML write it in quotes"


class UpstreamSettings(BaseModel):
    """What every configured upstream instance has."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

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


class LibrarySettings(UpstreamSettings):
    """One Radarr or Sonarr."""

    api_key: Annotated[ApiKey, About("The API key, from Settings → General.", _API_KEY, hidden=True)]
    is_4k: Annotated[
        bool, About("Whether this instance holds the 4K variant of Jellyseerr's requests.", "true or false", env=False)
    ] = False


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


class Settings(BaseModel):
    """The whole configuration, checked. Built by `load_settings`; tests may build one directly."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: Annotated[
        Host,
        About(
            "The address to listen on. Anything but loopback needs `webhook_secret` and `api_token`.",
            "an IP address or a host name, without port or brackets",
        ),
    ] = "127.0.0.1"
    port: Annotated[
        Whole, Field(ge=0, le=65535), About("The port to listen on; 0 takes a free one.", "a port from 0 to 65535")
    ] = 8585
    mode: Annotated[
        ModeChoice,
        About("`observe` plans and shows, and sends nothing but reads and logins.", "enforce or observe"),
    ] = Mode.ENFORCE
    interval_seconds: Annotated[
        Whole,
        Field(ge=1, le=3600),
        About("How often a pass runs; a webhook wakes it at once.", f"{_SECONDS} from 1 to 3600"),
    ] = 60
    ledger_interval_seconds: Annotated[
        Whole,
        Field(ge=1, le=86400),
        About("How often the histories of Radarr and Sonarr are read.", f"{_SECONDS} from 1 to 86400"),
    ] = 300
    webhook_secret: Annotated[
        LongSecret | None,
        About("What senders of webhooks must present.", "text of at least 16 characters", hidden=True),
    ] = None
    api_token: Annotated[
        LongSecret | None,
        About("What the API and the command line must present.", "text of at least 16 characters", hidden=True),
    ] = None
    log_format: Annotated[LogFormatChoice, About("How log lines look.", "console or json")] = LogFormat.CONSOLE
    log_level: Annotated[
        LogLevelChoice, About("The least important line that is logged.", "debug, info, warning or error")
    ] = LogLevel.INFO
    database_url: Annotated[
        DatabaseUrl,
        Field(repr=False),
        About(
            "Where deletions and the ledger are kept.",
            "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE",
            hidden=True,
        ),
    ] = "sqlite:///reconciler.db"
    watch_window_seconds: Annotated[
        Whole,
        Field(ge=0, le=31_536_000),
        About("How long a converged deletion is watched for what comes back.", f"{_SECONDS} from 0 to 31536000"),
    ] = 86_400
    grace_seconds: Annotated[
        Whole,
        Field(ge=0, le=31_536_000),
        About(
            "How long every deletion waits before it begins, so that it can be cancelled.",
            f"{_SECONDS} from 0 to 31536000",
        ),
    ] = 0
    breaker_limit: Annotated[
        Whole,
        Field(ge=1, le=1_000_000),
        About(
            "How many deletions may become destructive within the breaker's window; more are held.",
            "a whole number from 1 to 1000000",
        ),
    ] = 25
    breaker_window_seconds: Annotated[
        Whole, Field(ge=1, le=31_536_000), About("The window of the breaker.", f"{_SECONDS} from 1 to 31536000")
    ] = 3600
    protect_labels: Annotated[
        Words,
        About("Titles with one of these tags in Radarr or Sonarr are held.", "a list of words"),
    ] = frozenset({"keep"})
    protect_tags: Annotated[
        Words,
        About("Torrents with one of these tags in qBittorrent are held.", "a list of words"),
    ] = frozenset({"keep"})
    delete_without_files: Annotated[
        DeleteWithoutFilesChoice,
        About("What a delete in Radarr or Sonarr that kept the files means here.", "ignore or delete"),
    ] = DeleteWithoutFiles.IGNORE
    files_left_behind_seconds: Annotated[
        Whole,
        Field(ge=0, le=31_536_000),
        About("How long files may be seen to remain before a person is asked.", f"{_SECONDS} from 0 to 31536000"),
    ] = 900
    suspicious_minimum: Annotated[
        Whole,
        Field(ge=1, le=1_000_000),
        About(
            "A list that lost at least this many, and more than half, is not believed.",
            "a whole number from 1 to 1000000",
        ),
    ] = 10
    receipts_days: Annotated[
        Whole,
        Field(ge=1, le=3650),
        About(
            "How long the raw text of webhooks is kept. Deletions, their timelines and actions, and the ledger stay.",
            "a whole number of days from 1 to 3650",
        ),
    ] = 30
    shutdown_seconds: Annotated[
        Whole,
        Field(ge=1, le=600),
        About("How long a stop waits for the current action.", f"{_SECONDS} from 1 to 600"),
    ] = 10
    qbittorrent: tuple[QBittorrentSettings, ...] = ()
    radarr: tuple[RadarrSettings, ...] = ()
    sonarr: tuple[SonarrSettings, ...] = ()
    jellyseerr: tuple[JellyseerrSettings, ...] = ()

    def library_instances(self, kind: MediaKind) -> frozenset[InstanceName]:
        """Return the Radarr (movies) or Sonarr (series) instances that are configured."""
        libraries: tuple[LibrarySettings, ...] = self.radarr if kind is MediaKind.MOVIE else self.sonarr
        return frozenset(library.name for library in libraries)

    def secret_values(self) -> tuple[str, ...]:
        """Return every secret in the clear, for one purpose: to keep them out of what is stored or logged."""
        password = urlsplit(self.database_url).password
        secrets: list[SecretStr | None] = [self.webhook_secret, self.api_token]
        for torrents in self.qbittorrent:
            secrets += [torrents.password, torrents.api_key]
        secrets += [library.api_key for library in (*self.radarr, *self.sonarr)]
        secrets += [board.api_key for board in self.jellyseerr]
        clear = [secret.get_secret_value() for secret in secrets if secret]
        return tuple(sorted({*clear, *([unquote(password)] if password else [])}))


SECTIONS: dict[UpstreamKind, type[UpstreamSettings]] = {
    UpstreamKind.QBITTORRENT: QBittorrentSettings,
    UpstreamKind.RADARR: RadarrSettings,
    UpstreamKind.SONARR: SonarrSettings,
    UpstreamKind.JELLYSEERR: JellyseerrSettings,
}
"""The model of each upstream's section; the section's key is the kind's value."""


def about(model: type[BaseModel], key: str) -> About:
    """Return what people read of one setting."""
    return next(note for note in model.model_fields[key].metadata if isinstance(note, About))


def env_name(key: str, section: UpstreamKind | None = None) -> str:
    """Return the environment variable of a setting: `RECONCILER_PORT`, `RADARR_URL`, `DATABASE_URL`."""
    if section:
        return f"{section.value}_{key}".upper()
    return "DATABASE_URL" if key == "database_url" else f"RECONCILER_{key}".upper()
