"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[
    Path | None,
    typer.Option(
        help="Root of all that canfuse writes (CANFUSE_HOME, else ./var).",
        show_default=False,
        rich_help_panel="Places",
    ),
]
DataDirs = Annotated[
    list[Path] | None,
    typer.Option(
        "--data-dir",
        help="Folder in which datasets are looked up by name; may be repeated "
        "(CANFUSE_DATA_DIRS, else ./data).",
        show_default=False,
        rich_help_panel="Places",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="Settings of the run by their dotted names, as in agent.fusion_lr=0.002.",
        show_default=False,
    ),
]
Release = Annotated[
    str, typer.Option(help="Alias, version or beginning of a version of the release to use.")
]
TestedDataset = Annotated[
    str, typer.Option(help="Dataset to measure on, or several joined by commas.")
]
Json = Annotated[
    bool, typer.Option("--json", help="Print JSON, and nothing else, to standard output.")
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="Write to this file instead of the terminal.", show_default=False
    ),
]
Lenient = Annotated[bool, typer.Option("--lenient", help="Drop bad lines of a log and count them.")]
VehicleName = Annotated[
    str,
    typer.Argument(
        metavar="VEHICLE",
        help="The vehicle's name: letters, digits, '.', '_' and '-'.",
        show_default=False,
    ),
]
Remote = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="Ask the service that listens there; by default the local store, in --home. "
        "CANFUSE_URL does not apply.",
        show_default=False,
        rich_help_panel="Service",
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        envvar="CANFUSE_API_KEY",
        help="API key, where the service needs one.",
        show_default=False,
        rich_help_panel="Service",
    ),
]
