"""A copy of an SQLite database that is in use: whole, private, and never in place of another file."""

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reconciler.cli import app
from reconciler.errors import StoreError
from reconciler.model import Media, MediaKind
from reconciler.ports import Store
from reconciler.store import migrate, open_store
from reconciler.store.backup import back_up
from tests.support.store import StillClock, created, wish


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/log.db"


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = await open_store(url, clock=StillClock())
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder with nothing in it but backups."""
    (tmp_path / "shelf").mkdir()
    return tmp_path / "shelf"


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_copy_beside_the_open_store_is_one_private_file_with_all_that_was_acknowledged(
    store: Store, url: str, shelf: Path
) -> None:
    deletion = await created(store)
    done = await asyncio.to_thread(back_up, url, shelf / "copy.db")
    later = await created(store, wish(Media(MediaKind.MOVIE, 949)))

    assert names_in(shelf) == ["copy.db"]
    assert stat.S_IMODE(done.target.stat().st_mode) == 0o600
    assert (done.size, done.schema_version) == (done.target.stat().st_size, (await store.overview()).schema_version)
    opened = await open_store(f"sqlite:///{done.target}", clock=StillClock(), migrate=False)
    try:
        assert await opened.deletion(deletion) == await store.deletion(deletion)
        assert await opened.deletion(later) is None
    finally:
        await opened.close()


async def test_a_copy_taken_while_others_write_is_one_moments_state(store: Store, url: str, shelf: Path) -> None:
    async def write() -> None:
        for number in range(1, 40):
            await created(store, wish(Media(MediaKind.MOVIE, number)))

    writing = asyncio.create_task(write())
    taken = 0
    while not writing.done():
        taken += 1
        await asyncio.to_thread(back_up, url, shelf / f"{taken}.db")
    await writing
    assert taken
    for number in range(1, taken + 1):
        with closing(sqlite3.connect(shelf / f"{number}.db")) as copy:
            ((deletions,),) = copy.execute("SELECT count(*) FROM deletions")
            ((receipts,),) = copy.execute("SELECT count(*) FROM receipts")
            ((events,),) = copy.execute("SELECT count(DISTINCT deletion) FROM events")
        assert deletions == receipts == events, "what one transaction wrote is there or not as a whole"


async def test_a_database_that_nobody_uses_is_copied_too(url: str, shelf: Path) -> None:
    await migrate(url)
    back_up(url, shelf / "copy.db")
    assert names_in(shelf) == ["copy.db"]


@pytest.mark.parametrize("kind", ["file", "dangling link"])
async def test_nothing_is_overwritten(url: str, shelf: Path, kind: str) -> None:
    await migrate(url)
    target = shelf / "copy.db"
    if kind == "file":
        target.write_text("the backup of yesterday")
    else:
        target.symlink_to(shelf / "elsewhere.db")
    with pytest.raises(StoreError, match="exists already, and a backup overwrites nothing"):
        back_up(url, target)
    assert names_in(shelf) == ["copy.db"]
    assert kind != "file" or target.read_text() == "the backup of yesterday"


async def test_a_folder_that_does_not_exist_is_named(url: str, shelf: Path) -> None:
    await migrate(url)
    with pytest.raises(StoreError, match=r"nowhere/copy\.db cannot be written: No such file or directory"):
        back_up(url, shelf / "nowhere" / "copy.db")


def test_without_a_database_there_is_nothing_to_copy_and_none_is_made(url: str, shelf: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no database .*log\.db; check DATABASE_URL"):
        back_up(url, shelf / "copy.db")
    assert names_in(shelf) == []
    assert not (shelf.parent / "log.db").exists()


async def test_a_damaged_database_makes_no_copy_that_looks_like_one(url: str, shelf: Path) -> None:
    await migrate(url)
    database = shelf.parent / "log.db"
    content = bytearray(database.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4096] = b"\xff" * 4096
    database.write_bytes(content)
    with pytest.raises(StoreError, match=r"cannot be copied to .*: .*(malformed|damaged)"):
        back_up(url, shelf / "copy.db")
    database.write_text("not a database at all " * 100)
    with pytest.raises(StoreError, match="not a database"):
        back_up(url, shelf / "copy.db")
    assert names_in(shelf) == []


def test_another_programs_database_is_not_taken_for_ours(url: str, shelf: Path) -> None:
    with closing(sqlite3.connect(shelf.parent / "log.db")) as other:
        other.execute("CREATE TABLE movies (id INTEGER)")
    with pytest.raises(StoreError, match="no such table: schema_migrations"):
        back_up(url, shelf / "copy.db")
    assert names_in(shelf) == []


# --- the command ---------------------------------------------------------------------------------------------------


async def test_the_command_says_what_it_copied(url: str, shelf: Path) -> None:
    await migrate(url)
    target = shelf / "copy.db"
    environment = {"DATABASE_URL": url, "COLUMNS": "400"}
    said = CliRunner().invoke(app, ["backup", str(target)], env=environment)
    assert (said.exit_code, said.stdout) == (0, "")
    assert f"to {target}: " in said.stderr
    assert "schema version" in said.stderr
    again = CliRunner().invoke(app, ["backup", str(target)], env=environment)
    assert again.exit_code == 4
    assert "overwrites nothing" in again.stderr


def test_the_command_leaves_postgresql_to_its_own_tools(shelf: Path) -> None:
    url = "postgresql://me:hush-hush@db/reconciler"
    said = CliRunner().invoke(app, ["backup", str(shelf / "copy.db")], env={"DATABASE_URL": url, "COLUMNS": "400"})
    assert said.exit_code == 3
    assert "pg_dump" in said.stderr
    assert "hush" not in said.output
    assert names_in(shelf) == []
