"""One attempt of a job: watches over its process and keeps its lease until there is an outcome."""

from __future__ import annotations

import logging
import signal
import threading
import time
from typing import Any, Self

from workers.child import Child
from workers.database import DatabaseUnavailable
from workers.leases import Lease
from workers.records import LeaseLost
from workers.relay import Relay
from workers.settings import Settings
from workers.telemetry import in_context

_log = logging.getLogger(__name__)

TICK_SECONDS = 0.25  # how often events are written; progress in between is coalesced


class Watch:
    """A thread that heartbeats, relays events, and stops the process when that is called for.

    It is a thread of its own because the process may be silent for hours, and goes on until the
    outcome is recorded, because that can take a while, too.

    Attributes:
        lost: the lease is gone; nothing may be written any more.
        asked: the process was asked to stop, be it for a cancel or for our own end.
        late: it was asked because it took longer than a job of its kind may.
    """

    def __init__(
        self, lease: Lease, child: Child, relay: Relay, settings: Settings, leaving: threading.Event
    ) -> None:
        self.lost = False
        self.asked = False
        self.late = False
        self._lease, self._child, self._relay = lease, child, relay
        self._settings = settings
        self._leaving = leaving
        self._over = threading.Event()
        self._began = time.monotonic()
        self._renewed = lease.since
        self._asked_at = 0.0
        self._flushing = threading.Lock()
        self._unwritten: list[dict[str, Any]] = []
        self._columns: dict[str, Any] = {}
        self._threads = [
            in_context(work, f"{name}-{lease.job_id}")
            for name, work in (("watch", self._run), ("guard", self._guard))
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            # Not for ever: a database that hangs must not keep us from leaving.
            thread.join(self._settings.grace_seconds)

    def flush(self) -> None:
        """Write the events that have come in.

        Raises:
            LeaseLost: another attempt has overtaken this one.
        """
        with self._flushing:
            events, columns = self._relay.drain()
            # Kept until they are written: the database may be away for a moment.
            self._unwritten += events
            self._columns |= columns
            if (
                self._unwritten
                and self._lease.append(self._unwritten, **self._columns) == "cancelling"
            ):
                self._ask()
            self._unwritten, self._columns = [], {}

    def _run(self) -> None:
        while not self._over.wait(TICK_SECONDS):
            try:
                self._tick()
            except LeaseLost:
                self._lose()
            except DatabaseUnavailable:
                _log.debug("the watch waits for the database")
            except Exception:  # noqa: BLE001 - a job that nobody watches must not run on
                _log.exception("the watch stumbled")
                self._stop_working()

    def _guard(self) -> None:
        """End a process whose lease has lapsed, though the database may be away, or hang.

        Somebody else may take the job then, and the two must not work side by side.
        """
        while not self._over.wait(TICK_SECONDS):
            if time.monotonic() - self._renewed > self._lease.seconds:
                self._stop_working()

    def _tick(self) -> None:
        if self._leaving.is_set():
            self._ask()
        if time.monotonic() - self._began > self._settings.seconds_for(self._lease.kind):
            self.late = True
            self._ask()
        if self.asked:
            self._press()
        self._child.ended()
        if time.monotonic() - self._renewed >= self._settings.heartbeat_seconds:
            began = time.monotonic()
            if self._lease.renew() == "cancelling":
                self._ask()
            self._renewed = began
            self._child.reassure()
            self._child.log.trim()
        self.flush()

    def _ask(self) -> None:
        if not self.asked:
            self.asked, self._asked_at = True, time.monotonic()
            self._child.ask_to_stop()

    def _press(self) -> None:
        """Be clearer to a process that was asked and does not stop."""
        waited = time.monotonic() - self._asked_at
        if waited > 2 * self._settings.grace_seconds:
            self._child.signal(signal.SIGKILL)
        elif waited > self._settings.grace_seconds:
            self._child.signal(signal.SIGTERM)

    def _stop_working(self) -> None:
        """Give the job up, unless its work is done: whether that counts, the token decides."""
        if not self._child.ended():
            self._lose()

    def _lose(self) -> None:
        self.lost = True
        self._child.signal(signal.SIGKILL)
