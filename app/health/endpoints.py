"""Health: alive, ready, and in numbers."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from app.auth import TheRights, guard
from app.errors import NotReady
from app.health.checks import check_all, scoring
from app.health.schemas import Alive, Readiness
from app.problems import problems
from app.state import TheServices

router = APIRouter(tags=["health"])

UNTOLD = "A key with the scope 'read' is told more."


@router.get("/livez", summary="Is it alive?", responses=problems(503))
async def livez(services: TheServices) -> Alive:
    """Answers while the process does, with 503 when scoring hangs for good: restart it then."""
    if not (check := scoring(services)).ok:
        raise NotReady(check.detail, "Restart the service.")
    return Alive()


@router.get(
    "/readyz",
    summary="Is it ready?",
    responses=problems(503),
    openapi_extra={"security": [{}]},  # or without a key
)
def readyz(services: TheServices, rights: TheRights) -> Readiness:
    """Whether it can do its work; 503 when the database, the release, scoring or storage cannot.

    A broker that is away leaves it ready, as `degraded`: jobs are taken, and run once it is back.
    Where the service has keys, the details are told to one with the scope `read` only.

    A new installation without any release is ready: it can be trained on. A release that was
    refused while an older one serves on is told in the detail.
    """
    checks = check_all(services)
    if not rights.allow("read"):
        untold = {"detail": UNTOLD}
        checks = {name: check.model_copy(update=untold) for name, check in checks.items()}
    if failing := [name for name, check in checks.items() if check.needed and not check.ok]:
        raise NotReady(
            f"Not in order: {', '.join(failing)}.",
            "See `checks` for each part.",
            checks={name: check.model_dump() for name, check in checks.items()},
        )
    in_order = all(check.ok for check in checks.values())
    return Readiness(status="ready" if in_order else "degraded", checks=checks)


@router.get("/metrics", summary="Metrics for Prometheus", response_class=Response, **guard("read"))
def show_metrics(services: TheServices) -> Response:
    """Requests, scoring, drift, release in use, queues and jobs."""
    return Response(services.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)
