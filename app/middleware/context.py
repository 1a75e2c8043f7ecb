"""Names every request, guards every answer with headers, and logs one line about each."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ml.telemetry.logs import bound

logger = logging.getLogger("canfuse.access")

_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
}


class RequestContext:
    """Gives each request an id (its own where that is short and safe), each answer headers.

    Attributes:
        stopping: once it is set, each answer is the last on its connection.
    """

    def __init__(self, app: ASGIApp, stopping: asyncio.Event) -> None:
        self.app = app
        self.stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _SAFE_ID.fullmatch(given) else uuid.uuid4().hex
        scope["request_id"] = request_id
        started = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in _SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if scope.get("scheme") == "https":
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
                if self.stopping.is_set():
                    headers["Connection"] = "close"
                _log(scope, message["status"], time.perf_counter() - started)
            await send(message)

        with bound(request_id=request_id):
            await self.app(scope, receive, send_with_headers)


def _log(scope: Scope, status: int, seconds: float) -> None:
    facts = {"method": scope["method"], "path": scope["path"], "status": status}
    if key := scope.get("key_name"):
        facts["key"] = key
    logger.info("request", extra={**facts, "milliseconds": round(seconds * 1000, 1)})
