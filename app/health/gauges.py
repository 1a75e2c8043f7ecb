"""The gauges of the service's parts."""

from __future__ import annotations

from app.health.drift import DriftWatch
from app.health.metrics import Metrics
from app.health.readings import Gauge, Values
from app.releases.holder import ReleaseHolder
from app.scoring.gate import Gate
from workers.backlog import backlog
from workers.jobs import JobStore


def watch_parts(
    metrics: Metrics, jobs: JobStore, holder: ReleaseHolder, gate: Gate, drift: DriftWatch
) -> None:
    """Have the state of the parts told whenever the metrics are asked for."""
    metrics.watch((_JOBS,), lambda: ({(k,): float(n) for k, n in jobs.counts().items()},))
    metrics.watch(_QUEUES, lambda: _queues(jobs))
    metrics.watch(_RELEASES, lambda: _releases(holder))
    metrics.watch(_GATE, lambda: ({(): float(gate.running)}, {(): float(gate.waiters)}))
    metrics.watch((_DRIFT,), lambda: (drift.psi(),))


_JOBS = Gauge("canfuse_jobs", "Jobs by status.", ("status",))
_QUEUES = (
    Gauge("canfuse_queue_depth", "Jobs that wait.", ("queue",)),
    Gauge("canfuse_queue_running", "Jobs that a worker has.", ("queue",)),
    Gauge("canfuse_queue_oldest_seconds", "Age of the oldest job that waits.", ("queue",)),
)
_RELEASES = (
    Gauge("canfuse_release_in_use", "1 for the release in use.", ("release",)),
    Gauge("canfuse_release_refused", "1 for a release that should be in use.", ("release",)),
)
_GATE = (
    Gauge("canfuse_score_running", "Scorings that run."),
    Gauge("canfuse_score_waiting", "Scorings that wait for a slot."),
)
_DRIFT = Gauge(
    "canfuse_score_drift_psi",
    "Population stability index of the latest scores against the training cache's benign windows.",
    ("release", "score"),
)


def _queues(jobs: JobStore) -> tuple[Values, ...]:
    found = backlog(jobs.engine).items()
    return (
        {(queue,): float(work.waiting) for queue, work in found},
        {(queue,): float(work.running) for queue, work in found},
        {(queue,): work.oldest_seconds for queue, work in found},
    )


def _releases(holder: ReleaseHolder) -> tuple[Values, ...]:
    refused = holder.refused
    return (
        {(version,): one for version, one in holder.in_use().items()},
        {(refused.version,): 1.0} if refused else {},
    )
