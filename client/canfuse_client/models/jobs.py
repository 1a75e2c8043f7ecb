"""Jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from canfuse_client.errors import JobFailed
from canfuse_client.models.base import Answer

ENDED = ("succeeded", "failed", "cancelled")


class Job(Answer):
    """A job as it stands.

    Attributes:
        status: queued, running, cancelling, succeeded, failed or cancelled.
        queue: which workers may take it.
        config: the whole configuration, with its defaults.
        priority: high, normal or low; of the jobs that wait, those of high priority start first.
        retry_of: id of the job that this one repeats.
        attempt: number of the latest attempt, 0 before the first.
        phase: what is being done.
        fraction: share that is done, 0 to 1.
        eta_seconds: estimated seconds to the end, counted from `progress_at`.
        progress_at: when it has last told its progress.
        estimated_finish: when it will end; None where nothing is known yet.
        result: what it came to, once it succeeded.
        error: `type`, `detail` and `hint` of what went wrong, once it failed.
        release: version of the release that it published.
        links: where more about it is.
    """

    id: str
    kind: str
    status: str
    queue: str
    config: dict[str, Any]
    labels: list[str]
    metadata: dict[str, str]
    priority: str
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
    estimated_finish: datetime | None
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    release: str | None
    links: dict[str, str | None]

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ENDED

    @property
    def succeeded(self) -> bool:
        """Whether it ended well."""
        return self.status == "succeeded"

    def raise_for_failure(self) -> None:
        """Make sure that it did not end otherwise than well.

        Raises:
            JobFailed: it did.
        """
        if self.ended and not self.succeeded:
            raise JobFailed(self)


class JobPage(Answer):
    """Some jobs, the newest first."""

    jobs: list[Job]
    next_cursor: str | None


class Event(Answer):
    """Something that happened to a job.

    Attributes:
        sequence: 1, 2, 3, … without gaps.
        event: state, progress, metrics, log, …; it decides which of the fields below are there.
        status: of state: where the job stands now.
        phase: of progress and metrics: what is being done.
        fraction: of progress: share that is done, 0 to 1.
        message: of progress and log.
        level: of log.
        values: of metrics: measured values; None is one that is undefined.
    """

    sequence: int
    attempt: int
    at: datetime
    event: str
    status: str | None = None
    phase: str | None = None
    fraction: float | None = None
    message: str | None = None
    level: str | None = None
    values: dict[str, float | None] | None = None

    @property
    def last(self) -> bool:
        """Whether nothing can come after it."""
        return self.event == "state" and self.status in ENDED


class Artifact(Answer):
    """A file that a job left.

    Attributes:
        path: relative to the job's files.
        size: bytes.
        url: its address at the service.
    """

    path: str
    size: int
    modified_at: datetime
    url: str
