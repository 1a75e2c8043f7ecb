"""Health: alive, ready, and in numbers."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from app.auth import TheRights, guard
from app.errors import NotReady
from app.health.checks import check_all
from app.health.schemas import Alive, Check, Readiness
from app.problems import problems
from app.state import TheServices

router = APIRouter(tags=["health"])

UNTOLD = "A key with the scope 'read' is told more."


@router.get("/livez", summary="Is it alive?")
async def livez() -> Alive:
    """Answers while the process does; restart it when this stays silent."""
    return Alive()


@router.get("/readyz", summary="Is it ready?", responses=problems(503))
def readyz(services: TheServices, rights: TheRights) -> Readiness:
    """Whether database, broker and release are in order; 503 when not.

    Where the service has keys, the details are told to one with the scope `read` only.

    A new installation without any release is ready: it can be trained on. A release that was
    refused while an older one serves on is told in the detail.
    """
    checks = check_all(services)
    if not rights.allow("read"):
        checks = {name: Check(ok=check.ok, detail=UNTOLD) for name, check in checks.items()}
    if failing := [name for name, check in checks.items() if not check.ok]:
        raise NotReady(
            f"Not in order: {', '.join(failing)}.",
            "See `checks` for each part.",
            checks={name: check.model_dump() for name, check in checks.items()},
        )
    return Readiness(status="ready", checks=checks)


@router.get("/metrics", summary="Metrics for Prometheus", response_class=Response, **guard("read"))
def show_metrics(services: TheServices) -> Response:
    """Requests, latency, windows scored, release in use and jobs by status."""
    return Response(services.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)
