"""What is shipped may be passed on, and the page that says so is true."""

from pathlib import Path

import pytest

from tests.release import licences
from tests.release.locked import Locked, read_lock
from tests.support.pages import ROOT, read, rows_of


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 AND BSD-2-Clause", True),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND (LGPL-3.0-or-later OR ISC)", True),
        ("GPL-3.0-only", False),
        ("MIT AND GPL-2.0-only", False),
        ("AGPL-3.0-only OR LGPL-2.1-only", False),
        ("Apache-2.0 WITH Classpath-exception-2.0", False),
        ("Anything-1.0", False),
        ("MIT AND", False),
    ],
)
def test_an_expression_is_allowed_if_all_that_must_hold_is(expression: str, allowed: bool) -> None:
    assert licences.is_allowed(expression) is allowed


def test_every_package_in_the_image_is_on_the_page() -> None:
    listed = {row[0]: row[1] for row in rows_of(read("docs/licences.md"))}
    shipped = [package for package in read_lock(ROOT / "requirements.lock") if package.is_shipped]
    assert listed == {package.name: package.licence for package in shipped}
    assert licences.troubles(shipped) == []


def test_what_is_for_windows_is_not_in_the_image() -> None:
    names = {package.name: package.is_shipped for package in read_lock(ROOT / "requirements.lock")}
    assert names["colorama"] is False
    assert names["uvloop"] is names["anyio"] is True


def test_a_licence_that_may_not_be_passed_on_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    (package,) = [one for one in read_lock(ROOT / "requirements.lock") if one.name == "anyio"]
    monkeypatch.setattr(licences, "ALLOWED", licences.ALLOWED - {"MIT"})
    assert licences.troubles([package]) == [f"anyio {package.version} is under MIT"]


def test_the_licence_of_another_version_is_not_taken_for_this_ones() -> None:
    other = Locked("anyio", "0.0.1", None, ())
    assert other.licence is None
    assert licences.troubles([other]) == ["anyio 0.0.1 is not installed here in this version"]


def test_what_is_no_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.lock").write_text("anyio>=4\n")
    with pytest.raises(ValueError, match="anyio>=4"):
        read_lock(tmp_path / "x.lock")
