"""What the chart is told: mistakes are refused with words that help, and its documents agree with each other."""

import re
from typing import Any

import helm_python
import jsonschema
import pytest
import yaml

import reconciler
from reconciler.config.kinds import OWN_ADDRESSES
from tests.chart.rendering import (
    AUTH,
    CHART,
    ONE_UPSTREAM,
    OWN_SECRET,
    POSTGRES,
    POSTGRES_URL,
    RADARR,
    SENDER_PEERS,
    UPSTREAM_PEERS,
    Values,
    render,
)

CLOSED: dict[str, Any] = {
    "enabled": True,
    "ingress": {"from": SENDER_PEERS},
    "egress": {"upstreams": UPSTREAM_PEERS},
}


def with_config(**config: object) -> Values:
    return {**ONE_UPSTREAM, "config": config}


BAD_VALUES: list[tuple[Values, str]] = [
    # what the schema sees
    ({**ONE_UPSTREAM, "radar": {}}, "additional properties 'radar' not allowed"),
    ({**ONE_UPSTREAM, "radarr": {**RADARR, "api_key": "x"}}, "at '/radarr': additional properties 'api_key' not allo"),
    ({**ONE_UPSTREAM, "radarr": {**RADARR, "apiKey": 12345}}, "at '/radarr/apiKey': got number, want string"),
    (with_config(mode="dry-run"), "at '/config/mode': value must be one of 'enforce', 'observe'"),
    (with_config(port=80), "at '/config/port': minimum: got 80, want 1,024"),
    (with_config(interval="60"), "at '/config': additional properties 'interval' not allowed"),
    (with_config(interval_seconds="60"), "at '/config/interval_seconds': got string, want integer"),
    (with_config(resync={"vanished_titel": "hold"}), "at '/config/resync': additional properties 'vanished_titel' not"),
    (with_config(seeding={"rules": [{"min_hour": 1}]}), "at '/config/seeding/rules/0': additional properties 'min_h"),
    (with_config(radarr=[{}, {"is_4K": True}]), "at '/config/radarr/1': additional properties 'is_4K' not allowed"),
    (with_config(radarr="http://a:1"), "at '/config/radarr': got string, want array or object"),
    (with_config(radarr=["http://a:1"]), "at '/config/radarr/0': got string, want object"),
    (with_config(jellyfin=[{}]), "at '/config/jellyfin': got array, want object"),
    ({**ONE_UPSTREAM, "config": ["mode"]}, "at '/config': got array, want object"),
    ({**ONE_UPSTREAM, "replicas": "one"}, "at '/replicas': got string, want integer"),
    ({**ONE_UPSTREAM, "image": {"digest": "latest"}}, "at '/image/digest'"),
    ({**ONE_UPSTREAM, "persistence": {"enabled": False}}, "additional properties 'enabled' not allowed"),
    ({**ONE_UPSTREAM, "persistence": {"size": "big"}}, "at '/persistence/size'"),
    ({**ONE_UPSTREAM, "service": {"port": 0}}, "at '/service/port'"),
    ({**ONE_UPSTREAM, "podSecurityContext": {"runAsUser": 0}}, "at '/podSecurityContext/runAsUser': minimum: got 0"),
    ({**ONE_UPSTREAM, "podSecurityContext": {"runAsNonRoot": False}}, "additional properties 'runAsNonRoot' not allo"),
    ({**ONE_UPSTREAM, "ingress": {"hosts": ["https://r.example.org"]}}, "at '/ingress/hosts/0'"),
    ({**ONE_UPSTREAM, "ingress": {"paths": ["status"]}}, "at '/ingress/paths/0'"),
    ({**ONE_UPSTREAM, "prometheusRule": {"stuckFor": "6 hours"}}, "at '/prometheusRule/stuckFor'"),
    (
        {**ONE_UPSTREAM, "networkPolicy": {**CLOSED, "egress": {"upstreams": [{"to": SENDER_PEERS}]}}},
        "at '/networkPolicy/egress/upstreams/0': missing property 'ports'",
    ),
    (
        {**ONE_UPSTREAM, "networkPolicy": {**CLOSED, "egress": {"upstreams": [{"to": [], "ports": [7878]}]}}},
        "at '/networkPolicy/egress/upstreams/0/to': minItems: got 0, want 1",
    ),
    (
        {**ONE_UPSTREAM, "networkPolicy": {**CLOSED, "ingress": {"from": [{"ipBlock": {"cidr": "192.168.1.20"}}]}}},
        "at '/networkPolicy/ingress/from/0/ipBlock/cidr'",
    ),
    # upstreams
    ({}, "no upstream is configured"),
    ({**ONE_UPSTREAM, "radarr": {**RADARR, "url": "radarr:7878"}}, "radarr.url must be an address such as http://rad"),
    ({**ONE_UPSTREAM, "radarr": {**RADARR, "url": "http://user:word@radarr:7878"}}, "without user name, password or"),
    ({**ONE_UPSTREAM, "radarr": {**RADARR, "apiKey": "two words"}}, "radarr.apiKey has white space in it"),
    (
        {"sonarr": {"url": "http://sonarr:8989"}, "auth": AUTH},
        "sonarr.url is set but not its key: set sonarr.apiKey, or existingSecret to a Secret with the key SONARR_API",
    ),
    ({**ONE_UPSTREAM, "jellyseerr": {"apiKey": "k"}}, "jellyseerr.apiKey is set but not its address"),
    ({**ONE_UPSTREAM, "jellyfin": {"url": "http://jellyfin:8096"}}, "jellyfin.url is set but not its key"),
    ({"qbittorrent": {"url": "http://qb:8080", "username": "admin"}, "auth": AUTH}, "no way to log in"),
    ({**ONE_UPSTREAM, "qbittorrent": {"password": "word"}}, "qbittorrent has credentials but no address"),
    (
        {**ONE_UPSTREAM, "qbittorrent": {"url": "http://qb:8080", "username": "a", "password": "b", "apiKey": "c"}},
        "keep one way to log in",
    ),
    # secrets
    ({**ONE_UPSTREAM, "auth": {**AUTH, "webhookSecret": "short"}}, "auth.webhookSecret must have at least 16 charac"),
    ({**ONE_UPSTREAM, "auth": {**AUTH, "apiToken": "white space in the token"}}, "and no white space: openssl rand"),
    (
        with_config(api_token="in the wrong place"),
        "config.api_token is a secret, and config becomes a ConfigMap: set auth.apiToken",
    ),
    (
        with_config(radarr={"api_key": "in the wrong place"}),
        "config.radarr.api_key is a secret, and config becomes a ConfigMap: set radarr.apiKey",
    ),
    (
        {**ONE_UPSTREAM, "extraEnv": [{"name": "SONARR_API_KEY", "value": "in the wrong place"}]},
        "extraEnv sets SONARR_API_KEY, which is a secret: set sonarr.apiKey or existingSecret instead",
    ),
    (
        {**ONE_UPSTREAM, "extraEnv": [{"name": "DATABASE_URL", "value": "postgresql://u:p@h/d"}]},
        "extraEnv sets DATABASE_URL, which is a secret: set database.url instead",
    ),
    (
        {**ONE_UPSTREAM, "extraEnv": [{"name": "RECONCILER_MODE", "value": "observe"}]},
        "extraEnv sets RECONCILER_MODE, which would outweigh config unseen by the chart: set config.mode instead",
    ),
    (
        with_config(notifications={"urls": ["in the wrong place"]}),
        "config.notifications.urls is a secret, and config becomes a ConfigMap: set notifications.urls or existingSecr",
    ),
    (
        {**ONE_UPSTREAM, "notifications": {"urls": "ntfy://in/topic the wrong place"}},
        "notifications.urls must be addresses such as ntfy://HOST/TOPIC, with white space between",
    ),
    (
        {**ONE_UPSTREAM, "extraEnv": [{"name": "RECONCILER_NOTIFICATIONS_TELL", "value": "held"}]},
        "unseen by the chart: set config.notifications.tell instead",
    ),
    ({**ONE_UPSTREAM, "existingSecret": "My_Keys"}, "existingSecret must be the name of a Secret, in small letters"),
    ({**ONE_UPSTREAM, "database": {"existingSecret": "a/b"}}, "database.existingSecret must be the name of a Secret"),
    # instances
    (with_config(radarr={"url": "http://a:1"}), "config.radarr.url is set: set radarr.url instead"),
    (with_config(radarr=[]), "config.radarr is an empty list: remove it"),
    (with_config(radarr=[{"url": "http://a:1"}]), "config.radarr[0].url is set: set radarr.url instead"),
    (
        with_config(radarr=[{}, {"name": "radarr-4k"}]),
        "config.radarr[1].url is missing: only the first of a list has its address in radarr.url",
    ),
    (
        with_config(radarr=[{}, {"url": "http://b:1", "api_key": "in the wrong place"}]),
        "config.radarr[1].api_key is a secret, and config becomes a ConfigMap: set api_key_file to /run/secrets/recon",
    ),
    (
        with_config(radarr=[{}, {"url": "http://b:1", "api_key_file": "/run/secrets/x"}]),
        "config.radarr[1].api_key_file is set, but there is no Secret to read it from: set existingSecret to one",
    ),
    (with_config(sonarr=[{"name": "tv"}]), "config.sonarr[0] is written, but not its address: set sonarr.url"),
    (
        with_config(radarr=[{}, {"url": "http://me:word@b:7878"}]),
        "config.radarr[1].url must be an address such as http://radarr:8080, without user name, password or query",
    ),
    # the database
    ({**ONE_UPSTREAM, "replicas": 2}, "which one process alone may open: set database.url or database.existingSecret"),
    ({**ONE_UPSTREAM, "database": {"url": "mysql://u:p@h/d"}}, "database.url must be postgresql://USER:PASSWORD@HOST"),
    ({**ONE_UPSTREAM, "database": {"url": "postgresql://u:p@h"}}, "database.url must be postgresql://USER:PASSWORD@H"),
    ({**POSTGRES, "database": {"url": POSTGRES_URL, "existingSecret": "a"}}, "keep one of them"),
    ({**POSTGRES, "persistence": {"existingClaim": "old"}}, "with PostgreSQL nothing is kept on a volume"),
    (with_config(database_url="postgresql://u:p@h/d"), "config.database_url is the chart's to set: set database.url"),
    (with_config(database_url_file="/run/x"), "config.database_url_file is the chart's to set: set database.url"),
    # the network
    (
        with_config(public_url="http://me@reconciler"),
        "config.public_url must be an address such as http://reconciler:8080",
    ),
    (with_config(public_url=""), "config.public_url must be an address such as http://reconciler:8080"),
    (with_config(root_path="/reconciler/"), "config.root_path must be / or a path such as /reconciler"),
    (with_config(root_path=""), "config.root_path must be / or a path such as /reconciler"),
    (with_config(host="127.0.0.1"), "config.host is the chart's to set"),
    ({**ONE_UPSTREAM, "ingress": {"enabled": True}}, "ingress.enabled is set but no host: set ingress.hosts"),
    (
        {**ONE_UPSTREAM, "networkPolicy": {**CLOSED, "ingress": {}}},
        "who may reach the service, so no webhook would arrive: list the senders",
    ),
    (
        {**ONE_UPSTREAM, "networkPolicy": {**CLOSED, "egress": {}}},
        "where the upstreams are, so nothing could be deleted: list them in networkPolicy.egress.upstreams",
    ),
    (
        {**POSTGRES, "networkPolicy": CLOSED},
        "where PostgreSQL is, so the service could not start: list it in networkPolicy.egress.database",
    ),
    ({**ONE_UPSTREAM, "prometheusRule": {"enabled": True}}, "set serviceMonitor.enabled, or prometheusRule.selector"),
    # the pod
    (
        {**ONE_UPSTREAM, "fullnameOverride": "r" * 53},
        "with its name and ten characters more, so that it may have 52 at most: set fullnameOverride",
    ),
    ({**ONE_UPSTREAM, "extraEnv": [{"name": "RECONCILER_PORT", "value": "1"}]}, "extraEnv sets RECONCILER_PORT, which"),
    ({**ONE_UPSTREAM, "extraVolumes": [{"name": "tmp", "emptyDir": {}}]}, "extraVolumes has a volume named tmp"),
    ({**ONE_UPSTREAM, "podLabels": {"app.kubernetes.io/name": "x"}}, "podLabels sets app.kubernetes.io/name"),
]


