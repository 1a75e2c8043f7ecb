"""Datasets: folders of split folders of captures, found by name in the data directories."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from ml.can.manifest import Facts, facts_from_name, read_manifest
from ml.can.presets import DATASETS, DatasetPreset
from ml.can.readers import Log, read_log
from ml.errors import InvalidInput, NotFound

__all__ = [
    "DATASETS",
    "Capture",
    "Dataset",
    "DatasetPreset",
    "dataset_names",
    "find_dataset",
    "load_capture",
]

SUFFIXES = frozenset(
    {".parquet", ".arrow", ".ipc", ".csv", ".txt", ".log", ".asc", ".blf", ".trc", ".mf4"}
)
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SPLIT = re.compile(r"(train|test)(_.*)?")


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


def find_dataset(
    names: str, data_dirs: Sequence[Path], *, needs: Sequence[str] = ("train",)
) -> Dataset:
    """Find one dataset, or several combined into one.

    Args:
        names: a folder's name in a data directory, or several joined by commas.
        data_dirs: where to look; the first match wins.
        needs: "train", "test" or both: what must not be missing.

    Raises:
        InvalidInput: an unsafe name, no captures, or none of a needed kind.
        NotFound: there is no such dataset.
    """
    wanted = list(dict.fromkeys(name.strip() for name in names.split(",")))
    captures = [c for name in wanted for c in _captures(_folder(name, data_dirs))]
    unique, repeats = _without_repeats(captures)
    dataset = Dataset(",".join(wanted), unique, repeats)
    for kind in needs:
        if not any(c.split.startswith(kind) for c in unique):
            raise InvalidInput(
                f"Dataset {dataset.name} has no captures in a {kind}_* split.",
                f"Put captures into folders like {wanted[0]}/{kind}_01.",
                splits=list(dataset.splits),
            )
    return dataset


def dataset_names(data_dirs: Sequence[Path]) -> list[str]:
    """The names of all datasets in the data directories, sorted."""
    folders = [f for root in data_dirs if root.is_dir() for f in root.iterdir() if f.is_dir()]
    return sorted({f.name for f in folders if _SAFE_NAME.fullmatch(f.name) and any(_splits(f))})


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


def _folder(name: str, data_dirs: Sequence[Path]) -> Path:
    if not _SAFE_NAME.fullmatch(name) or ".." in name:
        raise InvalidInput(
            f"{name[:60]!r} is no dataset name.",
            "Name folders of the data directory by letters, digits, dots, dashes, underscores.",
        )
    for root in data_dirs:
        if (root / name).is_dir():
            return root / name
    known = dataset_names(data_dirs)
    there = f"There are: {', '.join(known)}." if known else "There are no datasets in it yet."
    places = ", ".join(str(root) for root in data_dirs) or "no data directory"
    raise NotFound(f"There is no dataset {name} in {places}.", there, available=known)


def _splits(folder: Path) -> Iterator[Path]:
    return (f for f in sorted(folder.iterdir()) if f.is_dir() and _SPLIT.fullmatch(f.name))


def _captures(folder: Path) -> Iterator[Capture]:
    known = {**read_manifest(folder.parent), **read_manifest(folder)}
    for split in _splits(folder):
        for path in sorted(p for p in split.iterdir() if _is_capture(p)):
            facts: Facts = known.get(path) or facts_from_name(path, folder.name)
            name = f"{folder.name}/{split.name}/{path.name}"
            yield Capture(path, name, split.name, facts.vehicle, facts.attack)


def _is_capture(path: Path) -> bool:
    hidden = path.name.startswith(".") or path.stem.upper().startswith("README")
    return path.suffix.lower() in SUFFIXES and path.is_file() and not hidden


def _without_repeats(
    captures: Sequence[Capture],
) -> tuple[tuple[Capture, ...], tuple[tuple[str, str], ...]]:
    """Keep each content once: a test capture rather than its twin in train, else the first."""
    kept: dict[str, Capture] = {}
    for capture in sorted(captures, key=lambda c: not c.split.startswith("test")):
        kept.setdefault(capture.digest, capture)
    chosen = {c.name for c in kept.values()}
    repeats = [(c.name, kept[c.digest].name) for c in captures if c.name not in chosen]
    return tuple(c for c in captures if c.name in chosen), tuple(repeats)


@lru_cache(maxsize=4096)
def _file_digest(path: Path, size: int, mtime_ns: int) -> str:  # noqa: ARG001 # they key the cache
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
