"""Input and output, blocking or not, behind one interface.

All else is written once, as coroutines over a wire. Those over `BlockingWire` never wait for an
event loop: they run to their end when they are driven by hand, as `canfuse_client.blocking` does.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import anyio
import httpx
from anyio import to_thread
from httpx_sse import EventSource, ServerSentEvent

PIECE = 1 << 16

T = TypeVar("T")


class Wire(Protocol):
    """What the coroutines need of the world."""

    @property
    def http(self) -> httpx.Client | httpx.AsyncClient:
        """Builds the requests."""

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the answer's body is still to be read."""

    async def read(self, response: httpx.Response) -> bytes:
        """The whole body of an answer."""

    def pieces(self, response: httpx.Response) -> AsyncGenerator[bytes]:
        """The body of an answer piece by piece."""

    def events(self, response: httpx.Response) -> AsyncGenerator[ServerSentEvent]:
        """The body of an answer as server-sent events; one that is cut off is left out."""

    async def close(self, response: httpx.Response) -> None:
        """Be done with an answer."""

    async def leave(self) -> None:
        """Close all connections."""

    def upload(self, path: Path, size: int) -> Iterator[bytes] | AsyncIterator[bytes]:
        """A file's first bytes piece by piece; it may be one that still grows."""

    async def do(self, work: Callable[[], T]) -> T:
        """Do what may wait for the disk."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class BlockingWire:
    """Blocks until it is done."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the answer's body is still to be read."""
        return self.http.send(request, stream=True)

    async def read(self, response: httpx.Response) -> bytes:
        """The whole body of an answer."""
        return response.read()

    async def pieces(self, response: httpx.Response) -> AsyncGenerator[bytes]:
        """The body of an answer piece by piece."""
        for piece in response.iter_bytes():
            yield piece

    async def events(self, response: httpx.Response) -> AsyncGenerator[ServerSentEvent]:
        """The body of an answer as server-sent events; one that is cut off is left out."""
        for event in EventSource(response).iter_sse():
            yield event

    async def close(self, response: httpx.Response) -> None:
        """Be done with an answer."""
        response.close()

    async def leave(self) -> None:
        """Close all connections."""
        self.http.close()

    def upload(self, path: Path, size: int) -> Iterator[bytes]:
        """A file's first bytes piece by piece; it may be one that still grows."""
        with path.open("rb") as file:
            while piece := file.read(min(PIECE, size)):
                size -= len(piece)
                yield piece

    async def do(self, work: Callable[[], T]) -> T:
        """Do what may wait for the disk."""
        return work()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)  # noqa: ASYNC251 - no event loop is behind this wire


class AsyncWire:
    """Lets the event loop go on meanwhile."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the answer's body is still to be read."""
        return await self.http.send(request, stream=True)

    async def read(self, response: httpx.Response) -> bytes:
        """The whole body of an answer."""
        return await response.aread()

    async def pieces(self, response: httpx.Response) -> AsyncGenerator[bytes]:
        """The body of an answer piece by piece."""
        async for piece in response.aiter_bytes():
            yield piece

    def events(self, response: httpx.Response) -> AsyncGenerator[ServerSentEvent]:
        """The body of an answer as server-sent events; one that is cut off is left out."""
        return EventSource(response).aiter_sse()

    async def close(self, response: httpx.Response) -> None:
        """Be done with an answer."""
        await response.aclose()

    async def leave(self) -> None:
        """Close all connections."""
        await self.http.aclose()

    async def upload(self, path: Path, size: int) -> AsyncIterator[bytes]:
        """A file's first bytes piece by piece; it may be one that still grows."""
        async with await anyio.open_file(path, "rb") as file:
            while piece := await file.read(min(PIECE, size)):
                size -= len(piece)
                yield piece

    async def do(self, work: Callable[[], T]) -> T:
        """Do what may wait for the disk."""
        return await to_thread.run_sync(work)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)
