"""`canfuse enrol`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli import on_demand as work
from app.cli.options import Home, Json, Key, Lenient, Remote, VehicleName


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command()(enrol)


def enrol(
    vehicle: VehicleName,
    logs: Annotated[
        list[Path],
        typer.Argument(
            metavar="LOG",
            help="Attack-free logs of it, in any format that is read; of several states of the "
            "vehicle (parked, driving) if possible.",
            show_default=False,
        ),
    ],
    *,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=0.1, max=3600, help="Use only the first seconds of each log.", show_default=False
        ),
    ] = None,
    accept_findings: Annotated[
        bool, typer.Option("--accept-findings", help="Take traffic that looks attacked, too.")
    ] = False,
    lenient: Lenient = False,
    as_json: Json = False,
    home: Home = None,
    url: Remote = None,
    api_key: Key = None,
) -> None:
    """Learn a vehicle's profile from attack-free traffic: 30 seconds of it do.

    Detection sees all traffic of the vehicle relative to that profile. Enrolling it again
    replaces the profile; the last versions are kept.
    """
    with work.vehicles.place(home, url, api_key) as vehicles:
        work.vehicles.enrol(
            vehicles,
            vehicle,
            logs,
            seconds=seconds,
            accept_findings=accept_findings,
            lenient=lenient,
            as_json=as_json,
        )
