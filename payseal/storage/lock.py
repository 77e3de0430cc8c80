"""The lock beside a database file: one process serves from it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class InUse(Exception):
    """Another process serves from this file already."""


class FileLock:
    """Held from `take` to `free`, or to the end of the process, however it ends."""

    def __init__(self, path: Path) -> None:
        # The database itself cannot be locked so: SQLite's own locks go when any handle is closed.
        self._path = path.with_name(f"{path.name}.lock")
        self._handle: int | None = None

    def take(self) -> None:
        """`InUse` where another has it; nobody waits."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 20).decode() or "unknown"
            os.close(handle)
            raise InUse(
                f"{self._path.stem} is in use: Payseal serves from it already, as process {holder}."
                " Stop that one first, or give this one another file."
            ) from None
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        self._handle = handle

    def free(self) -> None:
        """Let the next one have it. The file stays: removing it would race with who opens it."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
