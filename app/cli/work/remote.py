"""Reaches a running service, and says what goes wrong there in the command line's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from canfuse_client import Client, ClientError, Problem, Retries, Unreachable, WrongUse
from ml.errors import CanfuseError, Conflict, InvalidInput, NotFound, Unavailable

# Somebody sits there: an address where nobody listens is told at once.
RETRIES = Retries(total=60.0, awaits_service=False)
_FAMILIES: dict[int, type[CanfuseError]] = {404: NotFound, 409: Conflict, 429: Unavailable}


@contextmanager
def connected(url: str, api_key: str | None) -> Iterator[Client]:
    """A client for the service at an address.

    Raises:
        CanfuseError: whatever goes wrong with it within.
    """
    with told(), Client(url, api_key, retries=RETRIES) as client:
        yield client


@contextmanager
def told() -> Iterator[None]:
    """Turn the client's errors into ours.

    Raises:
        InvalidInput, NotFound, Conflict: the service's refusal, with its words.
        Unavailable: it does not answer, or cannot.
    """
    try:
        yield
    except Problem as problem:
        default = Unavailable if problem.status >= 500 else InvalidInput
        kind = _FAMILIES.get(problem.status, default)
        findings = problem.extra.get("findings", [])
        raise kind(problem.detail, problem.hint, findings=findings) from problem
    except WrongUse as error:
        raise InvalidInput(error.detail, error.hint) from error
    except Unreachable as error:
        start = "Start one with `canfuse up`, or name it by --url or CANFUSE_URL."
        raise Unavailable(error.detail, error.hint if error.sent else start) from error
    except ClientError as error:
        raise Unavailable(error.detail, error.hint) from error
