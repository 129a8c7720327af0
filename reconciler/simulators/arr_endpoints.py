"""The HTTP endpoints that Radarr and Sonarr share, except those of titles and their files (upstreams.md 3)."""

from collections.abc import Callable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.simulators import arr_disk as disk
from reconciler.simulators.arr import ArrSimulator
from reconciler.simulators.arr_core import T, parse_date
from reconciler.simulators.arr_http import Gate, Query, Refused, body_of, not_found_by_id, refuse, said, unparsable
from reconciler.simulators.arr_notifications import Notifications
from reconciler.simulators.arr_state import HistoryRow, Root
from reconciler.simulators.arr_titles import title_routes

API = "/api/v3"


def build_app(simulator: ArrSimulator[T], extra: Sequence[Route] = ()) -> Starlette:
    """Return the application that serves `simulator`; `extra` are the routes that only one of the two has.

    Served as ASGI it runs the simulator's background work for as long as it is served.
    """
    notifications = Notifications(
        simulator.connections, simulator.app_name, lambda: simulator.version, simulator.test_payload
    )
    routes = [
        Route("/ping", lambda _request: JSONResponse({"status": "OK"})),
        *extra,
        *title_routes(simulator),
        *_settings_routes(simulator),
        *_queue_routes(simulator),
        *_history_routes(simulator),
        *_command_routes(simulator),
        *notifications.routes(API),
    ]
    gate = Middleware(
        Gate,
        name=simulator.app_name,
        api_key=simulator.api_key,
        url_base=simulator.url_base,
        is_starting=lambda: simulator.is_starting,
        calls=simulator.calls,
    )
    handlers: dict[Any, Callable[..., Any]] = {Refused: refuse, 404: _no_route}
    return Starlette(routes=routes, middleware=[gate], exception_handlers=handlers, lifespan=simulator.lifespan)


async def _no_route(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"message": "NotFound"}, 404)


def _settings_routes(simulator: ArrSimulator[T]) -> list[Route]:
    async def status(_request: Request) -> Response:
        return JSONResponse(
            {
                "appName": simulator.answers_as,
                "instanceName": simulator.instance_name,
                "version": simulator.version,
                "isProduction": True,
                "urlBase": simulator.url_base,
                "databaseType": "sqLite",
            }
        )

    async def tags(_request: Request) -> Response:
        return JSONResponse([{"id": id_, "label": label} for id_, label in sorted(simulator.tags.items())])

    async def add_tag(request: Request) -> Response:
        label = str((await body_of(request)).get("label", ""))
        id_ = simulator.tag(label)
        return JSONResponse({"id": id_, "label": simulator.tags[id_]}, 201)

    def root_json(root: Root) -> dict[str, Any]:
        known = {title.path for title in simulator.titles.values()}
        shown = disk.listing(f"{root.path}/", include_files=False)["directories"] if root.accessible else []
        return {
            "id": root.id,
            "path": f"{root.path}/",
            "accessible": root.accessible,
            "freeSpace": 1 << 40,
            "unmappedFolders": [
                {"name": row["name"], "path": row["path"].rstrip("/"), "relativePath": row["name"]}
                for row in shown
                if root.path / row["name"] not in known
            ],
        }

    async def roots(_request: Request) -> Response:
        return JSONResponse([root_json(root) for root in simulator.roots])

    async def root_by_id(request: Request) -> Response:
        root = next((root for root in simulator.roots if root.id == request.path_params["id"]), None)
        if root is None:
            raise not_found_by_id()
        return JSONResponse(root_json(root))

    async def filesystem(request: Request) -> Response:
        query = Query(request.query_params)
        away = [root.path for root in simulator.roots if not root.accessible]
        shown = disk.listing(query.text("path") or "/", include_files=query.flag("includeFiles"), invisible=away)
        return JSONResponse(shown)

    async def mappings(_request: Request) -> Response:
        return JSONResponse([mapping.json() for mapping in simulator.mappings])

    async def clients(_request: Request) -> Response:
        return JSONResponse([client.json() for client in simulator.clients])

    async def media_management(_request: Request) -> Response:
        recycle_bin = str(simulator.recycle_bin) if simulator.recycle_bin else ""
        return JSONResponse({"id": 1, "recycleBin": recycle_bin, "recycleBinCleanupDays": 7})

    async def exclusions(_request: Request) -> Response:
        return JSONResponse(list(simulator.exclusions.values()))

    async def drop_exclusion(request: Request) -> Response:
        if simulator.exclusions.pop(request.path_params["id"], None) is None:
            raise said(404, f"ImportListExclusion with ID {request.path_params['id']} does not exist")
        return Response(status_code=200)

    return [
        Route(f"{API}/system/status", status),
        Route(f"{API}/tag", tags, methods=["GET"]),
        Route(f"{API}/tag", add_tag, methods=["POST"]),
        Route(f"{API}/rootfolder", roots),
        Route(f"{API}/rootfolder/{{id:int}}", root_by_id),
        Route(f"{API}/filesystem", filesystem),
        Route(f"{API}/remotepathmapping", mappings),
        Route(f"{API}/downloadclient", clients),
        Route(f"{API}/config/mediamanagement", media_management),
        Route(f"{API}/{simulator.exclusions_path}", exclusions),
        Route(f"{API}/{simulator.exclusions_path}/{{id:int}}", drop_exclusion, methods=["DELETE"]),
    ]


