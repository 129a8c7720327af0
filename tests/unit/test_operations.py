"""`docs/operations.md` says what the code does, and the service calls nobody but whom it was told to."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.requests import Request

from benchmarks.__main__ import ALL as BENCHMARKS
from reconciler.clients._http import Http
from reconciler.config import Settings
from reconciler.ledger import LONGEST_SILENCE
from reconciler.model import InstanceName
from reconciler.store.postgres import POOL_SIZE
from reconciler.web import webhooks
from reconciler.web.answers import scheme_of
from reconciler.web.body import DRAIN_LIMIT_BYTES, MIB, BodyLimit
from reconciler.web.deps import WebDeps
from tests.support.pages import ROOT, blocks, prose, read, section

PAGE = "docs/operations.md"
LIMITS = [limit.size for limit in vars(webhooks).values() if isinstance(limit, BodyLimit)]
WORDS = {8: "Eight"}


def values() -> dict[str, Any]:
    """Return the chart's own values."""
    return dict(yaml.safe_load(read("helm/values.yaml")))


@pytest.mark.parametrize(
    "said",
    [
        f"up to {max(LIMITS) // MIB} MiB are read",
        f"thrown away, up to {DRAIN_LIMIT_BYTES // MIB} MiB",
        f"set the proxy's limit to {DRAIN_LIMIT_BYTES // MIB} MiB",
        f"a body may take {WebDeps.body_timeout.total_seconds():.0f} seconds",
        f"to port {Settings().port}:",
        f"goes after {Settings().receipts_days} days (`receipts_days`)",
        f"limit of {values()['resources']['limits']['memory'].replace('Mi', ' MiB')} leaves room",
        f"{WORDS[POOL_SIZE]} connections per process are the most it uses",
        f"a copy older than {LONGEST_SILENCE.total_seconds() / 60:.0f} minutes",
        "upgrade the program, or restore a backup made before the upgrade",
    ],
)
def test_the_numbers_of_the_page_are_those_of_the_code(said: str) -> None:
    assert said in prose(PAGE)


def test_the_proxy_of_the_example_lets_everything_through() -> None:
    (nginx,) = blocks(PAGE, "nginx")
    assert f"client_max_body_size {DRAIN_LIMIT_BYTES // MIB}m;" in nginx
    assert "proxy_set_header Host $http_host;" in nginx
    (path,) = re.findall(r"location (\S+)/ ", nginx)
    assert Settings.model_validate({"root_path": path}).root_path == path
    (caddy,) = blocks(PAGE, "caddyfile")
    assert f" {path}/* " in caddy
    assert f"RECONCILER_ROOT_PATH={path}" in section(PAGE, "Under a path")


def test_the_proxy_of_the_example_tells_how_the_browser_came_as_that_is_believed() -> None:
    (nginx,) = blocks(PAGE, "nginx")
    (header,) = re.findall(r"proxy_set_header (\S+) \$scheme;", nginx)
    for said, scheme in (
        ("https", "https"),
        ("https, http", "https"),
        ("http", "http"),
        ("gopher", "http"),
        ("", "http"),
    ):
        scope = {"type": "http", "scheme": "http", "headers": [(header.lower().encode(), said.encode())]}
        assert scheme_of(Request({**scope, "server": ("127.0.0.1", 8585), "path": "/", "query_string": b""})) == scheme
    believed = section(PAGE, "Under a path").partition("one is believed: ")[2]
    assert believed.startswith(f"`{header}`")


def test_every_file_beside_the_database_is_named_where_it_is_to_be_removed() -> None:
    """SQLite keeps two in WAL mode; the lock file may stay."""
    (restore,) = [block for block in blocks(PAGE, "sh") if block.startswith("rm -f")]
    assert "reconciler.db-wal reconciler.db-shm\n" in restore


def test_the_measurement_of_the_page_can_be_repeated() -> None:
    named = re.findall(r"`make bench ARGS=(\w+)`", read(PAGE))
    assert named
    assert set(named) <= set(BENCHMARKS)


def test_the_files_that_the_offline_installation_takes_exist() -> None:
    for name in re.findall(r"requirements[a-z-]*\.lock", read(PAGE)):
        assert (ROOT / name).is_file()


CLIENTS = {
    "aiohttp", "apprise", "ftplib", "http.client", "httpcore", "httpx", "imaplib", "poplib", "requests", "smtplib",
    "telnetlib", "urllib.request", "urllib3", "websockets", "xmlrpc",
}  # fmt: skip
"""What could call somebody."""


def test_one_file_calls_upstreams_and_one_messengers_and_no_other_brings_in_a_client() -> None:
    callers = {
        path.relative_to(ROOT / "reconciler").as_posix()
        for path in (ROOT / "reconciler").rglob("*.py")
        if "simulators" not in path.parts and any(_is_client(name) for name in imported_by(path))
    }
    assert callers == {"clients/_http.py", "notify/messengers.py"}
    assert "`reconciler/clients/_http.py`" in section(PAGE, "Without internet")


def test_what_sends_messages_is_loaded_only_where_there_is_somebody_to_tell() -> None:
    code = "import sys; import reconciler.main; sys.exit('apprise' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _is_client(name: str) -> bool:
    return any(name == client or name.startswith(f"{client}.") for client in CLIENTS)


def imported_by(path: Path) -> Iterator[str]:
    """Return the modules a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_what_the_environment_says_of_proxies_is_not_looked_at_and_no_redirect_is_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    http = Http(InstanceName("radarr"), "http://radarr:7878")
    assert http._client._mounts == {}
    assert http._client.follow_redirects is False
