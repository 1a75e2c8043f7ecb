"""What wraps every request, from the outside in."""

from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

from app.health.metrics import Metrics
from app.middleware.body_limit import BodyLimit
from app.middleware.context import RequestContext
from app.middleware.measure import Measure
from app.middleware.safety_net import SafetyNet
from app.settings import Settings

__all__ = ["configure_middleware"]


def configure_middleware(app: FastAPI, settings: Settings, metrics: Metrics) -> None:
    """Wrap the application; what is added last is outermost."""
    logs = settings.max_log_bytes
    by_path = {"/score": logs, "/captures/": logs}
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes, by_path=by_path)
    # A page elsewhere must not reach a keyless service through a name it made point at loopback.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=settings.host_names)
    app.add_middleware(SafetyNet)
    app.add_middleware(Measure, metrics=metrics)
    app.add_middleware(RequestContext)
