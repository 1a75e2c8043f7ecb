"""Rings the bell for a job: a message with its id, in the queue of those who may run it."""

from __future__ import annotations

import logging

from kombu.exceptions import OperationalError
from redis import RedisError

from workers.broker_setup import broker_url
from workers.celery_app import RUN_JOB, make_app
from workers.records import Job
from workers.settings import Settings

_log = logging.getLogger(__name__)
_DOWN = (OperationalError, RedisError, OSError)


def ring(job: Job, settings: Settings | None = None) -> bool:
    """Announce a job to the workers.

    Returns:
        False when the broker cannot be reached; the job stays queued and a reconciler rings later.
    """
    return announce(job.id, job.queue, broker_url(settings or Settings.load()))


def announce(job_id: str, queue: str, url: str) -> bool:
    """Send the message of a job through the broker at this address; False when it is down."""
    try:
        make_app(url).send_task(
            RUN_JOB, args=[job_id], queue=queue, retry=False, ignore_result=True
        )
    except _DOWN as error:
        _log.warning("The bell for job %s was not rung: %s", job_id, error)
        return False
    return True


def depth(queue: str, url: str) -> int | None:
    """How many messages wait in a queue; None when the broker cannot be reached."""
    try:
        with make_app(url).connection_for_read() as connection:
            return int(connection.default_channel.queue_declare(queue, passive=False).message_count)
    except _DOWN:
        return None