def _queue_routes(simulator: ArrSimulator[T]) -> list[Route]:
    async def details(request: Request) -> Response:
        query = Query(request.query_params)
        title_id = query.number(simulator.title_key)
        episodes = query.numbers("episodeIds")
        rows = simulator.queue_rows(include_unknown=True, query_flags=_flags(query))
        if title_id is not None:
            rows = [row for row in rows if row.get(simulator.title_key) == title_id]
        if episodes:
            rows = [row for row in rows if row.get("episodeId") in episodes]
        return JSONResponse(rows)

    async def paged(request: Request) -> Response:
        query = Query(request.query_params)
        rows = simulator.queue_rows(include_unknown=query.flag(simulator.unknown_flag))
        size = query.number("pageSize", 10) or 10
        last = max(1, -(-len(rows) // size))
        page = min(query.number("page", 1) or 1, last)  # beyond the end: the last page again
        return JSONResponse(_page(rows, page, size, "timeleft", "ascending"))

    async def end(request: Request, ids: Sequence[int]) -> None:
        query = Query(request.query_params)
        owners: dict[int, str] = {row["id"]: row["downloadId"] for row in simulator.queue_rows(include_unknown=True)}
        if any(id_ not in owners for id_ in ids):
            raise said(404, "NotFound")
        await simulator.end_downloads(
            list(dict.fromkeys(owners[id_] for id_ in ids)),
            remove_from_client=query.flag("removeFromClient", default=True),
            blocklist=query.flag("blocklist"),
            search_again=not query.flag("skipRedownload"),
        )

    async def end_one(request: Request) -> Response:
        await end(request, [request.path_params["id"]])
        return Response(status_code=200)

    async def end_many(request: Request) -> Response:
        await end(request, (await body_of(request)).get("ids") or [])
        return JSONResponse({})

    return [
        Route(f"{API}/queue", paged),
        Route(f"{API}/queue/details", details),
        Route(f"{API}/queue/bulk", end_many, methods=["DELETE"]),
        Route(f"{API}/queue/{{id:int}}", end_one, methods=["DELETE"]),
    ]


def _history_routes(simulator: ArrSimulator[T]) -> list[Route]:
    def listed(rows: Sequence[HistoryRow], query: Query) -> list[dict[str, Any]]:
        return [simulator.history_json(row, _flags(query)) for row in rows]

    def ordered(*, newest_first: bool) -> list[HistoryRow]:
        present = [row for row in simulator.history if row.title_id in simulator.titles]
        return sorted(present, key=lambda row: (parse_date(row.date), row.id), reverse=newest_first)

    def wanted_event(query: Query) -> str | None:
        """Listings by title and by date take an event by name, or by number."""
        value = query.text("eventType")
        if value is None or not value.isdigit():
            return value
        return next((name for name, number in simulator.history_numbers.items() if number == int(value)), "unknown")

    async def paged(request: Request) -> Response:
        query = Query(request.query_params)
        direction = query.text("sortDirection") or "descending"
        rows = ordered(newest_first=direction.lower() != "ascending")
        ids, numbers, download = (
            query.numbers(simulator.titles_key),
            query.numbers("eventType"),
            query.text("downloadId"),
        )
        if ids:
            rows = [row for row in rows if row.title_id in ids]
        if numbers:
            rows = [row for row in rows if simulator.history_numbers.get(row.event) in numbers]
        if download:
            rows = [row for row in rows if row.download_id == download]
        page, size = query.number("page", 1) or 1, query.number("pageSize", 10) or 10
        return JSONResponse(_page(listed(rows, query), page, size, "date", direction))

    async def of_title(request: Request) -> Response:
        query = Query(request.query_params)
        title_id = query.number(simulator.title_key) or 0
        if title_id not in simulator.titles and simulator.resource == "series":
            raise said(404, f"Series with ID {title_id} does not exist")
        season, event = query.number("seasonNumber"), wanted_event(query)
        rows = [row for row in ordered(newest_first=True) if row.title_id == title_id]
        if event is not None:
            rows = [row for row in rows if row.event == event]
        if season is not None:
            rows = [row for row in rows if simulator.season_of(row) == season]
        return JSONResponse(listed(rows, query))

    async def since(request: Request) -> Response:
        query = Query(request.query_params)
        text = query.text("date") or ""
        date, event = parse_date(text), wanted_event(query)
        if date is None:
            raise unparsable("date", text)
        rows = [row for row in ordered(newest_first=False) if (parse_date(row.date) or date) >= date]
        return JSONResponse(listed([row for row in rows if event in {None, row.event}], query))

    async def fail(request: Request) -> Response:
        history_id = request.path_params["id"]
        if not simulator.mark_failed(history_id):
            raise said(404, f"History with ID {history_id} does not exist")
        return JSONResponse({})

    async def blocklist(request: Request) -> Response:
        query = Query(request.query_params)
        ids = query.numbers(simulator.titles_key)
        rows = [row.json(simulator.title_key) for row in simulator.blocklist if not ids or row.title_id in ids]
        page, size = query.number("page", 1) or 1, query.number("pageSize", 10) or 10
        return JSONResponse(_page(rows, page, size, "date", "ascending"))

    return [
        Route(f"{API}/blocklist", blocklist),
        Route(f"{API}/history", paged),
        Route(f"{API}/history/failed/{{id:int}}", fail, methods=["POST"]),
        Route(f"{API}/history/since", since),
        Route(f"{API}/history/{simulator.resource}", of_title),
    ]


def _command_routes(simulator: ArrSimulator[T]) -> list[Route]:
    async def add(request: Request) -> Response:
        body = await body_of(request)
        name = str(body.get("name", ""))
        if name not in {"RefreshMonitoredDownloads", "RssSync", *simulator.search_commands}:
            raise Refused(400, {"message": f"BadRequest: unknown command {name}", "content": ""})
        return JSONResponse(simulator.queue_command(name, body).json(), 201)

    async def listed(_request: Request) -> Response:
        return JSONResponse([command.json() for command in simulator.commands.values()])

    async def by_id(request: Request) -> Response:
        command = simulator.commands.get(request.path_params["id"])
        if command is None:
            raise not_found_by_id()
        return JSONResponse(command.json())

    return [
        Route(f"{API}/command", listed, methods=["GET"]),
        Route(f"{API}/command", add, methods=["POST"]),
        Route(f"{API}/command/{{id:int}}", by_id),
    ]


def _flags(query: Query) -> frozenset[str]:
    return frozenset(name for name in ("includeEpisode",) if query.flag(name))


def _page(rows: Sequence[dict[str, Any]], page: int, size: int, key: str, direction: str) -> dict[str, Any]:
    return {
        "page": page,
        "pageSize": size,
        "sortKey": key,
        "sortDirection": direction,
        "totalRecords": len(rows),
        "records": list(rows[(page - 1) * size : page * size]),
    }
