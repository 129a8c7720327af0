"""The webhook plugin of a simulated Jellyfin: `ItemDeleted`, sent once and forgotten (upstreams.md 6.1)."""

import asyncio
import contextlib
import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from reconciler.simulators.jellyfin_library import Item

_TIMEOUT_SECONDS = 10.0


@dataclass(slots=True)
class JellyfinPlugin:
    """One generic destination with "send all properties". `sent` keeps every body.

    Without a header of its own, JSON goes out as `text/plain`, as the plugin does.
    """

    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: list[dict[str, object]] = field(default_factory=list)

    async def tell(self, item: Item, at: datetime) -> None:
        """Send that an item left the library; a failure is swallowed and the event lost."""
        body = _body(item, at)
        self.sent.append(body)
        if not self.url:
            return
        request = urllib.request.Request(self.url, data=json.dumps(body).encode(), method="POST")
        for name, value in {"Content-Type": "text/plain; charset=utf-8", **self.headers}.items():
            request.add_header(name, value)
        with contextlib.suppress(OSError):
            await asyncio.to_thread(_post, request)


def _post(request: urllib.request.Request) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(request, timeout=_TIMEOUT_SECONDS).close()


def _body(item: Item, at: datetime) -> dict[str, object]:
    body: dict[str, object] = {
        "ServerId": "0123456789abcdef0123456789abcdef",
        "ServerName": "simulated",
        "ServerVersion": "10.10.7",
        "ServerUrl": "",
        "NotificationType": "ItemDeleted",
        "Timestamp": at.isoformat(),
        "UtcTimestamp": at.astimezone(UTC).isoformat(),
        "Name": item.name,
        "Overview": "",
        "ItemId": item.id,
        "ItemType": item.type,
    }
    if item.series is not None:
        body |= {"SeriesName": item.series.name, "SeriesId": item.series.id, "SeasonNumber": item.number}
    return body | {f"Provider_{name.lower()}": value for name, value in item.provider_ids.items()}
