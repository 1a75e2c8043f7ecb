"""Estimates when jobs will end, from what the attempt itself and finished jobs have measured."""

from __future__ import annotations

import heapq
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, select

from workers.records import QUEUES
from workers.tables import TERMINAL, attempts, jobs, now

RECENT = 20  # jobs of a kind whose durations count

Ends = dict[str, float]


def forecast(connection: Connection) -> Ends:
    """Estimated end of each unfinished job that it can be told of, in seconds since 1970.

    A running job ends at the pace of its attempt; before it has told any progress, after the time
    that jobs of its kind usually take. A waiting one takes that time once those before it are
    done, by as many workers as are at work now.
    """
    columns = (
        *(jobs.c.id, jobs.c.kind, jobs.c.queue, jobs.c.status, jobs.c.progress_at),
        *(jobs.c.eta_seconds, attempts.c.started_at.label("began_at"), now().label("now")),
    )
    latest = and_(attempts.c.job_id == jobs.c.id, attempts.c.number == jobs.c.attempt)
    query = select(*columns).outerjoin(attempts, latest).where(jobs.c.status.not_in(TERMINAL))
    turn = (jobs.c.priority.desc(), jobs.c.number)
    rows = connection.execute(query.order_by(*turn)).all()
    usual = {kind: _usual_seconds(connection, kind) for kind in {row.kind for row in rows}}
    ends: Ends = {}
    for queue in QUEUES:
        ends |= _in_queue([row for row in rows if row.queue == queue], usual)
    return ends


def _in_queue(rows: Sequence[Row[*tuple[Any, ...]]], usual: Mapping[str, float | None]) -> Ends:
    waiting = [row for row in rows if row.status == "queued"]
    running = {row.id: _end_at_its_pace(row, usual) for row in rows if row.status != "queued"}
    ends = {job_id: end for job_id, end in running.items() if end is not None}
    if len(ends) < len(running):
        return ends  # when that worker is free again nobody knows
    free = list(ends.values())
    heapq.heapify(free)
    for row in waiting:
        if (seconds := usual[row.kind]) is None:
            break
        begin = heapq.heappop(free) if free else row.now
        ends[row.id] = begin + seconds
        heapq.heappush(free, ends[row.id])
    return ends


def _end_at_its_pace(row: Row[*tuple[Any, ...]], usual: Mapping[str, float | None]) -> float | None:
    if row.eta_seconds is not None and row.progress_at is not None:
        return float(max(row.now, row.progress_at + row.eta_seconds))
    seconds = usual[row.kind]
    # What takes longer than usual may take any time.
    late = seconds is None or row.began_at is None or row.began_at + seconds < row.now
    return None if late else float(row.began_at + seconds)


def _usual_seconds(connection: Connection, kind: str) -> float | None:
    """How long jobs of a kind take at a stretch: the median of the latest."""
    good = (jobs.c.kind == kind, jobs.c.status == "succeeded", jobs.c.attempt == 1)
    seconds = select(jobs.c.finished_at - jobs.c.started_at).where(*good)
    found = connection.scalars(seconds.order_by(jobs.c.number.desc()).limit(RECENT)).all()
    return statistics.median(found) if found else None
