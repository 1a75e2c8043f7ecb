"""`canfuse up`: API, worker and broker as one, from start to a clean stop."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from tempfile import TemporaryDirectory

from app.cli.terminal import manner
from app.cli.work.children import Child
from app.cli.work.holding import hold
from app.cli.work.keeper import RENEW, Keeper
from app.health.metrics import SHARED
from app.listening import listen
from app.settings import Settings
from workers.broker import EmbeddedBroker

FAREWELLS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(settings: Settings, *, worker: bool) -> None:
    """Run the service until it is told to stop; SIGUSR1 renews the API without a pause.

    Raises:
        Conflict: the folder or the port is taken.
        Unavailable: a part does not start, or ends again and again.
    """
    with (
        _home(settings),
        listen(settings) as listener,
        _signals() as wake,
        _broker(settings),
        TemporaryDirectory(prefix="canfuse-metrics-") as counters,
    ):
        environment = _environment(settings)
        level = "warning" if manner.quiet else "info"
        descriptor = listener.fileno()
        api = [sys.executable, "-m", "app.cli.work.api", str(descriptor), level]
        jobs = [sys.executable, "-m", "workers", "--log-level", level]
        shared = {**environment, SHARED: counters}
        apis = [Child("API", api, shared, [descriptor]) for _ in range(settings.processes)]
        others = [Child("worker", jobs, environment)] if worker else []
        Keeper(settings, apis, others, wake).run()


def _home(settings: Settings) -> AbstractContextManager[object]:
    """Hold the data folder, unless broker and database are elsewhere: then others may share it."""
    if settings.redis_url and not settings.database_url.startswith("sqlite"):
        return nullcontext()
    return hold(settings.home, "service.lock", "Another `canfuse up`")


@contextmanager
def _signals() -> Iterator[int]:
    """A descriptor from which the signals to the service can be read."""
    reader, writer = os.pipe()
    for descriptor in (reader, writer):
        os.set_blocking(descriptor, False)
    before = {number: signal.signal(number, lambda *_: None) for number in (*FAREWELLS, RENEW)}
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
