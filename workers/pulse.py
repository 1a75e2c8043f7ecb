"""A worker's pulse: a file that it keeps fresh for as long as it can do its work.

`python -m workers.probe` reads it, which takes no broker, no database and next to no time. The
pulse stops when the loop that takes jobs has stopped though the broker answers, or the reconciler
has; a job that runs for hours, or a broker or database that is away, does not stop it.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from celery import Celery
from celery.bootsteps import StartStopStep

from ml.files import write_atomically
from workers.broker_setup import answers, broker_url
from workers.probe import GONE, ailment, pulse_file
from workers.settings import Settings

CONSUMER_SECONDS = 120.0  # within which Celery is back after its broker is


class Pulse:
    """Keeps the file fresh while both the consumer and the reconciler turn.

    Attributes:
        file: the one that is kept fresh.
        patience: seconds after which the file is stale.
    """

    def __init__(
        self, settings: Settings, name: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.file = pulse_file(settings.home, name)
        _bury_the_gone(self.file.parent)
        self.patience = 2 * settings.lease_seconds
        self._settings = settings
        self._clock = clock
        self._consumer = clock()

    def consumer_turned(self) -> None:
        """Take note that the loop that takes jobs has turned."""
        self._consumer = self._clock()

    def reconciler_turned(self) -> None:
        """Take note that the reconciler has turned, and write the file if all is well."""
        # While the broker is away Celery only waits for it.
        if not answers(broker_url(self._settings)):
            self.consumer_turned()
        if self._clock() - self._consumer < CONSUMER_SECONDS:
            self._write()

    def stop(self) -> None:
        """Take the file away: this worker has ended."""
        self.file.unlink(missing_ok=True)

    def _write(self) -> None:
        facts = {"pid": os.getpid(), "at": time.monotonic(), "patience": self.patience}
        with contextlib.suppress(OSError):  # A full disk is no reason to end a worker.
            write_atomically(self.file, json.dumps(facts).encode())


def _bury_the_gone(folder: Path) -> None:
    """Take away what workers left that were killed; others have a number of their own."""
    for file in folder.glob("*.json"):
        if (ailment(file) or "").startswith(GONE):
            file.unlink(missing_ok=True)


def feel(app: Celery, pulse: Pulse, seconds: float) -> None:
    """Have the worker's own loop tell the pulse that it turns."""

    class Turn(StartStopStep):  # type: ignore[misc]  # celery ships no types
        requires = ("celery.worker.components:Timer",)

        def start(self, worker: Any) -> None:
            worker.timer.call_repeatedly(seconds, pulse.consumer_turned, priority=10)

    app.steps["worker"].add(Turn)
