"""What Prometheus is told."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    start_http_server,
)
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.multiprocess import MultiProcessCollector

from app.health.readings import Gauge, Reading, Values

LATENCY_BUCKETS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
)
# The processes of a service tell them at one port, and a successor before the old one has gone.
ThreadingWSGIServer.allow_reuse_port = True
# Names a folder where they keep their counters; the library writes there if it is set.
SHARED = "PROMETHEUS_MULTIPROC_DIR"
WINDOW_BUCKETS = (1, 10, 100, 1_000, 10_000, 100_000)


class Metrics:
    """Counters of one application, apart from any other's in the same process.

    Attributes:
        registry: what this process counts.
        told: the same, or what all processes of the service have counted together.
    """

    def __init__(self) -> None:
        self.registry = self.told = CollectorRegistry()
        if SHARED in os.environ:
            self.told = CollectorRegistry()
            MultiProcessCollector(self.told)  # type: ignore[no-untyped-call]  # the library has no types
        self._listening: tuple[WSGIServer, Thread] | None = None
        self.requests = Counter(
            "canfuse_http_requests", "Answers given.", ["method", "route", "status"],
            registry=self.registry,
        )  # fmt: skip
        self.latency = Histogram(
            "canfuse_http_request_seconds", "Seconds from request to answer.", ["method", "route"],
            buckets=LATENCY_BUCKETS, registry=self.registry,
        )  # fmt: skip
        self.windows = Counter(
            "canfuse_scored_windows", "Windows scored.", ["release"], registry=self.registry
        )
        self.attacks = Counter(
            "canfuse_attack_windows", "Windows called attacks.", ["release"], registry=self.registry
        )
        self.scoring = Histogram(
            "canfuse_score_seconds", "Seconds that scorings took, without their wait.", ["form"],
            buckets=LATENCY_BUCKETS, registry=self.registry,
        )  # fmt: skip
        self.score_windows = Histogram(
            "canfuse_score_windows", "Windows of a scoring.", ["form"],
            buckets=WINDOW_BUCKETS, registry=self.registry,
        )  # fmt: skip

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self.requests.labels(method, route, str(status)).inc()
        self.latency.labels(method, route).observe(seconds)

    def scored(self, release: str, form: str, windows: int, attacks: int, seconds: float) -> None:
        """Count scored windows, of ready-made scores, frames or a log."""
        self.scoring.labels(form).observe(seconds)
        self.score_windows.labels(form).observe(windows)
        self.windows.labels(release).inc(windows)
        self.attacks.labels(release).inc(attacks)

    def watch(self, gauges: tuple[Gauge, ...], read: Callable[[], tuple[Values, ...]]) -> None:
        """Read the values of some gauges, by their labels, whenever the metrics are asked for."""
        self.told.register(Reading(gauges, read))

    def listen(self, host: str, port: int) -> None:
        """Tell them at a port of their own, too, without a key: for a network of one's own."""
        server, thread = start_http_server(port, host, self.told)
        self._listening = (server, thread)

    def close(self) -> None:
        """Stop listening."""
        if self._listening is not None:
            server, thread = self._listening
            server.shutdown()
            server.server_close()
            thread.join()

    def exposition(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self.told)
