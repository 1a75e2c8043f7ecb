"""`canfuse cache`."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import on_demand as work
from app.cli.options import DataDirs, Home, Overrides

group = typer.Typer(name="cache", help="Prediction caches, which fusions train on.")


@group.command()
def build(
    overrides: Overrides = None,
    *,
    dataset: Annotated[str, typer.Option(help="Dataset, or several joined by commas.")],
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Build it anew even where it fits.")
    ] = False,
    home: Home = None,
    data_dirs: DataDirs = None,
) -> None:
    """Build the cache of a dataset, so that fusions on it start at once."""
    work.caches.build(dataset, overrides or (), home, data_dirs, rebuild=rebuild)


@group.command()
def info(*, home: Home = None) -> None:
    """List the caches that there are."""
    work.caches.info(home)


@group.command()
def clear(
    dataset: Annotated[
        str | None, typer.Argument(help="Only this dataset's.", show_default=False)
    ] = None,
    *,
    home: Home = None,
) -> None:
    """Remove caches; they are rebuilt when they are needed."""
    work.caches.clear(dataset, home)
