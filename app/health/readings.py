"""What is read when Prometheus asks, rather than counted on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ml.errors import CanfuseError

Values = dict[tuple[str, ...], float]


@dataclass(frozen=True)
class Gauge:
    """A gauge to be read: its name, what it says, and the names of its labels."""

    name: str
    text: str
    labels: tuple[str, ...] = ()


class Reading(Collector):
    """Gauges that are read together; none is told while what they are read from is away."""

    def __init__(self, gauges: tuple[Gauge, ...], read: Callable[[], tuple[Values, ...]]) -> None:
        self._gauges, self._read = gauges, read

    def collect(self) -> Iterator[Metric]:
        """Read, and tell each gauge's values by their labels."""
        try:
            found = self._read()
        except CanfuseError:
            return
        for gauge, values in zip(self._gauges, found, strict=True):
            family = GaugeMetricFamily(gauge.name, gauge.text, labels=gauge.labels)
            for labels, number in values.items():
                family.add_metric(labels, number)
            yield family

    def describe(self) -> list[Metric]:
        """Nothing, so that registering does not already read."""
        return []
