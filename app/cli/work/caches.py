"""`canfuse cache`: prediction caches."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from app.cli.overrides import parse_overrides
from app.cli.places import load_settings
from app.cli.terminal import note, say, show, table
from app.cli.work.local import run_once
from app.cli.work.training import merged
from ml.context import Workspace
from ml.errors import NotFound
from ml.fusion.cache import MANIFEST, PREDICTIONS
from ml.pipelines.presets import resolve


def build(
    dataset: str,
    words: Sequence[str],
    home: Path | None,
    data_dirs: Sequence[Path] | None,
    *,
    rebuild: bool,
) -> None:
    """Build a dataset's cache, or find that it fits."""
    workspace = load_settings(home, data_dirs).workspace
    given: dict[str, Any] = {"dataset": dataset, "data": {"rebuild": True} if rebuild else {}}
    config = resolve("cache", None, merged(given, parse_overrides(words)))
    result = run_once("cache", config, workspace)
    done = f"was built: {result['reason']}" if result["reason"] else "on disk fits and was kept"
    say(f"The cache of {dataset} {done}. It holds {result['windows']} windows.")


def info(home: Path | None) -> None:
    """List the caches that there are."""
    workspace = load_settings(home).workspace
    made = table("Dataset", "Made", "Cross-fitted", "Windows", "MB", numbers=2)
    for folder in _folders(workspace):
        manifest = json.loads((folder / MANIFEST).read_text())
        stat = (folder / PREDICTIONS).stat()
        when = datetime.fromtimestamp(stat.st_mtime).astimezone().strftime("%Y-%m-%d %H:%M")
        fitted = "yes" if manifest["cross_fitted"] else "no"
        made.add_row(
            folder.parent.name, when, fitted, str(_rows(folder)), f"{stat.st_size / 1e6:.1f}"
        )
    show(made)
    note(f"In {_root(workspace)}.")


def clear(dataset: str | None, home: Path | None) -> None:
    """Remove one dataset's cache, or all."""
    workspace = load_settings(home).workspace
    folders = [
        f
        for f in _folders(workspace)
        if dataset in (None, f.parent.name, f.parent.name.replace("+", ","))
    ]
    if dataset is not None and not folders:
        raise NotFound(
            f"There is no cache of {dataset}.", "`canfuse cache info` lists those there are."
        )
    for folder in folders:
        shutil.rmtree(folder)
        with contextlib.suppress(OSError):  # another of the dataset's caches is still there
            folder.parent.rmdir()
        say(f"Removed {folder}.")


def _root(workspace: Workspace) -> Path:
    return workspace.cache / "fusion"


def _folders(workspace: Workspace) -> list[Path]:
    return sorted(file.parent for file in _root(workspace).glob(f"*/*/{MANIFEST}"))


def _rows(folder: Path) -> int:
    return int(pl.scan_parquet(folder / PREDICTIONS).select(pl.len()).collect().item())
