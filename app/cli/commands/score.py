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
    release: Release = "production",
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print one row a window.")] = False,
    lenient: Lenient = False,
    output: Output = None,
    home: Home = None,
) -> None:
    """Score a log here, without a service: a verdict for each window."""
    if as_json and as_csv:
        raise InvalidInput("--json and --csv exclude each other.", "Give one of them.")
    form = "json" if as_json else "csv" if as_csv else None
    work.scoring.score(file, release, home, form=form, lenient=lenient, output=output)
