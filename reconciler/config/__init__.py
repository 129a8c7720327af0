"""What an operator can set: one frozen `Settings`, read once, with every problem reported together."""

from reconciler.config.kinds import (
    ByteCount,
    DeleteWithoutFiles,
    LikelyCrossSeeds,
    LogFormat,
    LogLevel,
    MetBy,
    Mode,
    Reaction,
)
from reconciler.config.load import load_settings
from reconciler.config.reference import SETTINGS_REFERENCE, Setting, settings_markdown
from reconciler.config.sections import (
    DenyWindowSettings,
    GraceSettings,
    NotificationsSettings,
    PathMappingSettings,
    ResyncSettings,
    SeedingRuleSettings,
    SeedingSettings,
)
from reconciler.config.settings import Settings
from reconciler.config.upstreams import (
    JellyfinSettings,
    JellyseerrSettings,
    LibrarySettings,
    QBittorrentSettings,
    RadarrSettings,
    SonarrSettings,
    UpstreamSettings,
)

__all__ = [
    "SETTINGS_REFERENCE",
    "ByteCount",
    "DeleteWithoutFiles",
    "DenyWindowSettings",
    "GraceSettings",
    "JellyfinSettings",
    "JellyseerrSettings",
    "LibrarySettings",
    "LikelyCrossSeeds",
    "LogFormat",
    "LogLevel",
    "MetBy",
    "Mode",
    "NotificationsSettings",
    "PathMappingSettings",
    "QBittorrentSettings",
    "RadarrSettings",
    "Reaction",
    "ResyncSettings",
    "SeedingRuleSettings",
    "SeedingSettings",
    "Setting",
    "Settings",
    "SonarrSettings",
    "UpstreamSettings",
    "load_settings",
    "settings_markdown",
]
