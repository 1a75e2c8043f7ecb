"""The record of all jobs: the truth about what was asked for and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError

from workers import history, leases, outcomes
from workers.database import connect, prepare, reading
from workers.listing import Page, page
from workers.records import Event, Job, JobFinished, event_from, job_from
from workers.settings import Settings
from workers.submission import Request, find_or_insert, made_before, row_of
from workers.tables import STATUSES, events, jobs

Events = list[Event]


def open_store(settings: Settings) -> JobStore:
    """Open the job store that the settings name, its tables brought up to date."""
    # An attempt must hear of a database that hangs before its lease is over.
    engine = connect(settings.database_url, patience=settings.lease_seconds / 2)
    prepare(engine)
    return JobStore(engine, max_attempts=settings.max_attempts, max_queued=settings.max_queued)


class JobStore:
    """Jobs, their attempts and their events. Safe to share between threads and processes."""

    def __init__(self, engine: Engine, *, max_attempts: int = 3, max_queued: int = 100) -> None:
        self.engine = engine
        self._reading = reading(engine)
        self._max_attempts = max_attempts
        self._max_queued = max_queued

    def submit(
        self,
        kind: str,
        config: Mapping[str, Any],
        *,
        queue: str = "cpu",
        labels: Sequence[str] | None = None,
        idempotency_key: str | None = None,
    ) -> tuple[Job, bool]:
        """Record a job, or find the one that the same request made before.

        Args:
            kind: the pipeline to run.
            config: its validated configuration as JSON-able values.
            queue: "cpu" or "gpu", which workers may take it.
            labels: words by which jobs can be listed.
            idempotency_key: makes repeating the same request harmless.

        Returns:
            The job, and whether it is new.

        Raises:
            KeyReused: the key belongs to another request.
            QueueFull: too many jobs wait already; `extra["retry_after"]` says for how long to wait.
            InvalidInput: there is no such queue; a label, the kind or the key will not do.
        """
        request = Request(
            kind, dict(config), queue, tuple(sorted(set(labels or ()))), idempotency_key
        )
        try:
            with self.engine.begin() as connection:
                return find_or_insert(connection, request, self._max_attempts, self._max_queued)
        except IntegrityError:
            # A twin of this request took the key a moment ago.
            with self.engine.begin() as connection:
                return find_or_insert(connection, request, self._max_attempts, self._max_queued)

    def made_before(
        self, kind: str, config: Mapping[str, Any], labels: Sequence[str], idempotency_key: str
    ) -> Job | None:
        """The job that the same request made before, if any; see `submit`.

        Raises:
            KeyReused: the key belongs to another request.
        """
        request = Request(kind, dict(config), "cpu", tuple(sorted(set(labels))), idempotency_key)
        with self._reading.begin() as connection:
            return made_before(connection, request)

    def get(self, job_id: str) -> Job:
        """The job of that id.

        Raises:
            JobNotFound: there is none.
        """
        with self._reading.begin() as connection:
            return job_from(row_of(connection, job_id))

    def list(
        self,
        *,
        status: str | None = None,
        kind: str | None = None,
        label: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        """A page of jobs, newest first, and the cursor of the next page (None after the last).

        Raises:
            InvalidInput: an unknown status, or a cursor that no page gave out.
        """
        filters = {jobs.c.status: status, jobs.c.kind: kind}
        with self._reading.begin() as connection:
            return page(connection, filters, label, cursor, limit)

    def events(self, job_id: str, after: int = 0, limit: int = 500) -> Events:
        """The job's events after a sequence number, in order.

        Raises:
            JobNotFound: there is no such job.
        """
        query = (
            select(events)
            .where(events.c.job_id == job_id, events.c.sequence > after)
            .order_by(events.c.sequence)
            .limit(limit)
        )
        with self._reading.begin() as connection:
            found = [event_from(row) for row in connection.execute(query)]
            if not found:
                row_of(connection, job_id)
        return found

    def request_cancel(self, job_id: str) -> Job:
        """Ask for the job's end; a job that waits is cancelled at once. Repeating it is harmless.

        Raises:
            JobNotFound: there is no such job.
            JobFinished: it has succeeded or failed already.
        """
        with self.engine.begin() as connection:
            job = job_from(row_of(connection, job_id, lock=True))
            if job.status == "queued":
                outcomes.cancel_waiting(connection, job_id)
            elif job.status == "running":
                guard = (jobs.c.status == "running",)
                history.append(
                    connection, job_id, [history.state("cancelling")], *guard, status="cancelling"
                )
            elif job.status not in ("cancelling", "cancelled"):
                raise JobFinished(
                    f"The job {job_id} has {job.status} already.", "There is nothing to cancel."
                )
            return job_from(row_of(connection, job_id))

    def lease(self, job_id: str, worker: str, seconds: float) -> leases.Lease | None:
        """Take a queued job for an attempt; None when it is not to be had."""
        return leases.take(self.engine, job_id, worker, seconds)

    def counts(self) -> dict[str, int]:
        """How many jobs stand in each status."""
        query = select(jobs.c.status, func.count()).group_by(jobs.c.status)
        with self._reading.begin() as connection:
            found = {row.status: row[1] for row in connection.execute(query)}
        return {status: found.get(status, 0) for status in STATUSES}
