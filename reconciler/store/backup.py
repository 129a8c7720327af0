"""A copy of an SQLite database, taken beside the service that uses it.

The process lock is not asked: it is about reconciling twice, and reading disturbs nobody. SQLite itself sees to it
that the copy is one moment's state, and the service goes on writing meanwhile.
"""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import StoreError
from reconciler.store.sqlite import BUSY_SECONDS, database_path


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy that is whole and on the disk."""

    source: Path
    target: Path
    size: int
    schema_version: int


def back_up(database_url: str, target: Path) -> Backup:
    """Copy the SQLite database to `target`, a file that nobody else may read and that holds everything.

    The copy was checked and is on the disk when this returns; before that, `target` does not exist. Raises `StoreError`
    when there is nothing to copy, `target` exists or cannot be written, or the copy is not sound.
    """
    source = database_path(database_url)
    if not source.is_file():
        raise StoreError(f"there is no database {source}; check DATABASE_URL")
    with _new_file(target) as unfinished:
        try:
            schema_version = _copy(source, unfinished)
        except sqlite3.Error as error:
            raise StoreError(f"{source} cannot be copied to {target}: {error}") from error
        size = unfinished.stat().st_size
    return Backup(source, target, size, schema_version)


def _copy(source: Path, target: Path) -> int:
    """Copy one moment's state, prove the copy sound, and return the version of its schema."""
    reading = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
    with closing(reading), closing(sqlite3.connect(target, isolation_level=None)) as copy:
        reading.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE").fetchall()  # or it would need files beside it
        findings = [str(row[0]) for row in copy.execute("PRAGMA integrity_check(1)")]
        if findings != ["ok"]:
            raise sqlite3.DatabaseError(f"the copy is damaged ({findings[0]})")
        (version,) = copy.execute("SELECT max(version) FROM schema_migrations").fetchone()
        return int(version or 0)


@contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """Give a file beside `target` to fill; at the end it is flushed to the disk and takes its name."""
    try:
        _refuse_existing(target)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # mode 0600
        unfinished = Path(name)
        try:
            yield unfinished
            os.fsync(handle)
            _refuse_existing(target)
            unfinished.rename(target)
        finally:
            os.close(handle)
            with suppress(FileNotFoundError):
                unfinished.unlink()
        _flush_folder(target.parent)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}") from error


def _refuse_existing(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise StoreError(f"{target} exists already, and a backup overwrites nothing; name another file")


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
