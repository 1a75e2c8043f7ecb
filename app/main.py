"""Puts the application together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Any

from anyio import to_thread
from fastapi import FastAPI

import app.threads  # noqa: F401 - sets the number of threads before torch is imported below
from app.captures.endpoints import router as captures
from app.catalog.endpoints import router as catalog
from app.docs import configure_docs
from app.health.endpoints import router as health
from app.health.metrics import Metrics
from app.jobs.endpoints import router as jobs
from app.jobs.submit_endpoints import submit_router
from app.middleware import configure_middleware
from app.problems import configure_problems
from app.problems.endpoints import router as problems
from app.releases.endpoints import router as releases
from app.scoring.endpoints import router as scoring
from app.settings import Settings
from app.state import State, open_services
from app.vehicles.endpoints import router as vehicles
from ml.pipelines.registry import pipelines


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the application; nothing is opened before it starts."""
    settings = settings or Settings.load()
    metrics = Metrics()
    application = FastAPI(
        title="canfuse",
        version=version("canfuse"),
        summary="Trains and serves intrusion detection for CAN buses.",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(settings, metrics),
        telemetry={"metrics": False, "logs": False, "exclude": _is_probe},
    )
    application.state.stopping = asyncio.Event()
    configure_problems(application)
    configure_middleware(application, settings, metrics)
    configure_routes(application)
    configure_docs(application)
    return application


def _is_probe(scope: Mapping[str, Any]) -> bool:
    return scope["path"] in {"/livez", "/readyz", "/metrics"}


def configure_routes(application: FastAPI) -> None:
    """Add each feature's addresses."""
    submission = submit_router(pipelines())
    features = (health, scoring, vehicles, submission, jobs, releases, captures, catalog, problems)
    for router in features:
        application.include_router(router)


def _lifespan(
    settings: Settings, metrics: Metrics
) -> Callable[[FastAPI], AbstractAsyncContextManager[State]]:
    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[State]:
        stopping: asyncio.Event = application.state.stopping
        services = await to_thread.run_sync(open_services, settings, metrics, stopping)
        try:
            yield {"services": services}
        finally:
            stopping.set()
            await to_thread.run_sync(services.close)

    return lifespan
