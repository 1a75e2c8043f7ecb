"""`canfuse vehicles`."""

from __future__ import annotations

import typer

from app.cli import on_demand as work
from app.cli.options import Home, Json, Key, Remote, VehicleName

group = typer.Typer(
    name="vehicles",
    help="Look at the enrolled vehicles, or delete one; `canfuse enrol` adds one.",
)


@group.command("list")
def list_vehicles(
    *, as_json: Json = False, home: Home = None, url: Remote = None, api_key: Key = None
) -> None:
    """List the enrolled vehicles."""
    with work.vehicles.place(home, url, api_key) as vehicles:
        work.vehicles.list_vehicles(vehicles, as_json=as_json)


@group.command()
def show(
    vehicle: VehicleName,
    *,
    as_json: Json = False,
    home: Home = None,
    url: Remote = None,
    api_key: Key = None,
) -> None:
    """Tell what was learnt of a vehicle, identifier by identifier."""
    with work.vehicles.place(home, url, api_key) as vehicles:
        work.vehicles.show_vehicle(vehicles, vehicle, as_json=as_json)


@group.command()
def delete(
    vehicle: VehicleName, *, home: Home = None, url: Remote = None, api_key: Key = None
) -> None:
    """Delete a vehicle with all versions of its profile."""
    with work.vehicles.place(home, url, api_key) as vehicles:
        work.vehicles.delete(vehicles, vehicle)
