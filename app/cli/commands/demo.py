"""`canfuse demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli import on_demand as work


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command()(demo)


def demo(
    *,
    home: Annotated[Path, typer.Option(help="Where the demonstration works.")] = Path("var/demo"),
    quick: Annotated[bool, typer.Option("--quick", help="Less traffic and fewer epochs.")] = False,
) -> None:
    """Show the whole path on simulated traffic: train through the service, score, report."""
    work.demonstration.demonstrate(home, quick=quick)
