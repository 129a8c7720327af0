"""Renders the chart with Helm's own engine, and finds things in what came out."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import helm_python
import yaml

CHART = Path(__file__).resolve().parents[2] / "helm"
RELEASE = "media"
NAMESPACE = "tv"
NAME = f"{RELEASE}-deletion-reconciler"

Values = Mapping[str, object]
Manifest = dict[str, Any]

AUTH: Values = {"webhookSecret": "webhook-secret-0123456789", "apiToken": "api-token-0123456789"}
RADARR: Values = {"url": "http://radarr:7878", "apiKey": "radarr-key-0123456789"}

ONE_UPSTREAM: Values = {"radarr": RADARR, "auth": AUTH}
EVERY_UPSTREAM: Values = {
    "qbittorrent": {"url": "http://qbittorrent:8080", "username": "admin-name", "password": "pass: word, #1"},
    "radarr": RADARR,
    "sonarr": {"url": "https://tv.example/sonarr", "apiKey": "sonarr-key-0123456789"},
    "jellyseerr": {"url": "http://jellyseerr:5055", "apiKey": "jellyseerr-key-0123456789"},
    "jellyfin": {"url": "http://jellyfin:8096", "apiKey": "jellyfin-key-0123456789"},
    "auth": AUTH,
}
OWN_SECRET: Values = {
    "qbittorrent": {"url": "http://qbittorrent:8080"},
    "radarr": {"url": "http://radarr:7878"},
    "existingSecret": "reconciler-keys",
}
EVERYTHING_SET: Values = {
    **EVERY_UPSTREAM,
    "nameOverride": "eraser",
    "image": {"repository": "registry.example/reconciler", "digest": f"sha256:{'ab' * 32}", "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "registry"}],
    "existingSecret": "reconciler-keys",
    "config": {"mode": "observe", "port": 9000, "radarr": {"name": "radarr"}, "protect_labels": ["keep", "no: never"]},
    "persistence": {"storageClass": "fast", "accessModes": ["ReadWriteOncePod"], "size": "512Mi"},
    "service": {"type": "NodePort", "port": 80, "annotations": {"example.org/team": "tv"}},
    "serviceAccount": {"name": "tv-reconciler", "annotations": {"example.org/team": "tv"}},
    "resources": {"limits": {"memory": "1Gi", "cpu": "1"}},
    "podAnnotations": {"example.org/scrape": "true"},
    "podLabels": {"team": "tv"},
    "nodeSelector": {"kubernetes.io/arch": "arm64"},
    "tolerations": [{"key": "media", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}]
            }
        }
    },
    "priorityClassName": "low",
}
OWN_CLAIM: Values = {
    **ONE_UPSTREAM,
    "fullnameOverride": "reconciler",
    "persistence": {"existingClaim": "old-log"},
    "serviceAccount": {"create": False},
    "replicas": 0,
}

SEVERAL_INSTANCES: Values = {
    **OWN_SECRET,
    "config": {
        "radarr": [
            {"instance_name": "Radarr"},
            {
                "name": "radarr-4k",
                "url": "http://radarr-4k:7878",
                "api_key_file": "/run/secrets/reconciler/UHD_RADARR_KEY",
                "is_4k": True,
            },
        ],
        "qbittorrent": [
            {"download_clients": ["Main"]},
            {
                "name": "seedbox",
                "url": "http://seedbox:8080",
                "username": "me",
                "password_file": "/run/secrets/reconciler/SEEDBOX_PASSWORD",
            },
        ],
    },
}

GOOD_VALUES: Mapping[str, Values] = {
    "one upstream": ONE_UPSTREAM,
    "every upstream": EVERY_UPSTREAM,
    "own secret": OWN_SECRET,
    "everything set": EVERYTHING_SET,
    "own claim": OWN_CLAIM,
    "several instances": SEVERAL_INSTANCES,
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one set of values renders to."""

    manifests: tuple[Manifest, ...]
    notes: str

    def one(self, kind: str) -> Manifest:
        (manifest,) = self.all(kind)
        return manifest

    def all(self, kind: str) -> list[Manifest]:
        return [manifest for manifest in self.manifests if manifest["kind"] == kind]

    @property
    def pod(self) -> Manifest:
        return cast("Manifest", self.one("Deployment")["spec"]["template"])

    @property
    def container(self) -> Manifest:
        (container,) = self.pod["spec"]["containers"]
        return cast("Manifest", container)

    @property
    def configuration(self) -> dict[str, Any]:
        """The YAML file the pod reads."""
        return cast("dict[str, Any]", yaml.safe_load(self.one("ConfigMap")["data"]["config.yaml"]))

    @property
    def secrets(self) -> dict[str, str]:
        """What the release's own Secret holds, decoded."""
        return {
            name: base64.b64decode(value).decode()
            for secret in self.all("Secret")
            for name, value in secret["data"].items()
        }

    @property
    def plain_environment(self) -> dict[str, str]:
        """The variables written in the Deployment itself."""
        return {variable["name"]: variable["value"] for variable in self.container["env"]}


def render(values: Values) -> Rendered:
    """Render the chart; raises `helm_python.HelmError` for values it refuses."""
    with helm_python.Chart.load(CHART) as chart:
        files = chart.render(dict(values), name=RELEASE, namespace=NAMESPACE)
    manifests = [
        manifest
        for path, text in sorted(files.items())
        if path.endswith(".yaml")
        for manifest in yaml.safe_load_all(text)
        if manifest
    ]
    (notes,) = (text for path, text in files.items() if path.endswith("NOTES.txt"))
    return Rendered(tuple(manifests), notes)
