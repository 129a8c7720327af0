"""A folder on HTTP: a web seed that torrents are downloaded from, or a place that `.torrent` files are fetched from."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles


def web_seed(folder: Path) -> Starlette:
    """Return the application that shows `folder`; it answers ranges, which libtorrent insists on."""
    return Starlette(routes=[Mount("/", StaticFiles(directory=folder))])
