"""Sonarr's endpoints about episodes and seasons (upstreams.md 3.3, 3.7)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.simulators.arr_http import Query, Refused, body_of, not_found_by_id, rows_missing
from reconciler.simulators.sonarr_state import Episode, Series, episode_json

API = "/api/v3"


def episode_routes(
    titles: Mapping[int, Series],
    episodes: Mapping[int, Episode],
    monitor_seasons: Callable[[Series, Sequence[Mapping[str, Any]]], None],
) -> list[Route]:
    """Return the routes over the simulator's live state."""

    async def listed(request: Request) -> Response:
        query = Query(request.query_params)
        series_id, season, ids = query.number("seriesId"), query.number("seasonNumber"), query.numbers("episodeIds")
        if series_id is None and not ids:
            raise Refused(400, {"message": "BadRequest: seriesId or episodeIds must be provided", "content": ""})
        found = [
            episode
            for episode in episodes.values()
            if (episode.series_id == series_id or episode.id in ids) and season in {None, episode.season}
        ]
        return JSONResponse([episode_json(episode) for episode in found])

    async def by_id(request: Request) -> Response:
        episode = episodes.get(request.path_params["id"])
        if episode is None:
            raise not_found_by_id()
        return JSONResponse(episode_json(episode))

    async def monitor(request: Request) -> Response:
        body = await body_of(request)
        found = [episodes[id_] for id_ in body.get("episodeids") or [] if id_ in episodes]
        for episode in found:
            episode.monitored = bool(body.get("monitored"))
        return JSONResponse([episode_json(episode) for episode in found], 202)

    async def season_pass(request: Request) -> Response:
        changes = (await body_of(request)).get("series") or []
        ids = {change["id"] for change in changes}
        if len(known := ids & titles.keys()) != len(ids):
            raise rows_missing(len(ids), len(known))
        for change in changes:
            series = titles[change["id"]]
            if isinstance(change.get("monitored"), bool):
                series.monitored = change["monitored"]
            monitor_seasons(series, change.get("seasons") or [])
        return JSONResponse({}, 202)

    return [
        Route(f"{API}/episode", listed),
        Route(f"{API}/episode/monitor", monitor, methods=["PUT"]),
        Route(f"{API}/episode/{{id:int}}", by_id),
        Route(f"{API}/seasonpass", season_pass, methods=["POST"]),
    ]
