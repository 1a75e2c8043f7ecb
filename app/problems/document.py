"""The problem document, and which status code each kind of error gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response
from starlette.types import Scope

from app import errors
from app.errors import HttpError
from ml.errors import Cancelled, CanfuseError, Conflict, InvalidInput, NotFound, Unavailable

PROBLEM_JSON = "application/problem+json"
RETRY_SECONDS = 1

_FAMILY_STATUS: Mapping[type[CanfuseError], int] = {
    InvalidInput: 422,
    NotFound: 404,
    Conflict: 409,
    Cancelled: 409,
    Unavailable: 503,
}
# Where HTTP has a more telling code than the family's.
_SLUG_STATUS = {
    "idempotency-key-reused": 422,
    "queue-full": 429,
    "busy": 429,
    "too-many-requests": 429,
    "release-corrupt": 409,
    "profile-corrupt": 409,
}
_HTTP_ERRORS: Mapping[int, type[CanfuseError]] = {
    404: errors.NoSuchRoute,
    405: errors.MethodNotAllowed,
    408: errors.BodyTooSlow,
    413: errors.BodyTooLarge,
    415: errors.UnsupportedMediaType,
    416: errors.RangeNotSatisfiable,
    429: errors.Busy,
}
_HINTS = {
    404: "See /docs for the addresses there are.",
    405: "The header `Allow` names the methods that are taken.",
    408: "Send the body without long pauses, or less at once.",
    413: "Send less at once, or raise the limit in the settings.",
    416: "Ask for a range within the file.",
    429: "Try again after the seconds in Retry-After.",
    500: "Try again; if it stays so, ask for help and name the request id.",
}
_DESCRIPTIONS = {
    401: "The API key is missing or unknown.",
    403: "The API key lacks the scope.",
    404: "What is named does not exist.",
    409: "The present state does not allow it.",
    413: "The body is too large.",
    415: "The body is of a type that is not read here.",
    416: "The file does not reach that far.",
    422: "What was given cannot be used as it is; `detail` and `hint` say why.",
    429: "Too much is under way, or asked with this key; try again after `Retry-After` seconds.",
    503: "A part that is needed is missing just now.",
}


class Problem(BaseModel):
    """What went wrong and what to do about it (RFC 9457); further members depend on `type`."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["/problems/not-found"], description="Stable name of the problem.")
    title: str = Field(description="What this type of problem is, always in the same words.")
    status: int = Field(description="The HTTP status code again.")
    detail: str = Field(description="What is wrong this time.")
    hint: str = Field(description="What to do about it.")
    instance: str = Field(description="The path that was asked for.")
    request_id: str = Field(description="Name this when you ask for help; the log has it too.")


class ProblemType(BaseModel):
    """A type of problem."""

    type: str
    title: str
    status: int


def problem_type(kind: type[CanfuseError]) -> ProblemType:
    """Describe a kind of error; the title is its docstring's first line, so it is said once."""
    title = (kind.__doc__ or kind.__name__).strip().splitlines()[0].rstrip(".")
    return ProblemType(type=f"/problems/{kind.slug}", title=title, status=status_of(kind))


def status_of(kind: type[CanfuseError]) -> int:
    """The HTTP status code of a kind of error."""
    if issubclass(kind, HttpError):
        return kind.status
    families = (_FAMILY_STATUS[base] for base in kind.__mro__ if base in _FAMILY_STATUS)
    return _SLUG_STATUS.get(kind.slug) or next(families, 500)


def problem_response(
    scope: Scope, error: CanfuseError, headers: Mapping[str, str] | None = None
) -> Response:
    """Say an error as a problem document."""
    kind = problem_type(type(error))
    extra = {name: value for name, value in error.extra.items() if name not in Problem.model_fields}
    problem = Problem(
        **extra,
        **kind.model_dump(),
        detail=error.detail,
        hint=error.hint,
        instance=scope.get("path", ""),
        request_id=scope.get("request_id", ""),
    )
    wait = str(error.extra.get("retry_after", RETRY_SECONDS))
    told = {"Retry-After": wait} if kind.status in {429, 503} else {}
    if kind.status == 401:
        told["WWW-Authenticate"] = 'X-API-Key realm="canfuse"'
    return Response(
        problem.model_dump_json(fallback=str),
        kind.status,
        {**told, **(headers or {})},
        PROBLEM_JSON,
    )


def http_error(status: int, detail: str) -> CanfuseError:
    """Our error for a status code that a library would answer with."""
    kind = _HTTP_ERRORS.get(status, errors.InternalError if status >= 500 else HttpError)
    return kind(f"{detail.rstrip('.')}.", _HINTS.get(status, ""))


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe an endpoint's problems in OpenAPI."""
    content = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {code: {"description": _DESCRIPTIONS[code], "content": content} for code in statuses}
