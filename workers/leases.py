"""Holding a job: taken with a token, kept by heartbeats, ended by exactly one outcome.

The token is the number of the attempt. Every statement that writes for an attempt names it in its
WHERE clause, so an attempt that was overtaken writes nothing, however late it wakes up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Engine, Row, func, insert, select, update

from workers import history
from workers.records import LeaseLost, Status
from workers.tables import HELD, attempts, jobs, now

Outcome = Literal["succeeded", "failed", "lost", "handed-back"]
Error = dict[str, Any]


@dataclass(frozen=True)
class Lease:
    """One attempt's right to write for its job.

    Attributes:
        token: number of the attempt; grows with every lease of the job.
        seconds: how long the right lasts after each renewal.
    """

    engine: Engine
    job_id: str
    kind: str
    queue: str
    config: dict[str, Any]
    token: int
    seconds: float

    def renew(self) -> Status:
        """Keep the job for another while; tells its status, which is how a cancel is noticed.

        Raises:
            LeaseLost: another attempt has overtaken this one.
        """
        extend = (
            update(jobs)
            .where(jobs.c.id == self.job_id, *_held_by(self.token))
            .values(lease_expires_at=now() + self.seconds)
            .returning(jobs.c.status)
        )
        with self.engine.begin() as connection:
            status: Status | None = connection.scalar(extend)
        if status is None:
            raise LeaseLost(f"The job {self.job_id} is not held by this attempt any more.")
        return status

    def append(self, events: Sequence[history.EventData], **values: Any) -> None:
        """Append events and set the columns that tell the job's progress.

        Raises:
            LeaseLost: another attempt has overtaken this one.
        """
        with self.engine.begin() as connection:
            history.append(connection, self.job_id, events, *_held_by(self.token), **values)

    def succeed(
        self, result: dict[str, Any], publish: Callable[[], str | None] | None = None
    ) -> Status:
        """End the job well, or cancelled where that was asked for.

        `publish` runs inside the transaction that records the outcome, after the token was
        checked and with the job's row locked: nobody can take the job over in between, and
        nothing is recorded when it raises.

        Raises:
            LeaseLost: another attempt has overtaken this one; `publish` was not called.
        """
        with self.engine.begin() as connection:
            status = settle(connection, self.job_id, self.token, "succeeded", result=result)
            if status == "succeeded" and publish is not None:
                ours = jobs.c.id == self.job_id
                connection.execute(update(jobs).where(ours).values(release=publish()))
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
    with engine.begin() as connection:
        if (row := connection.execute(claim).one_or_none()) is None:
            return None
        entry = {"job_id": job_id, "number": row.attempt, "worker": worker[:128]}
        connection.execute(insert(attempts).values(started_at=now(), **entry))
        history.append(
            connection, job_id, [history.state("running", attempt=row.attempt, worker=worker)]
        )
    return Lease(engine, job_id, row.kind, row.queue, row.config, row.attempt, seconds)


def settle(
    connection: Connection,
    job_id: str,
    token: int,
    outcome: Outcome,
    *guards: ColumnElement[bool],
    result: dict[str, Any] | None = None,
    error: Error | None = None,
) -> Status:
    """End the attempt that holds the token and put the job where that leads.

    Raises:
        LeaseLost: the token is not the current one, nobody holds the job, or a guard fails.
    """
    held = (*_held_by(token), *guards)
    query = select(jobs.c.status, jobs.c.lost, jobs.c.max_attempts).where(
        jobs.c.id == job_id, *held
    )
    if (row := connection.execute(query.with_for_update()).one_or_none()) is None:
        raise LeaseLost(f"The job {job_id} is not held by this attempt any more.")
    status = _next_status(row, outcome)
    if status == "failed" and outcome == "lost":
        error = _exhausted(error, row.max_attempts)
    told = history.state(status, result=result if status == "succeeded" else None, error=error)
    values = _columns(status, result, error) | {"lost": row.lost + (outcome == "lost")}
    unchanged = jobs.c.status == row.status
    history.append(connection, job_id, [told], *_held_by(token), unchanged, **values)
    _close_attempt(
        connection, job_id, token, "cancelled" if status == "cancelled" else outcome, error
    )
    return status


def cancel_waiting(connection: Connection, job_id: str) -> None:
    """Cancel a job that nobody holds: it passes through `cancelling` without a stop."""
    passed = [history.state("cancelling"), history.state("cancelled")]
    guard = jobs.c.status == "queued"
    history.append(connection, job_id, passed, guard, **_columns("cancelled", None, None))


def _next_status(row: Row[*tuple[Any, ...]], outcome: Outcome) -> Status:
    """Where the job goes from here. Who asked for a cancel gets it, whatever else happened."""
    if row.status == "cancelling":
        return "cancelled"
    if outcome in ("succeeded", "failed"):
        return outcome
    exhausted = outcome == "lost" and row.lost + 1 >= row.max_attempts
    return "failed" if exhausted else "queued"


def _columns(status: Status, result: dict[str, Any] | None, error: Error | None) -> dict[str, Any]:
    values: dict[str, Any] = {"status": status, "lease_expires_at": None, "rang_at": None}
    values["eta_seconds"] = None
    if status != "queued":
        values["finished_at"] = now()
    if status == "succeeded":
        values |= {"result": result, "fraction": 1.0}
    if status == "failed":
        values["error"] = error
    return values


def _exhausted(error: Error | None, attempts: int) -> Error:
    last = error or {"type": "crash", "detail": "The attempt ended without a word."}
    detail = f"All {attempts} attempts were lost. The last one: {last['detail']}"
    return {**last, "detail": detail, "hint": "Look at the job's log, then submit it again."}


def _close_attempt(
    connection: Connection, job_id: str, token: int, outcome: str, error: Error | None
) -> None:
    ours = (attempts.c.job_id == job_id, attempts.c.number == token)
    connection.execute(
        update(attempts).where(*ours).values(finished_at=now(), outcome=outcome, error=error)
    )


def _held_by(token: int) -> tuple[ColumnElement[bool], ...]:
    return (jobs.c.attempt == token, jobs.c.status.in_(HELD))
