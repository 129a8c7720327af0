"""Renders the chart with Helm's own engine, and finds things in what came out."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
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

AUTH = {"webhookSecret": "webhook-secret-0123456789", "apiToken": "api-token-0123456789"}
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
POSTGRES_URL = "postgresql://reconciler:p%40ss-word@database:5432/deletions?sslmode=require"
POSTGRES: Values = {**ONE_UPSTREAM, "database": {"url": POSTGRES_URL}}
OWN_POSTGRES: Values = {**OWN_SECRET, "database": {"existingSecret": "deletions-app"}}
THREE_REPLICAS: Values = {**OWN_POSTGRES, "replicas": 3}
INGRESS_TLS = [{"secretName": "reconciler-tls", "hosts": ["reconciler.example.org", "other.example.org"]}]
INGRESS: Values = {
    **EVERY_UPSTREAM,
    "ingress": {
        "enabled": True,
        "className": "traefik",
        "annotations": {"example.org/auth": "yes"},
        "hosts": ["reconciler.example.org", "other.example.org"],
        "tls": INGRESS_TLS,
    },
}
UPSTREAM_PEERS: list[Values] = [
    {"to": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "radarr"}}}], "ports": [7878]},
    {"to": [{"ipBlock": {"cidr": "192.168.1.20/32"}}], "ports": [8080, 8989]},
]
SENDER_PEERS: list[Values] = [
    {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "jellyseerr"}}},
    {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}},
]
DATABASE_PEERS: list[Values] = [
    {"to": [{"podSelector": {"matchLabels": {"cnpg.io/cluster": "deletions"}}}], "ports": [5432]}
]
CLOSED_NETWORK: Values = {
    **ONE_UPSTREAM,
    "networkPolicy": {"enabled": True, "ingress": {"from": SENDER_PEERS}, "egress": {"upstreams": UPSTREAM_PEERS}},
}
WATCHED: Values = {
    **ONE_UPSTREAM,
    "serviceMonitor": {"enabled": True, "interval": "1m", "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "grafanaDashboard": {"enabled": True},
}
EVERYTHING_SET: Values = {
    **EVERY_UPSTREAM,
    "nameOverride": "eraser",
    "image": {"repository": "registry.example/reconciler", "digest": f"sha256:{'ab' * 32}", "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "registry"}],
    "replicas": 3,
    "database": {"url": POSTGRES_URL},
    "existingSecret": "reconciler-keys",
    "config": {
        "mode": "observe",
        "port": 9000,
        "shutdown_seconds": 45,
        "radarr": {"name": "radarr"},
        "protect_labels": ["keep", "no: never"],
    },
    "service": {"type": "NodePort", "port": 80, "annotations": {"example.org/team": "tv"}},
    "ingress": INGRESS["ingress"],
    "networkPolicy": {
        "enabled": True,
        "ingress": {"from": SENDER_PEERS},
        "egress": {"upstreams": UPSTREAM_PEERS, "database": DATABASE_PEERS},
    },
    "serviceMonitor": WATCHED["serviceMonitor"],
    "prometheusRule": {
        "enabled": True,
        "stuckFor": "2d",
        "webhookSilentFor": 0,
        "selector": 'job="erasers"',
        "runbookUrl": "https://wiki.example/alerts",
    },
    "grafanaDashboard": {"enabled": True, "labels": {"dashboards": "mine"}, "annotations": {"folder": "Media"}},
    "podDisruptionBudget": {"maxUnavailable": "50%"},
    "serviceAccount": {"name": "tv-reconciler", "annotations": {"example.org/team": "tv"}},
    "resources": {"limits": {"memory": "1Gi", "cpu": "1"}},
    "podSecurityContext": {"runAsUser": 2000, "runAsGroup": None, "fsGroup": 2000, "supplementalGroups": [3000]},
    "startupSeconds": 1800,
    "extraEnv": [{"name": "SSL_CERT_FILE", "value": "/etc/own/ca.pem"}],
    "extraEnvFrom": [{"secretRef": {"name": "more-keys"}}],
    "extraVolumes": [{"name": "own", "configMap": {"name": "own-ca"}}],
    "extraVolumeMounts": [{"name": "own", "mountPath": "/etc/own", "readOnly": True}],
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
    "topologySpreadConstraints": [
        {
            "maxSkew": 2,
            "topologyKey": "example.org/rack",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "eraser"}},
        }
    ],
    "priorityClassName": "low",
}
OWN_VOLUME: Values = {
    **EVERY_UPSTREAM,
    "persistence": {"storageClass": "fast", "accessModes": ["ReadWriteOncePod"], "size": "512Mi"},
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
    "PostgreSQL": POSTGRES,
    "PostgreSQL of an own secret": OWN_POSTGRES,
    "three replicas": THREE_REPLICAS,
    "ingress": INGRESS,
    "closed network": CLOSED_NETWORK,
    "watched": WATCHED,
    "everything set": EVERYTHING_SET,
    "own volume": OWN_VOLUME,
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
    def workload(self) -> Manifest:
        """What runs the service: a StatefulSet with SQLite, a Deployment with PostgreSQL."""
        (manifest,) = self.all("Deployment") + self.all("StatefulSet")
        return manifest

    @property
    def pod(self) -> Manifest:
        return cast("Manifest", self.workload["spec"]["template"])

    @property
    def container(self) -> Manifest:
        (container,) = self.pod["spec"]["containers"]
        return cast("Manifest", container)

    @property
    def configuration(self) -> dict[str, Any]:
        """The YAML file the pod reads."""
        return cast("dict[str, Any]", yaml.safe_load(self.config_map["config.yaml"]))

    @property
    def config_map(self) -> dict[str, str]:
        """What is mounted in /etc/reconciler."""
        (mounted,) = [v["configMap"]["name"] for v in self.pod["spec"]["volumes"] if v["name"] == "config"]
        (found,) = [m for m in self.all("ConfigMap") if m["metadata"]["name"] == mounted]
        return cast("dict[str, str]", found["data"])

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
        """The variables that stand in the manifest of the pod itself."""
        return {variable["name"]: variable["value"] for variable in self.container["env"] if "value" in variable}


def render(values: Values, folder: Path = CHART) -> Rendered:
    """Render the chart, each values once; raises `helm_python.HelmError` for values it refuses."""
    return _rendered(json.dumps(values), folder)


@cache
def _rendered(values: str, folder: Path) -> Rendered:
    with helm_python.Chart.load(folder) as chart:
        files = chart.render(json.loads(values), name=RELEASE, namespace=NAMESPACE)
    manifests = [
        manifest
        for path, text in sorted(files.items())
        if path.endswith(".yaml")
        for manifest in yaml.safe_load_all(text)
        if manifest
    ]
    (notes,) = (text for path, text in files.items() if path.endswith("NOTES.txt"))
    return Rendered(tuple(manifests), notes)
