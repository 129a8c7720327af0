"""Where the log is kept decides what runs the service: one pod with a volume, or as many as are wanted."""

import json

import pytest

from tests.chart.rendering import (
    NAME,
    ONE_UPSTREAM,
    OWN_CLAIM,
    OWN_POSTGRES,
    OWN_VOLUME,
    POSTGRES,
    POSTGRES_URL,
    THREE_REPLICAS,
    Manifest,
    Rendered,
    Values,
    render,
)


def database_variable(rendered: Rendered) -> Manifest:
    (variable,) = [variable for variable in rendered.container["env"] if variable["name"] == "DATABASE_URL"]
    return dict(variable)


def volumes_of(rendered: Rendered) -> dict[str, Manifest]:
    return {volume["name"]: volume for volume in rendered.pod["spec"]["volumes"]}


# --- SQLite --------------------------------------------------------------------------------------------------------


def test_sqlite_is_one_pod_of_a_stateful_set() -> None:
    """A Deployment may start the next pod while the last one still runs on a node that was lost."""
    rendered = render(ONE_UPSTREAM)
    assert rendered.all("Deployment") == []
    assert rendered.one("StatefulSet")["spec"]["replicas"] == 1
    assert rendered.all("PodDisruptionBudget") == []
    assert not {"affinity", "topologySpreadConstraints"} & rendered.pod["spec"].keys()


def test_a_pod_that_cannot_start_is_replaced_when_its_values_are_corrected() -> None:
    assert render(ONE_UPSTREAM).one("StatefulSet")["spec"]["podManagementPolicy"] == "Parallel"


def test_the_log_is_kept_on_a_volume_that_outlives_the_release() -> None:
    rendered = render(ONE_UPSTREAM)
    claim = rendered.one("PersistentVolumeClaim")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert volumes_of(rendered)["data"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    mounts = {mount["name"]: mount["mountPath"] for mount in rendered.container["volumeMounts"]}
    assert mounts == {"data": "/data", "config": "/etc/reconciler", "tmp": "/tmp"}
    assert database_variable(rendered)["value"] == "sqlite:////data/reconciler.db"
    assert "volumeClaimTemplates" not in rendered.one("StatefulSet")["spec"], "its size could never be changed"


def test_the_claim_is_as_the_values_say() -> None:
    claim = render(OWN_VOLUME).one("PersistentVolumeClaim")["spec"]
    assert claim["storageClassName"] == "fast"
    assert claim["accessModes"] == ["ReadWriteOncePod"]
    assert claim["resources"] == {"requests": {"storage": "512Mi"}}


def test_an_own_claim_takes_the_place_of_the_created_one() -> None:
    rendered = render(OWN_CLAIM)
    assert rendered.all("PersistentVolumeClaim") == []
    assert volumes_of(rendered)["data"]["persistentVolumeClaim"]["claimName"] == "old-log"
    assert rendered.all("ServiceAccount") == []
    assert rendered.pod["spec"]["serviceAccountName"] == "default"
    assert rendered.workload["metadata"]["name"] == "reconciler"
    assert rendered.workload["spec"]["replicas"] == 0


# --- PostgreSQL ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [POSTGRES, OWN_POSTGRES, THREE_REPLICAS])
def test_with_postgresql_a_new_pod_is_ready_before_an_old_one_goes_and_none_keeps_anything(values: Values) -> None:
    rendered = render(values)
    assert rendered.all("StatefulSet") == rendered.all("PersistentVolumeClaim") == []
    assert rendered.one("Deployment")["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    assert not any("persistentVolumeClaim" in volume for volume in rendered.pod["spec"]["volumes"])
    assert "/data" not in {mount["mountPath"] for mount in rendered.container["volumeMounts"]}


def test_a_pod_that_stops_gets_no_more_webhooks_before_it_does() -> None:
    assert render(POSTGRES).container["lifecycle"] == {"preStop": {"exec": {"command": ["sleep", "5"]}}}
    assert "lifecycle" not in render(ONE_UPSTREAM).container, "there is no other pod that could take them"


def test_the_address_of_the_database_is_in_the_secret_and_nowhere_else() -> None:
    rendered = render(POSTGRES)
    assert rendered.secrets["DATABASE_URL"] == POSTGRES_URL
    elsewhere = rendered.notes + json.dumps([m for m in rendered.manifests if m["kind"] != "Secret"])
    assert "p%40ss-word" not in elsewhere
    assert database_variable(rendered) == {
        "name": "DATABASE_URL",
        "valueFrom": {"secretKeyRef": {"name": NAME, "key": "DATABASE_URL"}},
    }


def test_the_address_is_taken_from_the_secret_that_an_operator_wrote() -> None:
    rendered = render(OWN_POSTGRES)
    assert rendered.all("Secret") == []
    assert database_variable(rendered)["valueFrom"] == {"secretKeyRef": {"name": "deletions-app", "key": "uri"}}
    assert "in the Secret deletions-app" in rendered.notes


def test_the_address_may_be_in_the_same_secret_as_the_keys() -> None:
    database = {"existingSecret": "reconciler-keys", "secretKey": "DATABASE_URL"}
    reference = database_variable(render({**OWN_POSTGRES, "database": database}))["valueFrom"]["secretKeyRef"]
    assert reference == {"name": "reconciler-keys", "key": "DATABASE_URL"}


# --- replicas ------------------------------------------------------------------------------------------------------


def test_scaling_out_is_one_value() -> None:
    rendered = render(THREE_REPLICAS)
    assert rendered.one("Deployment")["spec"]["replicas"] == 3
    selected = {"matchLabels": rendered.one("Service")["spec"]["selector"]}
    assert rendered.one("PodDisruptionBudget")["spec"] == {"maxUnavailable": 1, "selector": selected}
    (apart,) = rendered.pod["spec"]["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert apart["podAffinityTerm"] == {"topologyKey": "kubernetes.io/hostname", "labelSelector": selected}
    (spread,) = rendered.pod["spec"]["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("topology.kubernetes.io/zone", "ScheduleAnyway")
    assert spread["labelSelector"] == selected


def test_one_replica_has_no_budget_that_would_stop_every_drain_of_its_node() -> None:
    rendered = render(POSTGRES)
    assert rendered.all("PodDisruptionBudget") == []
    assert not {"affinity", "topologySpreadConstraints"} & rendered.pod["spec"].keys()


def test_the_budget_can_be_turned_off() -> None:
    assert render({**THREE_REPLICAS, "podDisruptionBudget": {"enabled": False}}).all("PodDisruptionBudget") == []
