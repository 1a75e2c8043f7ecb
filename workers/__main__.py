"""Starts a worker: `python -m workers --queues cpu,gpu`.

SIGTERM, SIGINT and SIGHUP end it politely: the job in hand is handed back and goes on elsewhere.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from celery.exceptions import SecurityWarning
from celery.signals import setup_logging, worker_ready

from ml.errors import EXIT_REFUSED, CanfuseError, Conflict, InvalidInput
from ml.telemetry.logs import configure_logs
from ml.telemetry.traces import configure_traces
from workers.broker import EmbeddedBroker
from workers.broker_setup import answers, broker_url
from workers.celery_app import make_app
from workers.housekeeping.cleaning import Housekeeper
from workers.jobs import open_store
from workers.pulse import Pulse, feel
from workers.reconciler import Reconciler
from workers.records import QUEUES
from workers.settings import Settings
from workers.tasks import leaving
from workers.telemetry import tell_metrics

EXIT_FAILED = 1


def main(argv: list[str] | None = None) -> int:
    """Run a worker until it is told to end, and return the exit code."""
    args = _arguments(argv)
    # It warns of running as root for fear of pickled messages; only JSON is accepted here.
    warnings.simplefilter("ignore", SecurityWarning)
    try:
        settings = Settings.load()
        configure_logs(args.log_level, settings.log_format, settings.secrets)
        configure_traces("worker")
        with _broker(settings):
            return _work(settings, _queues(args.queues), args.name)
    except CanfuseError as error:
        sys.stderr.write(f"error: {error}\n")
        # What is only missing just now may be there at the next start.
        return EXIT_REFUSED if isinstance(error, InvalidInput | Conflict) else EXIT_FAILED


def _work(settings: Settings, queues: Sequence[str], name: str) -> int:
    store = open_store(settings)
    tell_metrics(settings)
    pulse = Pulse(settings, name)
    app = make_app(broker_url(settings))
    feel(app, pulse, settings.reconcile_seconds)
    reconciler = threading.Thread(
        target=Reconciler(store, settings).run,
        args=(leaving, pulse.reconciler_turned),
        name="reconciler",
        daemon=True,
    )
    reconciler.start()
    housekeeper = Housekeeper(store, settings)
    threading.Thread(
        target=housekeeper.run, args=(leaving,), name="housekeeper", daemon=True
    ).start()
    worker = app.Worker(
        hostname=f"{name}@{socket.gethostname()}",
        queues=list(queues),
        # Neither is of use where the database is the truth, and each delays the start.
        without_mingle=True,
        without_gossip=True,
        quiet=True,
    )
    worker.start()
    leaving.set()
    reconciler.join()
    pulse.stop()
    return int(worker.exitcode or 0)


def _treat_all_farewells_alike(**_: Any) -> None:
    """Celery would restart itself on SIGHUP and report a failure on SIGINT."""
    polite = signal.getsignal(signal.SIGTERM)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, polite)


def _leave_logging_alone(**_: Any) -> None:
    """Celery would set levels of its own; once somebody listens here it does not."""


setup_logging.connect(_leave_logging_alone)
worker_ready.connect(_treat_all_farewells_alike)


def _broker(settings: Settings) -> AbstractContextManager[object]:
    """A broker of our own where none is named and none runs in our home yet."""
    if settings.redis_url or answers(broker_url(settings)):
        return nullcontext()
    return EmbeddedBroker(settings.broker_folder)


def _queues(names: str) -> list[str]:
    queues = [name.strip() for name in names.split(",") if name.strip()]
    if not queues or not set(queues) <= set(QUEUES):
        raise InvalidInput(f"'{names}' names no queues.", f"Choose from: {', '.join(QUEUES)}.")
    return queues


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    parser.add_argument("--queues", default=",".join(QUEUES), help="which to serve, by commas")
    parser.add_argument(
        "--name",
        default=f"canfuse-{os.getpid()}",
        help="what it is called among the host's workers",
    )
    parser.add_argument(
        "--log-level", default="info", choices=["debug", "info", "warning", "error"]
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
