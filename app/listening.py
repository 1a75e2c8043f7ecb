"""Takes the address that the service listens at."""

from __future__ import annotations

import errno
import socket

from app.keys.store import KeyStore
from app.settings import Settings
from ml.errors import Conflict, InvalidInput
from workers.jobs import open_store


class PortTaken(Conflict):
    """Another program listens on that port."""

    slug = "port-taken"


class OpenToAll(InvalidInput):
    """Without API keys the service serves this machine only."""

    slug = "keys-needed"


def listen(settings: Settings) -> socket.socket:
    """Take the address to serve at.

    Raises:
        OpenToAll: the address is reachable from elsewhere and there is no valid key.
        PortTaken: another program listens there.
        InvalidInput: there is no such address here.
    """
    if not settings.loopback_only and not _has_keys(settings):
        raise OpenToAll(
            f"Listening on {settings.host} would let anybody in, as there are no API keys.",
            "Make one with `canfuse keys create`, set CANFUSE_API_KEYS, or listen on 127.0.0.1.",
        )
    address = (settings.host, settings.port)
    try:
        family = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server(address, family=family, backlog=2048)
    except OSError as error:
        raise _refusal(settings, error) from error


def _has_keys(settings: Settings) -> bool:
    if settings.api_keys:
        return True
    engine = open_store(settings).engine
    try:
        return KeyStore(engine).exist(valid=True)
    finally:
        engine.dispose()


def address_of(sock: socket.socket) -> str:
    """The URL at which a listening socket is reached."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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
