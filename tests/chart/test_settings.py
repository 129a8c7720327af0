"""What the chart renders is what the program reads."""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import helm_python
import pytest
from pydantic import BaseModel

from reconciler.config import SETTINGS_REFERENCE, Mode, Setting, Settings, load_settings
from reconciler.config.upstreams import SECTIONS
from reconciler.model import Source, UpstreamKind
from tests.chart import config_schema
from tests.chart.rendering import (
    CHART,
    EVERY_UPSTREAM,
    EVERYTHING_SET,
    ONE_UPSTREAM,
    POSTGRES,
    POSTGRES_URL,
    RADARR,
    SEVERAL_INSTANCES,
    Rendered,
    Values,
    render,
)

AUTH_VARIABLES = {"RECONCILER_WEBHOOK_SECRET": "w" * 16, "RECONCILER_API_TOKEN": "t" * 16}
CHARTS_OWN = {"host"}
"""Settings that the chart alone decides."""


def load(rendered: Rendered, folder: Path) -> Settings:
    """Start as the pod does: from the mounted ConfigMap and the environment, and nothing else."""
    file = folder / "config.yaml"
    file.write_text(rendered.config_map["config.yaml"])
    environment = {**rendered.secrets, **rendered.plain_environment, "RECONCILER_CONFIG": str(file)}
    del environment["RECONCILER_URL"]  # for the command line
    return load_settings(environment)


EVERY_SETTING: dict[str, Any] = {
    "port": 8686,
    "root_path": "/reconciler",
    "public_url": "https://reconciler.example/reconciler",
    "page_url": "https://people.example/reconciler",
    "mode": "observe",
    "status_public": True,
    "interval_seconds": 61,
    "ledger_interval_seconds": 301,
    "log_format": "json",
    "log_level": "debug",
    "watch_window_seconds": 86_401,
    "grace_seconds": 1,
    "grace": {source.value: number for number, source in enumerate(Source)},
    "require_approval": ["jellyseerr"],
    "deny_windows": [{"cron": "*/5 18 * * fri-sun", "minutes": 300, "timezone": "Europe/Berlin"}],
    "breaker_limit": 1_000_000,
    "breaker_window_seconds": 3601,
    "breaker_bytes": 2_500_000_000_001,
    "protect_labels": ["keep", "no", "1.0"],
    "protect_tags": "one,two",
    "protect_categories": ["no: never"],
    "protect_paths": ["/data/family"],
    "likely_cross_seeds": "hold",
    "delete_without_files": "delete",
    "files_left_behind_seconds": 901,
    "suspicious_minimum": 11,
    "receipts_days": 31,
    "shutdown_seconds": 11,
    "seeding": {
        "block_entry": True,
        "private_min_hours": 0.5,
        "rules": [
            {
                "tracker": "t.example",
                "category": "tv",
                "tag": "seed",
                "private": False,
                "min_ratio": 1,
                "min_hours": 72,
                "met_by": "any",
            }
        ],
    },
    "resync": {
        "interval_seconds": 901,
        "vanished_title": "hold",
        "vanished_title_with_files": "hold",
        "declined": "ignore",
        "vanished_record": "hold",
        "vanished_request": "hold",
        "status_deleted": "hold",
    },
    "notifications": {"tell": ["converged"], "interval_seconds": 61, "stalled_after_seconds": 21_601},
    "qbittorrent": {"name": "seedbox", "download_clients": ["Seedbox"]},
    "radarr": {"name": "radarr-4k", "is_4k": True, "instance_name": "Radarr"},
    "sonarr": {"name": "sonarr-4k", "is_4k": True, "instance_name": "Sonarr"},
    "jellyseerr": {"name": "seerr", "delete_on": ["MEDIA_DECLINED", "MEDIA_DELETED"], "command_phrase": "!delete"},
    "jellyfin": {
        "name": "jelly",
        "on_item_deleted": "delete",
        "path_mappings": [{"library": "/data/tv", "jellyfin": "/tv"}],
    },
}
"""Everything that is set under `config`, to something that is not its default."""

