"""One process per SQLite file: two would each believe that they alone reconcile."""

import fcntl
import os
from pathlib import Path
from typing import Self

from reconciler.errors import StoreError


class ProcessLock:
    """A lock on `<database>.lock`, held until it is released or the process ends in any way.

    The file itself stays: deleting it would let a third process lock a file that a second one has open.
    """

    def __init__(self, handle: int) -> None:
        self._handle: int | None = handle

    @classmethod
    def taken(cls, database: Path) -> Self:
        """Take the lock; raises `StoreError` when another holder, in this process or elsewhere, has it."""
        path = Path(f"{database.resolve()}.lock")
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreError(f"the lock file {path} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(handle)
            raise StoreError(
                f"the database {database} is in use by process {holder}; stop that one first, "
                "or use PostgreSQL to run several"
            ) from error
        except OSError as error:
            os.close(handle)
            raise StoreError(f"the lock file {path} cannot be locked: {error.strerror}") from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode("ascii"), 0)
        return cls(handle)

    def release(self) -> None:
        """Give the lock back; repeating it does nothing."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
