"""Captures and datasets of them: what they are, their digests, their frames."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from ml.can.readers import Log, read_log


@dataclass(frozen=True)
class Capture:
    """The frames of one bus, as a file.

    Attributes:
        path: the file.
        name: `dataset/split/file`, unique also among combined datasets.
        split: the split folder's name.
        vehicle: name of the car.
        attack: kind of the attack; None in attack-free traffic.
    """

    path: Path
    name: str
    split: str
    vehicle: str
    attack: str | None

    @property
    def digest(self) -> str:
        """SHA-256 of the file's content, as hex."""
        stat = self.path.stat()
        return _file_digest(self.path, stat.st_size, stat.st_mtime_ns)


@dataclass(frozen=True)
class Dataset:
    """Captures grouped into splits, each content once.

    Attributes:
        name: its name, or the names joined by commas.
        captures: in the order of names, splits and files.
        repeats: (name of a capture left out, name of the equal one that is kept).
    """

    name: str
    captures: tuple[Capture, ...]
    repeats: tuple[tuple[str, str], ...] = field(default=())

    @property
    def train(self) -> tuple[Capture, ...]:
        """The captures to learn from."""
        return tuple(c for c in self.captures if c.split.startswith("train"))

    @property
    def test(self) -> tuple[Capture, ...]:
        """The captures held out."""
        return tuple(c for c in self.captures if c.split.startswith("test"))

    @property
    def splits(self) -> dict[str, tuple[Capture, ...]]:
        """The captures of each split, by the split's name, sorted."""
        names = sorted({c.split for c in self.captures})
        return {n: tuple(c for c in self.captures if c.split == n) for n in names}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over names, facts and contents of the captures, as hex."""
        rows = [(c.name, c.vehicle, c.attack, c.digest) for c in self.captures]
        return hashlib.sha256(repr(sorted(rows, key=lambda row: row[0])).encode()).hexdigest()


def load_capture(capture: Capture, *, strict: bool = True) -> Log:
    """Read a capture; attack-free traffic in a format without labels is labelled 0.

    Raises:
        NotFound: the file is gone.
        InvalidLog: it cannot be read.
    """
    log = read_log(capture.path, name=capture.name, strict=strict)
    if capture.attack is not None or log.frames.label is not None:
        return log
    benign = np.zeros(len(log.frames), np.uint8)
    return replace(log, frames=replace(log.frames, label=benign))


@lru_cache(maxsize=4096)
def _file_digest(path: Path, size: int, mtime_ns: int) -> str:  # noqa: ARG001 # they key the cache
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
