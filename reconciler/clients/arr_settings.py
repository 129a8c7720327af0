"""Reading the settings of Radarr and Sonarr (upstreams.md 3.8)."""

from reconciler.clients._rows import Row
from reconciler.observed import DownloadClient

_QBITTORRENT_PORT = 8080


def qbittorrent_of(row: Row) -> DownloadClient | None:
    """Read a download client; `None` when it is no qBittorrent. A port that is left out is qBittorrent's own."""
    if row.maybe("implementation") != "QBittorrent":
        return None
    fields = {field.maybe("name"): field.data.get("value") for field in row.rows("fields")}
    return DownloadClient(
        name=row.text("name"),
        host=_text(fields.get("host")).lower(),
        port=_port(fields.get("port")),
        url_base=_text(fields.get("urlBase")).strip("/"),
    )


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _port(value: object) -> int:
    digits = value if isinstance(value, str) else str(value) if type(value) is int else ""
    return int(digits) if digits.isdecimal() and 0 < len(digits) <= 5 else _QBITTORRENT_PORT
