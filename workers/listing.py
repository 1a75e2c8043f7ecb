"""Lists jobs by pages that stay put while new jobs come in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, exists, select

from ml.errors import InvalidInput
from workers.records import Job, job_from
from workers.tables import STATUSES, job_labels, jobs

Page = tuple[list[Job], str | None]
# Times are told to the microsecond, and asked for as they were told.
_ROUNDING = 0.5e-6


@dataclass(frozen=True)
class Filter:
    """Which jobs are wanted; what is None does not matter.

    Attributes:
        created_after: made then or later.
        created_before: made earlier.
    """

    status: str | None = None
    kind: str | None = None
    label: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """What must hold of a job.

        Raises:
            InvalidInput: there is no such status.
        """
        if self.status is not None and self.status not in STATUSES:
            raise InvalidInput(
                f"There is no status '{self.status}'.", f"Choose one of: {', '.join(STATUSES)}."
            )
        wanted: list[ColumnElement[bool]] = []
        if self.status is not None:
            wanted.append(jobs.c.status == self.status)
        if self.kind is not None:
            wanted.append(jobs.c.kind == self.kind)
        if self.label is not None:
            labelled = (job_labels.c.job_id == jobs.c.id, job_labels.c.label == self.label)
            wanted.append(exists().where(*labelled))
        if self.created_after is not None:
            wanted.append(jobs.c.created_at >= self.created_after.timestamp() - _ROUNDING)
        if self.created_before is not None:
            wanted.append(jobs.c.created_at < self.created_before.timestamp() - _ROUNDING)
        return wanted


def page(connection: Connection, wanted: Filter, cursor: str | None, limit: int) -> Page:
    """A page of jobs, newest first, and the cursor of the next page (None after the last).

    Raises:
        InvalidInput: an unknown status, or a cursor that no page gave out.
    """
    query = select(jobs).where(*wanted.conditions())
    if cursor is not None:
        query = query.where(jobs.c.number < _number(cursor))
    rows = connection.execute(query.order_by(jobs.c.number.desc()).limit(limit + 1)).all()
    following = str(rows[limit - 1].number) if len(rows) > limit else None
    return [job_from(row) for row in rows[:limit]], following


def most_urgent_beside(connection: Connection, job_id: str) -> str | None:
    """Of the jobs that wait in the queue of this one, the one whose turn it is; None without any.

    High priority goes first, then who came first.
    """
    queue = select(jobs.c.queue).where(jobs.c.id == job_id).scalar_subquery()
    waiting = (jobs.c.status == "queued", jobs.c.queue == queue)
    turn = (jobs.c.priority.desc(), jobs.c.number)
    found: str | None = connection.scalar(
        select(jobs.c.id).where(*waiting).order_by(*turn).limit(1)
    )
    return found


def _number(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 16):
        raise InvalidInput(
            "The cursor is not one that a page gave out.", "Start from the first page."
        )
    return int(cursor)