SECRETS = [setting for setting in SETTINGS_REFERENCE if setting.secret or setting.key == "qbittorrent.username"]
URLS = {f"{kind.value}.url" for kind in SECTIONS}


def keys_in(section: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """Name the settings in a configuration as the reference does."""
    for key, value in section.items():
        if place or key not in SECTIONS:
            yield f"{place}{key}"
        if isinstance(value, Mapping):
            yield from keys_in(value, f"{place}{key}.")
        elif isinstance(value, list) and isinstance(value[0], Mapping):
            yield from keys_in(value[0], f"{place}{key}[].")


def read_from(settings: Settings, key: str) -> tuple[object, object]:
    """Return what a setting of the reference was read as, and its default."""
    *places, last = key.replace("[]", "").split(".")
    model: BaseModel = settings
    for place in places:
        inner = getattr(model, place)
        model = inner[0] if isinstance(inner, tuple) else inner
    return getattr(model, last), type(model).model_fields[last].default


def place_of(setting: Setting) -> tuple[str, str]:
    """Return where a secret stands in the chart's own values."""
    section, dot, key = setting.key.rpartition(".")
    first, *others = key.split("_")
    name = first + "".join(word.capitalize() for word in others)
    if key == "database_url":
        return "database", "url"
    return (section, name) if dot else ("auth", name)


@pytest.mark.parametrize("values", [ONE_UPSTREAM, EVERY_UPSTREAM, POSTGRES, EVERYTHING_SET])
def test_the_program_accepts_what_the_chart_renders(values: Values, tmp_path: Path) -> None:
    rendered = render(values)
    settings = load(rendered, tmp_path)
    assert settings.host == "0.0.0.0"
    assert settings.database_url == (POSTGRES_URL if "database" in values else "sqlite:////data/reconciler.db")
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


def test_every_setting_can_be_set_and_none_that_is_gone() -> None:
    """By the values of its own, if it is a secret or an address; all others under `config`. The chart decides one."""
    under_config = set(keys_in(EVERY_SETTING))
    elsewhere = {setting.key for setting in SECRETS} | URLS | CHARTS_OWN
    assert under_config | elsewhere == {setting.key for setting in SETTINGS_REFERENCE}
    assert under_config & elsewhere == set()


def test_every_setting_arrives_as_it_was_written_and_is_read_as_it_was_meant(tmp_path: Path) -> None:
    rendered = render({**EVERY_UPSTREAM, "config": EVERY_SETTING})
    addresses = {kind.value: {"url": url_of(kind)} for kind in SECTIONS}
    assert rendered.configuration == {
        key: {**value, **addresses[key]} if key in addresses else value for key, value in EVERY_SETTING.items()
    }
    settings = load(rendered, tmp_path)
    for key in keys_in(EVERY_SETTING):
        value, default = read_from(settings, key)
        assert value != default, f"{key} is still {default!r}"
    assert settings.port == rendered.container["ports"][0]["containerPort"]
    assert settings.breaker_bytes == 2_500_000_000_001
    assert settings.grace_for(Source.API) == timedelta(seconds=EVERY_SETTING["grace"]["api"])


def url_of(kind: UpstreamKind) -> object:
    section: Any = EVERY_UPSTREAM[kind.value]
    return section["url"]


@pytest.mark.parametrize("setting", SECRETS, ids=[setting.key for setting in SECRETS])
def test_every_secret_can_be_set_and_goes_into_the_secret(setting: Setting) -> None:
    section, name = place_of(setting)
    texts = {"database_url": POSTGRES_URL, "notifications.urls": "ntfy://a-secret-0123456789/topic"}
    text = texts.get(setting.key, "a-secret-0123456789")
    written: dict[str, str] = {name: text}
    if section in SECTIONS:
        written["url"] = "http://upstream:8080"
    if name in {"username", "password"}:
        written = {"username": "somebody", "password": "something", **written}
    base: Any = ONE_UPSTREAM.get(section, {})
    rendered = render({**ONE_UPSTREAM, section: {**base, **written}})
    assert setting.env is not None
    assert rendered.secrets[setting.env] == text
    assert text not in json.dumps([rendered.config_map, rendered.pod, rendered.notes])


@pytest.mark.parametrize("setting", SECRETS, ids=[setting.key for setting in SECRETS])
def test_no_secret_is_taken_under_config(setting: Setting) -> None:
    section, dot, key = setting.key.rpartition(".")
    misplaced = {section: {key: "misplaced"}} if dot else {key: "misplaced"}
    with pytest.raises(helm_python.HelmError, match=rf"config\.{setting.key} is ") as refusal:
        render({**EVERY_UPSTREAM, "config": misplaced})
    assert ".".join(place_of(setting)) in str(refusal.value)


def test_the_templates_know_no_setting_that_is_gone() -> None:
    with helm_python.Chart.load(CHART) as chart:
        templates = "".join(template["data"] for template in chart.templates)
    known = set(re.findall(r"\.Values\.config\.(\w+)", templates))
    assert known
    assert known <= Settings.model_fields.keys()
    assert Settings.model_fields.keys() >= CHARTS_OWN


def test_what_the_templates_take_as_default_is_the_default() -> None:
    with helm_python.Chart.load(CHART) as chart:
        templates = "".join(template["data"] for template in chart.templates)
    taken = {name: int(number) for number, name in re.findall(r"default (\d+) \.Values\.config\.(\w+)", templates)}
    assert taken == {name: Settings.model_fields[name].default for name in taken}
    assert taken.keys() == {"port", "shutdown_seconds", "ledger_interval_seconds"}


def test_the_schema_of_the_settings_is_that_of_the_program() -> None:
    """`make schema` writes it anew."""
    text = config_schema.FILE.read_text()
    assert text == config_schema.updated(text)


@pytest.mark.parametrize(
    "path",
    [
        [],
        ["grace"],
        ["deny_windows", 0],
        ["seeding"],
        ["seeding", "rules", 0],
        ["resync"],
        ["notifications"],
        *([k] for k in SECTIONS),
    ],
)
def test_a_mistyped_setting_is_refused_by_its_name(path: list[str | int]) -> None:
    config = deepcopy(EVERY_SETTING)
    section: Any = config
    for step in path:
        section = section[step]
    section["mistyped"] = 1
    place = "/".join(["/config", *map(str, path)])
    with pytest.raises(helm_python.HelmError, match=f"at '{place}': additional properties 'mistyped' not allowed"):
        render({**EVERY_UPSTREAM, "config": config})


def test_of_several_instances_the_first_is_that_of_the_charts_own_values(tmp_path: Path) -> None:
    rendered = render(SEVERAL_INSTANCES)
    file = tmp_path / "config.yaml"
    text = rendered.config_map["config.yaml"]
    file.write_text(text.replace("/run/secrets/reconciler", str(tmp_path)))
    (tmp_path / "UHD_RADARR_KEY").write_text("second-key")
    (tmp_path / "SEEDBOX_PASSWORD").write_text("second-password")
    own_secret = {"RADARR_API_KEY": "first-key", "QBITTORRENT_API_KEY": "first-key", **AUTH_VARIABLES}
    pod = {name: value for name, value in rendered.plain_environment.items() if name != "RECONCILER_URL"}
    settings = load_settings({**own_secret, **pod}, file)
    assert [(r.name, r.url, r.api_key.get_secret_value(), r.is_4k) for r in settings.radarr] == [
        ("radarr", "http://radarr:7878", "first-key", False),
        ("radarr-4k", "http://radarr-4k:7878", "second-key", True),
    ]
    assert [(q.name, q.url, q.username) for q in settings.qbittorrent] == [
        ("qbittorrent", "http://qbittorrent:8080", None),
        ("seedbox", "http://seedbox:8080", "me"),
    ]
