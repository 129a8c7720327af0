"""The whole configuration: every setting with its default, its limits and its words for people.

Where values come from is in `load.py`; the parts that have keys of their own are in `sections.py` and `upstreams.py`.
"""

from datetime import timedelta
from typing import Annotated, get_args
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from reconciler.config.kinds import (
    About,
    ByteCount,
    DatabaseUrl,
    DeleteWithoutFiles,
    DeleteWithoutFilesChoice,
    Folders,
    Host,
    LikelyCrossSeeds,
    LikelyCrossSeedsChoice,
    LogFormat,
    LogFormatChoice,
    LogLevel,
    LogLevelChoice,
    LongSecret,
    Mode,
    ModeChoice,
    Reaction,
    RootPath,
    Seconds,
    Size,
    Sources,
    Url,
    Whole,
    Words,
)
from reconciler.config.sections import (
    SECONDS,
    DenyWindowSettings,
    GraceSettings,
    NotificationsSettings,
    ResyncSettings,
    Section,
    SeedingSettings,
)
from reconciler.config.upstreams import (
    JellyfinSettings,
    JellyseerrSettings,
    LibrarySettings,
    QBittorrentSettings,
    RadarrSettings,
    SonarrSettings,
)
from reconciler.model import InstanceName, MediaKind, Source, UpstreamKind

_SECTION = "a section, see below"


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
    root_path: Annotated[
        RootPath,
        About(
            "The path under which a reverse proxy serves it. It answers with it in front and without.",
            "/ (none), or a path such as /reconciler: letters, digits, - and _, no slash at its end, and not beginning "
            "like one of the service's own addresses",
        ),
    ] = "/"
    public_url: Annotated[
        Url | None,
        About(
            "The address under which the upstreams reach this service, with its path if it has one.",
            "an http:// or https:// address without user name, password or query, such as http://reconciler:8585",
        ),
    ] = None
    page_url: Annotated[
        Url | None,
        About(
            "Where people open the pages, for links in messages; without it they have none.",
            "an http:// or https:// address without user name, password or query, such as https://deletions.example",
        ),
    ] = None
    mode: Annotated[
        ModeChoice,
        About("`observe` plans and shows, and sends nothing but reads and logins.", "enforce or observe"),
    ] = Mode.ENFORCE
    interval_seconds: Annotated[
        Whole,
        Field(ge=1, le=3600),
        About("How often a pass runs; a webhook wakes it at once.", f"{SECONDS} from 1 to 3600"),
    ] = 60
    ledger_interval_seconds: Annotated[
        Whole,
        Field(ge=1, le=86400),
        About("How often the histories of Radarr and Sonarr are read.", f"{SECONDS} from 1 to 86400"),
    ] = 300
    webhook_secret: Annotated[
        LongSecret | None,
        About("What senders of webhooks must present.", "text of at least 16 characters", hidden=True),
    ] = None
    api_token: Annotated[
        LongSecret | None,
        About("What the API and the command line must present.", "text of at least 16 characters", hidden=True),
    ] = None
    read_token: Annotated[
        LongSecret | None,
        About(
            "What may be presented instead of `api_token` by whoever only looks, such as widgets.",
            "text of at least 16 characters",
            hidden=True,
        ),
    ] = None
    status_public: Annotated[
        bool,
        About(
            "Whether the status page shows the verdict, the counts and the upstreams, but no title, to everybody who "
            "has not signed in.",
            "true or false",
        ),
    ] = False
    previous_webhook_secret: Annotated[
        LongSecret | None,
        About(
            "What senders of webhooks may still present while `webhook_secret` is being changed.",
            "text of at least 16 characters",
            hidden=True,
        ),
    ] = None
    previous_api_token: Annotated[
        LongSecret | None,
        About(
            "What the API may still be given while `api_token` is being changed.",
            "text of at least 16 characters",
            hidden=True,
        ),
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
        Seconds,
        About("How long a converged deletion is watched for what comes back.", f"{SECONDS} from 0 to 31536000"),
    ] = 86_400
    grace_seconds: Annotated[
        Seconds,
        About(
            "How long every deletion waits before it begins, so that it can be cancelled.",
            f"{SECONDS} from 0 to 31536000",
        ),
    ] = 0
    grace: Annotated[GraceSettings, About("Other grace periods for some sources.", _SECTION, env=False)] = (
        GraceSettings()
    )
    require_approval: Annotated[
        Sources,
        About(
            "Deletions from these sources begin only when a person has approved them.",
            f"a list of sources: {', '.join(source.value for source in Source)}",
        ),
    ] = frozenset()
    deny_windows: Annotated[
        tuple[DenyWindowSettings, ...],
        About("Times in which nothing is changed upstream.", "a list of sections, see below", env=False),
    ] = ()
    breaker_limit: Annotated[
        Whole,
        Field(ge=1, le=1_000_000),
        About(
            "How many deletions may become destructive within the breaker's window; more are held.",
            "a whole number from 1 to 1000000",
        ),
    ] = 25
    breaker_window_seconds: Annotated[
        Whole, Field(ge=1, le=31_536_000), About("The window of the breaker.", f"{SECONDS} from 1 to 31536000")
    ] = 3600
    breaker_bytes: Annotated[
        Size,
        About(
            "How much may become destructive within the breaker's window, as a size on disk; 0 counts deletions only.",
            "a size such as 500 GB, 1.5TiB or a number of bytes, at most 1000 PB",
        ),
    ] = ByteCount(2 * 1000**4)
    protect_labels: Annotated[
        Words,
        About("Titles with one of these tags in Radarr or Sonarr are held.", "a list of words"),
    ] = frozenset({"keep"})
    protect_tags: Annotated[
        Words,
        About("Torrents with one of these tags in qBittorrent are held.", "a list of words"),
    ] = frozenset({"keep"})
    protect_categories: Annotated[
        Words,
        About("Torrents in one of these categories of qBittorrent are held.", "a list of words"),
    ] = frozenset()
    protect_paths: Annotated[
        Folders,
        About(
            "What lies in one of these folders, as qBittorrent or the library sees it, is held.",
            "a list of absolute paths below the root",
        ),
    ] = frozenset()
    likely_cross_seeds: Annotated[
        LikelyCrossSeedsChoice,
        About(
            "What is done about torrents that look like cross-seeds but share no file: `together` lets them go along.",
            "keep, hold or together",
        ),
    ] = LikelyCrossSeeds.KEEP
    delete_without_files: Annotated[
        DeleteWithoutFilesChoice,
        About("What a delete in Radarr or Sonarr that kept the files means here.", "ignore or delete"),
    ] = DeleteWithoutFiles.IGNORE
    files_left_behind_seconds: Annotated[
        Seconds,
        About("How long files may be seen to remain before a person is asked.", f"{SECONDS} from 0 to 31536000"),
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
        About("How long a stop waits for the current action.", f"{SECONDS} from 1 to 600"),
    ] = 10
    seeding: Annotated[SeedingSettings, About("How long torrents must be seeded.", _SECTION, env=False)] = (
        SeedingSettings()
    )
    resync: Annotated[ResyncSettings, About("Finding by polling what no webhook told.", _SECTION, env=False)] = (
        ResyncSettings()
    )
    notifications: Annotated[NotificationsSettings, About("Messages to people.", _SECTION, env=False)] = (
        NotificationsSettings()
    )
    qbittorrent: tuple[QBittorrentSettings, ...] = ()
    radarr: tuple[RadarrSettings, ...] = ()
    sonarr: tuple[SonarrSettings, ...] = ()
    jellyseerr: tuple[JellyseerrSettings, ...] = ()
    jellyfin: tuple[JellyfinSettings, ...] = ()

    def grace_for(self, source: Source) -> timedelta:
        """Return how long deletions from a source wait before they begin."""
        own: int | None = getattr(self.grace, source.value)
        return timedelta(seconds=self.grace_seconds if own is None else own)

    def needs_approval(self, source: Source) -> bool:
        """Tell whether deletions from a source begin only when a person has approved them."""
        return source in self.require_approval

    def on_declined(self) -> Reaction:
        """Return what is made of a declined request that a resync finds: as of its notification, unless set."""
        if self.resync.declined is not None:
            return self.resync.declined
        is_told = any("MEDIA_DECLINED" in board.delete_on for board in self.jellyseerr)
        return Reaction.DELETE if is_told else Reaction.IGNORE

    def library_instances(self, kind: MediaKind) -> frozenset[InstanceName]:
        """Return the Radarr (movies) or Sonarr (series) instances that are configured."""
        libraries: tuple[LibrarySettings, ...] = self.radarr if kind is MediaKind.MOVIE else self.sonarr
        return frozenset(library.name for library in libraries)

    def secret_values(self) -> tuple[str, ...]:
        """Return every secret in the clear, for one purpose: to keep them out of what is stored or logged."""
        password = urlsplit(self.database_url).password
        secrets: list[SecretStr | None] = [
            self.webhook_secret,
            self.api_token,
            self.read_token,
            self.previous_webhook_secret,
            self.previous_api_token,
        ]
        for torrents in self.qbittorrent:
            secrets += [torrents.password, torrents.api_key]
        secrets += [library.api_key for library in (*self.radarr, *self.sonarr)]
        secrets += [board.api_key for board in self.jellyseerr]
        secrets += [server.api_key for server in self.jellyfin]
        secrets += self.notifications.urls
        clear = [secret.get_secret_value() for secret in secrets if secret]
        return tuple(sorted({*clear, *([unquote(password)] if password else [])}))


