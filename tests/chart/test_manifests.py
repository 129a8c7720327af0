"""What the chart renders: valid for Kubernetes, hardened, and with every secret in a Secret."""

import json
import re

import helm_python
import kubernetes_validate
import pytest

from tests.chart.rendering import (
    CHART,
    EVERY_UPSTREAM,
    EVERYTHING_SET,
    GOOD_VALUES,
    NAME,
    NAMESPACE,
    ONE_UPSTREAM,
    OWN_CLAIM,
    OWN_SECRET,
    SEVERAL_INSTANCES,
    Rendered,
    Values,
    render,
)

OLDEST_KUBERNETES = "1.25"  # Chart.yaml's kubeVersion
NEWEST_KUBERNETES = kubernetes_validate.latest_version()
SECRET_VALUES = (
    "pass: word, #1",
    "admin-name",
    "radarr-key-0123456789",
    "sonarr-key-0123456789",
    "jellyseerr-key-0123456789",
    "jellyfin-key-0123456789",
    "webhook-secret-0123456789",
    "api-token-0123456789",
)

every_good_value = pytest.mark.parametrize("values", GOOD_VALUES.values(), ids=GOOD_VALUES.keys())


@every_good_value
def test_the_chart_lints_without_a_warning(values: Values) -> None:
    report = helm_python.lint(CHART, dict(values), strict=True)
    assert report["errors"] == []
    assert [message for message in report["messages"] if message["severity"] > 1] == []


@every_good_value
@pytest.mark.parametrize("version", [OLDEST_KUBERNETES, NEWEST_KUBERNETES])
def test_every_manifest_is_one_that_kubernetes_accepts(values: Values, version: str) -> None:
    rendered = render(values)
    assert rendered.all("Deployment")
    for manifest in rendered.manifests:
        kubernetes_validate.validate(manifest, version, strict=True)


