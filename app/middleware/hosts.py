"""Refuses requests that call the service by a name that is not its own.

A page elsewhere must not reach a keyless service through a name that it made point at loopback.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import UnknownHost
from app.problems import problem_response


class KnownHosts:
    """Looks at each request's `Host`.

    Attributes:
        names: the service's own; `*` is any name, `*.example.com` any below that one.
    """

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self.app = app
        self.names = [name.lower() for name in names]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if its host is known."""
        if scope["type"] == "http" and not self._knows(Headers(scope=scope).get("host", "")):
            error = UnknownHost(
                "The service is not called by the name in the header `Host`.",
                "Call it by its own name, or add that name to CANFUSE_ALLOWED_HOSTS.",
            )
            await problem_response(scope, error)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _knows(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            name = ""
        return any(
            known in ("*", name) or (known.startswith("*.") and name.endswith(known[1:]))
            for known in self.names
        )
