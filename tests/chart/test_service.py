"""The service itself starts from what the chart renders, and answers as the notes say."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from reconciler.simulators.service_process import free_port
from tests.chart.kubelet import Pod, running
from tests.chart.rendering import AUTH, CHART, ONE_UPSTREAM, render
from tests.support.postgres import PostgresServer

NOWHERE = "http://127.0.0.1:9"
"""An address where nothing answers, so that nothing leaves this machine."""
FIXTURES = CHART.parent / "tests" / "fixtures" / "webhooks"


def ask(pod: Pod, path: str, secret: str = "") -> httpx.Response:
    return httpx.get(pod.url + path, headers=header(secret), trust_env=False, timeout=30)


def send(pod: Pod, path: str, secret: str) -> httpx.Response:
    body = (FIXTURES / "radarr-test.json").read_text()
    return httpx.post(pod.url + path, content=body, headers=header(secret), trust_env=False, timeout=30)


def header(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"} if secret else {}


def status_of(pod: Pod, webhook_secret: str, api_token: str) -> dict[str, Any]:
    """Wait until the pod is ready as `helm test` does, do what the notes say, and return the status."""
    tested = pod.run_helm_test()
    assert tested.returncode == 0, tested.stdout + pod.log.read_text()
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert ask(pod, pod.rendered.container[probe]["httpGet"]["path"]).status_code == 200
    assert "reconciler_deletions{" in ask(pod, "/metrics").text
    assert send(pod, "/webhooks/radarr", webhook_secret).is_success
    assert send(pod, "/webhooks/radarr", api_token).status_code == 401
    assert ask(pod, "/status").status_code == 401
    answer = ask(pod, "/status", api_token)
    assert answer.status_code == 200, answer.text
    status: dict[str, Any] = answer.json()
    return status


def configured(status: dict[str, Any]) -> set[str]:
    return {upstream["name"] for upstream in status["upstreams"] if upstream["configured"]}


def test_the_service_starts_from_the_values_alone_with_sqlite(tmp_path: Path) -> None:
    port = free_port()
    rendered = render(
        {
            "radarr": {"url": NOWHERE, "apiKey": "radarr-key-0123456789"},
            "qbittorrent": {"url": NOWHERE, "username": "admin", "password": "pass: word, #1"},
            "auth": AUTH,
            "config": {"port": port, "mode": "observe", "grace": {"api": 60}, "breaker_bytes": "1.5 TiB"},
        }
    )
    with running(rendered, tmp_path) as pod:
        status = status_of(pod, AUTH["webhookSecret"], AUTH["apiToken"])
        assert status["mode"] == "observe"
        assert configured(status) == {"radarr", "qbittorrent"}
        shown = pod.execute("status")
        assert status["mode"] in shown.stdout, shown.stderr
        assert (tmp_path / "data" / "reconciler.db").exists()
        words = pod.log.read_text() + shown.stdout
        assert [secret for secret in (*AUTH.values(), "radarr-key-0123456789") if secret in words] == []


def test_the_service_starts_from_own_secrets_with_postgresql(tmp_path: Path, postgres_server: PostgresServer) -> None:
    """As CloudNativePG writes the address, and with a second Radarr, whose key is a file."""
    database = asyncio.run(postgres_server.create_database())
    secrets = {
        "reconciler-keys": {
            "RADARR_API_KEY": "first-key",
            "UHD_RADARR_KEY": "second-key",
            "RECONCILER_WEBHOOK_SECRET": "own-webhook-secret-0123",
            "RECONCILER_API_TOKEN": "own-api-token-0123456",
        },
        "deletions-app": {
            "uri": f"postgresql://postgres:unused@127.0.0.1:{postgres_server.port}/{database}",
            "username": "postgres",
        },
    }
    further = {"name": "radarr-4k", "url": NOWHERE, "api_key_file": "/run/secrets/reconciler/UHD_RADARR_KEY"}
    rendered = render(
        {
            "radarr": {"url": NOWHERE},
            "existingSecret": "reconciler-keys",
            "database": {"existingSecret": "deletions-app"},
            "replicas": 3,
            "config": {"port": free_port(), "radarr": [{"name": "radarr"}, further]},
        }
    )
    with running(rendered, tmp_path, secrets) as pod:
        status = status_of(pod, "own-webhook-secret-0123", "own-api-token-0123456")
        assert configured(status) == {"radarr", "radarr-4k"}
        (row,) = asyncio.run(postgres_server.run("SELECT count(*) AS rows FROM leases", database))
        assert row["rows"] == 1
        assert list((tmp_path / "data").iterdir()) == [], "nothing is kept in the pod"


def test_helm_test_says_what_is_wrong(tmp_path: Path) -> None:
    rendered = render({**ONE_UPSTREAM, "config": {"port": free_port()}})
    pod = Pod(rendered, {"RECONCILER_PORT": str(rendered.configuration["port"])}, {}, tmp_path / "log")
    tested = pod.run_helm_test("1")
    assert tested.returncode == 1
    assert "does not answer ([Errno 111] Connection refused)" in tested.stdout
    assert "does a NetworkPolicy let this pod through?" in tested.stdout
