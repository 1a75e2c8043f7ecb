"""Says what goes wrong on the way to a service in our own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from ml.errors import CanfuseError, Conflict, InvalidInput, NotFound, Unavailable

_FAMILIES: dict[int, type[CanfuseError]] = {404: NotFound, 409: Conflict}


@contextmanager
def told(url: str) -> Iterator[None]:
    """Turn the HTTP library's errors into ours.

    Raises:
        Unavailable: nobody answers there, or no longer.
        InvalidInput: that is no address.
    """
    try:
        yield
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise InvalidInput(
            f"'{url}' is no address of a service.", "Write it like http://127.0.0.1:8000."
        ) from error
    except httpx.ConnectError as error:
        raise Unavailable(
            f"No service answers at {url}.",
            "Start one with `canfuse up`, or name it by --url or CANFUSE_URL.",
        ) from error
    except httpx.TransportError as error:
        raise Unavailable(
            f"The connection to {url} broke: {type(error).__name__}.", "Try again."
        ) from error


def check(answer: httpx.Response) -> None:
    """Raise the problem that an answer tells of."""
    if answer.is_success:
        return
    answer.read()
    try:
        problem = answer.json()
        detail, hint = problem["detail"], problem.get("hint", "")
        findings = problem.get("findings", [])
    except (ValueError, KeyError, TypeError):
        detail, hint = (
            f"The service answered {answer.status_code}.",
            "Is it canfuse that listens there?",
        )
        findings = []
    default = (
        Unavailable if answer.status_code >= 500 or answer.status_code == 429 else InvalidInput
    )
    raise _FAMILIES.get(answer.status_code, default)(detail, hint, findings=findings)
