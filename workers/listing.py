"""Lists jobs by pages that stay put while new jobs come in."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Column, Connection, select

from ml.errors import InvalidInput
from workers.records import Job, job_from
from workers.tables import STATUSES, job_labels, jobs

Page = tuple[list[Job], str | None]


def page(
    connection: Connection,
    filters: Mapping[Column[str], str | None],
    label: str | None,
    cursor: str | None,
    limit: int,
) -> Page:
    """A page of jobs, newest first, and the cursor of the next page (None after the last).

    Raises:
        InvalidInput: an unknown status, or a cursor that no page gave out.
    """
    status = filters.get(jobs.c.status)
    if status is not None and status not in STATUSES:
        raise InvalidInput(
            f"There is no status '{status}'.", f"Choose one of: {', '.join(STATUSES)}."
        )
    wanted = [column == value for column, value in filters.items() if value is not None]
    query = select(jobs).where(*wanted).order_by(jobs.c.number.desc()).limit(limit + 1)
    if label is not None:
        labelled = job_labels.c.job_id == jobs.c.id
        query = query.join(job_labels, labelled).where(job_labels.c.label == label)
    if cursor is not None:
        query = query.where(jobs.c.number < _number(cursor))
    rows = connection.execute(query).all()
    following = str(rows[limit - 1].number) if len(rows) > limit else None
    return [job_from(row) for row in rows[:limit]], following


def _number(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 16):
        raise InvalidInput(
            "The cursor is not one that a page gave out.", "Start from the first page."
        )
    return int(cursor)
