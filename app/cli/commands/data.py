"""`canfuse data`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli import on_demand as work
from app.cli.options import DataDirs, Home, Json, Lenient, Overrides

group = typer.Typer(
    name="data",
    help="Look into logs and datasets, convert them, simulate new ones. "
    "Datasets are combined by joining their names with commas, wherever one is named.",
)


@group.command("list")
def list_datasets(*, home: Home = None, data_dirs: DataDirs = None) -> None:
    """List the datasets that are there, and the published ones that are known by name."""
    work.data.list_datasets(home, data_dirs)


@group.command()
def info(
    what: Annotated[
        str, typer.Argument(help="A log file, or a dataset's name.", show_default=False)
    ],
    *,
    lenient: Lenient = False,
    as_json: Json = False,
    home: Home = None,
    data_dirs: DataDirs = None,
) -> None:
    """Tell what is in a log or a dataset."""
    work.data.info(what, home, data_dirs, lenient=lenient, as_json=as_json)


@group.command()
def convert(
    source: Annotated[Path, typer.Argument(help="A log, or a folder of logs.", show_default=False)],
    target: Annotated[
        Path,
        typer.Argument(
            help="File ending in .parquet, .arrow or .log (candump); "
            "for a folder, the folder to write Parquet to.",
            show_default=False,
        ),
    ],
    *,
    lenient: Lenient = False,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Convert logs of any format that is read."""
    work.data.convert(source, target, lenient=lenient, force=force)


@group.command()
def simulate(
    overrides: Overrides = None,
    *,
    name: Annotated[
        str | None, typer.Option(help="Name of the dataset.", show_default=False)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Decides all randomness.", show_default=False)
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Length of a capture.", show_default=False)
    ] = None,
    home: Home = None,
    data_dirs: DataDirs = None,
) -> None:
    """Simulate a dataset: several vehicles, six kinds of attack, the usual splits."""
    options = {"name": name, "seed": seed, "seconds": seconds}
    work.simulation.simulate(overrides or (), options, home, data_dirs)
