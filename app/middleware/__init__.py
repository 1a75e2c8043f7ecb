"""What wraps every request, from the outside in."""

from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection
from starlette.types import Scope

from app.bodies import is_json, media_type
from app.health.metrics import Metrics
from app.middleware.body_limit import BodyLimit, Budget
from app.middleware.context import RequestContext
from app.middleware.decoding import Decoding
from app.middleware.hosts import KnownHosts
from app.middleware.measure import Measure
from app.middleware.safety_net import SafetyNet
from app.settings import Settings

__all__ = ["configure_middleware"]


def configure_middleware(app: FastAPI, settings: Settings, metrics: Metrics) -> None:
    """Wrap the application; what is added last is outermost."""
    limited = partial(
        BodyLimit,
        limit_at=_limits(settings),
        budget=Budget(settings.max_held_bytes),
        seconds=settings.body_seconds,
    )
    # What comes in and what it unfolds to have the same limit.
    app.add_middleware(Decoding, limited=limited)
    app.add_middleware(limited)
    if settings.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=settings.cors_origins, **_CORS)
    app.add_middleware(KnownHosts, names=settings.host_names)
    app.add_middleware(SafetyNet)
    app.add_middleware(Measure, metrics=metrics)
    app.add_middleware(RequestContext, stopping=app.state.stopping)


_CORS: dict[str, Any] = {
    "allow_methods": ["GET", "POST", "PUT", "PATCH", "DELETE"],
    "allow_headers": [
        *("X-API-Key", "Content-Type", "Idempotency-Key", "Last-Event-ID", "X-Request-ID"),
        *("Content-Encoding", "If-None-Match", "Range"),
    ],
    "expose_headers": ["Location", "Retry-After", "X-Request-ID", "ETag", "Content-Range"],
}
_TRAFFIC = ("/score", "/captures/", "/vehicles/")


def _limits(settings: Settings) -> Callable[[Scope], int]:
    def limit_at(scope: Scope) -> int:
        if not scope["path"].startswith(_TRAFFIC):
            return settings.max_body_bytes
        # Numbers written out take many times their size once they are read.
        columns = is_json(media_type(HTTPConnection(scope)))
        return settings.max_columns_bytes if columns else settings.max_log_bytes

    return limit_at
