"""The bill of materials is what CycloneDX says it must be, and holds all that is locked."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import reconciler
from tests.release import sbom
from tests.support.pages import ROOT

EPOCH = "1700000000"


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", EPOCH)
        path = sbom.main(ROOT, tmp_path_factory.mktemp("dist"))
    assert path.name == f"deletion-reconciler-{reconciler.__version__}.cdx.json"
    return path.read_text()


@pytest.fixture(scope="module")
def bill(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


def test_it_is_valid(text: str, bill: dict[str, Any]) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    broken = {**bill, "components": [{"name": "no type"}]}
    assert validator.validate_str(json.dumps(broken)) is not None, "the validator validates nothing"


def test_everything_locked_is_in_it_with_every_hash(bill: dict[str, Any]) -> None:
    blocks = re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text().strip())
    locked = {block.partition(" ")[0]: set(re.findall(r"sha256:(\w+)", block)) for block in blocks}
    held = {
        f"{one['name']}=={one['version']}": {h["content"] for h in one["externalReferences"][0]["hashes"]}
        for one in bill["components"]
    }
    assert held == locked
    assert len(locked) > 20


def test_what_is_shipped_has_a_licence_and_the_rest_is_excluded(bill: dict[str, Any]) -> None:
    assert [one["name"] for one in bill["components"] if one["scope"] == "required" and not one.get("licenses")] == []
    assert {one["name"] for one in bill["components"] if one["scope"] == "excluded"} == {"colorama", "tzdata"}


def test_it_is_about_this_version_and_tells_what_needs_what(bill: dict[str, Any]) -> None:
    program = bill["metadata"]["component"]
    assert (program["name"], program["version"]) == ("deletion-reconciler", reconciler.__version__)
    needs = {one["ref"]: one.get("dependsOn", []) for one in bill["dependencies"]}
    names = {one["bom-ref"]: one["name"] for one in bill["components"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["notifications"]]
    assert {names[ref] for ref in needs[program["bom-ref"]]} == {re.split(r"[>=<]", one)[0] for one in wanted}
    reached, waiting = set(), [program["bom-ref"]]
    while waiting:
        ref = waiting.pop()
        if ref not in reached:
            reached.add(ref)
            waiting += needs[ref]
    required = {one["bom-ref"] for one in bill["components"] if one["scope"] == "required"}
    assert reached - {program["bom-ref"]} == required, "what is shipped is what something needs"


def test_it_names_no_index(text: str) -> None:
    assert re.findall(r"https?://[^\"]+", text.replace("http://cyclonedx.org/schema/bom-1.6.schema.json", "")) == []


def test_the_same_commit_gives_the_same_bytes(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)
    assert sbom.main(ROOT, tmp_path).read_text() == text
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    shown = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=True)
    timestamp = sbom.bill(ROOT).metadata.timestamp
    assert timestamp is not None
    assert timestamp.timestamp() == int(shown.stdout)
