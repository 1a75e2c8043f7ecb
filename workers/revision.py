"""Changes what is said about a job, and repeats one that did not come to a good end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, select, update

from workers.records import RANKS, Job, JobStarted, NotRetryable, Priority, job_from
from workers.submission import (
    Request,
    check_words,
    find_or_insert,
    label,
    made_before,
    remember,
    row_of,
)
from workers.tables import TERMINAL, job_labels, jobs


def retry(
    connection: Connection, job_id: str, key: str | None, max_attempts: int, max_queued: int
) -> tuple[Job, bool]:
    """The new job that repeats an old one, and whether it was made just now.

    Raises:
        JobNotFound: there is no such job.
        NotRetryable: it has neither failed nor been cancelled.
        KeyReused, QueueFull: as for a submission.
    """
    # Locked, so that two who ask at once get the same job.
    origin = job_from(row_of(connection, job_id, lock=True))
    request = Request.repeating(origin, key)
    if (job := made_before(connection, request)) is not None:
        return job, False
    if (job := _under_way(connection, origin)) is not None:
        remember(connection, request, job.id)
        return job, False
    if origin.status not in ("failed", "cancelled"):
        raise NotRetryable(
            f"The job {job_id} is {origin.status}: only what failed or was cancelled is retried.",
            "Submit it again for another run.",
        )
    return find_or_insert(connection, request, max_attempts, max_queued)


def retried(connection: Connection, origin: Job, key: str | None) -> Job | None:
    """The job that repeats another: the one that this key made, or one that has not ended yet.

    Raises:
        KeyReused: the key belongs to another request.
    """
    made = made_before(connection, Request.repeating(origin, key))
    return made or _under_way(connection, origin)


def _under_way(connection: Connection, origin: Job) -> Job | None:
    unfinished = (jobs.c.retry_of == origin.id, jobs.c.status.not_in(TERMINAL))
    row = connection.execute(select(jobs).where(*unfinished).limit(1)).one_or_none()
    return None if row is None else job_from(row)


def revise(
    connection: Connection,
    job_id: str,
    labels: Sequence[str] | None,
    metadata: Mapping[str, str] | None,
    priority: Priority | None,
) -> Job:
    """Replace what is given of a job's labels, metadata and priority.

    Raises:
        JobNotFound: there is no such job.
        JobStarted: another priority is wanted for a job that waits no more.
        InvalidInput: a word is too long, or has characters none has.
    """
    check_words(labels or (), metadata or {})
    job = job_from(row_of(connection, job_id, lock=True))
    values: dict[str, object] = {}
    if labels is not None:
        values["labels"] = sorted(set(labels))
        connection.execute(delete(job_labels).where(job_labels.c.job_id == job_id))
        label(connection, job_id, sorted(set(labels)))
    if metadata is not None:
        values["metadata"] = dict(metadata)
    if priority is not None and priority != job.priority:
        if job.status != "queued":
            raise JobStarted(f"The job {job_id} waits no more.", "Leave its priority out.")
        values["priority"] = RANKS[priority]
    if values:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values))
    return job_from(row_of(connection, job_id))
