"""The example for Compose is one that Compose takes, gives least rights, and starts the service as it stands there."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from reconciler.config import SETTINGS_REFERENCE, Mode, load_settings
from reconciler.model import UpstreamKind
from reconciler.simulators.service_process import ServiceProcess
from tests.image.dockerfile import stages
from tests.support.pages import ROOT, read
from tests.support.postgres import PostgresServer

PATH = "docs/examples/compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / PATH).read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = SERVICES["reconciler"]
IMAGE = stages((ROOT / "Dockerfile").read_text())[-1].config
every_service = pytest.mark.parametrize("name", SERVICES)


def schema() -> Draft202012Validator:
    """Return the schema of the Compose specification, as check-jsonschema ships it."""
    vendored = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    return Draft202012Validator(json.loads(vendored.read_text()))


def test_it_is_what_the_specification_says() -> None:
    assert [error.message for error in schema().iter_errors(COMPOSE)] == []
    broken = {**COMPOSE, "services": {"reconciler": {**OURS, "read_only": [1], "cap_dorp": ["ALL"]}}}
    assert len(list(schema().iter_errors(broken))) > 0, "the schema accepts everything"


def test_it_has_everything_that_belongs_together() -> None:
    assert set(SERVICES) == {"reconciler", "postgres", "jellyseerr", "radarr", "sonarr", "qbittorrent"}
    assert PATH in read("README.md")


@every_service
def test_every_image_is_one_version(name: str) -> None:
    assert re.fullmatch(r"[a-z]+(/[a-z]+)?[a-z-]*:\d+(\.\d+)+(-[a-z]+)?", SERVICES[name]["image"])


@every_service
def test_everything_is_watched_starts_again_and_listens_to_this_machine_only(name: str) -> None:
    service = SERVICES[name]
    if name == "reconciler":
        assert IMAGE.health_check is not None
        assert "healthcheck" not in service, "the image's own is the better one"
    else:
        assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    published = [str(port) for port in service.get("ports", [])]
    outside = {port for port in published if not port.startswith("127.0.0.1:")}
    assert outside == ({"6881:6881", "6881:6881/udp"} if name == "qbittorrent" else set())


@pytest.mark.parametrize("name", ["reconciler", "postgres"])
def test_what_holds_the_evidence_has_least_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert "privileged" not in service
    assert not {"cap_add", "devices", "network_mode", "pid"} & service.keys()


def test_it_runs_as_the_images_user_and_its_volumes_are_covered() -> None:
    assert OURS["user"] == IMAGE.user
    assert set(IMAGE.volumes) <= set(OURS["tmpfs"])
    assert [port.rpartition(":")[2] for port in OURS["ports"]] == list(IMAGE.ports)


def test_it_waits_for_the_database_which_nobody_else_reaches() -> None:
    assert OURS["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert COMPOSE["networks"]["database"] == {"internal": True}
    assert [name for name, service in SERVICES.items() if "database" in service["networks"]] == [
        "reconciler",
        "postgres",
    ]
    assert "ports" not in SERVICES["postgres"]


def test_every_secret_is_a_file_and_every_file_is_used() -> None:
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])
    assert {name: one["file"] for name, one in COMPOSE["secrets"].items()} == {n: f"./secrets/{n}" for n in used}
    for service in SERVICES.values():
        variables: dict[str, str] = service.get("environment", {})
        named = [value for name, value in variables.items() if name.endswith("_FILE")]
        assert sorted(named) == sorted(f"/run/secrets/{secret}" for secret in service.get("secrets", []))
        assert [n for n in variables if re.search(r"(SECRET|TOKEN|PASSWORD|API_KEY)$", n)] == []


def test_the_text_says_how_to_make_every_secret() -> None:
    head = (ROOT / PATH).read_text().partition("\nname:")[0]
    assert [name for name in COMPOSE["secrets"] if not re.search(rf"\b{name}\b", head)] == []


def test_every_variable_is_a_setting() -> None:
    known = {one.env for one in SETTINGS_REFERENCE if one.env}
    hidden = {f"{one.env}_FILE" for one in SETTINGS_REFERENCE if one.env and one.secret}
    assert OURS["environment"].keys() - known - hidden == set()
    assert all(isinstance(value, str) for value in OURS["environment"].values())


def with_secrets(folder: Path, url: str) -> dict[str, str]:
    """Return what the container would have around it, with the secrets in `folder`."""
    for name in OURS["secrets"]:
        (folder / name).write_text(url if name == "database_url" else "a-secret-of-this-test")
    variables = {**IMAGE.environment, **OURS["environment"]}
    del variables["PATH"], variables["HOME"]
    return {name: value.replace("/run/secrets", str(folder)) for name, value in variables.items()}


async def test_the_service_starts_and_stops_with_exactly_these_variables(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    url = postgres_server.url(await postgres_server.create_database())
    environment = with_secrets(tmp_path, url)
    settings = load_settings(environment)
    assert settings.database_url == url
    assert settings.mode is Mode.OBSERVE
    assert {kind: len(getattr(settings, kind.value)) for kind in UpstreamKind} == {
        kind: int(kind.value in SERVICES) for kind in UpstreamKind
    }
    process = ServiceProcess({**environment, "RECONCILER_HOST": "127.0.0.1"}, tmp_path / "log")
    async with process:
        assert await process.stop() == 0, process.tail()
