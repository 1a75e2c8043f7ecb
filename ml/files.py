"""Files that are either whole or not there."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, and a crash loses neither."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def copy_folder_atomically(source: Path, target: Path) -> None:
    """Copy a folder so that `target` appears whole or not at all; an existing one stays."""
    if not target.exists():
        with folder_copy(source, target) as appear:
            appear()


@contextmanager
def folder_copy(source: Path, target: Path) -> Iterator[Callable[[], None]]:
    """Copy a folder beside `target`; it appears there, in one step, when what is given is called.

    Without that call nothing is left behind. A folder that has appeared meanwhile stays.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        shutil.copytree(source, temporary)
        for path in temporary.rglob("*"):
            sync_folder(path)
        sync_folder(temporary)
        yield lambda: _rename_unless_taken(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sync_folder(path: Path) -> None:
    """Flush a file or a folder's entries to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _rename_unless_taken(temporary: Path, target: Path) -> None:
    try:
        temporary.rename(target)
    except OSError:
        # Somebody else brought the same content first.
        if not target.exists():
            raise
    sync_folder(target.parent)