@pytest.mark.parametrize(("values", "message"), BAD_VALUES, ids=[message for _, message in BAD_VALUES])
def test_a_mistake_is_refused_with_words_that_help(values: Values, message: str) -> None:
    with pytest.raises(helm_python.HelmError) as refusal:
        render(values)
    assert message in str(refusal.value)


SECRET = "in-the-wrong-place"


@pytest.mark.parametrize(
    "values",
    [
        {**with_config(api_token=SECRET), "replicas": 2},
        with_config(radarr={"api_key": SECRET}),
        {**ONE_UPSTREAM, "auth": {**AUTH, "webhookSecret": f"{SECRET} with spaces"}},
        {**ONE_UPSTREAM, "radarr": {**RADARR, "apiKey": f"{SECRET} with spaces"}},
        {**ONE_UPSTREAM, "radarr": {**RADARR, "url": f"http://me:{SECRET}@radarr:7878"}},
        {**ONE_UPSTREAM, "database": {"url": f"mysql://me:{SECRET}@host/db"}},
        {**ONE_UPSTREAM, "extraEnv": [{"name": "RADARR_API_KEY", "value": SECRET}]},
        {**ONE_UPSTREAM, "extraEnv": [{"name": "RECONCILER_MODE", "value": SECRET}]},
        {**ONE_UPSTREAM, "database": {"existingSecret": f"postgresql://me:{SECRET}@host/db"}},
        {**ONE_UPSTREAM, "existingSecret": f"postgresql://me:{SECRET}@host/db"},
        with_config(radarr=[{}, {"url": f"http://me:{SECRET}@b:7878"}]),
        with_config(qbittorrent=[{}, {"url": f"http://b:8080/?apikey={SECRET}"}]),
    ],
)
def test_a_refusal_never_repeats_a_secret(values: Values) -> None:
    with pytest.raises(helm_python.HelmError) as refusal:
        render(values)
    assert SECRET not in str(refusal.value)
    assert SECRET not in str(refusal.value.__cause__)


