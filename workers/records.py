"""What the job system tells about a job, and the errors it answers with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Row

from ml.errors import Conflict, NotFound, Unavailable
from workers.tables import TERMINAL

Status = Literal["queued", "running", "cancelling", "succeeded", "failed", "cancelled"]
Priority = Literal["low", "normal", "high"]
QUEUES = ("cpu", "gpu")
RANKS: Mapping[Priority, int] = {"low": -1, "normal": 0, "high": 1}
"""Priorities as the database orders them."""


class JobNotFound(NotFound):
    """There is no such job."""

    slug = "job-not-found"


class JobFinished(Conflict):
    """The job has ended and cannot be changed any more."""

    slug = "job-finished"


class JobStarted(Conflict):
    """The job waits no more, so its place among those that wait cannot be changed."""

    slug = "job-started"


class NotRetryable(Conflict):
    """Only a job that has failed or was cancelled can be tried again."""

    slug = "job-not-retryable"


class KeyReused(Conflict):
    """An idempotency key came again with another request."""

    slug = "idempotency-key-reused"


class QueueFull(Unavailable):
    """Too many jobs wait already."""

    slug = "queue-full"


class LeaseLost(Conflict):
    """Somebody else holds the job now, or nobody: this attempt may write nothing more."""

    slug = "lease-lost"


@dataclass(frozen=True)
class Job:
    """A request for long work, as it stands.

    Attributes:
        labels: words by which it can be found again.
        metadata: whatever else whoever submitted it wants to keep with it.
        priority: which of those that wait in its queue go first.
        retry_of: id of the job that it repeats.
        attempt: number of the latest attempt, 0 before the first.
        fraction: share that is done, 0 to 1.
        eta_seconds: estimated seconds to the end, counted from the latest progress.
        progress_at: when it has last told its progress.
        result: what the pipeline returned, once it succeeded.
        error: `type`, `detail` and `hint` of what went wrong, once it failed.
        release: version of the release that it published.
    """

    id: str
    kind: str
    queue: str
    status: Status
    config: dict[str, Any]
    labels: tuple[str, ...]
    metadata: dict[str, str]
    priority: Priority
    retry_of: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempt: int
    max_attempts: int
    phase: str | None
    fraction: float
    message: str | None
    eta_seconds: float | None
    progress_at: datetime | None
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    release: str | None

    @property
    def finished(self) -> bool:
        """Whether the job has come to an end that nothing changes any more."""
        return self.status in TERMINAL


@dataclass(frozen=True)
class Event:
    """Something that happened to a job: `data["event"]` names it.

    Attributes:
        sequence: 1, 2, 3, … within the job, without gaps.
        attempt: the attempt in which it happened, 0 before the first.
    """

    job_id: str
    sequence: int
    attempt: int
    at: datetime
    data: dict[str, Any]


_TIMES = ("created_at", "started_at", "finished_at", "progress_at")


def job_from(row: Row[*tuple[Any, ...]]) -> Job:
    """The view of a row of `jobs`."""
    values = {name: value for name, value in row._mapping.items() if name in Job.__annotations__}  # noqa: SLF001 - the public name of the row's mapping
    times = {name: moment(values[name]) for name in _TIMES}
    priority = next(name for name, rank in RANKS.items() if rank == values["priority"])
    return Job(**{**values, **times, "labels": tuple(values["labels"]), "priority": priority})


def event_from(row: Row[*tuple[Any, ...]]) -> Event:
    """The view of a row of `events`."""
    return Event(
        row.job_id, row.sequence, row.attempt, datetime.fromtimestamp(row.at, UTC), row.data
    )


def moment(seconds: float | None) -> datetime | None:
    """Seconds since 1970 as a time of day that knows its zone."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
