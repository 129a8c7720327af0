"""One holder per database file."""

import os
from pathlib import Path

import pytest

from reconciler.errors import StoreError
from reconciler.store.process_lock import ProcessLock


def test_a_second_holder_is_told_who_the_first_is(tmp_path: Path) -> None:
    first = ProcessLock.taken(tmp_path / "log.db")
    with pytest.raises(StoreError, match=f"in use by process {os.getpid()}"):
        ProcessLock.taken(tmp_path / "log.db")
    first.release()
    first.release()
    ProcessLock.taken(tmp_path / "log.db").release()


def test_two_files_have_two_locks(tmp_path: Path) -> None:
    locks = [ProcessLock.taken(tmp_path / name) for name in ("a.db", "b.db")]
    for lock in locks:
        lock.release()
    assert {p.name for p in tmp_path.iterdir()} == {"a.db.lock", "b.db.lock"}


def test_a_lock_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        ProcessLock.taken(tmp_path / "missing" / "log.db")
