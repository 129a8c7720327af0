"""What an operator can set: one frozen `Settings`, read once, with every problem reported together."""

from reconciler.config.kinds import DeleteWithoutFiles, LogFormat, LogLevel, Mode
from reconciler.config.load import load_settings
from reconciler.config.reference import SETTINGS_REFERENCE, Setting, settings_markdown
from reconciler.config.settings import (
    JellyseerrSettings,
    LibrarySettings,
    QBittorrentSettings,
    RadarrSettings,
    Settings,
    SonarrSettings,
    UpstreamSettings,
)

__all__ = [
    "SETTINGS_REFERENCE",
    "DeleteWithoutFiles",
    "JellyseerrSettings",
    "LibrarySettings",
    "LogFormat",
    "LogLevel",
    "Mode",
    "QBittorrentSettings",
    "RadarrSettings",
    "Setting",
    "Settings",
    "SonarrSettings",
    "UpstreamSettings",
    "load_settings",
    "settings_markdown",
]
