"""What may go, and what it takes up."""

from __future__ import annotations

import os
import shutil
import stat
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Kind = Literal["job", "work", "cache", "release", "leftover"]
DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class Waste:
    """Something that may go.

    Attributes:
        kind: "work" is what an ended job worked with, beside its artifacts and its log.
        name: of the job, the release, …
        paths: the files and folders that go.
        why: in words.
        size: bytes that it takes up.
    """

    kind: Kind
    name: str
    paths: tuple[Path, ...]
    why: str
    size: int

    @staticmethod
    def of(kind: Kind, name: str, paths: tuple[Path, ...], why: str) -> Waste:
        """Weigh it."""
        there = tuple(path for path in paths if path.exists())
        return Waste(kind, name, there, why, sum(map(size_of, there)))

    def to_dict(self) -> dict[str, Any]:
        """As JSON-able values."""
        return {**asdict(self), "paths": [str(path) for path in self.paths]}


def size_of(path: Path) -> int:
    """The bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else path.rglob("*")
    found = (_status(file) for file in files)
    return sum(status.st_size for status in found if status and stat.S_ISREG(status.st_mode))


def is_older(path: Path, days: float) -> bool:
    """Whether a file or folder was last written so many days ago."""
    status = _status(path)
    return status is not None and time.time() - status.st_mtime > days * DAY_SECONDS


def _status(path: Path) -> os.stat_result | None:
    """What a link, a file or a folder is; None where it has gone meanwhile."""
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def take_away(path: Path) -> None:
    """Remove a file or a folder; nobody sees a folder of which a part has gone."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    hidden = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    path.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def names_in(value: Any) -> set[str]:
    """All words in a job's configuration."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, dict):
        return set().union(*map(names_in, value.values()))
    return set().union(*map(names_in, value)) if isinstance(value, list) else set()


def entries(folder: Path) -> list[Path]:
    """What is in a folder, nothing where there is none."""
    return sorted(Path(entry.path) for entry in os.scandir(folder)) if folder.is_dir() else []
