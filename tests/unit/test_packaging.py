"""What is shipped and how it is installed: the wheel, the locks, the floors, and the commands of the README."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import reconciler

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("requirements.lock", "requirements-build.lock", "requirements-dev.lock")
every_lock = pytest.mark.parametrize("lock", LOCKS)


def pins(lock: str) -> dict[str, str]:
    """Return the locked version of every package in `lock`."""
    found = re.findall(r"^(\S+?)(?:\[\S+\])?==(\S+)", (ROOT / lock).read_text(), flags=re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def missing_from(lock: str, wanted: list[str]) -> list[str]:
    """Return the requirements that `lock` does not pin, or pins to a version they do not allow."""
    locked = pins(lock)
    requirements = [Requirement(text) for text in wanted]
    return [
        str(requirement)
        for requirement in requirements
        if (version := locked.get(canonicalize_name(requirement.name))) is None
        or not requirement.specifier.contains(version)
    ]


# --- the wheel -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return zipfile.Path(path)


def files_in(wheel: zipfile.Path) -> set[str]:
    return set(wheel.root.namelist())


def test_the_wheel_carries_every_migration_unchanged(wheel: zipfile.Path) -> None:
    migrations = sorted((ROOT / "sql").rglob("*.sql"))
    assert migrations
    for migration in migrations:
        inside = wheel / "reconciler" / "_sql" / migration.relative_to(ROOT / "sql").as_posix()
        assert inside.read_bytes() == migration.read_bytes()


def test_the_wheel_carries_every_file_of_the_package(wheel: zipfile.Path) -> None:
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "reconciler").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "reconciler/py.typed" in package
    assert package <= files_in(wheel)


def test_the_wheel_carries_nothing_else(wheel: zipfile.Path) -> None:
    assert {name.partition("/")[0] for name in files_in(wheel)} == {
        "reconciler",
        f"deletion_reconciler-{reconciler.__version__}.dist-info",
    }


def test_the_wheel_installs_the_command_and_the_licence(wheel: zipfile.Path) -> None:
    information = wheel / f"deletion_reconciler-{reconciler.__version__}.dist-info"
    assert "reconciler = reconciler.cli:main" in (information / "entry_points.txt").read_text()
    assert (information / "licenses" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert f"Version: {reconciler.__version__}\n" in (information / "METADATA").read_text()


# --- the locks -----------------------------------------------------------------------------------------------------


@every_lock
def test_a_lock_names_no_index_and_no_path(lock: str) -> None:
    pin = re.compile(r"[a-z0-9._-]+(\[[a-z0-9,-]+\])?==[a-z0-9.]+( ; [^/]+)? \\")
    digest = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
    lines = (ROOT / lock).read_text().splitlines()
    assert [line for line in lines if not pin.fullmatch(line) and not digest.fullmatch(line)] == []


@every_lock
def test_everything_locked_has_a_hash(lock: str) -> None:
    blocks = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())
    assert len(blocks) == len(pins(lock))
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


def test_the_locks_are_fresh() -> None:
    """`make lock` was run after the last change of a dependency."""
    project = PROJECT["project"]
    needed, developing = project["dependencies"], project["optional-dependencies"]["dev"]
    assert missing_from("requirements.lock", needed) == []
    assert missing_from("requirements-dev.lock", needed + developing) == []
    assert missing_from("requirements-build.lock", PROJECT["dependency-groups"]["build"]) == []
    assert missing_from("requirements-build.lock", PROJECT["build-system"]["requires"]) == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-build.lock"])
def test_what_is_tested_is_what_is_shipped(lock: str) -> None:
    assert pins(lock).items() <= pins("requirements-dev.lock").items()


@pytest.mark.parametrize("path", ["pyproject.toml", "Makefile", "Dockerfile", ".ci/prepare", ".ci/run"])
def test_installing_chooses_no_index(path: str) -> None:
    """Whose index is asked is the machine's own affair: mirrors and closed networks must work."""
    assert re.findall(r"--(?:extra-)?index-url|--find-links|\bINDEX_URL\b|/simple\b", (ROOT / path).read_text()) == []


# --- the floors ----------------------------------------------------------------------------------------------------


def test_imports_only_point_down() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_stands_on_a_floor() -> None:
    (floors,) = [c for c in PROJECT["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    placed = {name.strip(" ()") for layer in floors["layers"] for name in layer.split("|")}
    modules = {
        f"reconciler.{path.stem}"
        for path in (ROOT / "reconciler").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    beside = {"reconciler.__init__", "reconciler.__main__", "reconciler.simulators"}  # a contract of their own, or none
    assert modules - beside - placed == set()


# --- the commands --------------------------------------------------------------------------------------------------


def test_ci_runs_the_command_of_the_readme() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == "exec make test"


def test_every_target_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, flags=re.MULTILINE)
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    apart = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"}
    shown = subprocess.run(["make", "help"], cwd=ROOT, env=apart, capture_output=True, text=True, check=True).stdout
    assert set(phony.split()) == targets
    assert {line.split()[1] for line in shown.splitlines()} == targets


def test_make_prints_no_recipe() -> None:
    """Standard output belongs to the program: `make demo ARGS="--once --json"` prints one JSON document."""
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    recipes = [line for line in makefile.splitlines() if line.startswith("\t")]
    assert recipes
    assert [line for line in recipes if not line.startswith("\t@")] == []


def test_setting_up_leaves_standard_output_alone() -> None:
    done = subprocess.run([ROOT / ".ci" / "prepare", "nonsense"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "usage" in done.stderr
