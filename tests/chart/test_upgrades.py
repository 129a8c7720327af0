"""What an upgrade finds in the cluster: the secrets that were generated are kept, and never outweigh a person's own."""

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import helm_python
import pytest

from tests.chart.rendering import AUTH, CHART, NAME, RADARR, Rendered, Values, render

LOOKUP = 'lookup "v1" "Secret" $root.Release.Namespace (index . 1)'
ANSWER = """{{ define "cluster.secret" }}
{{ if not (regexMatch "^[-a-z0-9.]+$" .) }}{{ fail (printf "invalid resource name %%q" .) }}{{ end }}
{{ get (fromJson %s) . | default dict | toJson }}
{{ end }}"""
"""A cluster's client quotes what is no name."""
GENERATED = {"RECONCILER_WEBHOOK_SECRET": "generated-secret-0123", "RECONCILER_API_TOKEN": "generated-token-01234"}
OWN_KEYS = {"RADARR_API_KEY": "own-radarr-key", "UHD_RADARR_KEY": "own-uhd-key"}

Cluster = Mapping[str, Mapping[str, str]]
"""The Secrets in the release's namespace, decoded."""
Upgrade = Callable[[Values, Cluster], Rendered]


@pytest.fixture
def upgrade(tmp_path: Path) -> Upgrade:
    """Return what renders the chart beside the Secrets of a cluster: nothing but `lookup` asks for them."""

    def rendered(values: Values, cluster: Cluster) -> Rendered:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        for file in (*CHART.glob("*"), *CHART.glob("*/**/*")):
            if file.is_file():
                copy = folder / file.relative_to(CHART)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(file.read_bytes())
        secrets = folder / "templates" / "_secrets.tpl"
        found = {name: {"data": {k: encoded(v) for k, v in data.items()}} for name, data in cluster.items()}
        text = secrets.read_text()
        assert text.count("lookup ") == 1, "a further question to the cluster is not answered here"
        assert LOOKUP in text
        secrets.write_text(text.replace(LOOKUP, 'fromJson (include "cluster.secret" (index . 1))'))
        (folder / "templates" / "_cluster.tpl").write_text(ANSWER % json.dumps(json.dumps(found)))
        return render(values, folder)

    return rendered


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def values(**more: Any) -> Values:
    return {"radarr": RADARR, **more}


def sources(rendered: Rendered) -> list[str]:
    return [source["secretRef"]["name"] for source in rendered.container["envFrom"] if "secretRef" in source]


def test_generated_secrets_are_kept_by_an_upgrade(upgrade: Upgrade) -> None:
    assert upgrade(values(), {NAME: GENERATED}).secrets == {**GENERATED, "RADARR_API_KEY": RADARR["apiKey"]}


def test_a_secret_that_is_written_later_wins_over_the_generated_one(upgrade: Upgrade) -> None:
    secrets = upgrade(values(auth={"webhookSecret": AUTH["webhookSecret"]}), {NAME: GENERATED}).secrets
    assert secrets["RECONCILER_WEBHOOK_SECRET"] == AUTH["webhookSecret"]
    assert secrets["RECONCILER_API_TOKEN"] == GENERATED["RECONCILER_API_TOKEN"]


@pytest.mark.parametrize(
    "more",
    [{"existingSecret": "keys"}, {"extraEnvFrom": [{"secretRef": {"name": "keys"}}]}],
    ids=lambda m: next(iter(m)),
)
def test_an_own_secret_for_other_keys_drops_no_generated_one(upgrade: Upgrade, more: Values) -> None:
    rendered = upgrade(values(**more), {NAME: GENERATED, "keys": OWN_KEYS})
    assert rendered.secrets.items() >= GENERATED.items()
    assert f"get secret {NAME} -o jsonpath='{{.data.RECONCILER_WEBHOOK_SECRET}}'" in rendered.notes
    new = upgrade(values(**more), {"keys": {**OWN_KEYS, "RECONCILER_API_TOKEN": ""}}).secrets
    assert {len(new[variable]) for variable in GENERATED} == {40}, "a first installation generates them"


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"existingSecret": "keys"}, "RECONCILER_WEBHOOK_SECRET"),
        ({"existingSecret": "keys"}, "RECONCILER_WEBHOOK_SECRET_FILE"),
        ({"extraEnvFrom": [{"secretRef": {"name": "keys"}}]}, "RECONCILER_WEBHOOK_SECRET"),
        ({"extraEnvFrom": [{"secretRef": {"name": "keys"}, "prefix": "RECONCILER_"}]}, "WEBHOOK_SECRET"),
        ({"extraEnvFrom": [{"secretRef": {"name": "keys"}}], "existingSecret": "later"}, "RECONCILER_WEBHOOK_SECRET"),
    ],
)
def test_a_generated_secret_never_outweighs_the_one_in_an_own_secret(upgrade: Upgrade, more: Values, key: str) -> None:
    """The release's own Secret is the last source of the environment, so it must not have the variable then."""
    cluster = {NAME: GENERATED, "keys": {key: "own-secret-0123456789"}, "later": OWN_KEYS}
    rendered = upgrade(values(**more), cluster)
    assert "RECONCILER_WEBHOOK_SECRET" not in rendered.secrets
    assert rendered.secrets["RECONCILER_API_TOKEN"] == GENERATED["RECONCILER_API_TOKEN"]
    assert sources(rendered)[-1] == NAME
    shown = "the file that" if key.endswith("_FILE") else f"get secret keys -o jsonpath='{{.data.{key}}}'"
    assert shown in rendered.notes
    assert f"get secret {NAME} -o jsonpath='{{.data.RECONCILER_API_TOKEN}}'" in rendered.notes


