"""`canfuse score`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli import on_demand as work
from app.cli.options import Home, Json, Lenient, Output, Release
from ml.errors import InvalidInput


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command()(score)


def score(
    file: Annotated[
        Path, typer.Argument(help="A CAN log in any format that is read.", show_default=False)
    ],
    *,
    vehicle: Annotated[
        str | None,
        typer.Option(
            help="The vehicle that it is from: an enrolled one, else a car of that name that the "
            "release was trained on.",
            show_default=False,
        ),
    ] = None,
    release: Release = "production",
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print one row a window.")] = False,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Tell why the strongest flagged windows were flagged."),
    ] = False,
    lenient: Lenient = False,
    output: Output = None,
    home: Home = None,
) -> None:
    """Score a log here, without a service: a verdict for each window.

    The traffic is seen relative to the profile of its vehicle; `canfuse enrol` makes one.
    """
    if as_json and as_csv:
        raise InvalidInput("--json and --csv exclude each other.", "Give one of them.")
    named_csv = output is not None and output.suffix == ".csv"
    form = "json" if as_json else "csv" if as_csv or named_csv else "json" if output else None
    if explain and form == "csv":
        raise InvalidInput("Explanations and CSV exclude each other.", "Give --json instead.")
    work.scoring.score(
        file,
        work.scoring.Wish(vehicle, release, explain=explain, lenient=lenient),
        home,
        form=form,
        output=output,
    )
