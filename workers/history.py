"""Appends a job's events, numbered without gaps in the order of their commits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, update

from workers.records import LeaseLost, Status
from workers.tables import events, jobs, now

EventData = Mapping[str, Any]


def append(
    connection: Connection,
    job_id: str,
    data: Sequence[EventData],
    *guards: ColumnElement[bool],
    **values: Any,
) -> Status:
    """Append events and set columns of the job, if the guards hold.

    The numbers are taken by the same statement that checks the guards, and its row lock is kept
    to the commit: no reader sees a number before all lower ones.

    Returns:
        The job's status now.

    Raises:
        LeaseLost: the guards do not hold.
    """
    claim = (
        update(jobs)
        .where(jobs.c.id == job_id, *guards)
        .values(last_event=jobs.c.last_event + len(data), **values)
        .returning(jobs.c.last_event, jobs.c.attempt, jobs.c.status)
    )
    if (row := connection.execute(claim).one_or_none()) is None:
        raise LeaseLost(f"The job {job_id} is not held by this attempt any more.")
    first = row.last_event - len(data) + 1
    if data:
        connection.execute(
            insert(events).values(at=now()),
            [
                {
                    "job_id": job_id,
                    "sequence": first + i,
                    "attempt": row.attempt,
                    "data": dict(item),
                }
                for i, item in enumerate(data)
            ],
        )
    status: Status = row.status
    return status


def state(status: str, **facts: Any) -> dict[str, Any]:
    """The event that tells of a new status."""
    return {"event": "state", "status": status, **{k: v for k, v in facts.items() if v is not None}}
