"""The release check finds each fault that is put into a copy of the project, and nothing in the project as it is."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.release import check, version
from tests.release.check import Problem

ROOT = Path(__file__).resolve().parents[2]
READ = (
    "CHANGELOG.md",
    "Dockerfile",
    "docs/examples/compose.yaml",
    "docs/licences.md",
    "helm/Chart.yaml",
    "pyproject.toml",
    "reconciler/__init__.py",
    "requirements.lock",
    "requirements-build.lock",
    "requirements-dev.lock",
)
"""All that the check reads."""


def git(root: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, committed, in which something is below Unreleased."""
    root = tmp_path / "project"
    for path in READ:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, root / path)
    (root / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n\n- A change.\n")
    git(root, "init", "--quiet")
    commit(root)
    return root


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "State")


def edit(root: Path, path: str, before: str, after: str) -> None:
    text = (root / path).read_text()
    assert re.search(before, text, flags=re.MULTILINE)
    (root / path).write_text(re.sub(before, after, text, flags=re.MULTILINE))


def found(root: Path) -> list[Problem]:
    return check.problems(root, check.OFFLINE)


def release(root: Path, changelog: str) -> None:
    (root / "CHANGELOG.md").write_text(f"# Changelog\n\n{changelog}")
    commit(root)


def test_a_sound_project_has_no_problem(project: Path) -> None:
    assert found(project) == []


def test_the_project_itself_has_one_version_and_licences_that_may_be_passed_on() -> None:
    assert check.problems(ROOT, (check.versions, check.changelog, check.shipped_licences)) == []


def uncommitted(root: Path) -> None:
    (root / "stray.txt").write_text("x")


def released_before(root: Path) -> None:
    git(root, "tag", f"v{version.read(root)}")
    commit(root)


def of_another_version(path: str, before: str) -> Callable[[Path], None]:
    def put(root: Path) -> None:
        edit(root, path, rf"^({before})[0-9.]+", r"\g<1>7.7.7")
        commit(root)

    return put


def in_the_changelog(text: str) -> Callable[[Path], None]:
    def put(root: Path) -> None:
        release(root, text.replace("VERSION", version.read(root)))

    return put


def tagged_unreleased(root: Path) -> None:
    git(root, "tag", f"v{version.read(root)}")


def of_nobody_knows_what_licence(root: Path) -> None:
    (root / "requirements.lock").write_text(f"stranger==1.0 \\\n    --hash=sha256:{'a' * 64}\n")
    commit(root)


def in_an_old_list(root: Path) -> None:
    edit(root, "docs/licences.md", r"^\| anyio .*\n", "")
    commit(root)


@pytest.mark.parametrize(
    ("put", "what", "fix"),
    [
        (uncommitted, "not committed: stray.txt", "commit or remove it"),
        (released_before, "is the tag of another commit", "raise __version__"),
        (of_another_version("Dockerfile", "ARG VERSION="), "Dockerfile: ARG VERSION=", "make version"),
        (
            of_another_version("docs/examples/compose.yaml", "    image: deletion-reconciler:"),
            "docs/examples/compose.yaml: image: deletion-reconciler:",
            "make version",
        ),
        (of_another_version("helm/Chart.yaml", "version: "), "helm/Chart.yaml: version:", "make version"),
        (of_another_version("helm/Chart.yaml", 'appVersion: "'), "helm/Chart.yaml: appVersion:", "make version"),
        (in_the_changelog("## [Unreleased]\n\n"), "has nothing about", "## [0.1.0] - "),
        (in_the_changelog("## [VERSION] - 2026-01-02\n\n"), "says nothing below", "write what changed"),
        (in_the_changelog("## [VERSION]\n\n- A.\n"), "has no date", "YYYY-MM-DD"),
        (in_the_changelog("## [VERSION] - 2026-13-02\n\n- A.\n"), "has no date", "YYYY-MM-DD"),
        (
            in_the_changelog("## [Unreleased]\n\n- B.\n\n## [VERSION] - 2026-01-02\n\n- A.\n"),
            "changes below Unreleased",
            "raise the version",
        ),
        (tagged_unreleased, "has nothing about", "## [0.1.0] - "),
        (of_nobody_knows_what_licence, "stranger 1.0 is not installed here", "tests/release/licences.py"),
        (in_an_old_list, "docs/licences.md is not what requirements.lock brings", "make licences"),
    ],
)
def test_a_fault_is_found_and_its_fix_is_told(project: Path, put: Callable[[Path], None], what: str, fix: str) -> None:
    put(project)
    (problem,) = found(project)
    assert what in problem.what
    assert fix.replace("0.1.0", version.read(project)) in problem.fix


def test_a_dated_section_is_as_good_before_and_after_the_tag(project: Path) -> None:
    number = version.read(project)
    release(project, f"## [Unreleased]\n\n## [{number}] - 2026-01-02\n\n- A change.\n")
    assert found(project) == []
    git(project, "tag", f"v{number}")
    assert found(project) == []


def test_every_problem_is_named_at_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(project, "Dockerfile", r"^(ARG VERSION=).*", r"\g<1>7")
    (project / "CHANGELOG.md").write_text("")
    assert check.main(project, ["--offline"]) == 1
    told = capsys.readouterr().out
    assert [told.count(f"- {what}") for what in ("not committed", "Dockerfile", "CHANGELOG.md has nothing")] == [
        1,
        1,
        1,
    ]
    assert "3 to mend" in told
    assert "Not checked: whether the locks are fresh" in told


def test_a_project_that_can_be_released_is_told_so(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main(project, ["--offline"]) == 0
    assert f"{version.read(project)} can be released." in capsys.readouterr().out


def test_a_lock_that_resolving_would_change_is_named(project: Path, tmp_path: Path) -> None:
    for lock in check.LOCKS:
        shutil.copy(project / lock, tmp_path)
    assert check.stale(project, tmp_path) == []
    (tmp_path / "requirements-build.lock").write_text("")
    assert [problem.what for problem in check.stale(project, tmp_path)] == [
        "requirements-build.lock is not what resolving gives"
    ]


@pytest.mark.parametrize(("one", "count"), [(check.locks, 1), (check.wheels, 2)])
def test_what_could_not_be_asked_is_a_problem(
    one: Callable[[Path], list[Problem]], count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    for name in ("UV_FIND_LINKS", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    assert len(one(ROOT)) == count


def test_the_version_is_copied_to_wherever_else_it_stands(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(project, "reconciler/__init__.py", r'^(__version__ = ").*"', r'\g<1>3.2.1"')
    assert len(version.differing(project)) == len(version.COPIES) == 4
    before = {place.path: (project / place.path).read_text() for place in version.COPIES}
    version.main(project)
    assert capsys.readouterr().out == "3.2.1\n"
    assert version.differing(project) == []
    for path, text in before.items():
        old, new = text.splitlines(), (project / path).read_text().splitlines()
        assert len(old) == len(new)
        assert all(a == b or "3.2.1" in b for a, b in zip(old, new, strict=True))
