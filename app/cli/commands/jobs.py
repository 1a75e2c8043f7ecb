"""`canfuse jobs`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import on_demand as work
from app.cli.options import Json, Key, Overrides

if TYPE_CHECKING:
    from app.cli.work.client import Client

group = typer.Typer(name="jobs", help="Submit, follow and stop jobs of a running service.")

Url = Annotated[
    str,
    typer.Option(
        envvar="CANFUSE_URL", help="Where the service listens.", rich_help_panel="Service"
    ),
]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.", show_default=False)]
LOCAL = "http://127.0.0.1:8000"


@group.command("list")
def list_jobs(
    *,
    status: Annotated[
        str | None, typer.Option(help="Only those that stand so.", show_default=False)
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="Only those of this kind.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 20,
    as_json: Json = False,
    url: Url = LOCAL,
    api_key: Key = None,
) -> None:
    """List jobs, the newest first."""
    with _client(url, api_key) as client:
        work.jobs.list_jobs(client, status, kind, limit, as_json=as_json)


@group.command()
def show(job: JobId, *, url: Url = LOCAL, api_key: Key = None) -> None:
    """Print all about a job, as JSON."""
    with _client(url, api_key) as client:
        work.jobs.show_job(client, job)


@group.command()
def watch(job: JobId, *, url: Url = LOCAL, api_key: Key = None) -> None:
    """Follow a job to its end. Ctrl-C stops the watching, not the job."""
    with _client(url, api_key) as client:
        work.jobs.watch(client, job)


@group.command()
def cancel(job: JobId, *, url: Url = LOCAL, api_key: Key = None) -> None:
    """Stop a job."""
    with _client(url, api_key) as client:
        work.jobs.cancel(client, job)


@group.command()
def submit(
    kind: Annotated[
        str, typer.Argument(help="fusion, experts, cache, evaluate, …", show_default=False)
    ],
    overrides: Overrides = None,
    *,
    preset: Annotated[
        str | None, typer.Option(help="Preset to start from.", show_default=False)
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(help="Word to find the job by; may be repeated.", show_default=False),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the job to its end.")] = False,
    url: Url = LOCAL,
    api_key: Key = None,
) -> None:
    """Submit a job."""
    with _client(url, api_key) as client:
        work.jobs.submit(client, kind, preset, overrides or (), label or (), watching=watch)


@group.command()
def artifacts(
    job: JobId,
    *,
    into: Annotated[
        Path | None, typer.Option(help="Fetch the files into this folder.", show_default=False)
    ] = None,
    url: Url = LOCAL,
    api_key: Key = None,
) -> None:
    """List the files that a job left, or fetch them."""
    with _client(url, api_key) as client:
        work.jobs.artifacts(client, job, into)


def _client(url: str, api_key: str | None) -> Client:
    return work.client.Client(url, api_key)
