"""What each operation stands on."""

from __future__ import annotations

from canfuse_client.connection import Connection


class Base:
    """Operations on one service."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
