"""`canfuse verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import on_demand as work
from app.cli.options import DataDirs, Home
from app.cli.places import load_settings


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command()(verify)


def verify(
    *,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show versions and settings too.")
    ] = False,
    home: Home = None,
    data_dirs: DataDirs = None,
) -> None:
    """Check that all that canfuse needs is there, and say what to do where it is not."""
    if not work.checks.verify(load_settings(home, data_dirs), verbose=verbose):
        raise typer.Exit(1)
