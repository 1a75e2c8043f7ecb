"""Holds a folder for one process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml.errors import Conflict, Unavailable


@contextmanager
def held(folder: Path, name: str, whose: str) -> Iterator[None]:
    """Hold a folder, made if missing, by a lock file in it; the lock ends with the process.

    Args:
        folder: what to hold.
        name: of the lock file.
        whose: who else may hold it, as a message begins.

    Raises:
        Conflict: another process holds it.
        Unavailable: it cannot be written.
    """
    descriptor = _open(folder, name)
    try:
        _lock(descriptor, folder, whose)
        yield
    finally:
        os.close(descriptor)


def _open(folder: Path, name: str) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Unavailable(
            f"The folder {folder} cannot be written: {error.strerror}.",
            "Choose another home with --home.",
        ) from error


def _lock(descriptor: int, folder: Path, whose: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Conflict(
            f"{whose} works in {folder}.", "Stop it, or choose another home with --home."
        ) from error
