"""The examples people copy are taken by the chart, and by the program that reads what it renders."""

import re
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

from tests.chart.rendering import CHART, GOOD_VALUES, NAME, ONE_UPSTREAM, render
from tests.support.pages import blocks, prose

EXAMPLES: list[dict[str, Any]] = [yaml.safe_load(block) for block in blocks("helm/README.md", "yaml")]


def install_command(page: str) -> dict[str, Any]:
    """Return the values of a page's `helm install`."""
    (command,) = [block for block in blocks(page, "sh") if block.startswith("helm install")]
    expressions = re.findall(r'--set (\S+?=(?:"[^"]*"|\S+))', command.replace("\\\n", " "))
    values: dict[str, Any] = {}
    for expression in expressions:
        filled = re.sub(r'"\$\(openssl [^)]*\)"', "0123456789abcdef0123456789abcdef", expression)
        for section, written in helm_python.parse_set_string(filled).items():
            values[section] = {**values.get(section, {}), **written}
    return values


@pytest.mark.parametrize("page", ["README.md", "helm/README.md"])
def test_the_command_that_installs_it_is_taken(page: str) -> None:
    rendered = render(install_command(page))
    assert rendered.container["image"].startswith("REGISTRY/deletion-reconciler:")
    assert {"RECONCILER_WEBHOOK_SECRET", "RECONCILER_API_TOKEN"} <= rendered.secrets.keys()


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_values_of_the_readme_are_taken(number: int) -> None:
    example = EXAMPLES[number]
    base = {} if "radarr" in example else ONE_UPSTREAM
    kinds = [manifest["kind"] for manifest in render({**base, **example}).manifests]
    assert ("Ingress" in kinds) == ("ingress" in example)
    assert ("NetworkPolicy" in kinds) == ("networkPolicy" in example)
    assert ("Deployment" in kinds) == ("database" in example)


def test_every_key_of_the_secret_that_the_readme_makes_is_one_that_the_chart_knows() -> None:
    (command,) = [block for block in blocks("helm/README.md", "sh") if "create secret" in block]
    keys = set(re.findall(r"--from-literal=(\w+)=", command))
    places = next(t["data"] for t in _templates() if t["name"].endswith("_secrets.tpl"))
    known = set(re.findall(r"^([A-Z_]+): \w+\.\w+$", places, flags=re.MULTILINE))
    assert keys <= known
    assert {"RADARR_API_KEY", "RECONCILER_WEBHOOK_SECRET", "RECONCILER_API_TOKEN"} <= keys
    explained = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", (CHART / "values.yaml").read_text()))
    assert known - {"DATABASE_URL"} <= explained


def _templates() -> list[dict[str, str]]:
    with helm_python.Chart.load(CHART) as chart:
        return chart.templates


def commented(path: str) -> list[Any]:
    """Return the list that stands in the comment above a value of `values.yaml`."""
    name = path.rpartition(".")[2]
    lines = (CHART / "values.yaml").read_text().splitlines()
    (end,) = [number for number, line in enumerate(lines) if line.strip() == f"{name}: []"]
    begin = end
    while lines[begin - 1].strip().startswith("#"):
        begin -= 1
    text = [line.strip().removeprefix("# ") for line in lines[begin:end]]
    first = next(number for number, line in enumerate(text) if line.startswith("- "))
    return list(yaml.safe_load("\n".join(text[first:])))


def test_the_examples_beside_the_values_are_taken() -> None:
    closed = {
        "enabled": True,
        "ingress": {"from": commented("from")},
        "egress": {"upstreams": commented("upstreams")},
    }
    rendered = render({**ONE_UPSTREAM, "networkPolicy": closed})
    assert len(rendered.one("NetworkPolicy")["spec"]["egress"]) == 3
    tls = {"enabled": True, "hosts": ["reconciler.example.org"], "tls": commented("tls")}
    assert render({**ONE_UPSTREAM, "ingress": tls}).one("Ingress")["spec"]["tls"] == commented("tls")


def test_the_settings_beside_the_values_are_taken() -> None:
    text = (CHART / "values.yaml").read_text()
    (block,) = re.findall(r"^config:\n((?:  .*\n)+)", text, flags=re.MULTILINE)
    lines = [line.removeprefix("  ").removeprefix("# ") for line in block.splitlines()]
    settings = yaml.safe_load("\n".join(line for line in lines if not line.startswith("Several instances")))
    assert {"mode", "deny_windows", "radarr"} <= settings.keys()
    render({**ONE_UPSTREAM, "existingSecret": "keys", "config": settings})


@pytest.mark.parametrize("name", GOOD_VALUES)
def test_the_notes_never_show_a_template(name: str) -> None:
    notes = render(GOOD_VALUES[name]).notes
    assert not re.search(r"\{\{|<no value>|%!", notes)


@pytest.mark.parametrize("page", ["docs/operations.md", "helm/README.md"])
def test_no_upgrade_that_people_copy_drops_the_values_that_were_set_before(page: str) -> None:
    """`helm upgrade --set` alone forgets every other value, the addresses of the upstreams too."""
    commands = re.findall(r"helm upgrade (?:RELEASE|reconciler) [^`]*", " ".join(blocks(page, "sh")))
    assert commands
    assert [c for c in commands if "--reset-then-reuse-values" not in c and " -f " not in c] == []


def test_the_pod_that_a_copy_is_restored_with_is_as_hardened_as_the_charts_and_mounts_its_claim() -> None:
    (text,) = [block for block in blocks("docs/operations.md", "yaml") if "kind: Pod" in block]
    filled = text.replace("NAMESPACE", "tv").replace("NAME-data", f"{NAME}-data").replace("TAG", "0.1.0")
    pod = yaml.safe_load(filled.replace("REGISTRY", "registry.example"))
    for version in ("1.25", kubernetes_validate.latest_version()):
        kubernetes_validate.validate(pod, version, strict=True)
    rendered = render(ONE_UPSTREAM)
    (container,), service = pod["spec"]["containers"], rendered.pod["spec"]
    assert pod["spec"]["securityContext"] == service["securityContext"]
    assert container["securityContext"] == rendered.container["securityContext"]
    for name in ("automountServiceAccountToken", "enableServiceLinks"):
        assert pod["spec"][name] is service[name] is False
    assert pod["spec"]["volumes"][0] in service["volumes"]
    assert container["volumeMounts"][0] in rendered.container["volumeMounts"]


def test_a_copy_is_made_and_restored_where_the_chart_keeps_the_database() -> None:
    rendered = render(ONE_UPSTREAM)
    kind = rendered.workload["kind"].lower()
    commands = "".join(block for block in blocks("docs/operations.md", "sh") if "kubectl" in block)
    assert set(re.findall(r"(?:exec|scale|restart) (\w+)/NAME\b", commands)) == {kind}
    assert f"kubectl exec {kind}/NAME -n NAMESPACE -- reconciler backup /data/backup.db" in commands
    database = rendered.plain_environment["DATABASE_URL"].removeprefix("sqlite:///")
    assert f"mv /data/restored.db {database}\n" in commands
    assert f"rm -f {database}-wal {database}-shm\n" in commands
    assert commands.index("replicas=0") < commands.index("rm -f") < commands.index("mv ") < commands.index("replicas=1")
    for stop in re.findall(r"helm upgrade .*--set (\S+) --set replicas=0", commands):
        render({**ONE_UPSTREAM, **helm_python.parse_set_string(stop), "replicas": 0})
    assert "the release's full name, as `helm status RELEASE` shows it" in prose("docs/operations.md")
