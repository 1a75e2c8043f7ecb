"""`canfuse data simulate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.cli.overrides import parse_overrides
from app.cli.places import load_settings
from app.cli.terminal import say
from app.cli.work.local import run_once
from ml.pipelines.presets import resolve


def simulate(
    words: Sequence[str],
    options: Mapping[str, Any],
    home: Path | None,
    data_dirs: Sequence[Path] | None,
) -> None:
    """Simulate a dataset into the first data directory."""
    workspace = load_settings(home, data_dirs).workspace
    given = {name: value for name, value in options.items() if value is not None}
    config = resolve("simulate", None, {**given, **parse_overrides(words)})
    result = run_once("simulate", config, workspace)
    say(f"Dataset {result['dataset']} is in {workspace.data_dirs[0] / result['dataset']}.")