@pytest.mark.parametrize("address", sorted(address for address in OWN_ADDRESSES if "." not in address))
def test_a_root_path_that_begins_like_an_own_address_is_refused(address: str) -> None:
    with pytest.raises(
        helm_python.HelmError, match=r"config\.root_path begins like one of the service's own addresses"
    ):
        render(with_config(root_path=f"/{address}/x"))


def test_a_file_may_be_named_in_the_environment() -> None:
    variable = {"name": "RECONCILER_API_TOKEN_FILE", "value": "/own/token"}
    assert variable in render({**ONE_UPSTREAM, "extraEnv": [variable]}).container["env"]


def test_with_postgresql_a_name_may_be_longer_than_that_of_a_stateful_set() -> None:
    assert render({**POSTGRES, "fullnameOverride": "r" * 58}).workload["kind"] == "Deployment"
    assert render({**ONE_UPSTREAM, "fullnameOverride": "r" * 52}).workload["kind"] == "StatefulSet"


def test_every_mistake_is_reported_at_once() -> None:
    with pytest.raises(helm_python.HelmError) as refusal:
        render({"replicas": 3, "sonarr": {"url": "http://sonarr:8989"}, "config": {"host": "::1"}})
    for message in ("replicas", "sonarr.apiKey", "config.host"):
        assert message in str(refusal.value)


