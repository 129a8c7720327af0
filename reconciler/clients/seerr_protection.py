"""Seerr's CSRF protection: it stands before the check of the key, and lets only what browsers send change anything."""

from collections.abc import Mapping

from reconciler.clients._http import Http
from reconciler.errors import UpstreamError

READ_ONLY = "takes no changes from programs: turn off CSRF protection there (Settings → Network)"
REFUSALS: Mapping[str, str] = {"invalid csrf token": READ_ONLY}
"""What it says to a program that wants to change something, and the words for it."""


async def is_read_only(http: Http) -> bool:
    """Tell whether the protection is on. A key that may not read the settings is not told, nor does Overseerr say."""
    try:
        settings = (await http.send("GET", "/settings/network", operation="settings")).json()
    except UpstreamError:
        return False
    return isinstance(settings, Mapping) and settings.get("csrfProtection") is True
