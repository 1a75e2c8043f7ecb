"""`canfuse evaluate`."""

from __future__ import annotations

import typer

from app.cli import on_demand as work
from app.cli.options import DataDirs, Home, Json, Output, Release, TestedDataset


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command()(evaluate)


def evaluate(
    *,
    dataset: TestedDataset,
    release: Release = "production",
    as_json: Json = False,
    output: Output = None,
    home: Home = None,
    data_dirs: DataDirs = None,
) -> None:
    """Measure a release, its experts and its rivals on a dataset's test splits."""
    work.evaluation.evaluate(dataset, release, home, data_dirs, as_json=as_json, output=output)
