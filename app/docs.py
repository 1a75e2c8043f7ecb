"""The documentation page, and what OpenAPI needs beyond what the endpoints say."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader

from app.bodies import REF
from app.jobs.openapi import submission_schemas
from app.jobs.schemas import JobRevision
from app.problems import Problem
from app.releases.schemas import AliasTarget
from app.scoring.schemas import FrameColumns, ScoreRequest
from ml.pipelines.registry import pipelines

# The page brings its styles along and needs nothing else.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


def configure_docs(app: FastAPI) -> None:
    """Serve `/docs` and complete `/openapi.json`."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        schema = generate()
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(submission_schemas(pipelines()))
        for model in (Problem, ScoreRequest, FrameColumns, AliasTarget, JobRevision):
            schemas[model.__name__] = model.model_json_schema(ref_template=REF)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(_page(openapi()), headers={"Content-Security-Policy": _POLICY})

    @app.get("/", include_in_schema=False)
    def home() -> RedirectResponse:
        return RedirectResponse("/docs")


def _page(api: dict[str, Any]) -> str:
    groups = defaultdict(list)
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            groups[operation["tags"][0]].append((path, method, operation))
    environment = Environment(loader=PackageLoader("app", ""), autoescape=True)
    return environment.get_template("docs.html").render(api=api, groups=groups)
