"""What the chart renders is what the program reads."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml
from pydantic import BaseModel

from reconciler.config import Mode, Settings, UpstreamSettings, load_settings
from reconciler.config.settings import about
from reconciler.config.upstreams import SECTIONS
from reconciler.model import Source, UpstreamKind
from tests.chart.rendering import (
    CHART,
    EVERY_UPSTREAM,
    EVERYTHING_SET,
    ONE_UPSTREAM,
    RADARR,
    SEVERAL_INSTANCES,
    Rendered,
    Values,
    render,
)

AUTH_VARIABLES = {"RECONCILER_WEBHOOK_SECRET": "w" * 16, "RECONCILER_API_TOKEN": "t" * 16}
CHARTS_OWN = {"host", "database_url"}
"""Settings the chart decides: where the pod listens and where the log lies."""


def load(rendered: Rendered, folder: Path) -> Settings:
    """Start as the pod does: from the mounted ConfigMap and the environment, and nothing else."""
    file = folder / "config.yaml"
    file.write_text(rendered.one("ConfigMap")["data"]["config.yaml"])
    environment = {**rendered.secrets, **rendered.plain_environment, "RECONCILER_CONFIG": str(file)}
    return load_settings(environment)


def as_written(value: object) -> Any:
    """Spell a setting's value as a person does in YAML."""
    if isinstance(value, BaseModel):
        return {key: as_written(inner) for key, inner in value if inner is not None}
    if isinstance(value, frozenset | tuple):
        return sorted(value)
    return None if value is None else yaml.safe_load(str(value))


@pytest.mark.parametrize("values", [ONE_UPSTREAM, EVERY_UPSTREAM, EVERYTHING_SET])
def test_the_program_accepts_what_the_chart_renders(values: Values, tmp_path: Path) -> None:
    rendered = render(values)
    settings = load(rendered, tmp_path)
    assert settings.host == "0.0.0.0"
    assert settings.database_url == "sqlite:////data/reconciler.db"
    assert settings.port == rendered.container["ports"][0]["containerPort"]
    assert settings.radarr[0].api_key.get_secret_value() == RADARR["apiKey"]
    assert {kind for kind in SECTIONS if getattr(settings, kind.value)} == {kind for kind in SECTIONS if kind in values}


def test_the_program_reads_the_values_as_they_were_meant(tmp_path: Path) -> None:
    settings = load(render(EVERYTHING_SET), tmp_path)
    assert settings.mode is Mode.OBSERVE
    assert settings.protect_labels == {"keep", "no: never"}
    (qbittorrent,) = settings.qbittorrent
    assert qbittorrent.password is not None
    assert qbittorrent.password.get_secret_value() == "pass: word, #1"
    assert settings.sonarr[0].url == "https://tv.example/sonarr"


@pytest.mark.parametrize("key", sorted(Settings.model_fields.keys() - SECTIONS.keys() - CHARTS_OWN))
def test_every_setting_can_be_set(key: str) -> None:
    if about(Settings, key).hidden:
        with pytest.raises(helm_python.HelmError, match=rf"config\.{key} is a secret"):
            render({**ONE_UPSTREAM, "config": {key: "x" * 32}})
    else:
        value = as_written(Settings.model_fields[key].default)
        assert render({**ONE_UPSTREAM, "config": {key: value}}).configuration[key] == value


@pytest.mark.parametrize("key", sorted(CHARTS_OWN))
def test_what_the_chart_decides_is_a_setting_that_exists(key: str) -> None:
    assert key in Settings.model_fields


@pytest.mark.parametrize(("kind", "model"), SECTIONS.items())
def test_every_setting_of_an_upstream_can_be_set(kind: UpstreamKind, model: type[UpstreamSettings]) -> None:
    """Secrets and the address by the upstream's own values; the rest under `config`."""
    with helm_python.Chart.load(CHART) as chart:
        own_values = chart.values[kind.value].keys()
    own_settings = {"apiKey": "api_key"}
    for key in model.model_fields:
        if key in {own_settings.get(value, value) for value in own_values}:
            continue
        assert not about(model, key).hidden, f"{kind.value}.{key} is a secret without a value"
        default = model.model_fields[key].get_default()
        value = "Some text" if default is None else as_written(default)
        rendered = render({**EVERY_UPSTREAM, "config": {kind.value: {key: value}}})
        assert rendered.configuration[kind.value][key] == value


def test_sections_arrive_as_they_were_written_and_are_read_as_they_were_meant(tmp_path: Path) -> None:
    config: dict[str, Any] = {
        "log_format": "json",
        "breaker_bytes": 2_500_000_000_001,
        "grace": {"dashboard": 0, "api": 31_536_000},
        "require_approval": ["jellyseerr"],
        "deny_windows": [{"cron": "*/5 18 * * fri-sun", "minutes": 300, "timezone": "Europe/Berlin"}],
        "seeding": {
            "private_min_hours": 0.5,
            "rules": [{"tracker": "t.example", "private": False, "min_ratio": 1, "met_by": "any"}],
        },
        "resync": {"vanished_title": "hold", "declined": "ignore"},
        "jellyfin": {"path_mappings": [{"library": "/data/tv", "jellyfin": "/tv"}]},
    }
    jellyfin = {"url": "http://jellyfin:8096", "apiKey": "jellyfin-key"}
    rendered = render({**ONE_UPSTREAM, "jellyfin": jellyfin, "config": config})
    expected = {**config, "jellyfin": {**config["jellyfin"], "url": jellyfin["url"]}}
    assert rendered.configuration == {**expected, "radarr": {"url": RADARR["url"]}}
    settings = load(rendered, tmp_path)
    assert settings.breaker_bytes == 2_500_000_000_001
    assert settings.grace_for(Source.API) == timedelta(days=365)
    assert settings.deny_windows[0].timezone == "Europe/Berlin"
    assert settings.seeding.rules[0].min_ratio == 1
    assert settings.jellyfin[0].api_key.get_secret_value() == "jellyfin-key"


def test_of_several_instances_the_first_is_that_of_the_charts_own_values(tmp_path: Path) -> None:
    rendered = render(SEVERAL_INSTANCES)
    file = tmp_path / "config.yaml"
    text = rendered.one("ConfigMap")["data"]["config.yaml"]
    file.write_text(text.replace("/run/secrets/reconciler", str(tmp_path)))
    (tmp_path / "UHD_RADARR_KEY").write_text("second-key")
    (tmp_path / "SEEDBOX_PASSWORD").write_text("second-password")
    own_secret = {"RADARR_API_KEY": "first-key", "QBITTORRENT_API_KEY": "first-key", **AUTH_VARIABLES}
    settings = load_settings({**own_secret, **rendered.plain_environment}, file)
    assert [(r.name, r.url, r.api_key.get_secret_value(), r.is_4k) for r in settings.radarr] == [
        ("radarr", "http://radarr:7878", "first-key", False),
        ("radarr-4k", "http://radarr-4k:7878", "second-key", True),
    ]
    assert [(q.name, q.url, q.username) for q in settings.qbittorrent] == [
        ("qbittorrent", "http://qbittorrent:8080", None),
        ("seedbox", "http://seedbox:8080", "me"),
    ]
