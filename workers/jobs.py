"""The record of all jobs: the truth about what was asked for and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import IntegrityError

from workers import history, leases, outcomes
from workers.database import connect, prepare, reading
from workers.forecast import forecast
from workers.listing import Filter, Page, most_urgent_beside, page
from workers.records import Event, Job, JobFinished, Priority, event_from, job_from
from workers.revision import retried, retry, revise
from workers.settings import Settings
from workers.submission import Request, find_or_insert, made_before, row_of
from workers.tables import STATUSES, events, jobs

Events = list[Event]
T = TypeVar("T")


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
        priority: Priority = "normal",
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> tuple[Job, bool]:
        """Record a job, or find the one that the same request made before.

        Args:
            kind: the pipeline to run.
            config: its validated configuration as JSON-able values.
            queue: "cpu" or "gpu", which workers may take it.
            labels: words by which jobs can be listed.
            priority: which of those that wait in a queue go first.
            metadata: whatever else is to be kept with the job.
            idempotency_key: makes repeating the same request harmless.

        Returns:
            The job, and whether it is new.

        Raises:
            KeyReused: the key belongs to another request.
            QueueFull: too many jobs wait already; `extra["retry_after"]` says for how long to wait.
            InvalidInput: there is no such queue; a label, the kind or the key will not do.
        """
        words = tuple(sorted(set(labels or ())))
        request = Request(
            kind, dict(config), queue, words, priority, dict(metadata or {}), idempotency_key
        )
        limits = (self._max_attempts, self._max_queued)
        return self._record(lambda connection: find_or_insert(connection, request, *limits))

    def made_before(
        self,
        kind: str,
        config: Mapping[str, Any],
        labels: Sequence[str],
        priority: Priority,
        metadata: Mapping[str, str],
        idempotency_key: str,
    ) -> Job | None:
        """The job that the same request made before, if any; see `submit`.

        Raises:
            KeyReused: the key belongs to another request.
        """
        words = tuple(sorted(set(labels)))
        request = Request(
            kind, dict(config), "cpu", words, priority, dict(metadata), idempotency_key
        )
        with self._reading.begin() as connection:
            return made_before(connection, request)

    def retry(self, job_id: str, idempotency_key: str | None = None) -> tuple[Job, bool]:
        """Ask once more for what failed or was cancelled, as a new job that names the old one.

        Returns:
            The new job, and whether it was made just now: while one is under way, or for the same
            key, it is the one made before.

        Raises:
            JobNotFound: there is no such job.
            NotRetryable: it has neither failed nor been cancelled.
            KeyReused, QueueFull: as for `submit`.
        """
        limits = (self._max_attempts, self._max_queued)
        return self._record(lambda connection: retry(connection, job_id, idempotency_key, *limits))

    def retried(self, origin: Job, idempotency_key: str | None) -> Job | None:
        """The job that `retry` would find rather than make, if any.

        Raises:
            KeyReused: the key belongs to another request.
        """
        with self._reading.begin() as connection:
            return retried(connection, origin, idempotency_key)

    def revise(
        self,
        job_id: str,
        *,
        labels: Sequence[str] | None = None,
        metadata: Mapping[str, str] | None = None,
        priority: Priority | None = None,
    ) -> Job:
        """Replace what is given of a job's labels, metadata and priority.

        Raises:
            JobNotFound: there is no such job.
            JobStarted: another priority is wanted for a job that waits no more.
            InvalidInput: a word is too long, or has characters none has.
        """
        with self.engine.begin() as connection:
            return revise(connection, job_id, labels, metadata, priority)

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
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        """A page of jobs, newest first, and the cursor of the next page (None after the last).

        Raises:
            InvalidInput: an unknown status, or a cursor that no page gave out.
        """
        wanted = Filter(status, kind, label, created_after, created_before)
        with self._reading.begin() as connection:
            return page(connection, wanted, cursor, limit)

    def most_urgent_beside(self, job_id: str) -> str | None:
        """Of the jobs that wait in the queue of this one, the one whose turn it is."""
        with self._reading.begin() as connection:
            return most_urgent_beside(connection, job_id)

    def forecast(self) -> dict[str, datetime]:
        """When the unfinished jobs will end, as far as that can be told."""
        with self._reading.begin() as connection:
            ends = forecast(connection)
        return {job_id: datetime.fromtimestamp(end, UTC) for job_id, end in ends.items()}

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

    def _record(self, find_or_make: Callable[[Connection], T]) -> T:
        try:
            with self.engine.begin() as connection:
                return find_or_make(connection)
        except IntegrityError:
            # A twin of this request took the key a moment ago.
            with self.engine.begin() as connection:
                return find_or_make(connection)
