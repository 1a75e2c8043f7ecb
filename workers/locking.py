"""A folder that one process holds at a time, by a lock file in it."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from ml.errors import CanfuseError, Unavailable

_POLL_SECONDS = 0.02


class FolderLock:
    """A folder, held from construction to `release`; the lock ends with the process at the latest.

    A child process that inherits the descriptor (`pass_fds=[lock.fileno()]`) holds it as well.

    Args:
        file: the lock file; its folder, made if missing, is what is held.
        taken: raised when another process holds it.
        patience: seconds to wait for another to let go.

    Raises:
        Unavailable: the folder cannot be written.
    """

    def __init__(self, file: Path, taken: CanfuseError, *, patience: float = 0.0) -> None:
        self._descriptor: int | None = _open(file)
        deadline = time.monotonic() + patience
        while not _lock(self._descriptor):
            if time.monotonic() >= deadline:
                self.release()
                raise taken
            time.sleep(_POLL_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def fileno(self) -> int:
        """The descriptor that holds the folder, -1 once it is released."""
        return -1 if self._descriptor is None else self._descriptor

    def release(self) -> None:
        """Let go; a child that inherited the descriptor holds on. Harmless when repeated."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None


def _open(file: Path) -> int:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Unavailable(
            f"The folder {file.parent} cannot be written: {error.strerror}.",
            "Choose another home: --home, or CANFUSE_HOME.",
        ) from error


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
