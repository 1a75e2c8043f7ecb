"""`canfuse presets` and `canfuse rewards`."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import on_demand as work


def register(program: typer.Typer) -> None:
    """Add the commands."""
    program.command()(presets)
    program.command()(rewards)


def presets(
    name: Annotated[
        str | None,
        typer.Argument(help="Print this preset's whole configuration.", show_default=False),
    ] = None,
) -> None:
    """List the named configurations, or print one."""
    if name is None:
        work.presets.list_presets()
    else:
        work.presets.show_preset(name)


def rewards() -> None:
    """List what a fusion can be rewarded for (agent.reward=…)."""
    work.presets.list_rewards()