SERVICE_URL = "http://media-deletion-reconciler.tv.svc:8585"


def test_upstreams_reach_it_by_the_name_of_its_service_unless_another_address_is_given() -> None:
    moved = {**ONE_UPSTREAM, "service": {"port": 80}}
    assert render(moved).configuration["public_url"] == "http://media-deletion-reconciler.tv.svc:80"
    own = with_config(public_url="https://reconciler.example")
    assert render(own).configuration["public_url"] == "https://reconciler.example"


def test_links_in_messages_lead_to_the_ingress_if_people_reach_the_pages_there() -> None:
    def page_url(ingress: dict[str, Any], **config: Any) -> Any:
        published = {"enabled": True, "hosts": ["r.example"], **ingress}
        return render({**with_config(root_path="/r", **config), "ingress": published}).configuration.get("page_url")

    assert page_url({}) == "http://r.example/r"
    assert page_url({"tls": [{"secretName": "r-tls"}]}) == "https://r.example/r"
    for unreachable in ({"paths": ["/webhooks"]}, {"hosts": ["*.example"]}, {"enabled": False}):
        assert page_url(unreachable) is None
    assert page_url({}, page_url="https://own.example") == "https://own.example"


def test_settings_arrive_in_the_file_as_they_were_written() -> None:
    config: dict[str, Any] = {
        "interval_seconds": 90,
        "breaker_limit": 1000000,
        "protect_labels": ["keep", "no", "1.0"],
        "jellyseerr": {"delete_on": ["MEDIA_DECLINED", "MEDIA_DELETED"]},
    }
    jellyseerr = {"url": "http://jellyseerr:5055", "apiKey": "k" * 20}
    written = render({**ONE_UPSTREAM, "jellyseerr": jellyseerr, "config": config}).configuration
    assert written == {
        **config,
        "log_format": "json",
        "public_url": SERVICE_URL,
        "radarr": {"url": "http://radarr:7878"},
        "jellyseerr": {"url": "http://jellyseerr:5055", **config["jellyseerr"]},
    }


