"""Keeps the processes of the service alive until it is to end."""

from __future__ import annotations

import os
import selectors
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

from app.cli.terminal import note, say, warn
from app.cli.work.children import Child
from app.cli.work.renewal import Renewal
from app.settings import Settings
from ml.errors import Unavailable

RENEW = signal.SIGUSR1


class _Farewell(Exception):
    """Somebody asked the service to end."""


class Keeper:
    """Starts the children, restarts those that end, and stops them in the end.

    Args:
        settings: of the service.
        apis: those that answer requests.
        others: the rest.
        wake: readable when a signal has come.
    """

    def __init__(
        self, settings: Settings, apis: Sequence[Child], others: Sequence[Child], wake: int
    ) -> None:
        self._settings = settings
        self._apis = Renewal(apis)
        self._others = list(others)
        self._wake = wake
        self._selector = selectors.DefaultSelector()
        self._selector.register(wake, selectors.EVENT_READ)
        self._introduced = False

    def run(self) -> None:
        """Keep the children until a signal comes."""
        try:
            while True:
                self._start_due()
                for key, _ in self._selector.select(self._next_start()):
                    self._attend(key)
        except _Farewell:
            note("Stopping.")
        finally:
            self._stop()
            self._selector.close()

    @property
    def _children(self) -> list[Child]:
        return [*self._apis.children, *self._others]

    def _start_due(self) -> None:
        for child in self._children:
            if child.due is not None and child.due <= time.monotonic():
                self._selector.register(child.start(), selectors.EVENT_READ, child)

    def _next_start(self) -> float | None:
        due = [child.due for child in self._children if child.due is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _attend(self, key: selectors.SelectorKey) -> None:
        if key.fd == self._wake:
            self._obey(os.read(self._wake, 64))
            return
        child: Child = key.data
        facts = child.hear(key.fd)
        if facts is None:
            self._selector.unregister(key.fd)
            self._mourn(child)
        for fact in facts or ():
            self._listen(child, fact)

    def _obey(self, signals: bytes) -> None:
        if set(signals) != {RENEW}:
            raise _Farewell
        note("Renewing the API, one process after the other.")
        self._apis.begin()

    def _mourn(self, child: Child) -> None:
        if self._apis.ended(child):
            child.close()
            return
        how = child.bury()
        if not self._introduced and child in self._apis.children:
            raise Unavailable(f"The {child.name} {how}.", "Its messages above say why.")
        warn(f"The {child.name} {how}; it is started again.")

    def _listen(self, child: Child, fact: dict[str, Any]) -> None:
        """Hear what a process of the API tells; others tell nothing."""
        if error := fact.get("error"):
            if not self._introduced:
                raise Unavailable(error["detail"], error["hint"])
            warn(f"{error['detail']} {error['hint']}")
            return
        if child.proven:
            note("The API answers again.")
        child.proven = True
        self._apis.answers(child)
        if not self._introduced:
            self._introduce(fact["url"])

    def _introduce(self, url: str) -> None:
        self._introduced = True
        settings = self._settings
        say(f"Listening on {url} (documentation at {url}/docs)")
        note(
            f"Storing in {settings.home}; datasets from {', '.join(map(str, settings.data_dirs))}."
        )
        broker = "as named by CANFUSE_REDIS_URL" if settings.redis_url else "embedded"
        worker = "one worker" if self._others else "no worker"
        note(f"With {worker}, broker {broker}. Ctrl-C stops everything.")
        sys.stdout.flush()

    def _stop(self) -> None:
        """Ask all to end; whoever outlasts the time for that, or a second signal, is killed."""
        for child in self._children:
            child.signal(signal.SIGTERM)
        patience = max(2 * self._settings.grace_seconds, self._settings.shutdown_seconds) + 5
        deadline = time.monotonic() + patience
        try:
            while any(key.data for key in self._selector.get_map().values()):
                for key, _ in self._selector.select(max(0.0, deadline - time.monotonic())):
                    if key.fd == self._wake:
                        deadline = 0.0
                        os.read(self._wake, 64)
                    elif key.data.hear(key.fd) is None:
                        self._selector.unregister(key.fd)
                if time.monotonic() >= deadline:
                    break
        finally:
            for child in self._children:
                child.wait_until(deadline)
