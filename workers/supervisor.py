"""Runs a job: lease, child process, events, outcome."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ml.errors import CanfuseError
from ml.releases.store import Incoming, ReleaseStore
from workers import telemetry
from workers.attempt import Watch
from workers.broker_setup import broker_url
from workers.child import EXIT_OK, Child
from workers.database import DatabaseUnavailable
from workers.jobs import JobStore
from workers.leases import Lease
from workers.mishaps import crash, mishap, timeout
from workers.queue import announce
from workers.records import LeaseLost, Status
from workers.relay import Relay
from workers.settings import Settings
from workers.telemetry import Phases

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0


class Supervisor:
    """Runs jobs one at a time in the calling thread, which must live as long as they run.

    Attributes:
        leaving: set when this worker is to end; the job in hand is handed back then.
    """

    def __init__(self, store: JobStore, settings: Settings, leaving: threading.Event) -> None:
        self.leaving = leaving
        self._store = store
        self._settings = settings
        self._releases = ReleaseStore(settings.workspace.releases)
        self._name = f"{socket.gethostname()}:{os.getpid()}"

    def run(self, job_id: str) -> Status | None:
        """Answer the bell of a job: make one attempt of the most urgent that waits in its queue.

        Returns:
            Where that job stands afterwards; None when none was to be had, or it was lost on the
            way.
        """
        lease = self._take_most_urgent(job_id)
        if lease is None:
            return None
        with telemetry.attempt(self._store, lease) as phases:
            _log.info("the attempt begins")
            try:
                status = self._attempt(lease, phases)
            except LeaseLost:
                _log.warning("the attempt lost its lease")
                return None
            phases.outcome = status
            _log.info("the attempt leaves its job %s", status)
        if status == "queued":
            announce(lease.job_id, lease.queue, broker_url(self._settings))
        return status

    def _take_most_urgent(self, beside: str) -> Lease | None:
        while not self.leaving.is_set() and (urgent := self._store.most_urgent_beside(beside)):
            lease = self._store.lease(urgent, self._name, self._settings.lease_seconds)
            if lease is not None:
                return lease
            # Another worker was quicker, or the job was cancelled: there may be a next one.
        return None

    def _attempt(self, lease: Lease, phases: Phases) -> Status:
        workdir = self._settings.workspace.jobs / lease.job_id
        try:
            child = Child(lease.kind, lease.config, workdir, self._settings)
        except (CanfuseError, OSError) as error:
            return lease.end(*mishap("The job's process did not start", error))
        relay = Relay()
        try:
            with Watch(lease, child, relay, self._settings, self.leaving) as watch:
                for line in child.lines():
                    relay.take(line)
                    phases.enter(relay.phase)
                code = child.finish(self._settings.grace_seconds)
                return self._persist(lambda: self._conclude(lease, child, relay, watch, code))
        finally:
            child.close()

    def _conclude(
        self, lease: Lease, child: Child, relay: Relay, watch: Watch, code: int
    ) -> Status:
        """Record the one outcome of the attempt."""
        if watch.lost:
            raise LeaseLost(f"The job {lease.job_id} was taken from this attempt.")
        watch.flush()
        if code == EXIT_OK and relay.result is not None:
            return self._succeed(lease, relay.result)
        if relay.error is not None:
            # What a pipeline refuses, or breaks on by an exception, it would meet again.
            return lease.end("failed", relay.error)
        if watch.late:
            limit = self._settings.seconds_for(lease.kind)
            return lease.end("failed", timeout(lease.kind, limit))
        if watch.asked:
            # A cancel ends the job whatever the outcome; else it was our own leave-taking.
            return lease.end("handed-back")
        return lease.end("lost", crash(code, child.log.last_words()))

    def _succeed(self, lease: Lease, result: dict[str, Any]) -> Status:
        try:
            with self._incoming(lease, result) as release:
                version = release.version if release else result.get("release")
                return lease.succeed(
                    result, version, lambda: self._publish(release, result.get("alias"), version)
                )
        except (LeaseLost, DatabaseUnavailable):
            raise
        except CanfuseError as error:
            return lease.end("failed", error.to_dict())
        except OSError as error:
            return lease.end(*mishap("The release could not be published", error))

    def _incoming(
        self, lease: Lease, result: dict[str, Any]
    ) -> AbstractContextManager[Incoming | None]:
        """Copy what the job has staged to the store's doorstep; what it only names is in already.

        Before the outcome is recorded, because copying takes a while and the database would be
        locked meanwhile. It enters with the outcome, so an attempt that is overtaken while it
        copies leaves nothing.
        """
        staged = self._settings.workspace.jobs / lease.job_id / "release"
        if result.get("release") and staged.is_dir() and lease.renew() == "running":
            return self._releases.incoming(staged)
        return nullcontext()

    def _publish(self, release: Incoming | None, alias: str | None, version: str | None) -> None:
        if release is not None:
            release.enter()
        if alias is not None and version is not None:
            self._releases.point(alias, version)
        if version is not None:
            _log.info("its release is there", extra={"release": version, "alias": alias})

    def _persist(self, record: Callable[[], Status]) -> Status:
        """Record an outcome even if the database is away just now: hours of work hang on it."""
        while True:
            try:
                return record()
            except DatabaseUnavailable as error:
                _log.warning("the outcome waits for the database: %s", error)
                if self.leaving.is_set():
                    raise LeaseLost("The outcome could not be recorded before the end.") from error
                time.sleep(_RETRY_SECONDS)
