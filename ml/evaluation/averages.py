"""Averages over captures, and whether the fusion's is better than its rivals'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.captures import FUSED
from ml.evaluation.intervals import Interval, Resampling

MEASURES = ("f1", "precision", "recall", "fpr", "auroc", "ap", "mcc", "recall_at_fpr")

# That fewer captures all point the same way happens by chance more often than one time in twenty.
LEAST_CAPTURES = 6

Outcome = Literal["better", "no difference shown", "worse", "too few captures"]
Rows = Sequence[Mapping[str, Mapping[str, float | None]]]
Floats = NDArray[np.float64]


def macro_averages(
    measured: Rows, cars: Sequence[str], seed: int = 0
) -> dict[str, dict[str, dict[str, Any]]]:
    """Mean over captures of each measure of each detector, where it is defined.

    Args:
        measured: per capture, the measures of each detector.
        cars: per capture, its vehicle.
        seed: of the bootstrap.

    Returns:
        detector → measure → `mean`, `captures` (that have the measure), `low` and `high` of the
        interval over captures, `cars_low` and `cars_high` of the one over cars; None if undefined.
    """
    average = _Averages(cars, seed)
    return {
        name: {measure: average.of(_column(measured, name, measure)) for measure in MEASURES}
        for name in (measured[0] if measured else ())
    }


def against_rivals(measured: Rows, cars: Sequence[str], seed: int = 0) -> dict[str, dict[str, Any]]:
    """The fusion's lead over each rival in macro MCC, both measured on the same captures.

    Returns:
        rival → as in `macro_averages` for the difference, `differing` (captures on which the two
        are not equal) and an `outcome`: better or worse where the interval over captures lies
        above or below 0.
    """
    if not measured or FUSED not in measured[0]:
        return {}
    averages = _Averages(cars, seed)
    own = _column(measured, FUSED, "mcc")
    found = {}
    for rival in measured[0]:
        if rival != FUSED:
            lead = own - _column(measured, rival, "mcc")
            average = averages.of(lead)
            differing = int(np.count_nonzero(np.nan_to_num(lead)))
            found[rival] = {**average, "differing": differing, "outcome": _outcome(average)}
    return found


def attack_free(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """False alarms where no window holds an attack: `captures`, and each detector's worst FPR."""
    benign = [row["detectors"] for row in rows if row["windows"] and not row["attack_windows"]]
    names = benign[0] if benign else ()
    worst = {name: max(measures[name]["fpr"] for measures in benign) for name in names}
    return {"captures": len(benign), "worst_fpr": worst}


def _column(measured: Rows, name: str, measure: str) -> Floats:
    values = [row[name][measure] for row in measured]
    return np.array([np.nan if v is None else v for v in values], np.float64)


class _Averages:
    """Means over captures, with intervals that always draw the same captures and cars."""

    def __init__(self, cars: Sequence[str], seed: int) -> None:
        self._cars = np.asarray(cars)
        self._over_captures = Resampling.of_captures(len(cars), seed=seed)
        self._over_cars = Resampling.of_groups(cars, seed=seed)

    def of(self, values: Floats) -> dict[str, Any]:
        defined = ~np.isnan(values)
        several, cars = defined.sum() > 1, len(np.unique(self._cars[defined]))
        return {
            "mean": float(values[defined].mean()) if defined.any() else None,
            "captures": int(defined.sum()),
            **_ends(self._over_captures.mean(values) if several else None),
            **_ends(self._over_cars.mean(values) if cars > 1 else None, "cars_"),
        }


def _ends(interval: Interval | None, prefix: str = "") -> dict[str, float | None]:
    low, high = (interval.low, interval.high) if interval else (None, None)
    return {f"{prefix}low": low, f"{prefix}high": high}


def _outcome(lead: Mapping[str, Any]) -> Outcome:
    if lead["captures"] < LEAST_CAPTURES:
        return "too few captures"
    if lead["low"] > 0:
        return "better"
    return "worse" if lead["high"] < 0 else "no difference shown"
