"""`canfuse evaluate`: measures a release on a dataset's test splits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from app.cli.places import load_settings
from app.cli.terminal import say, write
from app.cli.work.comparison import show_captures, show_comparison
from app.cli.work.local import new_workdir, run_here
from ml.pipelines.presets import resolve


def evaluate(
    dataset: str,
    release: str,
    home: Path | None,
    data_dirs: Sequence[Path] | None,
    *,
    as_json: bool,
    output: Path | None,
) -> None:
    """Score every test capture and compare the detectors."""
    workspace = load_settings(home, data_dirs).workspace
    config = resolve("evaluate", None, {"dataset": dataset, "release": release})
    workdir = new_workdir(workspace, "evaluate")
    result = run_here("evaluate", config, workspace, workdir)
    comparison = result["comparison"]
    if as_json or output:
        write(json.dumps(comparison, indent=1, allow_nan=False) + "\n", output)
    if not as_json:
        show_captures(comparison)
        show_comparison(comparison)
        say(f"Release    {result['evaluated']}")
        say(f"Report     {workdir / 'artifacts' / 'report' / 'index.html'}")
