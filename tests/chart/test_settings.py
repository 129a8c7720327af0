"""What the chart renders is what the program reads."""

from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from reconciler.config import Mode, Settings, UpstreamSettings, load_settings
from reconciler.config.settings import SECTIONS, about
from reconciler.model import UpstreamKind
from tests.chart.rendering import CHART, EVERY_UPSTREAM, EVERYTHING_SET, ONE_UPSTREAM, RADARR, Rendered, Values, render

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
    return sorted(value) if isinstance(value, frozenset) else yaml.safe_load(str(value))


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
        section = {key: as_written(default)}
        assert (
            render({**EVERY_UPSTREAM, "config": {kind.value: section}}).configuration[kind.value][key] == section[key]
        )
