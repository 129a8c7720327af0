"""What the chart is told: mistakes are refused with words that help, and its documents agree with each other."""

import re
from typing import Any

import helm_python
import jsonschema
import pytest
import yaml

import reconciler
from tests.chart.rendering import AUTH, CHART, ONE_UPSTREAM, OWN_SECRET, RADARR, Values, render

BAD_VALUES: list[tuple[Values, str]] = [
    # what the schema sees
    ({**ONE_UPSTREAM, "radar": {}}, "additional properties 'radar' not allowed"),
    ({**ONE_UPSTREAM, "radarr": {**RADARR, "api_key": "x"}}, "additional properties 'api_key' not allowed"),
    ({**ONE_UPSTREAM, "radarr": {**RADARR, "url": "radarr:7878"}}, "at '/radarr/url'"),
    ({**ONE_UPSTREAM, "radarr": {**RADARR, "url": "http://user:word@radarr:7878"}}, "at '/radarr/url'"),
    ({**ONE_UPSTREAM, "radarr": {**RADARR, "apiKey": "two words"}}, "at '/radarr/apiKey'"),
    ({**ONE_UPSTREAM, "radarr": {**RADARR, "apiKey": 12345}}, "at '/radarr/apiKey': got number, want string"),
    ({**ONE_UPSTREAM, "auth": {**AUTH, "webhookSecret": "short"}}, "at '/auth/webhookSecret'"),
    ({**ONE_UPSTREAM, "config": {"mode": "dry-run"}}, "at '/config/mode'"),
    ({**ONE_UPSTREAM, "config": {"port": 80}}, "at '/config/port'"),
    ({**ONE_UPSTREAM, "config": ["mode"]}, "at '/config'"),
    ({**ONE_UPSTREAM, "replicas": "one"}, "at '/replicas'"),
    ({**ONE_UPSTREAM, "image": {"digest": "latest"}}, "at '/image/digest'"),
    ({**ONE_UPSTREAM, "persistence": {"enabled": False}}, "additional properties 'enabled' not allowed"),
    ({**ONE_UPSTREAM, "persistence": {"size": "big"}}, "at '/persistence/size'"),
    ({**ONE_UPSTREAM, "service": {"port": 0}}, "at '/service/port'"),
    # what the chart itself sees
    ({}, "no upstream is configured"),
    ({**ONE_UPSTREAM, "replicas": 2}, "which one process alone may open. Set replicas to 1"),
    ({"radarr": RADARR, "auth": {"apiToken": AUTH["apiToken"]}}, "auth.webhookSecret is missing"),
    ({"radarr": RADARR, "auth": {"webhookSecret": AUTH["webhookSecret"]}}, "auth.apiToken is missing"),
    (
        {"sonarr": {"url": "http://sonarr:8989"}, "auth": AUTH},
        "sonarr.url is set but not its key: set sonarr.apiKey, or existingSecret to a Secret with the key SONARR_API",
    ),
    ({**ONE_UPSTREAM, "jellyseerr": {"apiKey": "k"}}, "jellyseerr.apiKey is set but not its address"),
    ({"qbittorrent": {"url": "http://qb:8080", "username": "admin"}, "auth": AUTH}, "no way to log in"),
    ({**ONE_UPSTREAM, "qbittorrent": {"password": "word"}}, "qbittorrent has credentials but no address"),
    (
        {**ONE_UPSTREAM, "qbittorrent": {"url": "http://qb:8080", "username": "a", "password": "b", "apiKey": "c"}},
        "keep one way to log in",
    ),
    (
        {**ONE_UPSTREAM, "config": {"api_token": "in the wrong place"}},
        "config.api_token is a secret, and config becomes a ConfigMap: set auth.apiToken",
    ),
    (
        {**ONE_UPSTREAM, "config": {"radarr": {"api_key": "in the wrong place"}}},
        "config.radarr.api_key is a secret, and config becomes a ConfigMap: set radarr.apiKey",
    ),
    ({**ONE_UPSTREAM, "config": {"radarr": {"url": "http://a:1"}}}, "config.radarr.url is set: set radarr.url instead"),
    ({**ONE_UPSTREAM, "config": {"radarr": "http://a:1"}}, "config.radarr must be a mapping, or a list of them"),
    ({**ONE_UPSTREAM, "config": {"radarr": []}}, "config.radarr is an empty list: remove it"),
    ({**ONE_UPSTREAM, "config": {"radarr": ["http://a:1"]}}, "config.radarr[0] must be a mapping"),
    (
        {**ONE_UPSTREAM, "config": {"radarr": [{"url": "http://a:1"}]}},
        "config.radarr[0].url is set: set radarr.url instead",
    ),
    (
        {**ONE_UPSTREAM, "config": {"radarr": [{}, {"name": "radarr-4k"}]}},
        "config.radarr[1].url is missing: only the first of a list has its address in radarr.url",
    ),
    (
        {**ONE_UPSTREAM, "config": {"radarr": [{}, {"url": "http://b:1", "api_key": "in the wrong place"}]}},
        "config.radarr[1].api_key is a secret, and config becomes a ConfigMap: set api_key_file to /run/secrets/recon",
    ),
    (
        {**ONE_UPSTREAM, "config": {"radarr": [{}, {"url": "http://b:1", "api_key_file": "/run/secrets/x"}]}},
        "config.radarr[1].api_key_file is set, but there is no Secret to read it from: set existingSecret to one",
    ),
    (
        {**ONE_UPSTREAM, "config": {"sonarr": [{"name": "tv"}]}},
        "config.sonarr[0] is written, but not its address: set sonarr.url",
    ),
    ({**ONE_UPSTREAM, "config": {"jellyfin": [{}]}}, "config.jellyfin must be a mapping"),
    ({**ONE_UPSTREAM, "jellyfin": {"url": "http://jellyfin:8096"}}, "jellyfin.url is set but not its key"),
    ({**ONE_UPSTREAM, "config": {"host": "127.0.0.1"}}, "config.host is the chart's to set"),
    ({**ONE_UPSTREAM, "config": {"database_url": "postgresql://u:p@h/d"}}, "config.database_url is the chart's to set"),
]


