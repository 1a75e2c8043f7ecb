"""`canfuse releases`."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import on_demand as work
from app.cli.options import Home

group = typer.Typer(name="releases", help="Look at releases, and decide which one serves.")

Reference = Annotated[
    str, typer.Argument(metavar="RELEASE", help="Alias, version or beginning of a version.")
]


@group.command("list")
def list_releases(*, home: Home = None) -> None:
    """List the releases, the newest first."""
    work.releases.list_releases(home)


@group.command()
def show(release: Reference = "production", *, home: Home = None) -> None:
    """Print a release's card, as JSON."""
    work.releases.show_release(release, home)


@group.command()
def verify(release: Reference = "production", *, home: Home = None) -> None:
    """Check every file of a release against its manifest."""
    work.releases.verify(release, home)


@group.command()
def alias(
    name: Annotated[
        str, typer.Argument(metavar="ALIAS", help="As in production.", show_default=False)
    ],
    release: Annotated[
        str, typer.Argument(metavar="RELEASE", help="What it is to point at.", show_default=False)
    ],
    *,
    home: Home = None,
) -> None:
    """Point an alias at a release: to roll out, or to roll back."""
    work.releases.point(name, release, home)


@group.command()
def policy(release: Reference = "production", *, home: Home = None) -> None:
    """Show which weight the policy gives to which scores."""
    work.releases.policy(release, home)


@group.command()
def report(
    release: Reference = "production",
    *,
    browse: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    home: Home = None,
) -> None:
    """Print where a release's report is."""
    work.releases.report(release, home, browse=browse)
