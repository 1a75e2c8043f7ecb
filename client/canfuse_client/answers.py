"""Turns refusals and broken connections into this package's errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from httpx_sse import SSEError

from canfuse_client.errors import Problem, UnexpectedAnswer, Unreachable

# With these the request has not left.
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@contextmanager
def told(url: str) -> Iterator[None]:
    """Say the HTTP library's errors as ours.

    Raises:
        Unreachable: nobody answers there, or no longer.
        UnexpectedAnswer: it is no service of canfuse.
    """
    try:
        yield
    except SSEError as error:
        raise UnexpectedAnswer(
            f"No events come from {url}.", "Is it canfuse that listens there?"
        ) from error
    except _UNSENT as error:
        raise Unreachable(
            f"No service answers at {url}.", "Start it, or check the address.", sent=False
        ) from error
    except (httpx.TransportError, httpx.DecodingError) as error:
        raise Unreachable(
            f"The connection to {url} broke: {type(error).__name__}.", "Try again.", sent=True
        ) from error


def problem_of(response: httpx.Response, body: bytes) -> Problem:
    """The problem that an answer tells of, also where something before the service answered."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict) or "detail" not in document:
        document = _made_up(response)
    return Problem(response.status_code, document, _retry_after(response))


def _made_up(response: httpx.Response) -> dict[str, Any]:
    return {
        "title": response.reason_phrase,
        "detail": f"The service answered {response.status_code}.",
        "hint": "Is it canfuse that listens there?",
        "request_id": response.headers.get("X-Request-ID", ""),
    }


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds; the header has those, or a date."""
    text = response.headers.get("Retry-After", "")
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
