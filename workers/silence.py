"""Tells which holders of jobs have fallen silent, and takes their jobs from them.

Leases are dated by the database's clock, which may be set forward or back by hours. So a lease that
is over by that clock is believed to be so only when it was not renewed before our own eyes, and one
that we have not seen renewed for its whole length is over whatever that clock says.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from workers.database import reading
from workers.jobs import JobStore
from workers.outcomes import settle
from workers.records import LeaseLost
from workers.tables import HELD, jobs, now

_log = logging.getLogger(__name__)
_EXPIRED: dict[str, Any] = {
    "type": "lease-expired",
    "detail": "The worker that ran the job fell silent.",
    "hint": "See that worker's log.",
}


@dataclass(frozen=True)
class HeldLease:
    """A lease as it was found.

    Attributes:
        token: of the attempt that holds it.
        expires_at: when it ends by the database's clock; each renewal changes it.
        over: whether it has ended by the database's clock.
    """

    job_id: str
    token: int
    expires_at: float
    over: bool = field(compare=False)


class Silence:
    """Remembers since when each lease has stood unrenewed, by this process's own clock.

    Args:
        lease_seconds: how long a lease lasts.
        confirm_seconds: in which a holder that lives renews it, also after a jump of the clock.
        clock: ours, which never jumps.
    """

    def __init__(
        self,
        lease_seconds: float,
        confirm_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lease_seconds = lease_seconds
        self._confirm_seconds = confirm_seconds
        self._clock = clock
        self._since: dict[HeldLease, float] = {}

    def over(self, leases: Sequence[HeldLease]) -> list[HeldLease]:
        """Which of the leases held just now belong to nobody who lives."""
        now = self._clock()
        self._since = {lease: self._since.get(lease, now) for lease in leases}
        return [lease for lease in leases if now - self._since[lease] >= self._patience(lease)]

    def _patience(self, lease: HeldLease) -> float:
        return self._confirm_seconds if lease.over else self._lease_seconds


def held(store: JobStore) -> list[HeldLease]:
    """The leases that are held."""
    over = (jobs.c.lease_expires_at < now()).label("over")
    query = select(jobs.c.id, jobs.c.attempt, jobs.c.lease_expires_at, over).where(
        jobs.c.status.in_(HELD)
    )
    with reading(store.engine).begin() as connection:
        return [HeldLease(*row) for row in connection.execute(query)]


def expire(store: JobStore, lease: HeldLease) -> bool:
    """End the attempt of a holder that fell silent: its job waits again, failed, or is cancelled.

    Returns:
        False where the holder woke up, or another reconciler was quicker.
    """
    unrenewed = jobs.c.lease_expires_at == lease.expires_at
    try:
        with store.engine.begin() as connection:
            status = settle(
                connection, lease.job_id, lease.token, "lost", unrenewed, error=_EXPIRED
            )
    except LeaseLost:
        return False
    _log.warning(
        "job %s: the lease of attempt %d expired; now %s", lease.job_id, lease.token, status
    )
    return True
