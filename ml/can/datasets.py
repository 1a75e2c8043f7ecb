"""Datasets: folders of split folders of captures, found by name in the data directories."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ml.can.captures import Capture, Dataset, load_capture
from ml.can.manifest import Facts, facts_from_name, read_manifest
from ml.can.presets import DATASETS, DatasetPreset
from ml.can.repeats import without_repeats
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


def find_dataset(
    names: str,
    data_dirs: Sequence[Path],
    *,
    needs: Sequence[str] = ("train",),
    deduplicate: bool = True,
) -> Dataset:
    """Find one dataset, or several combined into one.

    Args:
        names: a folder's name in a data directory, or several joined by commas.
        data_dirs: where to look; the first match wins.
        needs: "train", "test" or both: what must not be missing.
        deduplicate: leave out repeated captures, for which every file is read; without it this
            only looks at folders.

    Raises:
        InvalidInput: an unsafe name, no captures, or none of a needed kind.
        NotFound: there is no such dataset.
    """
    wanted = list(dict.fromkeys(name.strip() for name in names.split(",")))
    captures = [c for name in wanted for c in _captures(_folder(name, data_dirs))]
    unique, repeats = without_repeats(captures) if deduplicate else (tuple(captures), ())
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
