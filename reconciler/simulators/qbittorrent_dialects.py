"""How the versions of qBittorrent differ on the wire (upstreams.md 5 and 9.1)."""

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """The version a simulator plays."""

    V4_6 = "4.6"
    V5_1 = "5.1"
    V5_2 = "5.2"


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one version says and understands.

    `stopped` is both the word in states (`pausedUP`) and the flag of `torrents/add`; `keeps_missing` tells whether
    a torrent added without checking shows `missingFiles` when its content is not there.
    """

    app: str
    web_api: str
    stop: str
    start: str
    stopped: str
    empty_status: int
    is_modern: bool  # from 5.0 on: new verbs and fields
    has_keys: bool  # from 5.2 on: 204 and 401 at login, JSON answers, API keys and Basic authentication
    keeps_missing: bool

    def cookie(self, port: int | None) -> str:
        """Name the session cookie of a Web UI that listens on `port`."""
        return f"QBT_SID_{port}" if self.has_keys else "SID"


DIALECTS = {
    Mode.V4_6: Dialect(
        app="v4.6.7",
        web_api="2.9.3",
        stop="pause",
        start="resume",
        stopped="paused",
        empty_status=200,
        is_modern=False,
        has_keys=False,
        keeps_missing=True,
    ),
    Mode.V5_1: Dialect(
        app="v5.1.4",
        web_api="2.11.4",
        stop="stop",
        start="start",
        stopped="stopped",
        empty_status=200,
        is_modern=True,
        has_keys=False,
        keeps_missing=True,
    ),
    Mode.V5_2: Dialect(
        app="v5.2.0",
        web_api="2.15.1",
        stop="stop",
        start="start",
        stopped="stopped",
        empty_status=204,
        is_modern=True,
        has_keys=True,
        keeps_missing=False,
    ),
}
