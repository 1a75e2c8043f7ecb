"""`canfuse jobs`: asks a running service."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from app.cli.overrides import parse_overrides
from app.cli.progress import progress
from app.cli.terminal import note, say, show, table, write
from app.cli.work.client import Client
from app.cli.work.comparison import show_comparison
from ml.errors import Cancelled, CanfuseError, InvalidInput
from workers.tables import TERMINAL

_DONE = "succeeded"


class JobFailed(CanfuseError):
    """A job that was watched has failed."""

    slug = "job-failed"


def list_jobs(
    client: Client, status: str | None, kind: str | None, limit: int, *, as_json: bool
) -> None:
    """List jobs, the newest first."""
    page = client.get("/jobs", status=status, kind=kind, limit=limit)
    if as_json:
        write(json.dumps(page["jobs"], indent=1) + "\n")
        return
    made = table("Job", "Kind", "Status", "Done", "Created", "Doing", numbers=0)
    for job in page["jobs"]:
        created = job["created_at"][:19].replace("T", " ")
        doing = job["message"] or job["phase"] or ""
        made.add_row(
            job["id"], job["kind"], job["status"], f"{job['fraction']:.0%}", created, doing
        )
    show(made)
    if page["next_cursor"]:
        note(f"There are more; --limit shows more than {limit}.")


def show_job(client: Client, job_id: str) -> None:
    """Print a job as it stands, as JSON."""
    write(json.dumps(client.get(f"/jobs/{job_id}"), indent=1) + "\n")


def cancel(client: Client, job_id: str) -> None:
    """Ask for a job's end."""
    say(f"Job {job_id} is {client.post(f'/jobs/{job_id}/cancel')['status']}.")


def submit(
    client: Client,
    kind: str,
    preset: str | None,
    words: Sequence[str],
    labels: Sequence[str],
    *,
    watching: bool,
) -> None:
    """Submit a job, and watch it to its end if that is wanted."""
    body: dict[str, Any] = {**parse_overrides(words), "labels": list(labels)}
    if preset is not None:
        body["preset"] = preset
    job = client.post(f"/jobs/{kind}", body)
    say(f"Job {job['id']} is {job['status']}.")
    if watching:
        watch(client, job["id"])


def watch(client: Client, job_id: str) -> Mapping[str, Any]:
    """Follow a job to its end and tell how it came out.

    Returns:
        the job.

    Raises:
        JobFailed, Cancelled: how it came out, if not well.
    """
    job = follow(client, job_id)
    if comparison := (job["result"] or {}).get("comparison"):
        show_comparison(comparison)
    say(f"Job {job_id} has succeeded.")
    if job["release"]:
        say(f"Release    {job['release']}")
        say(f"Report     {client.url}/releases/{job['release']}/report/")
    return job


def follow(client: Client, job_id: str) -> Mapping[str, Any]:
    """Show a job's progress to its end.

    Raises:
        JobFailed, Cancelled: it did not succeed.
    """
    job: Mapping[str, Any] = client.get(f"/jobs/{job_id}")
    if job["status"] not in TERMINAL:
        with progress(f"{job['kind']} {job['status']}") as bar:
            for event in client.follow(job_id):
                bar.event(event)
        job = client.get(f"/jobs/{job_id}")
    if job["status"] == "cancelled":
        raise Cancelled(f"Job {job_id} was cancelled.")
    if job["status"] != _DONE:
        error = job["error"] or {}
        raise JobFailed(
            f"Job {job_id} has failed: {error.get('detail', '')}", error.get("hint", "")
        )
    return job


def artifacts(client: Client, job_id: str, into: Path | None) -> None:
    """List a job's files, or fetch them into a folder."""
    found = client.get(f"/jobs/{job_id}/artifacts")
    if into is None:
        made = table("File", "Bytes", numbers=1)
        for artifact in found:
            made.add_row(artifact["path"], str(artifact["size"]))
        show(made)
        return
    with progress("download") as bar:
        for done, artifact in enumerate(found):
            bar.advance(done / len(found), "download", artifact["path"])
            _fetch(client, artifact["url"], into / _safe(artifact["path"]))
    say(f"{len(found)} files in {into}.")


def _fetch(client: Client, url: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with part.open("wb") as stream:
        for piece in client.download(url):
            stream.write(piece)
    part.replace(target)


def _safe(path: str) -> PurePosixPath:
    """A relative path that stays below the folder, whatever the service says."""
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts:
        raise InvalidInput(
            f"The service names a file {path!r} outside of the job's.", "Do not trust it."
        )
    return parts
