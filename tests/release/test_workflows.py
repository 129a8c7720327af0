"""The workflows run what CI runs, with least rights, and only actions that cannot change under us."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.support.pages import ROOT

PATHS = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
every_workflow = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)


def read(path: Path) -> dict[str, Any]:
    """Return a workflow; its key `on` is true to YAML 1.1."""
    return {"on" if key is True else key: value for key, value in yaml.safe_load(path.read_text()).items()}


CI = read(ROOT / ".github" / "workflows" / "ci.yml")


@every_workflow
def test_it_is_a_workflow(path: Path) -> None:
    vendored = files("check_jsonschema") / "builtin_schemas" / "vendor" / "github-workflows.json"
    validator = Draft7Validator(json.loads(vendored.read_text()))
    workflow = read(path)
    assert [error.message for error in validator.iter_errors(workflow)] == []
    assert list(validator.iter_errors({**workflow, "jobs": {"one": {"steps": 1}}})), "the schema accepts everything"


@every_workflow
def test_every_action_is_pinned_to_a_commit_and_names_its_version(path: Path) -> None:
    used = re.findall(r"^.*\buses:.*$", path.read_text(), flags=re.MULTILINE)
    assert used
    pinned = re.compile(r"\s+(- )?uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert [line for line in used if not pinned.fullmatch(line)] == []


@every_workflow
def test_nothing_may_be_written_and_nothing_runs_for_ever(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        assert job["timeout-minutes"] <= 60
    assert "secrets." not in path.read_text()
    assert "pull_request_target" not in path.read_text()


@every_workflow
def test_no_expression_reaches_a_shell(path: Path) -> None:
    """What others may write, such as the name of a branch, must not become a command."""
    workflow = read(path)
    commands = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert [command for command in commands if "${{" in command] == []


def test_the_tests_are_exactly_what_ci_runs_on_every_push_and_request() -> None:
    assert CI["on"].keys() == {"push", "pull_request"}
    steps = CI["jobs"]["test"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]
    assert "if" not in CI["jobs"]["test"]
    assert "continue-on-error" not in (ROOT / ".github" / "workflows" / "ci.yml").read_text()


def test_the_image_is_built_for_both_platforms_and_published_nowhere() -> None:
    job = CI["jobs"]["image"]
    assert [one["platform"] for one in job["strategy"]["matrix"]["include"]] == ["linux/amd64", "linux/arm64"]
    commands = " ".join(step.get("run", "") for step in job["steps"])
    assert 'docker build --platform "$PLATFORM"' in commands
    assert "push" not in commands
    assert "--read-only" in commands
