"""Jobs: ask for long work, look at it, follow it, stop it, fetch what it left."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi import Path as PathParam
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BeforeValidator

from app.auth import TheKey, guard
from app.bodies import JsonBody, json_body, parse
from app.files import file_in, files_in, send_file
from app.jobs.follow import EventStream, Follower, wire_schema
from app.jobs.schemas import Artifact, JobPage, JobRevision, JobView
from app.problems import problems
from app.state import Services, TheServices
from workers.records import Job, Status

router = APIRouter(prefix="/jobs", tags=["jobs"])

LOG = "stderr.log"

Word = Annotated[str | None, Query(min_length=1, max_length=64, pattern=r"^[^\x00]+$")]
SequenceNumber = Annotated[int, Header(ge=0, lt=2**31)]


def _written_out(value: object) -> object:
    """Refuse a number, which pydantic would take for seconds since 1970."""
    if not re.match(r"\d{4}-\d\d-\d\d[Tt ]", str(value)):
        raise ValueError("Give a date and a time, as in 2026-01-31T12:00:00Z.")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_written_out)]


def existing_job(
    services: TheServices, job_id: Annotated[str, PathParam(max_length=64, pattern=r"^[\w-]+$")]
) -> Job:
    """The job that the path names."""
    return services.jobs.get(job_id)


TheJob = Annotated[Job, Depends(existing_job)]


@router.get("", summary="List jobs", **guard("read"))
def list_jobs(
    services: TheServices,
    status: Status | None = None,
    kind: Word = None,
    label: Word = None,
    created_after: Annotated[
        Instant | None, Query(description="Made then or later, as in 2026-01-31T12:00:00Z.")
    ] = None,
    created_before: Annotated[Instant | None, Query(description="Made earlier.")] = None,
    cursor: Word = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> JobPage:
    """A page of jobs, the newest first, all of them or those that the filters leave."""
    page, following = services.jobs.list(
        status=status,
        kind=kind,
        label=label,
        created_after=created_after,
        created_before=created_before,
        cursor=cursor,
        limit=limit,
    )
    return JobPage(jobs=_views(services, page), next_cursor=following)


@router.get("/{job_id}", summary="Look at a job", **guard("read", 404))
def show_job(services: TheServices, job: TheJob) -> JobView:
    """The job as it stands: status, progress, and in the end its result or its error."""
    return _views(services, [job])[0]


@router.patch(
    "/{job_id}",
    summary="Change what is said about a job",
    openapi_extra=json_body("JobRevision"),
    **guard("jobs", 404, 409, 413, 415),
)
def revise_job(services: TheServices, job: TheJob, body: JsonBody) -> JobView:
    """Replace the job's labels or metadata at any time, or its priority while it waits."""
    asked = parse(JobRevision, body)
    revised = services.jobs.revise(
        job.id, labels=asked.labels, metadata=asked.metadata, priority=asked.priority
    )
    return _views(services, [revised])[0]


@router.post("/{job_id}/cancel", summary="Cancel a job", **guard("jobs", 404, 409))
def cancel_job(services: TheServices, job: TheJob) -> JobView:
    """Ask for the job's end.

    A waiting job is cancelled at once; a running one stops as soon as it can and is stopped by
    force if it cannot. Asking twice is harmless; a job that has ended otherwise answers 409.
    """
    return JobView.of(services.jobs.request_cancel(job.id))


@router.get(
    "/{job_id}/events",
    summary="Follow a job",
    response_class=StreamingResponse,
    dependencies=guard("read")["dependencies"],
    responses={
        200: {"content": {"text/event-stream": {"itemSchema": wire_schema()}}},
        204: {"description": "The job has ended and you have its last event: do not come back."},
        **problems(401, 403, 404, 422, 429),
    },
)
def follow_job(
    services: TheServices, job: TheJob, key: TheKey, last_event_id: SequenceNumber = 0
) -> Response:
    """The job's events as server-sent events, from the one after `Last-Event-ID` on.

    The stream ends after the event that tells of the job's end. It may end sooner, with its
    time, its key or the service: come back with `Last-Event-ID`, as an EventSource does by itself.
    """
    if job.finished and not services.jobs.events(job.id, last_event_id, 1):
        return Response(status_code=204)
    follower = Follower(
        services.jobs,
        job.id,
        last_event_id,
        services.settings,
        services.stopping,
        lambda: services.keys.still_valid(key),
    )
    return EventStream(follower.stream(), services.streams)


@router.get("/{job_id}/artifacts", summary="List a job's files", **guard("read", 404))
def list_artifacts(services: TheServices, job: TheJob) -> list[Artifact]:
    """The files that the job left for download, also while it runs."""
    return [
        Artifact(
            path=path.as_posix(),
            size=facts.st_size,
            modified_at=datetime.fromtimestamp(facts.st_mtime, UTC),
            url=f"/jobs/{job.id}/artifacts/{quote(path.as_posix())}",
        )
        for path, facts in files_in(_artifacts(services, job))
    ]


@router.get(
    "/{job_id}/artifacts/{path:path}",
    summary="Download a job's file",
    response_class=Response,
    **guard("read", 404, 416),
)
def download_artifact(services: TheServices, job: TheJob, path: str, request: Request) -> Response:
    """One of the job's files; ranges and `If-None-Match` work."""
    return send_file(request, file_in(_artifacts(services, job), path))


@router.get(
    "/{job_id}/log",
    summary="Read a job's log",
    response_class=Response,
    **guard("jobs", 404, 416),
)
def read_log(services: TheServices, job: TheJob, request: Request) -> Response:
    """What the job's program wrote beside its events, over all attempts: where a crash is found."""
    folder = services.settings.workspace.jobs / job.id
    return send_file(request, file_in(folder, LOG), media_type="text/plain")


def _views(services: Services, jobs: Sequence[Job]) -> list[JobView]:
    """What is told about jobs, with the estimated end of those that have not ended yet."""
    ends = {} if all(job.finished for job in jobs) else services.jobs.forecast()
    return [JobView.of(job, ends.get(job.id)) for job in jobs]


def _artifacts(services: Services, job: Job) -> Path:
    return services.settings.workspace.jobs / job.id / "artifacts"
