"""Durations and rates as people say them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml.evaluation.tables import NA, number


def seconds(value: float | None) -> str:
    """A duration as people say it, or `n/a`."""
    if value is None:
        return NA
    if value < 1:
        return f"{1000 * value:.0f} ms"
    return f"{value:.1f} s" if value < 120 else f"{value / 60:.1f} min"


def rate(events: Mapping[str, Any]) -> str:
    """False alarms an hour, or `n/a`."""
    return number(events["false_alarms_per_hour"], 1)


def at_most(events: Mapping[str, Any]) -> str:
    """What the false alarms an hour may be at most, or nothing."""
    most = events["false_alarms_per_hour_at_most"]
    return "" if most is None else f"at most {most:.1f}"
