"""What Prometheus is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

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


class Metrics:
    """Counters of one application, apart from any other's in the same process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
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

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self.requests.labels(method, route, str(status)).inc()
        self.latency.labels(method, route).observe(seconds)

    def scored(self, release: str, windows: int, attacks: int) -> None:
        """Count scored windows."""
        self.windows.labels(release).inc(windows)
        self.attacks.labels(release).inc(attacks)

    def watch(self, name: str, text: str, label: str, read: Callable[[], dict[str, float]]) -> None:
        """Tell a value for each label whenever the metrics are asked for."""
        self.registry.register(_Reading(name, text, label, read))

    def exposition(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self.registry)


class _Reading(Collector):
    """Values that are read when they are asked for."""

    def __init__(
        self, name: str, text: str, label: str, read: Callable[[], dict[str, float]]
    ) -> None:
        self._name, self._text, self._label, self._read = name, text, label, read

    def collect(self) -> Iterator[Metric]:
        gauge = GaugeMetricFamily(self._name, self._text, labels=[self._label])
        for value, number in self._read().items():
            gauge.add_metric([value], number)
        yield gauge

    def describe(self) -> list[Metric]:
        """Nothing, so that registering does not already read."""
        return []
