"""The HTTP endpoints of titles and their files (upstreams.md 3.3, 3.4, 3.7)."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.simulators import arr_disk as disk
from reconciler.simulators.arr import ArrSimulator
from reconciler.simulators.arr_core import T
from reconciler.simulators.arr_http import Query, Refused, body_of, not_found_by_id, rows_missing, said
from reconciler.simulators.arr_state import MediaFile

API = "/api/v3"


def title_routes(simulator: ArrSimulator[T]) -> list[Route]:
    """Return the routes of `/movie` and `/moviefile`, or of `/series` and `/episodefile`."""
    titles, files = f"{API}/{simulator.resource}", f"{API}/{simulator.file_resource}"
    one, many, of_files = _Single(simulator), _Editor(simulator), _Files(simulator)
    return [
        Route(f"{titles}/editor", many.put, methods=["PUT"]),
        Route(f"{titles}/editor", many.delete, methods=["DELETE"]),
        Route(titles, one.list, methods=["GET"]),
        Route(titles, one.post, methods=["POST"]),
        Route(f"{titles}/{{id:int}}", one.get, methods=["GET"]),
        Route(f"{titles}/{{id:int}}", one.put, methods=["PUT"]),
        Route(f"{titles}/{{id:int}}", one.delete, methods=["DELETE"]),
        Route(f"{files}/bulk", of_files.delete_many, methods=["DELETE"]),
        Route(files, of_files.list, methods=["GET"]),
        Route(f"{files}/{{id:int}}", of_files.get, methods=["GET"]),
        Route(f"{files}/{{id:int}}", of_files.delete, methods=["DELETE"]),
    ]


class _Single:
    """Endpoints about one title, and the list of all."""

    def __init__(self, simulator: ArrSimulator[T]) -> None:
        self._simulator: ArrSimulator[Any] = simulator

    async def list(self, request: Request) -> Response:
        external_id = Query(request.query_params).number(self._simulator.filter_key)
        found = [
            title
            for title in self._simulator.titles.values()
            if external_id is None or self._simulator.matches(title, external_id)
        ]
        return JSONResponse([self._simulator.title_json(title) for title in found])

    async def get(self, request: Request) -> Response:
        title = self._simulator.titles.get(request.path_params["id"])
        if title is None:
            raise not_found_by_id()
        return JSONResponse(self._simulator.title_json(title))

    async def post(self, request: Request) -> Response:
        body = await body_of(request)
        title = self._simulator.create(body)
        self._simulator.titles[title.id] = title
        self._simulator.spawn(self._simulator.after_added(title, body.get("addoptions") or {}))
        return JSONResponse(self._simulator.title_json(title), 201)

    async def put(self, request: Request) -> Response:
        body = await body_of(request)
        title = self._simulator.titles.get(request.path_params["id"])
        if title is None:
            raise self._simulator.unknown_title(request.path_params["id"])
        self._simulator.update(title, body)
        return JSONResponse(self._simulator.title_json(title), 202)

    async def delete(self, request: Request) -> Response:
        query, title_id = Query(request.query_params), request.path_params["id"]
        if title_id <= 0:
            raise Refused(400, {"message": "BadRequest: ID must be greater than zero", "content": ""})
        if title_id not in self._simulator.titles:
            raise self._simulator.unknown_title(title_id)
        await self._simulator.delete_titles(
            [title_id],
            delete_files=query.flag("deleteFiles"),
            add_exclusion=query.flag(self._simulator.exclude_flag),
        )
        return Response(status_code=200)


class _Editor:
    """Endpoints about several titles: all of them exist, or nothing happens."""

    def __init__(self, simulator: ArrSimulator[T]) -> None:
        self._simulator: ArrSimulator[Any] = simulator

    async def put(self, request: Request) -> Response:
        body = await body_of(request)
        ids = self._ids(body)
        for title in (self._simulator.titles[id_] for id_ in ids):
            if isinstance(body.get("monitored"), bool):
                title.monitored = body["monitored"]
        return JSONResponse([self._simulator.title_json(self._simulator.titles[id_]) for id_ in ids], 202)

    async def delete(self, request: Request) -> Response:
        body = await body_of(request)
        await self._simulator.delete_titles(
            self._ids(body),
            delete_files=bool(body.get("deletefiles")),
            add_exclusion=bool(body.get(self._simulator.exclude_flag.lower())),
        )
        return JSONResponse({})

    def _ids(self, body: dict[str, Any]) -> list[int]:
        ids = list(dict.fromkeys(body.get(self._simulator.titles_key.lower()) or []))
        found = [id_ for id_ in ids if id_ in self._simulator.titles]
        if len(found) != len(ids):
            raise rows_missing(len(ids), len(found))
        return found


class _Files:
    """Endpoints about movie files or episode files; they are deleted inside the call."""

    def __init__(self, simulator: ArrSimulator[T]) -> None:
        self._simulator: ArrSimulator[Any] = simulator

    async def list(self, request: Request) -> Response:
        query = Query(request.query_params)
        title_ids, ids = query.numbers(self._simulator.title_key), query.numbers(self._simulator.file_ids_key)
        if not title_ids and not ids:
            raise Refused(400, {"message": f"BadRequest: {self._simulator.title_key} must be provided", "content": ""})
        if title_ids and title_ids[0] not in self._simulator.titles and self._simulator.resource == "series":
            raise said(404, f"Series with ID {title_ids[0]} does not exist")
        found = [f for f in self._present().values() if f.title_id in title_ids or f.id in ids]
        return JSONResponse([self._simulator.media_file_json(file) for file in found])

    async def get(self, request: Request) -> Response:
        file = self._present().get(request.path_params["id"])
        if file is None:
            raise not_found_by_id()
        return JSONResponse(self._simulator.media_file_json(file))

    async def delete(self, request: Request) -> Response:
        file = self._present().get(request.path_params["id"])
        if file is None:
            raise said(404, f"{self._simulator.file_resource} with ID {request.path_params['id']} does not exist")
        await self._delete([file])
        return Response(status_code=200)

    async def delete_many(self, request: Request) -> Response:
        ids = list(dict.fromkeys((await body_of(request)).get(self._simulator.file_ids_key.lower()) or []))
        if not ids:
            raise said(self._simulator.empty_bulk_status, "Sequence contains no elements")
        present = self._present()
        files = [present[id_] for id_ in ids if id_ in present]
        if len(files) != len(ids):
            raise rows_missing(len(ids), len(files))
        await self._delete(files)
        return JSONResponse({})

    def _present(self) -> dict[int, MediaFile]:
        """Rows of a deleted title's files linger for a moment, unseen."""
        return {id_: file for id_, file in self._simulator.files.items() if file.title_id in self._simulator.titles}

    async def _delete(self, files: Sequence[MediaFile]) -> None:
        """Delete one after the other, in the folder of the first one's title, up to one that cannot be deleted."""
        title = self._simulator.titles[files[0].title_id]
        root = title.path.parent
        if not self._simulator.is_reachable(root):
            raise said(409, f"Root folder ({root}) doesn't exist.")
        if not disk.holds_folders(root):
            raise said(409, f"Root folder ({root}) is empty.")
        stuck = next((n for n, file in enumerate(files) if file.id in self._simulator.stuck_files), len(files))
        payloads = [self._simulator.delete_file(file, title.path) for file in files[:stuck]]
        for payload in payloads:
            await self._simulator.connections.send(payload, tags=title.tags)
        if stuck < len(files):
            raise said(500, "Unable to delete file")
