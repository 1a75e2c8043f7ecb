"""Refuses bodies that are too large, too many at once, or too slow, while they stream in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import anyio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTooLarge
from app.problems import problem_response

PAUSE_SECONDS = 30.0
# The rest of a refused body is never read, so its connection cannot serve another request.
CLOSE = {"Connection": "close"}


@dataclass
class Budget:
    """How many bytes of bodies are held at once, over all requests.

    Attributes:
        left: bytes that may still be taken.
    """

    left: int


class BodyLimit:
    """Counts each request's body and stops at a limit.

    Attributes:
        limit_at: bytes taken of one body, by its request.
        budget: bytes taken of all bodies together.
        seconds: how long one body may take to arrive.
    """

    def __init__(
        self, app: ASGIApp, limit_at: Callable[[Scope], int], budget: Budget, seconds: float
    ) -> None:
        self.app = app
        self.limit_at = limit_at
        self.budget = budget
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on unless its body is too large."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.limit_at(scope)
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared) > limit:
            await problem_response(scope, _too_large(limit), CLOSE)(scope, receive, send)
            return
        body = _Body(receive, limit, self.budget, anyio.current_time() + self.seconds)
        try:
            await self.app(scope, body.receive, send)
        finally:
            self.budget.left += body.taken


class _Body:
    """A body on its way in.

    What is wrong with it is raised as FastAPI lets it pass while it reads a body.
    """

    def __init__(self, receive: Receive, limit: int, budget: Budget, deadline: float) -> None:
        self._receive, self._limit, self._budget = receive, limit, budget
        self._deadline = deadline
        self._more = True
        self.taken = 0

    async def receive(self) -> Message:
        # What comes after the body is only the client's going away, which may take its time.
        message = await (self._soon() if self._more else self._receive())
        self._more = message.get("more_body", False)
        size = len(message.get("body", b""))
        self.taken += size
        self._budget.left -= size
        if self.taken > self._limit:
            raise HTTPException(413, _too_large(self._limit).detail, CLOSE)
        if self._budget.left < 0:
            raise HTTPException(429, "Too many large bodies are under way", CLOSE)
        return message

    async def _soon(self) -> Message:
        patience = min(PAUSE_SECONDS, self._deadline - anyio.current_time())
        try:
            with anyio.fail_after(patience):
                return await self._receive()
        except TimeoutError as error:
            raise HTTPException(408, "The body comes too slowly", CLOSE) from error


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The body is larger than the {limit} bytes taken here.",
        "Send less at once, or raise the limit in the settings.",
    )
