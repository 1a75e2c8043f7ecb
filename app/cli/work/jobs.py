"""`canfuse jobs`: asks a running service."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from app.cli.overrides import parse_overrides
from app.cli.progress import progress
from app.cli.terminal import note, say, show, table, write
from app.cli.work.comparison import show_comparison
from canfuse_client import Client, Job
from ml.errors import Cancelled, CanfuseError

MOST_A_PAGE = 200

Priority = Literal["high", "normal", "low"]


class JobFailed(CanfuseError):
    """A job that was watched has failed."""

    slug = "job-failed"


@dataclass(frozen=True)
class Wish:
    """A job that is asked for; see `canfuse_client.Client.submit`."""

    kind: str
    preset: str | None
    overrides: Sequence[str]
    labels: Sequence[str]
    priority: Priority


def list_jobs(
    client: Client,
    status: str | None,
    kind: str | None,
    label: str | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    """List jobs, the newest first."""
    page = min(limit + 1, MOST_A_PAGE)  # one more tells whether there are more
    jobs = client.jobs(status=status, kind=kind, label=label, page=page)
    found = list(islice(jobs, limit + 1))
    shown = found[:limit]
    if as_json:
        write(json.dumps([job.model_dump(mode="json") for job in shown], indent=1) + "\n")
        return
    made = table("Job", "Kind", "Status", "Done", "Created", "Doing", numbers=0)
    for job in shown:
        done, created = f"{job.fraction:.0%}", f"{job.created_at:%Y-%m-%d %H:%M:%S}"
        made.add_row(job.id, job.kind, job.status, done, created, job.message or job.phase or "")
    show(made)
    if len(found) > limit:
        note(f"There are more; --limit shows more than {limit}.")


def show_job(client: Client, job_id: str) -> None:
    """Print a job as it stands, as JSON."""
    write(client.job(job_id).model_dump_json(indent=1) + "\n")


def cancel(client: Client, job_id: str) -> None:
    """Ask for a job's end."""
    say(f"Job {job_id} is {client.cancel(job_id).status}.")


def submit(client: Client, wish: Wish, *, watching: bool) -> None:
    """Submit a job, and watch it to its end if that is wanted."""
    config = parse_overrides(wish.overrides)
    job = client.submit(
        wish.kind, config, preset=wish.preset, labels=wish.labels, priority=wish.priority
    )
    _tell(client, job, watching=watching)


def retry(client: Client, job_id: str, *, watching: bool) -> None:
    """Run a job again, and watch that if it is wanted."""
    _tell(client, client.retry(job_id), watching=watching)


def _tell(client: Client, job: Job, *, watching: bool) -> None:
    say(f"Job {job.id} is {job.status}.")
    if watching:
        watch(client, job.id)


def watch(client: Client, job_id: str) -> None:
    """Follow a job to its end and tell how it came out.

    Raises:
        JobFailed, Cancelled: how it came out, if not well.
    """
    job = follow(client, job_id)
    if comparison := (job.result or {}).get("comparison"):
        show_comparison(comparison)
    say(f"Job {job_id} has succeeded.")
    if job.release:
        say(f"Release    {job.release}")
        say(f"Report     {client.url}/releases/{job.release}/report/")


def follow(client: Client, job_id: str) -> Job:
    """Show a job's progress to its end.

    Raises:
        JobFailed, Cancelled: it did not succeed.
    """
    job = client.job(job_id)
    if not job.ended:
        with progress(f"{job.kind} {job.status}") as bar:
            for event in client.follow(job_id):
                bar.event(event.model_dump(exclude_unset=True))
        job = client.job(job_id)
    if job.status == "cancelled":
        raise Cancelled(f"Job {job_id} was cancelled.")
    if not job.succeeded:
        error = job.error or {}
        raise JobFailed(
            f"Job {job_id} has failed: {error.get('detail', '')}", error.get("hint", "")
        )
    return job


def artifacts(client: Client, job_id: str, into: Path | None) -> None:
    """List a job's files, or fetch them into a folder."""
    found = client.artifacts(job_id)
    if into is None:
        made = table("File", "Bytes", numbers=1)
        for artifact in found:
            made.add_row(artifact.path, str(artifact.size))
        show(made)
        return
    with progress("download") as bar:
        for done, artifact in enumerate(found):
            bar.advance(done / len(found), "download", artifact.path)
            client.download(job_id, artifact.path, into)
    say(f"{len(found)} files in {into}.")
