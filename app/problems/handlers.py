"""Turns whatever an endpoint raises into a problem document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from app.errors import InvalidRequest
from app.problems.document import http_error, problem_response
from ml.errors import CanfuseError

MOST_FIELDS_LISTED = 20
MOST_FIELDS_TOLD = 3


def configure_problems(app: FastAPI) -> None:
    """Answer every error with a problem document."""
    app.add_exception_handler(CanfuseError, _on_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)


def invalid_request(found: Sequence[Any]) -> InvalidRequest:
    """Make pydantic's list of errors one problem that names each field."""
    fields = [
        {"field": ".".join(str(part) for part in e["loc"]), "message": e["msg"]}
        for e in found[:MOST_FIELDS_LISTED]
    ]
    told = "; ".join(f"{f['field'] or 'body'}: {f['message']}" for f in fields[:MOST_FIELDS_TOLD])
    more = f" (and {len(found) - MOST_FIELDS_TOLD} more)" if len(found) > MOST_FIELDS_TOLD else ""
    return InvalidRequest(
        f"The request is not valid: {told}{more}.", "Correct these fields.", errors=fields
    )


async def _on_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, CanfuseError):
        raise error
    return problem_response(request.scope, error)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code in {204, 304}:
        return Response(status_code=error.status_code, headers=error.headers)
    headers = error.headers
    detail = f"Nothing is at {request.url.path}" if error.status_code == 404 else error.detail
    if error.status_code == 405:
        detail = f"{request.url.path} does not take {request.method}"
        headers = {**(headers or {}), "Allow": ", ".join(_methods_here(request))}
    return problem_response(request.scope, http_error(error.status_code, detail), headers)


def _methods_here(request: Request) -> list[str]:
    """The methods that the path takes: the router names those of its first route only.

    As in the description the first path that fits is meant, so `/jobs/fusion` is no job's address.
    A route that the description hides counts where there is no other: it only explains a mistake.
    """
    routes = list(iter_route_contexts(request.app.routes))
    here = [route for route in routes if route.matches(request.scope)[0] != Match.NONE]
    told = [route for route in here if route.include_in_schema] or here
    return sorted({m for route in told if route.path == told[0].path for m in route.methods or ()})


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return problem_response(request.scope, invalid_request(error.errors()))
