"""Where the schema files are found, and how they are numbered."""

from pathlib import Path

import pytest

from reconciler.store import migrations


@pytest.mark.parametrize("dialect", ["postgres", "sqlite"])
def test_files_are_numbered_without_gaps(dialect: str) -> None:
    known = migrations.known_migrations(dialect)
    assert [m.version for m in known] == list(range(1, len(known) + 1))
    assert migrations.newest_version(dialect) == len(known)


def test_both_databases_have_the_same_steps() -> None:
    postgres, sqlite = (migrations.known_migrations(dialect) for dialect in ("postgres", "sqlite"))
    assert [m.name for m in postgres] == [m.name for m in sqlite]


def test_an_installed_package_carries_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "_sql" / "sqlite"
    folder.mkdir(parents=True)
    (folder / "0002_second.sql").write_text("SELECT 2;")
    (folder / "0001_first.sql").write_text("SELECT 1;")
    (folder / "README").write_text("no step")
    monkeypatch.setattr(migrations, "files", lambda _package: tmp_path)
    assert migrations.known_migrations("sqlite") == (
        migrations.Migration(1, "0001_first", "SELECT 1;"),
        migrations.Migration(2, "0002_second", "SELECT 2;"),
    )
