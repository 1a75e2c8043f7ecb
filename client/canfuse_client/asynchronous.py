"""The client for programs with an event loop."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import httpx

from canfuse_client.connection import Connection
from canfuse_client.operations import Operations
from canfuse_client.patience import Retries
from canfuse_client.settings import TIMEOUT, http_options
from canfuse_client.wires import AsyncWire


class AsyncClient(Operations):
    """A service, from within an event loop; use it as a context manager.

    Args:
        url: where it listens; else CANFUSE_URL, else http://127.0.0.1:8000.
        api_key: where it needs one; else CANFUSE_API_KEY.
        timeout: seconds of silence after which a connection is given up.
        retries: how long to go on with what fails for reasons that pass.
        transport: how bytes travel, where httpx's own way is not the one: certificates, sockets.

    Raises:
        WrongUse: that is no address.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = TIMEOUT,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        options = http_options(url, api_key, timeout)
        wire = AsyncWire(httpx.AsyncClient(**options, transport=transport))
        super().__init__(Connection(wire, retries or Retries()))
        self.url = options["base_url"]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._connection.wire.leave()
