"""How much work waits, and since when: what alerts and autoscaling go by."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, case, func, select

from workers.database import reading
from workers.records import QUEUES
from workers.tables import HELD, TERMINAL, jobs, now


@dataclass(frozen=True)
class Backlog:
    """The work of one queue.

    Attributes:
        waiting: jobs that no worker has taken.
        running: jobs that a worker has.
        oldest_seconds: how long the oldest of those that wait was submitted ago; 0 without any.
    """

    waiting: int = 0
    running: int = 0
    oldest_seconds: float = 0.0


def backlog(engine: Engine) -> dict[str, Backlog]:
    """The work of each queue."""
    waits = jobs.c.status == "queued"
    query = (
        select(
            jobs.c.queue,
            func.sum(case((waits, 1), else_=0)),
            func.sum(case((jobs.c.status.in_(HELD), 1), else_=0)),
            func.max(case((waits, now() - jobs.c.created_at), else_=0.0)),
        )
        .where(jobs.c.status.not_in(TERMINAL))
        .group_by(jobs.c.queue)
    )
    with reading(engine).begin() as connection:
        found = {queue: Backlog(*facts) for queue, *facts in connection.execute(query)}
    return {queue: found.get(queue, Backlog()) for queue in QUEUES}
