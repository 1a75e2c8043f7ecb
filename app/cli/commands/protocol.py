"""`canfuse protocol`."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import on_demand as work
from app.cli.options import DataDirs, Home, Json, Output, Overrides, TestedDataset


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command()(protocol)


def protocol(
    *,
    overrides: Overrides = None,
    dataset: TestedDataset,
    family: Annotated[
        list[str] | None,
        typer.Option(
            help="'splits', 'unseen vehicle' or 'unseen kind'; may be repeated.",
            show_default="all",
        ),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Go on with an interrupted run: its name, its folder, or 'last'.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    output: Output = None,
    home: Home = None,
    data_dirs: DataDirs = None,
) -> None:
    """Measure the method on cars and attacks never seen: trains once for each that is left out."""
    work.protocol.measure(
        {"dataset": dataset, **({"families": family} if family else {})},
        overrides or (),
        resume,
        home,
        data_dirs,
        as_json=as_json,
        output=output,
    )