@pytest.mark.parametrize(("values", "message"), BAD_VALUES, ids=[message for _, message in BAD_VALUES])
def test_a_mistake_is_refused_with_words_that_help(values: Values, message: str) -> None:
    with pytest.raises(helm_python.HelmError) as refusal:
        render(values)
    assert message in str(refusal.value)


def test_a_refusal_never_repeats_a_secret() -> None:
    with pytest.raises(helm_python.HelmError) as refusal:
        render({**ONE_UPSTREAM, "config": {"api_token": "in-the-wrong-place"}, "replicas": 2})
    assert "in-the-wrong-place" not in str(refusal.value)
    assert "in-the-wrong-place" not in str(refusal.value.__cause__)


def test_every_mistake_is_reported_at_once() -> None:
    with pytest.raises(helm_python.HelmError) as refusal:
        render({"replicas": 3, "sonarr": {"url": "http://sonarr:8989"}, "config": {"host": "::1"}})
    for message in ("replicas", "sonarr.apiKey", "auth.webhookSecret", "auth.apiToken", "config.host"):
        assert message in str(refusal.value)


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
        "radarr": {"url": "http://radarr:7878"},
        "jellyseerr": {"url": "http://jellyseerr:5055", **config["jellyseerr"]},
    }


def test_an_own_secret_needs_no_keys_in_the_values() -> None:
    assert render(OWN_SECRET).configuration == {
        "log_format": "json",
        "qbittorrent": {"url": "http://qbittorrent:8080"},
        "radarr": {"url": "http://radarr:7878"},
    }


def _leaves(values: dict[str, Any], prefix: str = "") -> set[str]:
    """Names of the values a person sets; a free mapping or a list counts as one."""
    names: set[str] = set()
    for name, value in values.items():
        path = f"{prefix}{name}"
        is_section = (
            isinstance(value, dict) and value and path not in {"config", "resources", "persistence.annotations"}
        )
        names |= _leaves(value, f"{path}.") if is_section else {path}
    return names


def _values_of_chart() -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    return values


def test_every_value_is_explained_and_none_that_is_gone() -> None:
    explained = re.findall(r"^\| `([^`]+)` \|", (CHART / "README.md").read_text(), flags=re.MULTILINE)
    assert sorted(explained) == sorted(_leaves(_values_of_chart()))


def test_the_schema_knows_every_value_and_none_that_is_gone() -> None:
    with helm_python.Chart.load(CHART) as chart:
        schema = chart.schema
    assert schema is not None
    jsonschema.Draft7Validator.check_schema(schema)

    def declared(section: dict[str, Any], prefix: str = "") -> set[str]:
        names: set[str] = set()
        for name, inner in section["properties"].items():
            path = f"{prefix}{name}"
            is_section = "properties" in inner and path not in {"resources", "config"}
            names |= declared(inner, f"{path}.") if is_section else {path}
        return names

    assert declared(schema) - {"global"} == _leaves(_values_of_chart())


def test_the_chart_is_of_the_version_of_the_program() -> None:
    with helm_python.Chart.load(CHART) as chart:
        assert chart.metadata["appVersion"] == reconciler.__version__
        assert chart.metadata["version"] == reconciler.__version__
