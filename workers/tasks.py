"""The Celery task. It carries a job's id only; which job of its queue is run the database says."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from celery import shared_task
from celery.signals import worker_shutting_down

from workers.celery_app import RUN_JOB
from workers.jobs import open_store
from workers.settings import Settings
from workers.supervisor import Supervisor

leaving = threading.Event()


@shared_task(name=RUN_JOB)  # type: ignore[untyped-decorator]  # celery ships no types
def run_job(job_id: str) -> None:
    """Make one attempt of the most urgent job that waits beside this one, if any does."""
    _supervisor().run(job_id)


def _leave(**_: Any) -> None:
    leaving.set()


worker_shutting_down.connect(_leave)


@cache
def _supervisor() -> Supervisor:
    settings = Settings.load()
    return Supervisor(open_store(settings), settings, leaving)
