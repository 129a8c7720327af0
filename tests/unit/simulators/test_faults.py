"""Trouble on command can be limited to some requests."""

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from reconciler.simulators.faults import Faults


async def fine(_request: Request) -> Response:
    return PlainTextResponse("fine")


async def test_a_fault_concerns_only_the_paths_and_the_method_it_is_limited_to() -> None:
    faults = Faults(Starlette(routes=[Route("/{path:path}", fine, methods=["GET", "DELETE"])]))
    faults.only, faults.method = "/movie/", "DELETE"
    faults.fail_next(100, 503)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(faults), base_url="http://test") as http:
        assert (await http.delete("/movie/1")).status_code == 503
        assert (await http.get("/movie/1")).status_code == 200
        assert (await http.delete("/series/1")).status_code == 200
        faults.heal()
        assert faults.method == ""
        assert (await http.delete("/movie/1")).status_code == 200
