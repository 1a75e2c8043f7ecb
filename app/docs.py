"""The interactive documentation, and what OpenAPI needs beyond what the endpoints say."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse

from app.jobs.openapi import REF, submission_schemas
from app.problems import Problem
from app.scoring.schemas import ScoreRequest
from ml.pipelines.registry import pipelines

_CDN = "https://cdn.jsdelivr.net"
# The page of this one address brings its scripts from a content delivery network.
_POLICY = (
    f"default-src 'none'; script-src 'unsafe-inline' {_CDN}; style-src 'unsafe-inline' {_CDN}; "
    "img-src data: https://fastapi.tiangolo.com; connect-src 'self'; frame-ancestors 'none'"
)


def configure_docs(app: FastAPI) -> None:
    """Serve `/docs` and complete `/openapi.json`."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        schema = generate()
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(submission_schemas(pipelines()))
        for model in (Problem, ScoreRequest):
            schemas[model.__name__] = model.model_json_schema(ref_template=REF)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        page = get_swagger_ui_html(openapi_url="/openapi.json", title="canfuse")
        page.headers["Content-Security-Policy"] = _POLICY
        return page

    @app.get("/", include_in_schema=False)
    def home() -> RedirectResponse:
        return RedirectResponse("/docs")
