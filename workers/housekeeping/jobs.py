"""Jobs whose time is over, and what ended jobs worked with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, select

from ml.errors import Unavailable
from workers.database import reading
from workers.housekeeping.waste import DAY_SECONDS, Waste, entries, is_older, take_away
from workers.jobs import JobStore
from workers.locking import FolderLock
from workers.settings import Settings
from workers.tables import TERMINAL, jobs, now

# What is still of use once a job has ended: its files for download, its log, and its lock.
_KEPT = {"artifacts", "stderr.log", "lock", "config.json"}
_BUSY = Unavailable("A process still works in the job's folder.", "Clean again later.")


def over(days: float) -> ColumnElement[bool]:
    """What holds of jobs that ended so many days ago."""
    ended = jobs.c.status.in_(TERMINAL)
    return and_(ended, jobs.c.finished_at < now() - days * DAY_SECONDS)


def unfinished(store: JobStore) -> list[dict[str, Any]]:
    """The configurations of the jobs that have not ended."""
    query = select(jobs.c.config).where(jobs.c.status.not_in(TERMINAL))
    with reading(store.engine).begin() as connection:
        return list(connection.scalars(query))


def find(store: JobStore, settings: Settings) -> Iterator[Waste]:
    """Jobs past their time, what ended ones worked with, and folders of no job."""
    folder = settings.workspace.jobs
    outdated: set[str] = set()
    if settings.keep_jobs_days:
        outdated = _ids(store, over(settings.keep_jobs_days))
        why = f"ended over {settings.keep_jobs_days:g} days ago"
        yield from (Waste.of("job", job, (folder / job,), why) for job in sorted(outdated))
    if settings.keep_work_days:
        why = f"its job ended over {settings.keep_work_days:g} days ago"
        for job in sorted(_ids(store, over(settings.keep_work_days)) - outdated):
            paths = tuple(p for p in entries(folder / job) if p.name not in _KEPT)
            if paths:
                yield Waste.of("work", job, paths, why)
    if settings.keep_jobs_days:
        yield from _of_no_job(store, settings)


def remove(store: JobStore, settings: Settings, waste: Waste) -> bool:
    """Take a job or its work away, unless it is in use by now."""
    folder = settings.workspace.jobs / waste.name
    days = settings.keep_jobs_days if waste.kind == "job" else settings.keep_work_days
    if waste.kind == "job":
        # The record first: a folder without one is found again, a record without one lies.
        with store.engine.begin() as connection:
            ours = and_(jobs.c.id == waste.name, over(days))
            connection.execute(delete(jobs).where(ours))
        if _ids(store, jobs.c.id == waste.name):
            return False
    elif waste.kind == "work" and not _ids(store, and_(jobs.c.id == waste.name, over(days))):
        return False
    if not folder.is_dir():
        return True
    with contextlib.suppress(Unavailable), FolderLock(folder / "lock", _BUSY):
        for path in waste.paths:
            take_away(path)
        return True
    return False


def _of_no_job(store: JobStore, settings: Settings) -> Iterator[Waste]:
    """Runs of the command line leave such folders, and jobs that were only half removed."""
    known = _ids(store, jobs.c.id.is_not(None))
    why = f"belongs to no job, and is over {settings.keep_jobs_days:g} days old"
    for path in entries(settings.workspace.jobs):
        aged = path.is_dir() and is_older(path, settings.keep_jobs_days)
        if aged and path.name not in known and not path.name.startswith("."):
            yield Waste.of("leftover", path.name, (path,), why)


def _ids(store: JobStore, *wanted: ColumnElement[bool]) -> set[str]:
    with reading(store.engine).begin() as connection:
        return set(connection.scalars(select(jobs.c.id).where(*wanted)))
