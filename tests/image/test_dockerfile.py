"""The recipe of the image, as far as it can be judged by reading: who it runs as, what it holds, how it is asked."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import reconciler
from reconciler.config import load_settings
from tests.image import context
from tests.image.dockerfile import Config, Copy, Run, arguments, instructions, stages

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "Dockerfile").read_text()
BUILD, RUNTIME = stages(TEXT)
CONFIG: Config = RUNTIME.config


def test_both_stages_stand_on_one_slim_base_whose_digest_can_be_given() -> None:
    tag = arguments(TEXT)["PYTHON_TAG"]
    assert re.fullmatch(r"3\.1[1-3]-slim-\w+", tag)
    assert {stage.base for stage in stages(TEXT)} == {f"python:{tag}"}
    digest = f"sha256:{'a' * 64}"
    assert {stage.base for stage in stages(TEXT, {"PYTHON_DIGEST": digest})} == {f"python:{tag}@{digest}"}


def test_the_image_runs_as_a_numeric_user_who_is_not_root() -> None:
    assert CONFIG.user == "10001:10001"
    assert [step for step in RUNTIME.steps if isinstance(step, Run)] == []


def test_nothing_is_run_through_a_shell() -> None:
    assert (CONFIG.entry_point, CONFIG.command) == (("reconciler",), ("serve",))
    assert CONFIG.health_check is not None
    assert CONFIG.health_check.argv[:2] == ("python", "-c")
    assert CONFIG.health_check.options.keys() == {"interval", "timeout", "start-period", "retries"}


def test_everything_installed_is_checked_against_a_hash() -> None:
    installs = [
        command
        for step in BUILD.steps
        if isinstance(step, Run)
        for command in step.argv[-1].split("&&")
        if re.search(r"\bpip\b.*\binstall\b", command)
    ]
    assert len(installs) == 3
    from_outside = [command for command in installs if "--no-index --no-deps /dist/" not in command]
    assert [command for command in from_outside if "--require-hashes --only-binary=:all:" not in command] == []
    assert {command.split()[-1] for command in from_outside} == {"requirements.lock", "requirements-build.lock"}


def test_no_step_is_for_some_builders_only() -> None:
    """No cache mounts, no `--link`: those of plain Docker, BuildKit, Podman and Kaniko differ in them."""
    assert [i for i in instructions(TEXT) if re.search(r"--(mount|link|network|security)\b", i.text)] == []


def test_the_image_holds_no_secret() -> None:
    named = [i.text for i in instructions(TEXT) if i.word in {"ARG", "ENV"}]
    assert [text for text in named if re.search(r"(?i)secret|token|password|api_?key", text)] == []


def test_only_what_is_named_goes_to_the_builder_and_all_of_it_exists() -> None:
    rules = context.rules((ROOT / ".dockerignore").read_text())
    sent = context.sent(ROOT, rules)
    copied = {
        source.removeprefix("./")
        for step in BUILD.steps
        if isinstance(step, Copy) and step.from_stage is None
        for source in step.sources
    }
    assert {path.partition("/")[0] for path in sent} == copied
    assert [path for path in sent if re.search(r"__pycache__|\.pyc$|\.db|\.env", path)] == []


def test_only_the_volume_is_written() -> None:
    assert CONFIG.volumes == ("/data",)
    assert CONFIG.folder == "/data"
    assert CONFIG.environment["HOME"] == "/data"
    assert CONFIG.environment["PYTHONDONTWRITEBYTECODE"] == "1"
    assert Copy(("/data-template",), "/data", "build", (10001, 10001)) in RUNTIME.steps


def test_the_database_can_be_chosen_in_every_way(tmp_path: Path) -> None:
    """Nothing in the image's environment outweighs what people set; without it the database is on the volume."""
    environment = {**CONFIG.environment, "RECONCILER_HOST": "127.0.0.1"}
    assert load_settings(environment).database_url == "sqlite:///reconciler.db"
    file = tmp_path / "config.yaml"
    url = "postgresql://reconciler:secret@postgres/reconciler"
    file.write_text(f"database_url: {url}")
    assert load_settings(environment, file).database_url == url
    (tmp_path / "url").write_text(url)
    named = {**environment, "DATABASE_URL_FILE": str(tmp_path / "url")}
    assert load_settings(named).database_url == url


def test_the_service_listens_where_the_image_says() -> None:
    assert CONFIG.environment["RECONCILER_HOST"] == "0.0.0.0"
    assert (CONFIG.environment["RECONCILER_PORT"],) == CONFIG.ports == ("8585",)
    assert CONFIG.stop_signal == "SIGTERM"


def test_the_labels_say_what_it_is_and_whence_it_came() -> None:
    given = {"REVISION": "abc", "CREATED": "2026-01-02T03:04:05Z", "SOURCE": "https://example.org/reconciler"}
    labels = stages(TEXT, given)[-1].config.labels
    assert {name.removeprefix("org.opencontainers.image."): value for name, value in labels.items()} == {
        "title": "deletion-reconciler",
        "description": labels["org.opencontainers.image.description"],
        "licenses": "MIT",
        "version": reconciler.__version__,
        "revision": "abc",
        "created": "2026-01-02T03:04:05Z",
        "source": "https://example.org/reconciler",
    }


@contextmanager
def answering(status: int) -> Iterator[int]:
    """Serve `/livez` with `status` on a free port of loopback; everything else is 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/livez" else 404)
            self.end_headers()

        def log_message(self, *_words: object, **_named: object) -> None:
            """Stay quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_believes_the_service_and_asks_no_proxy(status: int, healthy: bool) -> None:
    assert CONFIG.health_check is not None
    with answering(status) as port:
        command = [sys.executable, *CONFIG.health_check.argv[1:]]
        variables = {"RECONCILER_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
        done = subprocess.run(command, env=variables, capture_output=True, check=False, timeout=60)
    assert (done.returncode == 0) is healthy
