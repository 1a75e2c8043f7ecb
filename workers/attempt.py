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

_log = logging.getLogger(__name__)

TICK_SECONDS = 0.25  # how often events are written; progress in between is coalesced


class Watch:
    """A thread that heartbeats, relays events, and stops the process when that is called for.

    It is a thread of its own because the process may be silent for hours, and goes on until the
    outcome is recorded, because that can take a while, too.

    Attributes:
        lost: the lease is gone; nothing may be written any more.
        asked: the process was asked to stop, be it for a cancel or for our own end.
    """

    def __init__(
        self, lease: Lease, child: Child, relay: Relay, settings: Settings, leaving: threading.Event
    ) -> None:
        self.lost = False
        self.asked = False
        self._lease, self._child, self._relay = lease, child, relay
        self._settings = settings
        self._leaving = leaving
        self._over = threading.Event()
        self._renewed = time.monotonic()
        self._asked_at = 0.0
        self._flushing = threading.Lock()
        self._unwritten: list[dict[str, Any]] = []
        self._columns: dict[str, Any] = {}
        self._thread = threading.Thread(target=self._run, name=f"watch-{lease.job_id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

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
                # Nobody else can take the job either while the database is away; but once the
                # lease is over somebody may, and the two must not work side by side.
                if time.monotonic() - self._renewed > self._lease.seconds:
                    self._lose()
            except Exception:  # noqa: BLE001 - a job that nobody watches must not run on
                _log.exception("job %s: its watch stumbled", self._lease.job_id)
                self._lose()

    def _tick(self) -> None:
        if self._leaving.is_set():
            self._ask()
        if self.asked:
            self._press()
        self._child.ended()
        if time.monotonic() - self._renewed >= self._settings.heartbeat_seconds:
            began = time.monotonic()
            if self._lease.renew() == "cancelling":
                self._ask()
            self._renewed = began
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

    def _lose(self) -> None:
        self.lost = True
        self._child.signal(signal.SIGKILL)
