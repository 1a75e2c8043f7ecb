"""`canfuse keys`."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import on_demand as work
from app.cli.options import Home, Json

group = typer.Typer(name="keys", help="Make, list and revoke the service's API keys.")


@group.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose it is, for the log.", show_default=False)],
    *,
    scope: Annotated[
        list[str],
        typer.Option(
            help="What it allows: read, score, jobs, vehicles or admin; may be repeated.",
            show_default=False,
        ),
    ],
    days: Annotated[
        float | None,
        typer.Option(min=0, help="Days that it is valid, by default for ever.", show_default=False),
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Requests that it may make in a minute (CANFUSE_KEY_RATE).",
            show_default=False,
        ),
    ] = None,
    home: Home = None,
) -> None:
    """Make a key and print it, this once only. A service that runs takes it at once."""
    work.keys.create(home, name, scope, days, rate)


@group.command("list")
def list_keys(*, as_json: Json = False, home: Home = None) -> None:
    """List the keys that were made; what they are nobody knows any more."""
    work.keys.list_keys(home, as_json=as_json)


@group.command()
def revoke(
    key: Annotated[
        str,
        typer.Argument(metavar="ID", help="As `canfuse keys list` tells it.", show_default=False),
    ],
    *,
    home: Home = None,
) -> None:
    """End a key's life, on every running server at once."""
    work.keys.revoke(home, key)