@every_good_value
def test_every_object_lies_in_the_namespace_of_the_release_and_carries_its_labels(values: Values) -> None:
    for manifest in render(values).manifests:
        assert manifest["metadata"]["namespace"] == NAMESPACE
        assert manifest["metadata"]["labels"]["app.kubernetes.io/instance"] == "media"
        assert manifest["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"


@every_good_value
def test_the_pod_meets_the_restricted_level(values: Values) -> None:
    rendered = render(values)
    pod = rendered.pod["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert rendered.container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert {next(iter(volume.keys() - {"name"})) for volume in pod["volumes"]} <= {
        "configMap",
        "emptyDir",
        "persistentVolumeClaim",
        "secret",
    }


@every_good_value
def test_nothing_in_the_cluster_can_leak_into_the_pod(values: Values) -> None:
    """A Service named `radarr` beside ours would otherwise set RADARR_PORT, and ours RECONCILER_PORT."""
    rendered = render(values)
    assert rendered.pod["spec"]["enableServiceLinks"] is False
    assert rendered.pod["spec"]["automountServiceAccountToken"] is False
    for account in rendered.all("ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


@every_good_value
def test_one_process_alone_opens_the_log(values: Values) -> None:
    deployment = render(values).one("Deployment")["spec"]
    assert deployment["replicas"] <= 1
    assert deployment["strategy"] == {"type": "Recreate"}


@every_good_value
def test_the_probes_ask_what_is_meant_for_them(values: Values) -> None:
    rendered = render(values)
    assert rendered.container["startupProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    assert rendered.container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    assert rendered.container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    (port,) = rendered.container["ports"]
    assert port["name"] == "http"
    assert str(port["containerPort"]) == rendered.plain_environment["RECONCILER_PORT"]
    assert rendered.one("Service")["spec"]["ports"][0]["targetPort"] == "http"


@every_good_value
def test_the_service_selects_the_pod_and_nothing_that_changes_between_versions(values: Values) -> None:
    rendered = render(values)
    selector = rendered.one("Service")["spec"]["selector"]
    assert selector == rendered.one("Deployment")["spec"]["selector"]["matchLabels"]
    assert selector.items() <= rendered.pod["metadata"]["labels"].items()
    assert selector.keys() == {"app.kubernetes.io/name", "app.kubernetes.io/instance"}


def test_secrets_are_in_the_secret_and_nowhere_else() -> None:
    rendered = render(EVERY_UPSTREAM)
    assert rendered.secrets == {
        "QBITTORRENT_USERNAME": "admin-name",
        "QBITTORRENT_PASSWORD": "pass: word, #1",
        "RADARR_API_KEY": "radarr-key-0123456789",
        "SONARR_API_KEY": "sonarr-key-0123456789",
        "JELLYSEERR_API_KEY": "jellyseerr-key-0123456789",
        "JELLYFIN_API_KEY": "jellyfin-key-0123456789",
        "RECONCILER_WEBHOOK_SECRET": "webhook-secret-0123456789",
        "RECONCILER_API_TOKEN": "api-token-0123456789",
    }
    elsewhere = rendered.notes + json.dumps([m for m in rendered.manifests if m["kind"] != "Secret"])
    assert [value for value in SECRET_VALUES if value in elsewhere] == []
    assert rendered.container["envFrom"] == [{"secretRef": {"name": NAME}}]
    assert rendered.container["args"] == ["serve"]


def test_an_own_secret_takes_the_place_of_the_generated_one() -> None:
    rendered = render(OWN_SECRET)
    assert rendered.all("Secret") == []
    assert rendered.container["envFrom"] == [{"secretRef": {"name": "reconciler-keys"}}]
    assert "get secret reconciler-keys" in rendered.notes


def test_the_keys_of_an_own_secret_are_files_that_only_the_pods_group_reads() -> None:
    rendered = render(SEVERAL_INSTANCES)
    (volume,) = [volume for volume in rendered.pod["spec"]["volumes"] if "secret" in volume]
    assert volume["secret"] == {"secretName": "reconciler-keys", "defaultMode": 0o440}
    (mount,) = [mount for mount in rendered.container["volumeMounts"] if mount["name"] == volume["name"]]
    assert (mount["mountPath"], mount["readOnly"]) == ("/run/secrets/reconciler", True)


def test_what_is_written_in_the_values_wins_over_the_own_secret() -> None:
    """Of two sources in `envFrom` with one name, Kubernetes takes the later."""
    names = [source["secretRef"]["name"] for source in render(EVERYTHING_SET).container["envFrom"]]
    assert names == ["reconciler-keys", "media-eraser"]


def test_the_log_is_kept_on_a_volume_that_outlives_the_release() -> None:
    rendered = render(ONE_UPSTREAM)
    claim = rendered.one("PersistentVolumeClaim")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    volumes = {volume["name"]: volume for volume in rendered.pod["spec"]["volumes"]}
    assert volumes["data"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    mounts = {mount["name"]: mount["mountPath"] for mount in rendered.container["volumeMounts"]}
    assert mounts == {"data": "/data", "config": "/etc/reconciler", "tmp": "/tmp"}
    assert rendered.plain_environment["DATABASE_URL"] == "sqlite:////data/reconciler.db"


def test_an_own_claim_takes_the_place_of_the_created_one() -> None:
    rendered = render(OWN_CLAIM)
    assert rendered.all("PersistentVolumeClaim") == []
    volumes = {volume["name"]: volume for volume in rendered.pod["spec"]["volumes"]}
    assert volumes["data"]["persistentVolumeClaim"]["claimName"] == "old-log"
    assert rendered.all("ServiceAccount") == []
    assert rendered.pod["spec"]["serviceAccountName"] == "default"
    assert rendered.one("Deployment")["metadata"]["name"] == "reconciler"


@pytest.mark.parametrize(
    ("changed", "annotation"),
    [
        ({"config": {"mode": "observe"}}, "checksum/config"),
        ({"radarr": {"url": "http://other:7878", "apiKey": "radarr-key-0123456789"}}, "checksum/config"),
        ({"radarr": {"url": "http://radarr:7878", "apiKey": "another-key-0123456789"}}, "checksum/secret"),
    ],
)
def test_a_changed_setting_or_secret_rolls_the_pod(changed: Values, annotation: str) -> None:
    before = render(ONE_UPSTREAM).pod["metadata"]["annotations"]
    after = render({**ONE_UPSTREAM, **changed}).pod["metadata"]["annotations"]
    assert {name for name in before if before[name] != after[name]} == {annotation}


def test_every_value_set_arrives_where_it_belongs() -> None:
    rendered = render(EVERYTHING_SET)
    pod = rendered.pod
    assert rendered.container["image"] == f"registry.example/reconciler@sha256:{'ab' * 32}"
    assert rendered.container["imagePullPolicy"] == "Always"
    assert rendered.container["resources"]["limits"] == {"memory": "1Gi", "cpu": "1"}
    assert pod["metadata"]["labels"]["team"] == "tv"
    assert pod["metadata"]["annotations"]["example.org/scrape"] == "true"
    assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["spec"]["nodeSelector"] == EVERYTHING_SET["nodeSelector"]
    assert pod["spec"]["tolerations"] == EVERYTHING_SET["tolerations"]
    assert pod["spec"]["affinity"] == EVERYTHING_SET["affinity"]
    assert pod["spec"]["priorityClassName"] == "low"
    assert pod["spec"]["serviceAccountName"] == "tv-reconciler"
    service = rendered.one("Service")
    assert service["spec"]["type"] == "NodePort"
    assert service["spec"]["ports"][0]["port"] == 80
    assert service["metadata"]["annotations"] == {"example.org/team": "tv"}
    claim = rendered.one("PersistentVolumeClaim")["spec"]
    assert claim["storageClassName"] == "fast"
    assert claim["accessModes"] == ["ReadWriteOncePod"]
    assert claim["resources"]["requests"]["storage"] == "512Mi"


def test_the_image_is_the_charts_version_unless_told_otherwise() -> None:
    with helm_python.Chart.load(CHART) as chart:
        version = chart.metadata["appVersion"]
    assert render(ONE_UPSTREAM).container["image"] == f"deletion-reconciler:{version}"
    tagged = render({**ONE_UPSTREAM, "image": {"tag": "edge"}})
    assert tagged.container["image"] == "deletion-reconciler:edge"


def test_the_notes_name_the_webhook_of_every_configured_upstream() -> None:
    rendered = render(EVERY_UPSTREAM)
    for path in ("jellyseerr", "radarr", "sonarr", "jellyfin", "dashboard"):
        assert f"http://{NAME}.{NAMESPACE}.svc:8585/webhooks/{path}" in rendered.notes
    assert "reconciler check" in rendered.notes
    assert "/status" in rendered.notes
    one = render(ONE_UPSTREAM).notes
    assert "/webhooks/sonarr" not in one
    assert "/webhooks/jellyfin" not in one


def test_the_notes_name_the_webhook_of_each_of_several_instances() -> None:
    addresses = re.findall(r"(\w+) +http://\S+(/webhooks/radarr\S*)", render(SEVERAL_INSTANCES).notes)
    assert addresses == [("Radarr", "/webhooks/radarr/radarr"), ("Radarr", "/webhooks/radarr/radarr-4k")]


def test_a_release_may_have_a_number_for_a_name() -> None:
    with helm_python.Chart.load(CHART) as chart:
        files = chart.render(dict(ONE_UPSTREAM), name="2026", namespace="7")
    assert 'app.kubernetes.io/instance: "2026"' in files["deletion-reconciler/templates/deployment.yaml"]


def test_rendering_twice_gives_the_same() -> None:
    first: Rendered = render(EVERYTHING_SET)
    assert first == render(EVERYTHING_SET)
