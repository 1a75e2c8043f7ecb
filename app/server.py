"""Runs the service until it is told to stop."""

from __future__ import annotations

import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from app.main import create_app
from app.settings import Settings
from ml.errors import Conflict, InvalidInput


class PortTaken(Conflict):
    """Another program listens on that port."""

    slug = "port-taken"


class OpenToAll(InvalidInput):
    """Without API keys the service serves this machine only."""

    slug = "keys-needed"


class Server(uvicorn.Server):
    """Uvicorn that tells the application when it begins to stop, and leaves signals as they were.

    Attributes:
        on_started: called once requests are answered.
    """

    def __init__(
        self, app: FastAPI, settings: Settings, on_started: Callable[[], None] | None = None
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="on",
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=round(settings.shutdown_seconds),
            )
        )
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


def listen(settings: Settings) -> socket.socket:
    """Take the address to serve at.

    Raises:
        OpenToAll: the address is reachable from elsewhere and no keys are configured.
        PortTaken: another program listens there.
        InvalidInput: there is no such address here.
    """
    if not settings.loopback_only and not settings.api_keys:
        raise OpenToAll(
            f"Listening on {settings.host} would let anybody in, as no API keys are configured.",
            "Set CANFUSE_API_KEYS, or listen on 127.0.0.1.",
        )
    address = (settings.host, settings.port)
    try:
        family = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server(address, family=family, backlog=2048)
    except OSError as error:
        raise _refusal(settings, error) from error


def address_of(sock: socket.socket) -> str:
    """The URL at which a listening socket is reached."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(
    settings: Settings | None = None, on_started: Callable[[str], None] | None = None
) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are finished, streams end.

    Args:
        settings: what to serve and where.
        on_started: called with the URL once requests are answered.
    """
    settings = settings or Settings()
    with listen(settings) as sock:
        url = address_of(sock)
        Server(create_app(settings), settings, lambda: on_started and on_started(url)).run([sock])


def _refusal(settings: Settings, error: OSError) -> Conflict | InvalidInput:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(
            f"Port {settings.port} on {settings.host} is taken by another program.",
            "Stop it, or choose another port with CANFUSE_PORT.",
        )
    return InvalidInput(
        f"Cannot listen on {settings.host} port {settings.port}: {error.strerror or error}.",
        "Set CANFUSE_HOST and CANFUSE_PORT to an address of this machine.",
    )
