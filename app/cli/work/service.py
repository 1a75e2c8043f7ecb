"""`canfuse up`: API, worker and broker as one, from start to a clean stop."""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from app.cli.terminal import manner, note, say, warn
from app.cli.work.children import Child
from app.listening import listen
from app.settings import Settings
from ml.errors import Conflict, Unavailable
from workers.broker import EmbeddedBroker

FAREWELLS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Farewell(Exception):
    """Somebody asked the service to end."""


def up(settings: Settings, *, worker: bool) -> None:
    """Run the service until it is told to stop.

    Raises:
        Conflict: the folder or the port is taken.
        Unavailable: a part does not start, or ends again and again.
    """
    with (
        _home(settings.home),
        listen(settings) as listener,
        _farewells() as wake,
        _broker(settings),
    ):
        environment = _environment(settings)
        level = "warning" if manner.quiet else "info"
        descriptor = listener.fileno()
        api = [sys.executable, "-m", "app.cli.work.api", str(descriptor), level]
        jobs = [sys.executable, "-m", "workers", "--log-level", level]
        children = [Child("API", api, environment, [descriptor])]
        children += [Child("worker", jobs, environment)] if worker else []
        Keeper(settings, children, wake).run()


class Keeper:
    """Starts the children, restarts those that end, and stops them in the end.

    Args:
        settings: of the service.
        children: the API first.
        wake: readable when a signal has come.
    """

    def __init__(self, settings: Settings, children: list[Child], wake: int) -> None:
        self._settings = settings
        self._children = children
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

    def _start_due(self) -> None:
        for child in self._children:
            if child.due is not None and child.due <= time.monotonic():
                self._selector.register(child.start(), selectors.EVENT_READ, child)

    def _next_start(self) -> float | None:
        due = [child.due for child in self._children if child.due is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _attend(self, key: selectors.SelectorKey) -> None:
        if key.fd == self._wake:
            os.read(self._wake, 64)
            raise _Farewell
        child: Child = key.data
        facts = child.hear(key.fd)
        if facts is None:
            self._selector.unregister(key.fd)
            warn(f"The {child.name} {child.bury()}; it is started again.")
        for fact in facts or ():
            self._listen(fact)

    def _listen(self, fact: dict[str, Any]) -> None:
        if error := fact.get("error"):
            raise Unavailable(error["detail"], error["hint"])
        if self._introduced:
            note("The API answers again.")
        else:
            self._introduce(fact["url"])

    def _introduce(self, url: str) -> None:
        self._introduced = True
        settings = self._settings
        say(f"Listening on {url} (documentation at {url}/docs)")
        note(
            f"Storing in {settings.home}; datasets from {', '.join(map(str, settings.data_dirs))}."
        )
        broker = "as named by CANFUSE_REDIS_URL" if settings.redis_url else "embedded"
        worker = "one worker" if len(self._children) > 1 else "no worker"
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


@contextmanager
def _home(home: Path) -> Iterator[None]:
    """Hold the data folder."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(home / "service.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Unavailable(
            f"The folder {home} cannot be written: {error.strerror}.", "Choose another with --home."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise Conflict(
            f"Another `canfuse up` works in {home}.",
            "Stop it, or choose another folder with --home.",
        ) from error
    finally:
        os.close(descriptor)


@contextmanager
def _farewells() -> Iterator[int]:
    """A descriptor that becomes readable when the service is asked to end."""
    reader, writer = os.pipe()
    for descriptor in (reader, writer):
        os.set_blocking(descriptor, False)
    before = {number: signal.signal(number, lambda *_: None) for number in FAREWELLS}
    earlier = signal.set_wakeup_fd(writer)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(earlier)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)


def _broker(settings: Settings) -> AbstractContextManager[object]:
    return nullcontext() if settings.redis_url else EmbeddedBroker(settings.broker_folder)


def _environment(settings: Settings) -> dict[str, str]:
    """What makes the children work in the same places."""
    given = {
        "CANFUSE_HOME": str(settings.home),
        "CANFUSE_DATA_DIRS": os.pathsep.join(map(str, settings.data_dirs)),
        "CANFUSE_HOST": settings.host,
    }
    return {**os.environ, **given}