def keys_of(model: type[BaseModel]) -> list[str]:
    """Return the keys of a model that are settings; the upstreams in `Settings` are not, they are sections."""
    return [key for key, field in model.model_fields.items() if any(isinstance(m, About) for m in field.metadata)]


def section_of(model: type[BaseModel], key: str) -> tuple[type[Section], bool] | None:
    """Return the model of the section that a key holds, and whether it holds a list of them; `None` for a value."""
    annotation = model.model_fields[key].annotation
    inner = get_args(annotation)[:1] if get_args(annotation)[1:] == (...,) else (annotation,)
    for found in inner:
        if isinstance(found, type) and issubclass(found, Section):
            return found, found is not annotation
    return None


def about(model: type[BaseModel], key: str) -> About:
    """Return what people read of one setting."""
    return next(note for note in model.model_fields[key].metadata if isinstance(note, About))


def env_name(key: str, kind: UpstreamKind | None = None, *, section: str = "") -> str:
    """Return the variable of a setting: `RECONCILER_PORT`, `RADARR_URL`, `DATABASE_URL`, `RECONCILER_SECTION_KEY`."""
    if kind:
        return f"{kind.value}_{key}".upper()
    if section:
        return f"RECONCILER_{section}_{key}".upper()
    return "DATABASE_URL" if key == "database_url" else f"RECONCILER_{key}".upper()


def has_variables(model: type[BaseModel]) -> bool:
    """Tell whether any key of a section can be set by a variable."""
    return any(about(model, key).env for key in keys_of(model))
