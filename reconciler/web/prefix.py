"""Under which path the service is reached: behind a reverse proxy, with or without its prefix."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Prefix:
    """ASGI middleware: takes requests with `root_path` in front and without, and makes both the same.

    Some proxies hand the prefix on and some strip it, and probes come straight to the port without any. Afterwards
    `path` begins with `root_path`, as ASGI wants it: routes match what follows, and links are made with it. uvicorn's
    own setting of that name would put the prefix in front of every path, also where it is there already.
    """

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self._app = app
        self._root_path = root_path.rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        root = self._root_path
        if scope["type"] == "http" and root:
            path = scope["path"]
            if path == root:
                path = f"{root}/"
            scope = {**scope, "root_path": root, "path": path if path.startswith(f"{root}/") else root + path}
        await self._app(scope, receive, send)
