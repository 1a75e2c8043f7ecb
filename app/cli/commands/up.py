"""`canfuse up`."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import on_demand as work
from app.cli.options import DataDirs, Home
from app.cli.places import load_settings


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command()(up)


def up(
    *,
    host: Annotated[
        str | None,
        typer.Option(
            help="Address to listen on (CANFUSE_HOST, else 127.0.0.1); "
            "others than loopback need API keys.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            help="Port to listen on, 0 for any (CANFUSE_PORT, else 8000).", show_default=False
        ),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes that answer at the one port (CANFUSE_PROCESSES, else 1).",
            show_default=False,
        ),
    ] = None,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Run no worker here.")] = False,
    home: Home = None,
    data_dirs: DataDirs = None,
) -> None:
    """Run the service: API, worker and broker as one, until Ctrl-C.

    SIGUSR1 renews the API process by process, without a request that fails.
    """
    settings = load_settings(home, data_dirs, host=host, port=port, processes=processes)
    work.service.up(settings, worker=not no_worker)
