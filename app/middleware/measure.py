"""Counts and times every answer, by the route's template: ids make no series of their own."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.health.metrics import Metrics


class Measure:
    """Tells the metrics about each answer once it has begun."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and measure."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()

        async def measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "unmatched")
                seconds = time.perf_counter() - started
                self.metrics.answered(_method(scope), route, message["status"], seconds)
            await send(message)

        await self.app(scope, receive, measured)


def _method(scope: Scope) -> str:
    known = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}
    return scope["method"] if scope["method"] in known else "other"
