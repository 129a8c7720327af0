"""What the chart renders: valid for Kubernetes, hardened, and with every secret in a Secret."""

import base64
import hashlib
import json
import re
from functools import cache

import helm_python
import kubernetes_validate
import pytest

from reconciler.config import Settings
from tests.chart import crds
from tests.chart.rendering import (
    AUTH,
    CHART,
    EVERY_UPSTREAM,
    EVERYTHING_SET,
    GOOD_VALUES,
    NAME,
    NAMESPACE,
    ONE_UPSTREAM,
    OWN_SECRET,
    RADARR,
    SEVERAL_INSTANCES,
    Values,
    render,
)

OLDEST_KUBERNETES = "1.25"  # Chart.yaml's kubeVersion
OPERATORS = "monitoring.coreos.com/v1"
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
    for manifest in render(values).manifests:
        if manifest["apiVersion"] == OPERATORS:
            crds.validate(manifest)
        else:
            validate(json.dumps(manifest), version)


@cache
def validate(manifest: str, version: str) -> None:
    """Validate each manifest once: most of them are the same for many values."""
    kubernetes_validate.validate(json.loads(manifest), version, strict=True)


@every_good_value
def test_every_object_lies_in_the_namespace_of_the_release_and_carries_its_labels(values: Values) -> None:
    for manifest in render(values).manifests:
        assert manifest["metadata"]["namespace"] == NAMESPACE
        assert manifest["metadata"]["labels"]["app.kubernetes.io/instance"] == "media"
        assert manifest["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"


@every_good_value
def test_every_object_has_a_name_of_its_own(values: Values) -> None:
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in render(values).manifests]
    assert len(names) == len(set(names))


@every_good_value
def test_every_pod_meets_the_restricted_level(values: Values) -> None:
    rendered = render(values)
    for pod in (rendered.pod["spec"], rendered.one("Pod")["spec"]):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & pod.keys()
        assert {next(iter(volume.keys() - {"name"})) for volume in pod.get("volumes", [])} <= {
            "configMap",
            "emptyDir",
            "persistentVolumeClaim",
            "secret",
        }


def test_the_pod_runs_as_the_user_of_the_image_and_its_files_belong_to_it() -> None:
    context = render(ONE_UPSTREAM).pod["spec"]["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"], context["fsGroup"]) == (10001, 10001, 10001)
    assert "USER 10001:10001" in (CHART.parent / "Dockerfile").read_text()


def test_openshift_may_choose_the_numbers() -> None:
    numbers = dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"))
    context = render({**ONE_UPSTREAM, "podSecurityContext": numbers}).pod["spec"]["securityContext"]
    assert context == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        "fsGroupChangePolicy": "OnRootMismatch",
    }


