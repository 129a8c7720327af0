"""The image, as far as it can be judged without an engine: who it runs as, what it holds, and how it is asked."""

import json
import os
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

ROOT = Path(__file__).resolve().parents[2]

Instruction = tuple[str, str]


def instructions() -> list[Instruction]:
    """Return every instruction with its arguments, continued lines joined, comments left out."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    text = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines()) if word]


def stages() -> list[list[Instruction]]:
    found: list[list[Instruction]] = [[]]
    for instruction in instructions():
        if instruction[0] == "FROM":
            found.append([])
        found[-1].append(instruction)
    return found[1:]


def final(word: str) -> list[str]:
    return [arguments for name, arguments in stages()[-1] if name == word]


def environment() -> dict[str, str]:
    return dict(pair.partition("=")[::2] for arguments in final("ENV") for pair in arguments.split())


def health_check() -> list[str]:
    (arguments,) = final("HEALTHCHECK")
    command: list[str] = json.loads(arguments.partition("CMD ")[2])
    return command


def test_both_stages_stand_on_one_slim_base_whose_digest_can_be_given() -> None:
    bases = {arguments.rpartition(" AS ")[0] for stage in stages() for word, arguments in stage if word == "FROM"}
    assert bases == {"python:${PYTHON_TAG}${PYTHON_DIGEST:+@${PYTHON_DIGEST}}"}
    assert len(stages()) == 2
    arguments = dict(rest.partition("=")[::2] for word, rest in instructions() if word == "ARG")
    assert re.fullmatch(r"3\.1[1-3]-slim-\w+", arguments["PYTHON_TAG"])
    assert "PYTHON_DIGEST" in arguments


def test_the_image_runs_as_a_numeric_user_who_is_not_root() -> None:
    assert final("USER") == ["10001:10001"]
    words = [word for word, _ in stages()[-1]]
    assert "RUN" not in words[words.index("USER") :]


def test_nothing_is_run_through_a_shell() -> None:
    assert [json.loads(arguments) for arguments in final("ENTRYPOINT")] == [["reconciler"]]
    assert [json.loads(arguments) for arguments in final("CMD")] == [["serve"]]
    assert health_check()[:2] == ["python", "-c"]


def test_everything_installed_is_checked_against_a_hash() -> None:
    installs = [
        step
        for word, arguments in instructions()
        if word == "RUN"
        for step in arguments.split("&&")
        if re.search(r"\bpip\b.*\binstall\b", step)
    ]
    assert len(installs) == 3
    from_outside = [step for step in installs if "--no-index --no-deps /dist/" not in step]
    assert [step for step in from_outside if "--require-hashes --only-binary=:all:" not in step] == []
    assert {step.split()[-1] for step in from_outside} == {"requirements.lock", "requirements-build.lock"}


def test_the_image_holds_no_secret() -> None:
    named = [arguments for word, arguments in instructions() if word in {"ARG", "ENV"}]
    assert [text for text in named if re.search(r"(?i)secret|token|password|api_?key", text)] == []


def test_only_what_is_named_goes_to_the_builder_and_all_of_it_exists() -> None:
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in ignore if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {line[1:] for line in rules if line.startswith("!")}
    copied = {
        source.removeprefix("./")
        for word, arguments in instructions()
        if word == "COPY" and "--from" not in arguments
        for source in arguments.split()[:-1]
    }
    assert copied == allowed
    assert [path for path in copied if not (ROOT / path).exists()] == []


def test_only_the_volume_is_written() -> None:
    assert final("VOLUME") == ['["/data"]']
    assert final("WORKDIR") == ["/data"]
    assert environment()["DATABASE_URL"] == "sqlite:////data/reconciler.db"
    assert environment()["HOME"] == "/data"
    assert environment()["PYTHONDONTWRITEBYTECODE"] == "1"
    assert "--from=build --chown=10001:10001 /data-template /data" in final("COPY")


def test_the_service_listens_where_the_image_says() -> None:
    assert environment()["RECONCILER_HOST"] == "0.0.0.0"
    assert [environment()["RECONCILER_PORT"]] == final("EXPOSE") == ["8585"]
    assert final("STOPSIGNAL") == ["SIGTERM"]


def test_the_labels_say_what_it_is() -> None:
    (labels,) = final("LABEL")
    for name in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{name}=" in labels
    assert f"VERSION={reconciler.__version__}" in final("ARG")


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


def ask(port: int) -> int:
    """Run the image's health check against `port`, with a proxy set that must not be asked."""
    command = [sys.executable, *health_check()[1:]]
    variables = {**os.environ, "RECONCILER_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
    return subprocess.run(command, env=variables, capture_output=True, check=False, timeout=20).returncode


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_believes_the_service(status: int, healthy: bool) -> None:
    with answering(status) as port:
        assert (ask(port) == 0) is healthy


def test_the_health_check_notices_that_nobody_listens() -> None:
    with answering(200) as port:
        pass
    assert ask(port) != 0
