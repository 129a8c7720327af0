"""What Seerr asks of the Radarr and Sonarr servers in its settings, over their HTTP API (upstreams.md 2.4, 9.4)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from reconciler.clients._http import Http
from reconciler.model import InstanceName
from reconciler.simulators.seerr_state import MediaType, Title


@dataclass(slots=True)
class Server:
    """One server of Seerr's settings. `id` is its index among those of its kind, and 0 is valid."""

    id: int
    kind: Literal["radarr", "sonarr"]
    url: str
    api_key: str
    is_4k: bool = False
    is_default: bool = True
    root_folder: str | None = None  # the first one the server has, when not set
    name: str = ""

    @property
    def media_type(self) -> MediaType:
        return "movie" if self.kind == "radarr" else "tv"

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 80

    @property
    def base_url(self) -> str:
        return urlsplit(self.url).path.rstrip("/")

    def connect(self) -> Http:
        return Http(
            InstanceName(self.kind),
            f"{self.url.rstrip('/')}/api/v3",
            headers={"X-Api-Key": self.api_key, "User-Agent": "axios/1.13.2"},
        )


@dataclass(frozen=True, slots=True)
class Added:
    """Where the server keeps a title."""

    external_id: int
    slug: str


class TitleNotThere(Exception):
    """The server does not have the title."""


async def entries(server: Server) -> list[dict[str, Any]]:
    """Return the whole library of a server."""
    async with server.connect() as http:
        return _rows(await _get(http, _collection(server)))


async def add(server: Server, title: Title, tvdb_id: int | None, seasons: Iterable[int]) -> Added:
    """Add a title with a search, as Seerr does.

    A movie that is there with a file is left as it is. One that is there, monitored, is left as well; an unmonitored
    one is monitored and searched for. A series that is there gets the wanted seasons monitored and is searched for.
    """
    async with server.connect() as http:
        wanted = frozenset(seasons)
        existing = await _find(http, server, title.tmdb_id, tvdb_id)
        if existing is None:
            existing = await _create(http, server, title, tvdb_id, wanted)
        elif server.kind == "radarr":
            if not existing.get("hasFile") and not existing.get("monitored"):
                await _put(http, server, existing | {"monitored": True})
                await _command(http, {"name": "MoviesSearch", "movieIds": [existing["id"]]})
        else:
            merged = [
                season | {"monitored": season.get("monitored") or season["seasonNumber"] in wanted}
                for season in existing.get("seasons", [])
            ]
            await _put(http, server, existing | {"monitored": True, "seasons": merged})
            await _command(http, {"name": "SeriesSearch", "seriesId": existing["id"]})
        return Added(int(existing["id"]), str(existing.get("titleSlug") or title.tmdb_id))


async def remove(server: Server, tmdb_id: int, tvdb_id: int | None) -> None:
    """Delete a title and its files, without an exclusion; raises `TitleNotThere`."""
    async with server.connect() as http:
        existing = await _find(http, server, tmdb_id, tvdb_id)
        if existing is None:
            raise TitleNotThere
        exclusion = "addImportExclusion" if server.kind == "radarr" else "addImportListExclusion"
        path = f"{_collection(server)}/{existing['id']}"
        await http.send("DELETE", path, operation="remove", params={"deleteFiles": "true", exclusion: "false"})


async def _find(http: Http, server: Server, tmdb_id: int, tvdb_id: int | None) -> dict[str, Any] | None:
    name, number = ("tmdbId", tmdb_id) if server.kind == "radarr" else ("tvdbId", tvdb_id)
    rows = _rows(await _get(http, _collection(server), {name: str(number)}))
    return next((row for row in rows if row.get(name) == number), None)


async def _create(
    http: Http, server: Server, title: Title, tvdb_id: int | None, wanted: frozenset[int]
) -> dict[str, Any]:
    root = server.root_folder
    if root is None:
        root = str(_rows(await _get(http, "/rootfolder"))[0]["path"])
    body: dict[str, Any] = {
        "title": title.name,
        "year": title.year,
        "qualityProfileId": 1,
        "rootFolderPath": root,
        "monitored": True,
        "tags": [],
    }
    if server.kind == "radarr":
        body |= {
            "tmdbId": title.tmdb_id,
            "minimumAvailability": "released",
            "addOptions": {"searchForMovie": True},
        }
    else:
        body |= {
            "tvdbId": tvdb_id,
            "tmdbId": title.tmdb_id,
            "seasonFolder": True,
            "seriesType": "standard",
            "seasons": [{"seasonNumber": number, "monitored": number in wanted} for number in title.seasons],
            "addOptions": {"ignoreEpisodesWithFiles": True, "searchForMissingEpisodes": True},
        }
    created = (await http.send("POST", _collection(server), operation="add", body=body)).json()
    return dict(created)


async def _put(http: Http, server: Server, row: dict[str, Any]) -> None:
    await http.send("PUT", f"{_collection(server)}/{row['id']}", operation="edit", body=row)


async def _command(http: Http, body: dict[str, Any]) -> None:
    await http.send("POST", "/command", operation="command", body=body)


async def _get(http: Http, path: str, params: dict[str, str] | None = None) -> object:
    return (await http.send("GET", path, operation="read", params=params)).json()


def _collection(server: Server) -> str:
    return "/movie" if server.kind == "radarr" else "/series"


def _rows(answer: object) -> list[dict[str, Any]]:
    return [dict(row) for row in answer if isinstance(row, dict)] if isinstance(answer, list) else []
