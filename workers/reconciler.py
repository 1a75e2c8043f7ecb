"""Puts right what was left behind: leases of the dead, and jobs of which the broker knows nothing.

Every step is a conditional update, so any number of reconcilers may run side by side.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, and_, func, not_, or_, select, update

from workers.broker_setup import broker_url
from workers.database import DatabaseUnavailable, reading
from workers.jobs import JobStore
from workers.queue import announce, depth
from workers.records import QUEUES
from workers.settings import Settings
from workers.silence import Silence, expire, held
from workers.tables import jobs, now

_log = logging.getLogger(__name__)


@dataclass
class Reconciler:
    """Looks after the jobs of a store."""

    store: JobStore
    settings: Settings
    silence: Silence = field(init=False)

    def __post_init__(self) -> None:
        self.silence = Silence(self.settings.lease_seconds, 2 * self.settings.heartbeat_seconds)

    def run(self, stop: threading.Event, turned: Callable[[], None] = lambda: None) -> None:
        """Reconcile again and again until told to stop, and tell of each turn."""
        while not stop.is_set():
            try:
                self.once()
            except DatabaseUnavailable as error:
                _log.warning("the reconciler waits for the database: %s", error)
            except Exception:  # noqa: BLE001 - it must not end, or nobody would look after the jobs
                _log.exception("the reconciler stumbled")
            turned()
            stop.wait(self.settings.reconcile_seconds)

    def once(self) -> None:
        """End the leases of those who fell silent, then ring for the jobs nobody was told of."""
        for lease in self.silence.over(held(self.store)):
            expire(self.store, lease)
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
        rang_at = func.coalesce(jobs.c.rang_at, jobs.c.created_at)
        # A bell of the future was rung before the database's clock was set back.
        lately = rang_at.between(now() - self.settings.ring_seconds, now())
        never_since = and_(jobs.c.rang_at.is_(None), jobs.c.attempt > 0)
        return (jobs.c.status == "queued", or_(not_(lately), never_since))
