"""One connection: speaks problem documents where uvicorn has plain text, and ends without a cut.

Whoever has just sent a request on a connection that is closed at that moment cannot know whether it
was heard. So a connection that is open when the service stops is answered on once more.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import h11
import uvicorn
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.errors import NotHttp, TooManyConnections
from app.problems import problem_response
from ml.errors import CanfuseError

# From a connection's beginning, or its last answer, to the end of the next request's headers.
REQUEST_SECONDS = 30.0


class Config(uvicorn.Config):
    """What uvicorn is told, and what our connections want to know beside.

    Attributes:
        drain_seconds: how long an open connection is still answered on when the service stops.
    """

    drain_seconds: float = 0.0


class Connection(H11Protocol):
    """A connection of ours."""

    def __init__(self, config: Config, *args: Any, **kwargs: Any) -> None:
        super().__init__(config, *args, **kwargs)
        self._most = self.limit_concurrency or float("inf")
        self.limit_concurrency = None  # its answer would be plain text
        self._drain_seconds = config.drain_seconds
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Take the connection, or say that there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self._most:
            self.app = _crowded
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of it."""
        self._expect_nothing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come; headers that trickle in buy no time."""
        super().data_received(data)
        if not self._idle:
            self._expect_nothing()

    def on_response_complete(self) -> None:
        """Turn to the next request, which may be here already."""
        super().on_response_complete()
        if self._idle:
            self._expect_request()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, unless an answer is on its way already."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            answer = _problem({"path": ""}, NotHttp(msg, "Send a request as RFC 9112 has it."))
            self._write(h11.Response(status_code=answer.status_code, headers=answer.raw_headers))
            self._write(h11.Data(data=bytes(answer.body)))
            self._write(h11.EndOfMessage())
        self.transport.close()

    def shutdown(self) -> None:
        """Let a request under way, or one that has just been sent, be answered first."""
        if self._idle:
            self.loop.call_later(self._drain_seconds, self._close)
        else:
            super().shutdown()

    @property
    def _idle(self) -> bool:
        """Whether no request is under way."""
        return self.cycle is None or self.cycle.response_complete

    def _expect_request(self) -> None:
        self._expect_nothing()
        self._patience = self.loop.call_later(REQUEST_SECONDS, self._close)

    def _expect_nothing(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _close(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()

    def _write(self, event: h11.Response | h11.Data | h11.EndOfMessage) -> None:
        self.transport.write(self.conn.send(event) or b"")


async def _crowded(scope: Scope, receive: Receive, send: Send) -> None:
    error = TooManyConnections("All connections are taken.", "Try again in a moment.")
    await _problem(scope, error)(scope, receive, send)


def _problem(scope: Scope, error: CanfuseError) -> Response:
    """A problem told before the application has seen the request."""
    request_id = uuid.uuid4().hex
    headers = {"Connection": "close", "X-Request-ID": request_id}
    return problem_response({**scope, "request_id": request_id}, error, headers)
