"""What Seerr asks of the Jellyfin in its settings, over its HTTP API (upstreams.md 2.5)."""

from dataclasses import dataclass

from reconciler.clients._http import Http
from reconciler.model import InstanceName
from reconciler.simulators.seerr_state import MediaType

Listing = dict[tuple[MediaType, int], frozenset[int] | None]
"""Titles by type and TMDB id, with the seasons of a series; `None` for all that it has."""


@dataclass(frozen=True, slots=True)
class MediaServer:
    """The Jellyfin of Seerr's settings."""

    url: str
    api_key: str

    async def listing(self) -> Listing:
        """Return every title with a TMDB id; raises `UpstreamError`."""
        headers = {"Authorization": f'MediaBrowser Token="{self.api_key}"'}
        params = {"recursive": "true", "includeItemTypes": "Movie,Series,Season", "fields": "ProviderIds"}
        async with Http(InstanceName("jellyfin"), self.url, headers=headers) as http:
            rows = (await http.send("GET", "/Items", operation="items", params=params)).json()["Items"]
        found: Listing = {}
        for row in rows:
            tmdb_id = int(row.get("ProviderIds", {}).get("Tmdb") or 0)
            if row["Type"] == "Movie" and tmdb_id:
                found["movie", tmdb_id] = None
            elif row["Type"] == "Series" and tmdb_id:
                seasons = {s.get("IndexNumber") for s in rows if s["Type"] == "Season" and s["SeriesId"] == row["Id"]}
                found["tv", tmdb_id] = frozenset(number for number in seasons if number)
        return found
