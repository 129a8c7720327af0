"""The image is built and run as its Dockerfile says, without an engine; `tests/image/engine.py` says how."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.image.dockerfile import Run, stages

ROOT = Path(__file__).resolve().parents[2]
NAMESPACES = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]


def as_root() -> list[str]:
    """Return what to put before a command that needs root; where nothing helps, the test ends here."""
    for prefix in ([], ["sudo", "-n", "--preserve-env"]):
        probe = [*prefix, *NAMESPACES, "unshare", "--net", "true"]
        possible = (prefix or os.geteuid() == 0) and shutil.which(probe[0])
        if possible and subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            return prefix
    reason = "the image was not built: that needs root, or sudo without a password, and Linux's own namespaces"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Build and run the image once, and return what was seen."""
    folder, report = tmp_path_factory.mktemp("image"), tmp_path_factory.mktemp("report") / "report.json"
    # -B: what root compiles would lie in the tree as root's.
    engine = [sys.executable, "-B", "-m", "tests.image.engine", str(folder), str(report)]
    done = subprocess.run(
        [*as_root(), *NAMESPACES, *engine], cwd=ROOT, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(report.read_text())
    return {**seen, "left": [*map(str, folder.iterdir())], "mounted": str(folder) in Path("/proc/mounts").read_text()}


def test_every_step_of_the_dockerfile_was_carried_out(built: dict[str, Any]) -> None:
    written = [
        step.argv[-1]
        for stage in stages((ROOT / "Dockerfile").read_text())
        for step in stage.steps
        if isinstance(step, Run)
    ]
    assert built["steps"] == written
    assert len(written) == 2


def test_what_runs_is_what_was_installed(built: dict[str, Any]) -> None:
    assert built["installed"] == f"/app/lib/python{built['python']}/site-packages/reconciler/__init__.py"


def test_the_service_is_process_1_of_an_unprivileged_user(built: dict[str, Any]) -> None:
    process = built["process"]
    assert process["Uid"].split() == process["Gid"].split() == ["10001"] * 4
    assert process["Groups"] == ""
    assert process["NSpid"].split()[-1] == "1"
    assert {int(process["CapEff"], 16), int(process["CapBnd"], 16)} == {0}
    assert process["NoNewPrivs"] == "1"


def test_it_is_alive_and_ready_without_a_network(built: dict[str, Any]) -> None:
    assert (built["livez"], built["readyz"]) == (200, 200)


def test_the_command_line_reaches_it_from_within(built: dict[str, Any]) -> None:
    assert built["command_line"] == 0


def test_the_health_check_tells_whether_it_runs(built: dict[str, Any]) -> None:
    assert built["health"] == {"before": 1, "running": 0, "stopped": 1}


def test_the_stop_signal_ends_it_in_order(built: dict[str, Any]) -> None:
    assert built["exit"] == 0


def test_nothing_but_the_volume_can_be_written(built: dict[str, Any]) -> None:
    assert json.loads(built["writable"]) == ["/data"]


def test_the_database_is_on_the_volume_and_its_users(built: dict[str, Any]) -> None:
    (files,) = built["volumes"].values()
    assert "reconciler.db" in files
    assert set(files.values()) == {"10001:10001"}


def test_every_module_is_compiled_already_and_by_content(built: dict[str, Any]) -> None:
    """Nothing can be compiled at a read-only start, and a file's time must not make two builds differ."""
    cached = json.loads(built["cached"])
    modules = [path for path in (ROOT / "reconciler").rglob("*.py") if "__pycache__" not in path.parts]
    assert cached["sources"] == len(modules)
    assert cached["flags"] == ["03000000"]  # PEP 552: checked against the source's hash


def test_nothing_is_left_behind(built: dict[str, Any]) -> None:
    assert built["left"] == []
    assert built["mounted"] is False


def test_the_same_source_gives_the_same_wheel(tmp_path: Path) -> None:
    """Whatever the files' times are, and wherever they lie."""
    (epoch,) = re.findall(r"^ARG SOURCE_DATE_EPOCH=(\d+)$", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    wheels = []
    for name in ("one", "two"):
        source = tmp_path / name
        source.mkdir()
        for file in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
            shutil.copy(ROOT / file, source)
        for folder in ("reconciler", "sql"):
            shutil.copytree(ROOT / folder, source / folder, copy_function=shutil.copy)
        build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", "dist"]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
        subprocess.run(build, cwd=source, env=environment, check=True, capture_output=True)
        (wheel,) = (source / "dist").glob("*.whl")
        wheels.append(wheel.read_bytes())
    assert wheels[0] == wheels[1]
