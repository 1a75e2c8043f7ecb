"""Refuses bodies that are too large, or that stop coming, while they stream in."""

from __future__ import annotations

from collections.abc import Mapping

import anyio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTooLarge
from app.problems import problem_response

PAUSE_SECONDS = 30.0


class BodyLimit:
    """Counts each request's body and stops at a limit.

    Attributes:
        limit: bytes taken where no path says otherwise.
        by_path: bytes taken at the paths that start so.
    """

    def __init__(self, app: ASGIApp, limit: int, by_path: Mapping[str, int]) -> None:
        self.app = app
        self.limit = limit
        self.by_path = by_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on unless its body is too large."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self._limit_at(scope["path"])
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared) > limit:
            error = _too_large(limit)
            # The rest of the body is never read, so the connection cannot serve another request.
            await problem_response(scope, error, {"Connection": "close"})(scope, receive, send)
            return
        await self.app(scope, _counting(receive, limit), send)

    def _limit_at(self, path: str) -> int:
        return next((n for start, n in self.by_path.items() if path.startswith(start)), self.limit)


def _counting(receive: Receive, limit: int) -> Receive:
    taken, more = 0, True

    async def counted() -> Message:
        nonlocal taken, more
        # What comes after the body is only the client's going away, which may take its time.
        message = await (_soon(receive) if more else receive())
        more = message.get("more_body", False)
        taken += len(message.get("body", b""))
        if taken > limit:
            # FastAPI lets only this kind of error pass while it reads a body.
            raise HTTPException(413, _too_large(limit).detail, {"Connection": "close"})
        return message

    return counted


async def _soon(receive: Receive) -> Message:
    try:
        with anyio.fail_after(PAUSE_SECONDS):
            return await receive()
    except TimeoutError as error:
        detail = f"Nothing came for {PAUSE_SECONDS:g} s"
        raise HTTPException(408, detail, {"Connection": "close"}) from error


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The body is larger than the {limit} bytes taken here.",
        "Send less at once, or raise the limit in the settings.",
    )
