"""Puts right what was left behind: leases of the dead, and jobs of which the broker knows nothing.

Every step is a conditional update, so any number of reconcilers may run side by side.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from workers.broker_setup import broker_url
from workers.database import DatabaseUnavailable, reading
from workers.jobs import JobStore
from workers.outcomes import settle
from workers.queue import announce, depth
from workers.records import QUEUES, LeaseLost
from workers.settings import Settings
from workers.tables import HELD, jobs, now

_log = logging.getLogger(__name__)
_EXPIRED = {
    "type": "lease-expired",
    "detail": "The worker that ran the job fell silent.",
    "hint": "See that worker's log.",
}


@dataclass(frozen=True)
class Reconciler:
    """Looks after the jobs of a store."""

    store: JobStore
    settings: Settings

    def run(self, stop: threading.Event) -> None:
        """Reconcile again and again until told to stop."""
        while not stop.is_set():
            try:
                self.once()
            except DatabaseUnavailable as error:
                _log.warning("the reconciler waits for the database: %s", error)
            except Exception:  # noqa: BLE001 - it must not end, or nobody would look after the jobs
                _log.exception("the reconciler stumbled")
            stop.wait(self.settings.reconcile_seconds)

    def once(self) -> None:
        """End expired leases, then ring for the jobs that nobody was told of."""
        expire_leases(self.store)
        url = broker_url(self.settings)
        for queue in QUEUES:
            self._ring_for(queue, url)

    def _ring_for(self, queue: str, url: str) -> None:
        if not (forgotten := self._forgotten(queue)):
            return
        waiting, messages = self._waiting(queue), depth(queue, url)
        if messages is None:
            return
        # With a message for every job that waits, more of them would only pile up.
        for job_id in forgotten[: max(0, waiting - messages)]:
            if self._claim_bell(job_id) and not announce(job_id, queue, url):
                self._release_bell(job_id)

    def _forgotten(self, queue: str) -> list[str]:
        query = (
            select(jobs.c.id).where(jobs.c.queue == queue, *self._silent()).order_by(jobs.c.number)
        )
        with reading(self.store.engine).begin() as connection:
            return list(connection.scalars(query))

    def _waiting(self, queue: str) -> int:
        query = select(func.count()).where(jobs.c.queue == queue, jobs.c.status == "queued")
        with reading(self.store.engine).begin() as connection:
            return connection.scalar(query) or 0

    def _claim_bell(self, job_id: str) -> bool:
        claim = update(jobs).where(jobs.c.id == job_id, *self._silent()).values(rang_at=now())
        with self.store.engine.begin() as connection:
            return connection.execute(claim).rowcount == 1

    def _release_bell(self, job_id: str) -> None:
        with self.store.engine.begin() as connection:
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(rang_at=None))

    def _silent(self) -> tuple[ColumnElement[bool], ...]:
        """Queued jobs that no bell was rung for lately; submitting one rings it once."""
        long_ago = now() - self.settings.ring_seconds
        never_since = and_(jobs.c.rang_at.is_(None), jobs.c.attempt > 0)
        quiet = func.coalesce(jobs.c.rang_at, jobs.c.created_at) < long_ago
        return (jobs.c.status == "queued", or_(quiet, never_since))


def expire_leases(store: JobStore) -> int:
    """End the attempts whose holders fell silent: back to the queue, failed, or cancelled.

    Returns:
        How many this call has ended.
    """
    over = jobs.c.lease_expires_at < now()
    query = select(jobs.c.id, jobs.c.attempt).where(jobs.c.status.in_(HELD), over)
    with reading(store.engine).begin() as connection:
        expired = connection.execute(query).all()
    return sum(_expire(store, row.id, row.attempt) for row in expired)


def _expire(store: JobStore, job_id: str, token: int) -> bool:
    try:
        with store.engine.begin() as connection:
            over = jobs.c.lease_expires_at < now()
            status = settle(connection, job_id, token, "lost", over, error=_EXPIRED)
    except LeaseLost:
        # Its holder woke up, or another reconciler was quicker.
        return False
    _log.warning("job %s: the lease of attempt %d expired; now %s", job_id, token, status)
    return True
