"""The last net: no crash and no library's plain text reaches a client as anything but a problem."""

from __future__ import annotations

import logging
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import InternalError
from app.problems import PROBLEM_JSON, http_error, problem_response

logger = logging.getLogger(__name__)


class SafetyNet:
    """Answers a crash with a 500 that tells nothing internal, and rewrites plain error answers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer for it if it crashes."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(scope, receive, send)
        try:
            await self.app(scope, receive, answer.send)
        except ClientDisconnect:
            logger.info("request %s: the client went away", scope.get("request_id"))
        except Exception:
            logger.exception("request %s crashed", scope.get("request_id"))
            if answer.started:
                raise
            error = InternalError(
                "The service failed at this request.",
                "Try again; if it stays so, ask for help and name the request id.",
            )
            await problem_response(scope, error)(scope, receive, send)


class _Answer:
    """An answer on its way out; one with an error code that is no problem document is replaced."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self.started = False
        self._replaced = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = Headers(raw=message["headers"])
            if message["status"] >= 400 and headers.get("content-type") != PROBLEM_JSON:
                self._replaced = True
                await self._replace(message["status"], headers)
        if not self._replaced:
            await self._send(message)

    async def _replace(self, status: int, headers: Headers) -> None:
        kept = {name: headers[name] for name in ("allow", "content-range") if name in headers}
        error = http_error(status, HTTPStatus(status).phrase)
        await problem_response(self._scope, error, kept)(self._scope, self._receive, self._send)
