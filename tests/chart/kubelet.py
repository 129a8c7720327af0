"""Starts a rendered pod on this machine, as a node would: its files, its environment and its command, and no others."""

import base64
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chart.rendering import CHART, Manifest, Rendered

STOP_SECONDS = 30.0
Secrets = Mapping[str, Mapping[str, str]]
"""The Secrets of the cluster, decoded."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A running pod of the service."""

    rendered: Rendered
    environment: Mapping[str, str]
    folders: Mapping[str, Path]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environment['RECONCILER_PORT']}"

    def execute(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run the program in the pod, as `kubectl exec` does."""
        return subprocess.run(
            [*_entrypoint(), *command],
            env=self.environment,
            cwd=self.folders["/data"],
            capture_output=True,
            text=True,
            check=False,
        )

    def run_helm_test(self, *more: str) -> "subprocess.CompletedProcess[str]":
        """Run what the pod of `helm test` runs; `more` are further arguments of its script."""
        (container,) = self.rendered.one("Pod")["spec"]["containers"]
        assert container["command"][0] == "python"
        *script, address = container["args"]
        service = self.rendered.one("Service")
        name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
        assert address == f"http://{name}.{namespace}.svc:{service['spec']['ports'][0]['port']}"
        return subprocess.run(
            [sys.executable, *container["command"][1:], *script, self.url, *more],
            env=image_environment(),
            capture_output=True,
            text=True,
            check=False,
        )


@contextmanager
def running(rendered: Rendered, folder: Path, secrets: Secrets | None = None) -> Iterator[Pod]:
    """Start the pod's container and stop it in the end; it must then end in good order.

    `secrets` are those that are no part of the release.
    """
    known = {
        secret["metadata"]["name"]: {k: base64.b64decode(v).decode() for k, v in secret["data"].items()}
        for secret in rendered.all("Secret")
    } | {name: dict(data) for name, data in (secrets or {}).items()}
    folders = _mounted(rendered, folder, known)
    environment = {
        name: _moved(value, folders) for name, value in {**image_environment(), **_variables(rendered, known)}.items()
    }
    pod = Pod(rendered, environment, folders, folder / "log")
    with pod.log.open("wb") as log:
        process = subprocess.Popen(
            [*_entrypoint(), *rendered.container["args"]],
            env=environment,
            cwd=folders["/data"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield pod
        process.send_signal(signal.SIGTERM)
        code = process.wait(STOP_SECONDS)
    finally:
        process.kill()
        process.wait()
    assert code == 0, pod.log.read_text()


def image_environment() -> dict[str, str]:
    """Return the variables that the image sets, and what an interpreter of this machine needs to be found."""
    dockerfile = (CHART.parent / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    (block,) = re.findall(r"^ENV ((?:.*\\\n)*.*)$", dockerfile, flags=re.MULTILINE)
    written = dict(word.split("=", 1) for word in shlex.split(block.replace("\\\n", " ")))
    return written | {"PATH": os.environ["PATH"]}


def _entrypoint() -> list[str]:
    assert 'ENTRYPOINT ["reconciler"]' in (CHART.parent / "Dockerfile").read_text()
    return [sys.executable, "-m", "reconciler"]


def _variables(rendered: Rendered, secrets: Secrets) -> dict[str, str]:
    """Return the environment: of two sources with one name the later wins, and `env` wins over `envFrom`."""
    found: dict[str, str] = {}
    for source in rendered.container.get("envFrom", []):
        found |= secrets[source["secretRef"]["name"]]
    for variable in rendered.container["env"]:
        found[variable["name"]] = variable["value"] if "value" in variable else _referred(variable, secrets)
    return found


def _referred(variable: Manifest, secrets: Secrets) -> str:
    reference = variable["valueFrom"]["secretKeyRef"]
    return secrets[reference["name"]][reference["key"]]


def _mounted(rendered: Rendered, folder: Path, secrets: Secrets) -> dict[str, Path]:
    """Fill a folder for every mounted volume, and return them by the path they are mounted at; /data is the image's."""
    volumes = {volume["name"]: volume for volume in rendered.pod["spec"]["volumes"]}
    folders = {"/data": folder / "data"}
    for mount in rendered.container["volumeMounts"]:
        folders[mount["mountPath"]] = folder / mount["name"]
    for path in folders.values():
        path.mkdir(exist_ok=True)
    for mount in rendered.container["volumeMounts"]:
        for name, text in _content(volumes[mount["name"]], rendered, secrets).items():
            (folder / mount["name"] / name).write_text(_moved(text, folders))
    return folders


def _content(volume: dict[str, Any], rendered: Rendered, secrets: Secrets) -> Mapping[str, str]:
    if "configMap" in volume:
        return rendered.config_map
    return secrets[volume["secret"]["secretName"]] if "secret" in volume else {}


def _moved(text: str, folders: Mapping[str, Path]) -> str:
    """Return a text in which the paths of the container are those of this machine."""
    paths = "|".join(map(re.escape, folders))
    return re.sub(rf"({paths})(?=[/\s]|$)", lambda found: str(folders[found[1]]), text)
