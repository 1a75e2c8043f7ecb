"""When to try again, and after how long."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from http import HTTPStatus

from canfuse_client.errors import ClientError, Problem, Unreachable

# Refused for now, or lost by what stands before the service.
PASSING = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}


@dataclass(frozen=True)
class Retries:
    """How long to go on with what fails for reasons that pass.

    Attributes:
        total: seconds after which nothing is tried again; 0 tries once.
        first: seconds of the first pause at most; each further one may be twice as long.
        longest: seconds of a pause at most, also where `Retry-After` asks for more.
        awaits_service: whether to try again where nobody listens at the first try.
    """

    total: float = 120.0
    first: float = 0.25
    longest: float = 30.0
    awaits_service: bool = True


class Patience:
    """What is left of the patience with one request, stream or file."""

    def __init__(self, retries: Retries) -> None:
        self._retries = retries
        self.renew()

    def renew(self) -> None:
        """Begin anew: there was progress."""
        self._failures = 0
        self._ends = time.monotonic() + self._retries.total
        self._answer_lost = False

    def after(self, error: ClientError, *, repeatable: bool = True) -> float:
        """The seconds to wait after a failure.

        Raises:
            ClientError: that failure, where trying again is of no use.
        """
        pause = self._pause(error)
        if not self._passes(error, repeatable) or time.monotonic() + pause > self._ends:
            if isinstance(error, Problem):
                error.answer_lost = self._answer_lost
            raise error
        self._failures += 1
        self._answer_lost |= isinstance(error, Unreachable) and error.sent
        return pause

    def _passes(self, error: ClientError, repeatable: bool) -> bool:
        if isinstance(error, Unreachable):
            awaited = self._retries.awaits_service or self._failures > 0
            return repeatable if error.sent else awaited
        return isinstance(error, Problem) and repeatable and error.status in PASSING

    def _pause(self, error: ClientError) -> float:
        """Chosen by chance, so that those who were turned away together do not come together."""
        asked = error.retry_after if isinstance(error, Problem) else None
        most = min(self._retries.first * 2.0 ** min(self._failures, 30), self._retries.longest)
        if asked is None:
            return random.uniform(0, most)
        return min(asked, self._retries.longest) + random.uniform(0, self._retries.first)