def test_an_own_secret_needs_no_keys_in_the_values() -> None:
    assert render(OWN_SECRET).configuration == {
        "log_format": "json",
        "public_url": SERVICE_URL,
        "qbittorrent": {"url": "http://qbittorrent:8080"},
        "radarr": {"url": "http://radarr:7878"},
    }


FREE_MAPPINGS = {"config", "resources", "persistence.annotations", "podSecurityContext", "grafanaDashboard.labels"}
"""Mappings that are one value: what is in them is not the chart's to name."""


def _leaves(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values a person sets with their defaults; a free mapping or a list counts as one."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        path = f"{prefix}{name}"
        is_section = isinstance(value, dict) and value and path not in FREE_MAPPINGS
        found |= _leaves(value, f"{path}.") if is_section else {path: value}
    return found


def _values_of_chart() -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    return values


def test_every_value_is_explained_with_its_default_and_none_that_is_gone() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (.+?) \| (.+) \|$", (CHART / "README.md").read_text(), flags=re.MULTILINE)
    defaults = _leaves(_values_of_chart())
    assert sorted(name for name, _, _ in rows) == sorted(defaults)
    for name, written, _ in rows:
        if written == "see `values.yaml`":
            assert isinstance(defaults[name], dict | list), f"{name} is short enough to be written"
        else:
            assert yaml.safe_load(written.strip("`")) == defaults[name], name


def test_the_schema_knows_every_value_and_none_that_is_gone() -> None:
    with helm_python.Chart.load(CHART) as chart:
        schema = chart.schema
    assert schema is not None
    jsonschema.Draft7Validator.check_schema(schema)

    def declared(section: dict[str, Any], prefix: str = "") -> set[str]:
        names: set[str] = set()
        for name, inner in section["properties"].items():
            path = f"{prefix}{name}"
            is_section = "properties" in inner and path not in FREE_MAPPINGS
            if is_section:
                assert inner["additionalProperties"] is False, path
            names |= declared(inner, f"{path}.") if is_section else {path}
        return names

    assert declared(schema) - {"global"} == _leaves(_values_of_chart()).keys()


def test_every_value_is_used_by_a_template() -> None:
    with helm_python.Chart.load(CHART) as chart:
        templates = "".join(template["data"] for template in chart.templates)
    assert [name for name in _leaves(_values_of_chart()) if name.rpartition(".")[2] not in templates] == []


def test_the_chart_is_of_the_version_of_the_program() -> None:
    with helm_python.Chart.load(CHART) as chart:
        assert chart.metadata["appVersion"] == reconciler.__version__
        assert chart.metadata["version"] == reconciler.__version__