@pytest.mark.parametrize(
    "more",
    [
        {"existingSecret": "postgresql://me:word@host/db"},
        {"extraEnvFrom": [{"secretRef": {"name": "postgresql://me:word@host/db"}}]},
    ],
    ids=lambda more: next(iter(more)),
)
def test_the_cluster_is_not_asked_for_what_is_no_name_of_a_secret(upgrade: Upgrade, more: Values) -> None:
    """It may be a secret, and the refusal would quote it."""
    with pytest.raises(helm_python.HelmError) as refusal:
        upgrade(values(**more), {NAME: GENERATED})
    assert f"{next(iter(more))} must " in str(refusal.value)
    assert "word" not in str(refusal.value)


def test_an_own_secret_that_is_not_there_yet_is_trusted_to_have_both(upgrade: Upgrade) -> None:
    rendered = upgrade(values(existingSecret="keys"), {NAME: GENERATED})
    assert rendered.secrets.keys() == {"RADARR_API_KEY"}
    assert "get secret keys -o jsonpath='{.data.RECONCILER_API_TOKEN}'" in rendered.notes


def test_a_config_map_in_the_environment_is_no_source_of_secrets() -> None:
    rendered = render(values(extraEnvFrom=[{"configMapRef": {"name": "proxies"}}]))
    assert rendered.secrets.keys() == {*GENERATED, "RADARR_API_KEY"}
    with pytest.raises(helm_python.HelmError, match=r"radarr\.url is set but not its key"):
        render({"radarr": {"url": "http://radarr:7878"}, "extraEnvFrom": [{"configMapRef": {"name": "proxies"}}]})


@pytest.mark.parametrize(
    "more",
    [
        {"config": {"webhook_secret_file": "/own/secret"}},
        {"extraEnv": [{"name": "RECONCILER_WEBHOOK_SECRET_FILE", "value": "/own/secret"}]},
    ],
)
def test_nothing_is_generated_over_a_secret_in_a_file(more: Values) -> None:
    rendered = render(values(**more))
    assert rendered.secrets.keys() == {"RECONCILER_API_TOKEN", "RADARR_API_KEY"}
    assert "the file that" in rendered.notes


@pytest.mark.parametrize(
    ("name", "variable"),
    [("WebhookSecret", "RECONCILER_WEBHOOK_SECRET"), ("ApiToken", "RECONCILER_API_TOKEN")],
)
def test_a_previous_secret_that_is_still_the_present_one_is_refused_unquoted(
    upgrade: Upgrade, name: str, variable: str
) -> None:
    """The program would refuse to start: the old one alone was set as previous, so the upgrade kept it as present."""
    with pytest.raises(helm_python.HelmError) as refusal:
        upgrade(values(auth={f"previous{name}": GENERATED[variable]}), {NAME: GENERATED})
    present = f"auth.{name[0].lower()}{name[1:]}"
    assert f"auth.previous{name} is the same as {present}: set {present} to the new one" in str(refusal.value)
    assert GENERATED[variable] not in str(refusal.value)


def test_a_generated_secret_is_replaced_while_the_old_one_is_accepted_too(upgrade: Upgrade) -> None:
    old, new = GENERATED["RECONCILER_WEBHOOK_SECRET"], AUTH["webhookSecret"]
    changed = upgrade(values(auth={"webhookSecret": new, "previousWebhookSecret": old}), {NAME: GENERATED}).secrets
    assert (changed["RECONCILER_WEBHOOK_SECRET"], changed["RECONCILER_PREVIOUS_WEBHOOK_SECRET"]) == (new, old)
    done = upgrade(values(auth={"previousWebhookSecret": ""}), {NAME: changed}).secrets
    assert done["RECONCILER_WEBHOOK_SECRET"] == new
    assert "RECONCILER_PREVIOUS_WEBHOOK_SECRET" not in done


def test_no_section_auth_is_an_empty_one() -> None:
    assert render(values(auth=None)).secrets.keys() == {*GENERATED, "RADARR_API_KEY"}
