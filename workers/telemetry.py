"""What an attempt tells of itself: whose its logs and traces are, and how long it took."""

from __future__ import annotations

import contextvars
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

from ml.telemetry.logs import bound
from ml.telemetry.traces import continued, waited
from workers.database import DatabaseUnavailable
from workers.jobs import JobStore
from workers.leases import Lease
from workers.settings import Settings

MOST_PHASES = 64
JOB_BUCKETS = (1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400)
_PHASE = re.compile(r"[a-z ]*[a-z]")

registry = CollectorRegistry()
_attempts = Counter(
    "canfuse_job_attempts", "Attempts that have ended.", ["kind", "outcome"], registry=registry
)
_seconds = Histogram(
    "canfuse_job_attempt_seconds", "Seconds that attempts took.", ["kind", "outcome"],
    buckets=JOB_BUCKETS, registry=registry,
)  # fmt: skip
_phase_seconds = Histogram(
    "canfuse_job_phase_seconds", "Seconds that phases of attempts took.", ["kind", "phase"],
    buckets=JOB_BUCKETS, registry=registry,
)  # fmt: skip
_waiting_seconds = Histogram(
    "canfuse_job_wait_seconds", "Seconds from a job's submission to its first attempt.", ["queue"],
    buckets=JOB_BUCKETS, registry=registry,
)  # fmt: skip
_known_phases: set[str] = set()


def tell_metrics(settings: Settings) -> None:
    """Answer Prometheus at a port of our own, if one is set."""
    if settings.worker_metrics_port:
        start_http_server(settings.worker_metrics_port, settings.metrics_host, registry)


class Phases:
    """Times the phases of one attempt. Safe for one writer.

    Attributes:
        outcome: how the attempt ended, once that is known.
    """

    def __init__(self, kind: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.outcome = "lost"
        self._kind, self._clock = kind, clock
        self._began = self._since = clock()
        self._phase = "start"

    def enter(self, phase: str | None) -> None:
        """Take note of what the job does now."""
        name = _bounded(phase) if phase else self._phase
        if name != self._phase:
            self._leave()
            self._phase = name

    def end(self) -> None:
        """Take note of the end."""
        self._leave()
        _attempts.labels(self._kind, self.outcome).inc()
        _seconds.labels(self._kind, self.outcome).observe(self._since - self._began)

    def _leave(self) -> None:
        now = self._clock()
        _phase_seconds.labels(self._kind, self._phase).observe(now - self._since)
        self._since = now


@contextmanager
def attempt(store: JobStore, lease: Lease) -> Iterator[Phases]:
    """Log, trace and time what is done here as an attempt of the lease's job."""
    came = _origin(store, lease)
    phases = Phases(lease.kind)
    with (
        bound(job_id=lease.job_id, attempt=lease.token, **_request_id(came)),
        continued(
            f"attempt {lease.kind}", came, SpanKind.CONSUMER, job=lease.job_id, attempt=lease.token
        ) as span,
    ):
        try:
            yield phases
        finally:
            span.set_attribute("canfuse.outcome", phases.outcome)
            phases.end()


def in_context(work: Callable[[], None], name: str) -> threading.Thread:
    """A thread that logs and traces as the one that makes it."""
    return threading.Thread(
        target=contextvars.copy_context().run, args=(work,), name=name, daemon=True
    )


def _origin(store: JobStore, lease: Lease) -> Mapping[str, str]:
    """What the job's first event says of where it came from; the wait is told by the way."""
    try:
        submitted = store.events(lease.job_id, 0, 1)[0]
    except DatabaseUnavailable:
        return {}  # The attempt goes on: it waits for the database where it needs it.
    if lease.token == 1:
        waited("queue", submitted.data, submitted.at)
        seconds = (datetime.now(UTC) - submitted.at).total_seconds()
        _waiting_seconds.labels(lease.queue).observe(seconds)
    return submitted.data


def _request_id(came: Mapping[str, str]) -> dict[str, str]:
    return {"request_id": came["request_id"]} if "request_id" in came else {}


def _bounded(phase: str) -> str:
    """A phase's name without what is the job's own, so that there are few of them."""
    found = _PHASE.match(phase.lower())
    name = found[0] if found else "other"
    if len(_known_phases) < MOST_PHASES:
        _known_phases.add(name)
    return name if name in _known_phases else "other"
