"""`make release-check`: whether this tree can be released. Names every problem with its fix; exit code 1 if any.

`--offline` leaves out what needs the package index, and says so.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tests.image.dockerfile import arguments
from tests.release import licences, version
from tests.release.locked import read_lock

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-build.lock", "requirements-dev.lock")
ARCHITECTURES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and what to do about it."""

    what: str
    fix: str


def tree(root: Path) -> list[Problem]:
    """Everything is committed, and the version was not released before."""
    changed = _git(root, "status", "--porcelain").splitlines()
    found = [Problem(f"not committed: {', '.join(line[3:] for line in changed)}", "commit or remove it")] * bool(
        changed
    )
    tag = f"v{version.read(root)}"
    if tag in _git(root, "tag", "--list").split() and tag not in _git(root, "tag", "--points-at", "HEAD").split():
        found.append(Problem(f"{tag} is the tag of another commit", f"raise __version__ in {version.SOURCE}"))
    return found


def versions(root: Path) -> list[Problem]:
    """The version is the same wherever it stands."""
    return [
        Problem(f"{place} is not the version of {version.SOURCE}, {version.read(root)}", "run make version")
        for place in version.differing(root)
    ]


def changelog(root: Path) -> list[Problem]:
    """The changelog has what is released: below the version and a date, or, before that, below Unreleased."""
    text = (root / "CHANGELOG.md").read_text()
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    number = version.read(root)
    unreleased = sections.get("[Unreleased]", "").strip()
    titles = [title for title in sections if title.startswith(f"[{number}]")]
    tagged = f"v{number}" in _git(root, "tag", "--points-at", "HEAD").split()
    if not titles:
        if unreleased and not tagged:
            return []
        heading = f"## [{number}] - {date.today().isoformat()}"  # noqa: DTZ011 - the date where the release is made
        return [Problem(f"CHANGELOG.md has nothing about {number}", f"write what changed, below {heading}")]
    (title,) = titles
    found = []
    if not sections[title].strip():
        found.append(Problem(f"CHANGELOG.md says nothing below {title}", "write what changed"))
    if unreleased:
        found.append(
            Problem(f"CHANGELOG.md has {title}, and changes below Unreleased", "move them, or raise the version")
        )
    if not _is_dated(title.removeprefix(f"[{number}]")):
        found.append(Problem(f"CHANGELOG.md has no date at {title}", f"write [{number}] - YYYY-MM-DD"))
    return found


def _is_dated(rest: str) -> bool:
    try:
        date.fromisoformat(rest.removeprefix(" - "))
    except ValueError:
        return False
    return rest.startswith(" - ")


def shipped_licences(root: Path) -> list[Problem]:
    """Every package that is shipped may be, and is listed."""
    packages = read_lock(root / "requirements.lock")
    fix = "run .ci/prepare dev if it is not installed; else read its licence, and see tests/release/licences.py"
    found = [Problem(f"licence: {what}", fix) for what in licences.troubles(packages)]
    if not found and (root / "docs" / "licences.md").read_text() != licences.page(packages):
        found.append(Problem("docs/licences.md is not what requirements.lock brings", "run make licences"))
    return found


def locks(root: Path) -> list[Problem]:
    """Resolving again gives the locks as they are."""
    with tempfile.TemporaryDirectory() as name:
        for lock in LOCKS:
            (Path(name) / lock).write_text((root / lock).read_text())
        done = _run(root, "make", "lock", f"LOCKS={name}")
        if done.returncode != 0:
            return [Problem(f"the locks could not be resolved again: {_last(done.stderr)}", "is the index reachable?")]
        return stale(root, Path(name))


def stale(root: Path, resolved: Path) -> list[Problem]:
    """The locks are those in the folder `resolved`."""
    differ = [lock for lock in LOCKS if (resolved / lock).read_text() != (root / lock).read_text()]
    return [Problem(f"{lock} is not what resolving gives", "run make lock") for lock in differ]


def wheels(root: Path) -> list[Problem]:
    """For both platforms there is a wheel of everything that is locked, for the image's Python."""
    python = arguments((root / "Dockerfile").read_text())["PYTHON_TAG"].partition("-")[0]
    found = []
    with tempfile.TemporaryDirectory() as name:
        for platform, architecture in ARCHITECTURES.items():
            uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--dry-run", "--target", name]
            wanted = ["--python-version", python, "--python-platform", f"{architecture}-manylinux_2_28"]
            what = ["--no-build", "--no-deps", "--require-hashes", "--requirement", "requirements.lock"]
            done = _run(root, *uv, *wanted, *what)
            if done.returncode != 0:
                problem = f"not everything has a wheel for {platform} and Python {python}: {_last(done.stderr)}"
                found.append(Problem(problem, "lock a version that has one"))
    return found


OFFLINE: tuple[Callable[[Path], list[Problem]], ...] = (tree, versions, changelog, shipped_licences)
ONLINE: tuple[Callable[[Path], list[Problem]], ...] = (locks, wheels)


def problems(root: Path, checks: tuple[Callable[[Path], list[Problem]], ...]) -> list[Problem]:
    """Return what every check finds."""
    return [problem for check in checks for problem in check(root)]


def main(root: Path, given: list[str]) -> int:
    """Check, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make release-check", description="Tell whether this tree can be released.")
    parser.add_argument("--offline", action="store_true", help="leave out what needs the package index")
    offline = parser.parse_args(given).offline
    found = problems(root, OFFLINE if offline else OFFLINE + ONLINE)
    for problem in found:
        print(f"- {problem.what}\n  {problem.fix}")
    if offline:
        print("Not checked: whether the locks are fresh, and whether both platforms have wheels of everything.")
    print(f"{version.read(root)} {'can be released.' if not found else f'cannot be released: {len(found)} to mend.'}")
    return 1 if found else 0


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.rstrip()


def _run(root: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as if no make had started us."""
    apart = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"}
    return subprocess.run(command, cwd=root, env=apart, capture_output=True, text=True, check=False)


def _last(text: str) -> str:
    return " ".join(text.split())[-300:]


if __name__ == "__main__":
    sys.exit(main(ROOT, sys.argv[1:]))
