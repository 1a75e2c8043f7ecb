"""Holding a job: taken with a token, kept by heartbeats, ended by exactly one outcome.

The token is the number of the attempt. Every statement that writes for an attempt names it in its
WHERE clause, so an attempt that was overtaken writes nothing, however late it wakes up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, func, insert, update

from workers import history
from workers.outcomes import Error, Outcome, held_by, settle
from workers.records import LeaseLost, Status
from workers.tables import attempts, jobs, now


@dataclass(frozen=True)
class Lease:
    """One attempt's right to write for its job.

    Attributes:
        token: number of the attempt; grows with every lease of the job.
        seconds: how long the right lasts after each renewal.
        since: when it was asked for, by this process's monotonic clock.
    """

    engine: Engine
    job_id: str
    kind: str
    queue: str
    config: dict[str, Any]
    token: int
    seconds: float
    since: float

    def renew(self) -> Status:
        """Keep the job for another while; tells its status, which is how a cancel is noticed.

        Raises:
            LeaseLost: another attempt has overtaken this one.
        """
        extend = (
            update(jobs)
            .where(jobs.c.id == self.job_id, *held_by(self.token))
            .values(lease_expires_at=now() + self.seconds)
            .returning(jobs.c.status)
        )
        with self.engine.begin() as connection:
            status: Status | None = connection.scalar(extend)
        if status is None:
            raise LeaseLost(f"The job {self.job_id} is not held by this attempt any more.")
        return status

    def append(self, events: Sequence[history.EventData], **values: Any) -> Status:
        """Append events and set the columns that tell the job's progress; tells its status.

        Raises:
            LeaseLost: another attempt has overtaken this one.
        """
        progress = {**values, "progress_at": now()} if values else {}
        with self.engine.begin() as connection:
            return history.append(connection, self.job_id, events, *held_by(self.token), **progress)

    def succeed(
        self,
        result: dict[str, Any],
        release: str | None = None,
        publish: Callable[[], object] | None = None,
    ) -> Status:
        """End the job well, or cancelled where that was asked for.

        Args:
            result: what the pipeline returned.
            release: version of the release that the job made.
            publish: runs inside the transaction that records the outcome, after the token was
                checked and with the job's row locked: nobody can take the job over in between,
                and nothing is recorded when it raises. It must be quick: other writers wait.

        Raises:
            LeaseLost: another attempt has overtaken this one; `publish` was not called.
        """
        with self.engine.begin() as connection:
            status = settle(connection, self.job_id, self.token, "succeeded", result=result)
            if status == "succeeded":
                ours = jobs.c.id == self.job_id
                connection.execute(update(jobs).where(ours).values(release=release))
                if publish is not None:
                    publish()
        return status

    def end(self, outcome: Outcome, error: Error | None = None) -> Status:
        """End the attempt otherwise: failed for good, lost (may be tried again) or handed back.

        Raises:
            LeaseLost: another attempt has overtaken this one.
        """
        with self.engine.begin() as connection:
            return settle(connection, self.job_id, self.token, outcome, error=error)


def take(engine: Engine, job_id: str, worker: str, seconds: float) -> Lease | None:
    """Take a queued job for a new attempt; None when it is not to be had."""
    claim = (
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.status == "queued")
        .values(
            status="running",
            attempt=jobs.c.attempt + 1,
            lease_expires_at=now() + seconds,
            started_at=func.coalesce(jobs.c.started_at, now()),
        )
        .returning(jobs.c.kind, jobs.c.queue, jobs.c.config, jobs.c.attempt)
    )
    since = time.monotonic()
    with engine.begin() as connection:
        if (row := connection.execute(claim).one_or_none()) is None:
            return None
        entry = {"job_id": job_id, "number": row.attempt, "worker": worker[:128]}
        connection.execute(insert(attempts).values(started_at=now(), **entry))
        history.append(
            connection, job_id, [history.state("running", attempt=row.attempt, worker=worker)]
        )
    return Lease(engine, job_id, row.kind, row.queue, row.config, row.attempt, seconds, since)
