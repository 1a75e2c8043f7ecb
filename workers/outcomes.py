"""Where an attempt's outcome leads its job: the one place that knows the states' order.

`queued → running → succeeded | failed`, `running → queued` for another attempt, and
`queued | running → cancelling → cancelled`. Nothing leaves a final state, because every update
here names in its WHERE clause the state, and the token, that it starts from.
"""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, select, update

from workers import history
from workers.records import LeaseLost, Status
from workers.tables import HELD, attempts, jobs, now

Outcome = Literal["succeeded", "failed", "lost", "handed-back"]
Error = dict[str, Any]


def held_by(token: int) -> tuple[ColumnElement[bool], ...]:
    """What must hold for an attempt to write: its token is the current one, its job not over."""
    return (jobs.c.attempt == token, jobs.c.status.in_(HELD))


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
    held = (*held_by(token), *guards)
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
    history.append(connection, job_id, [told], *held_by(token), unchanged, **values)
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
    return {
        **last,
        "type": "attempts-exhausted",
        "cause": last["type"],
        "detail": detail,
        "hint": "Look at the job's log, then submit it again.",
    }


def _close_attempt(
    connection: Connection, job_id: str, token: int, outcome: str, error: Error | None
) -> None:
    ours = (attempts.c.job_id == job_id, attempts.c.number == token)
    connection.execute(
        update(attempts).where(*ours).values(finished_at=now(), outcome=outcome, error=error)
    )
