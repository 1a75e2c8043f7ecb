"""`canfuse jobs`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.cli import on_demand as work
from app.cli.options import Json, Key, Overrides

group = typer.Typer(name="jobs", help="Submit, follow and stop jobs of a running service.")

Url = Annotated[
    str,
    typer.Option(
        envvar="CANFUSE_URL", help="Where the service listens.", rich_help_panel="Service"
    ),
]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.", show_default=False)]
Watch = Annotated[bool, typer.Option("--watch", help="Follow the job to its end.")]
LOCAL = "http://127.0.0.1:8000"


class Priority(StrEnum):
    """How soon a job that waits is to start."""

    high = "high"
    normal = "normal"
    low = "low"


@group.command("list")
def list_jobs(
    *,
    status: Annotated[
        str | None, typer.Option(help="Only those that stand so.", show_default=False)
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="Only those of this kind.", show_default=False)
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Only those with this label.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 20,
    as_json: Json = False,
    url: Url = LOCAL,
    api_key: Key = None,
) -> None:
    """List jobs, the newest first."""
    with work.remote.connected(url, api_key) as client:
        work.jobs.list_jobs(client, status, kind, label, limit, as_json=as_json)


@group.command()
def show(job: JobId, *, url: Url = LOCAL, api_key: Key = None) -> None:
    """Print all about a job, as JSON."""
    with work.remote.connected(url, api_key) as client:
        work.jobs.show_job(client, job)


@group.command()
def watch(job: JobId, *, url: Url = LOCAL, api_key: Key = None) -> None:
    """Follow a job to its end. Ctrl-C stops the watching, not the job."""
    with work.remote.connected(url, api_key) as client:
        work.jobs.watch(client, job)


@group.command()
def cancel(job: JobId, *, url: Url = LOCAL, api_key: Key = None) -> None:
    """Stop a job."""
    with work.remote.connected(url, api_key) as client:
        work.jobs.cancel(client, job)


@group.command()
def retry(job: JobId, *, watch: Watch = False, url: Url = LOCAL, api_key: Key = None) -> None:
    """Run a job that failed or was cancelled again, as a new one."""
    with work.remote.connected(url, api_key) as client:
        work.jobs.retry(client, job, watching=watch)


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
    priority: Annotated[
        Priority, typer.Option(help="Of those that wait, jobs of high priority start first.")
    ] = Priority.normal,
    watch: Watch = False,
    url: Url = LOCAL,
    api_key: Key = None,
) -> None:
    """Submit a job."""
    with work.remote.connected(url, api_key) as client:
        wish = work.jobs.Wish(kind, preset, overrides or (), label or (), priority.value)
        work.jobs.submit(client, wish, watching=watch)


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
    with work.remote.connected(url, api_key) as client:
        work.jobs.artifacts(client, job, into)
