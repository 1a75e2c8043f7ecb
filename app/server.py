"""Runs the service until it is told to stop."""

from __future__ import annotations

import math
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from app.listening import OpenToAll, PortTaken, address_of, listen
from app.main import create_app
from app.protocol import Config, Connection
from app.settings import Settings
from workers.jobs import open_store

MOST_HEADER_BYTES = 64 << 10

__all__ = ["OpenToAll", "PortTaken", "Server", "address_of", "listen", "serve"]


class Server(uvicorn.Server):
    """Uvicorn that tells the application when it begins to stop, and leaves signals as they were.

    Attributes:
        on_started: called once requests are answered.
    """

    def __init__(
        self, app: FastAPI, settings: Settings, on_started: Callable[[], None] | None = None
    ) -> None:
        config = Config(
            app,
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            # On the parser that bounds what a request's headers may take.
            http=Connection,
            ws="none",
            h11_max_incomplete_event_size=MOST_HEADER_BYTES,
            limit_concurrency=settings.max_connections,
            timeout_graceful_shutdown=math.ceil(settings.shutdown_seconds),
        )
        config.drain_seconds = settings.drain_seconds
        super().__init__(config)
        self._app = app
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started and self._on_started is not None:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell open streams to end first: uvicorn waits for them before the lifespan ends."""
        self._app.state.stopping.set()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGINT and SIGTERM, without raising them again: the caller has to tidy up."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {s: signal.signal(s, self.handle_exit) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(
    settings: Settings | None = None,
    on_started: Callable[[str], None] | None = None,
    sock: socket.socket | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are finished, streams end.

    Args:
        settings: what to serve and where.
        on_started: called with the URL once requests are answered.
        sock: the socket to serve at, where one listens already; it is closed in the end.

    Raises:
        CanfuseError: it cannot: the address is taken, the database does not answer, …
    """
    settings = settings or Settings.load()
    with sock or listen(settings) as listener:
        # What uvicorn met while it starts it would tell with a traceback.
        open_store(settings).engine.dispose()
        url = address_of(listener)
        server = Server(create_app(settings), settings, lambda: on_started and on_started(url))
        server.run([listener])
