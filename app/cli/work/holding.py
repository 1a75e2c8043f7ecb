"""Holds a folder for one process."""

from __future__ import annotations

from pathlib import Path

from ml.errors import Conflict
from workers.locking import FolderLock


def hold(folder: Path, name: str, whose: str) -> FolderLock:
    """Hold a folder, made if missing, by a lock file in it.

    Args:
        folder: what to hold.
        name: of the lock file.
        whose: who else may hold it, as a message begins.

    Raises:
        Conflict: another process holds it.
        Unavailable: it cannot be written.
    """
    taken = Conflict(f"{whose} works in {folder}.", "Stop it, or choose another home with --home.")
    return FolderLock(folder / name, taken)
