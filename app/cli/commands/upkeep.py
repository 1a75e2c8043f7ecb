"""`canfuse clean`, `canfuse backup` and `canfuse restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli import on_demand as work
from app.cli.options import Home, Json


def register(program: typer.Typer) -> None:
    """Add the commands."""
    for command in (clean, backup, restore):
        program.command()(command)


def clean(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would go.")] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Remove jobs, caches and releases that are past the time set by CANFUSE_KEEP_….

    Nothing goes that an alias points at or that a job which has not ended uses.
    """
    work.upkeep.clean(home, dry_run=dry_run, as_json=as_json)


def backup(
    file: Annotated[Path, typer.Argument(help="The archive to write, as in canfuse.tar.gz.")],
    *,
    home: Home = None,
) -> None:
    """Write database, releases, reports and vehicles into one archive, while the service runs."""
    work.upkeep.backup(file, home)


def restore(
    file: Annotated[Path, typer.Argument(help="An archive that `canfuse backup` wrote.")],
    *,
    home: Home = None,
) -> None:
    """Bring a backup back, into an empty home and an empty database of either kind."""
    work.upkeep.restore(file, home)
