"""The Celery application: a doorbell between those who submit jobs and those who run them."""

from __future__ import annotations

from functools import cache
from typing import Any

from celery import Celery
from kombu.entity import Queue

from workers.records import QUEUES

RUN_JOB = "workers.tasks.run_job"

# Applied by `app.conf.update`: as attributes of a module some of these would be ignored silently.
CONFIGURATION: dict[str, Any] = {
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_ignore_result": True,
    "result_backend": None,
    "task_queues": [Queue(name) for name in QUEUES],  # type: ignore[no-untyped-call]  # kombu ships no types here
    "task_default_queue": "cpu",
    "task_create_missing_queues": False,
    # A message is done with once the worker has seen it. Acknowledged late, a job longer than the
    # visibility timeout would be delivered again and again; what is lost by an early
    # acknowledgement the reconciler finds in the database.
    "task_acks_late": False,
    # A message that waits behind a running job is of no use to the idle worker next door.
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": True,
    # The task only watches over a child process, so a thread is all it needs. It can start
    # children (a prefork child is daemonic and forks a process whose threads are lost), and the
    # main thread stays free for pings and signals (in the solo pool it is not).
    "worker_pool": "threads",
    "worker_concurrency": 1,
    "worker_enable_remote_control": True,
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_connection_timeout": 2,
    "broker_transport_options": {
        # For messages that a worker took and never saw, as it died just then.
        "visibility_timeout": 300,
        "socket_connect_timeout": 2,
        "socket_timeout": 10,
        "socket_keepalive": True,
        # Whoever submits a job does not wait for a broker that is down: a reconciler rings later.
        "max_retries": 1,
        "interval_start": 0.0,
        "interval_step": 0.1,
    },
}


@cache
def make_app(broker_url: str) -> Celery:
    """The application that talks to this broker."""
    app = Celery("canfuse", broker=broker_url, set_as_current=False)
    app.conf.update(CONFIGURATION)
    return app