@every_good_value
def test_nothing_in_the_cluster_can_leak_into_a_pod(values: Values) -> None:
    """A Service named `radarr` beside ours would otherwise set RADARR_PORT, and ours RECONCILER_PORT."""
    rendered = render(values)
    for pod in (rendered.pod["spec"], rendered.one("Pod")["spec"]):
        assert pod["enableServiceLinks"] is False
        assert pod["automountServiceAccountToken"] is False
    for account in rendered.all("ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


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


def test_starting_may_take_as_long_as_the_values_say() -> None:
    for values, seconds in ((ONE_UPSTREAM, 300), (EVERYTHING_SET, 1800)):
        probe = render(values).container["startupProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] == seconds


@pytest.mark.parametrize(
    ("values", "shutdown"), [(ONE_UPSTREAM, Settings().shutdown_seconds), (EVERYTHING_SET, 45)], ids=["unset", "set"]
)
def test_a_stop_is_given_the_time_that_it_is_configured_to_take(values: Values, shutdown: int) -> None:
    rendered = render(values)
    before = 5 if "lifecycle" in rendered.container else 0
    assert rendered.pod["spec"]["terminationGracePeriodSeconds"] >= before + shutdown + 10


@every_good_value
def test_the_service_selects_the_pods_and_nothing_that_changes_between_versions(values: Values) -> None:
    rendered = render(values)
    selector = rendered.one("Service")["spec"]["selector"]
    assert selector == rendered.workload["spec"]["selector"]["matchLabels"]
    assert selector.items() <= rendered.pod["metadata"]["labels"].items()
    assert selector.keys() == {"app.kubernetes.io/name", "app.kubernetes.io/instance"}
    assert not selector.items() <= rendered.one("Pod")["metadata"]["labels"].items(), "the pod of `helm test` serves"


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


def test_own_secrets_may_come_from_several_places() -> None:
    sources = [{"secretRef": {"name": "radarr-keys"}}, {"secretRef": {"name": "other-keys"}}]
    rendered = render({"radarr": {"url": "http://radarr:7878"}, "extraEnvFrom": sources})
    assert rendered.container["envFrom"] == sources
    assert "RECONCILER_WEBHOOK_SECRET of your extraEnvFrom" in rendered.notes


def test_the_keys_of_an_own_secret_are_files_that_only_the_pods_group_reads() -> None:
    rendered = render(SEVERAL_INSTANCES)
    (volume,) = [volume for volume in rendered.pod["spec"]["volumes"] if "secret" in volume]
    assert volume["secret"] == {"secretName": "reconciler-keys", "defaultMode": 0o440}
    (mount,) = [mount for mount in rendered.container["volumeMounts"] if mount["name"] == volume["name"]]
    assert (mount["mountPath"], mount["readOnly"]) == ("/run/secrets/reconciler", True)


def test_what_is_written_in_the_values_wins_over_the_own_secret() -> None:
    """Of two sources in `envFrom` with one name, Kubernetes takes the later."""
    names = [source["secretRef"]["name"] for source in render(EVERYTHING_SET).container["envFrom"]]
    assert names == ["more-keys", "reconciler-keys", "media-eraser"]


@pytest.mark.parametrize(
    ("changed", "annotation"),
    [
        ({"config": {"mode": "observe"}}, "checksum/config"),
        ({"auth": {**AUTH, "apiToken": "another-token-0123456789"}}, "checksum/secret"),
        ({"radarr": {"url": "http://other:7878", "apiKey": "radarr-key-0123456789"}}, "checksum/config"),
        ({"radarr": {"url": "http://radarr:7878", "apiKey": "another-key-0123456789"}}, "checksum/secret"),
    ],
)
def test_a_changed_setting_or_secret_rolls_the_pod(changed: Values, annotation: str) -> None:
    before = render(ONE_UPSTREAM).pod["metadata"]["annotations"]
    after = render({**ONE_UPSTREAM, **changed}).pod["metadata"]["annotations"]
    assert {name for name in before if before[name] != after[name]} == {annotation}


def test_our_own_secrets_are_generated_once_in_a_rendering_when_none_are_given() -> None:
    rendered = render({"radarr": RADARR})
    secrets = {name: base64.b64decode(value).decode() for name, value in rendered.one("Secret")["data"].items()}
    assert set(secrets) == {"RADARR_API_KEY", "RECONCILER_API_TOKEN", "RECONCILER_WEBHOOK_SECRET"}
    generated = [secrets["RECONCILER_API_TOKEN"], secrets["RECONCILER_WEBHOOK_SECRET"]]
    assert [len(secret) for secret in generated] == [40, 40]
    assert len(set(generated)) == 2
    assert [name["secretRef"]["name"] for name in rendered.container["envFrom"]] == [
        rendered.one("Secret")["metadata"]["name"]
    ]
    data = "\n".join(f"{name}: {value}" for name, value in sorted(rendered.one("Secret")["data"].items()))
    assert rendered.pod["metadata"]["annotations"]["checksum/secret"] == hashlib.sha256(data.encode()).hexdigest()
    assert "get secret" in rendered.notes


def test_nothing_is_generated_over_own_secrets() -> None:
    own = {"radarr": {"url": "http://radarr:7878"}, "existingSecret": "reconciler-keys"}
    assert [m for m in render(own).manifests if m["kind"] == "Secret"] == []


def test_every_value_set_arrives_where_it_belongs() -> None:
    rendered = render(EVERYTHING_SET)
    pod = rendered.pod
    assert rendered.container["image"] == f"registry.example/reconciler@sha256:{'ab' * 32}"
    assert rendered.container["imagePullPolicy"] == "Always"
    assert rendered.container["resources"]["limits"] == {"memory": "1Gi", "cpu": "1"}
    assert pod["metadata"]["labels"]["team"] == "tv"
    assert pod["metadata"]["annotations"]["example.org/scrape"] == "true"
    assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    for name in ("nodeSelector", "tolerations", "affinity", "topologySpreadConstraints"):
        assert pod["spec"][name] == EVERYTHING_SET[name]
    assert pod["spec"]["priorityClassName"] == "low"
    assert pod["spec"]["serviceAccountName"] == "tv-reconciler"
    assert pod["spec"]["securityContext"]["supplementalGroups"] == [3000]
    assert "runAsGroup" not in pod["spec"]["securityContext"]
    assert rendered.plain_environment["SSL_CERT_FILE"] == "/etc/own/ca.pem"
    assert {"name": "own", "configMap": {"name": "own-ca"}} in pod["spec"]["volumes"]
    assert {"name": "own", "mountPath": "/etc/own", "readOnly": True} in rendered.container["volumeMounts"]
    assert rendered.one("ServiceAccount")["metadata"]["annotations"] == {"example.org/team": "tv"}
    assert rendered.one("Service")["metadata"]["annotations"] == {"example.org/team": "tv"}
    assert rendered.one("Service")["spec"]["type"] == "NodePort"
    assert rendered.one("Service")["spec"]["ports"][0]["port"] == 80


def test_the_notes_name_the_webhook_of_every_configured_upstream() -> None:
    rendered = render(EVERY_UPSTREAM)
    for path in ("jellyseerr", "radarr", "sonarr", "jellyfin", "dashboard"):
        assert f"http://{NAME}.{NAMESPACE}.svc:8585/webhooks/{path}" in rendered.notes
    assert 'header "Authorization: Bearer WEBHOOK_SECRET"' in rendered.notes
    assert f"kubectl -n {NAMESPACE} exec statefulset/{NAME} -- reconciler check" in rendered.notes
    assert "http://127.0.0.1:8585/status" in rendered.notes
    one = render(ONE_UPSTREAM).notes
    assert "/webhooks/sonarr" not in one
    assert "/webhooks/jellyfin" not in one


def test_the_notes_name_the_webhook_of_each_of_several_instances() -> None:
    addresses = re.findall(r"(\w+) +http://\S+(/webhooks/radarr\S*)", render(SEVERAL_INSTANCES).notes)
    assert addresses == [("Radarr", "/webhooks/radarr/radarr"), ("Radarr", "/webhooks/radarr/radarr-4k")]


@pytest.mark.parametrize("release", ["2026", "my.media"])
def test_a_release_whose_name_no_service_can_have_needs_another_for_its_objects(release: str) -> None:
    """Kubernetes takes a Service's name for a label of DNS: it begins with a letter and has no dot."""
    with helm_python.Chart.load(CHART) as chart:
        with pytest.raises(helm_python.HelmError, match=r"a Service's name begins with a letter .* fullnameOverride"):
            chart.render(dict(ONE_UPSTREAM), name=release, namespace="7")
        files = chart.render({**ONE_UPSTREAM, "fullnameOverride": "media"}, name="2026", namespace="7")
    assert 'app.kubernetes.io/instance: "2026"' in files["deletion-reconciler/templates/statefulset.yaml"]


def test_the_pod_of_helm_test_stays_until_its_log_is_read() -> None:
    """`helm test --logs` reads it after the hooks, and would fail if a test that succeeded had taken its pod along."""
    annotations = render(ONE_UPSTREAM).one("Pod")["metadata"]["annotations"]
    assert annotations == {"helm.sh/hook": "test", "helm.sh/hook-delete-policy": "before-hook-creation"}


def test_rendering_twice_gives_the_same() -> None:
    """With `auth` written, nothing is made up at random: tools that only render see no change where there is none."""
    with helm_python.Chart.load(CHART) as chart:
        first, second = (chart.render(dict(EVERYTHING_SET), name="media", namespace="tv") for _ in range(2))
    assert first == second
