"""What the job system tells about a job, and the errors it answers with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Row

from ml.errors import Conflict, NotFound, Unavailable
from workers.tables import TERMINAL

Status = Literal["queued", "running", "cancelling", "succeeded", "failed", "cancelled"]
QUEUES = ("cpu", "gpu")


class JobNotFound(NotFound):
    """There is no such job."""

    slug = "job-not-found"


class JobFinished(Conflict):
    """The job has ended and cannot be changed any more."""

    slug = "job-finished"


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
        attempt: number of the latest attempt, 0 before the first.
        fraction: share that is done, 0 to 1.
        eta_seconds: estimated seconds to the end, counted from the latest progress.
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
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempt: int
    max_attempts: int
    phase: str | None
    fraction: float
    message: str | None
    eta_seconds: float | None
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


def job_from(row: Row[*tuple[Any, ...]]) -> Job:
    """The view of a row of `jobs`."""
    values = {name: value for name, value in row._mapping.items() if name in Job.__annotations__}  # noqa: SLF001 - the public name of the row's mapping
    times = {name: moment(values[name]) for name in ("created_at", "started_at", "finished_at")}
    return Job(**{**values, **times, "labels": tuple(values["labels"])})


def event_from(row: Row[*tuple[Any, ...]]) -> Event:
    """The view of a row of `events`."""
    return Event(
        row.job_id, row.sequence, row.attempt, datetime.fromtimestamp(row.at, UTC), row.data
    )


def moment(seconds: float | None) -> datetime | None:
    """Seconds since 1970 as a time of day that knows its zone."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
