"""A threshold that keeps its false-positive rate in the group of traffic that is hardest to please.

Windows of one capture resemble each other, and captures differ: the benign windows of all of them
together are no sample of a new vehicle's. So the promise is made to each group on its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from ml.errors import InvalidInput
from ml.evaluation.metrics import Labels, Scores, checked
from ml.evaluation.thresholds import just_above, tune_threshold_at_fpr

# A line with fewer benign windows above it than this is mostly chance.
ENOUGH_ABOVE = 4
# In log-odds. The next car's benign traffic may be somewhat worse than that of the worst one known.
MARGIN = 0.5


@dataclass(frozen=True)
class CautiousLine:
    """A threshold that was chosen for the part of the traffic that needs the highest.

    Attributes:
        threshold: flag where `score >= threshold`.
        rate: the false-positive rate that it promises; above the one asked for where there are too
            few benign windows to promise that.
        part: what needed it: a group, the small groups of a vehicle, or several vehicles.
        parts: how many there were.
    """

    threshold: float
    rate: float
    part: str
    parts: int


@dataclass(frozen=True)
class CautiousRule:
    """The lowest threshold whose false-positive rate is at most `fpr` in every part of the traffic.

    A part's line is the one of `tune_threshold_at_fpr`, which holds for new windows like the
    part's. For a new part like the P known, which traffic of another vehicle is at best, the
    highest of the lines is high enough with a chance of P/(P + 1): its own line does not exceed it.

    A line that less than `ENOUGH_ABOVE` windows lie above hangs on one odd window. So groups with
    fewer than `ENOUGH_ABOVE / fpr` benign windows speak together for their vehicle, joined by its
    larger groups where they are still too few. A vehicle with fewer than 1/fpr in all speaks
    together with the others of its sort. Where all windows together are fewer than that, the line
    lies above all of them, and `CautiousLine.rate` says what this promises.

    Attributes:
        fpr: allowed share of benign windows flagged, in (0, 1).
        attack: (W,) bool, windows that hold an attack.
        parts: rows of the benign windows of each part, by name.
    """

    fpr: float
    attack: NDArray[np.bool_]
    parts: Mapping[str, NDArray[np.intp]]

    @staticmethod
    def of(
        labels: Labels, group: NDArray[Any], fpr: float, vehicle: NDArray[Any] | None = None
    ) -> CautiousRule:
        """The rule for windows of the given groups.

        Args:
            labels: (W,), non-zero where the window holds an attack; benign windows must occur.
            group: (W,) what each window belongs to, such as one capture as one fold's experts saw
                it.
            fpr: allowed share of benign windows flagged, in (0, 1).
            vehicle: (W,) the vehicle of each window; None takes all for one vehicle's.

        Raises:
            InvalidInput: `fpr` out of range, no benign window, or lengths differ.
        """
        if not 0 < fpr < 1:
            raise InvalidInput(
                f"A false-positive rate of {fpr} cannot be held.", "Give one in (0, 1)."
            )
        attack = np.asarray(labels).astype(bool)
        cars = np.zeros(len(attack), np.int64) if vehicle is None else np.asarray(vehicle)
        if not len(attack) == len(group) == len(cars):
            raise InvalidInput("Labels, groups and vehicles differ in length.")
        if attack.all():
            raise InvalidInput(
                "There is no benign window to hold a false-positive rate on.", "Add some."
            )
        return CautiousRule(fpr, attack, _parts(attack, np.asarray(group), cars, fpr))

    def line(self, scores: Scores) -> CautiousLine:
        """The threshold for these scores, (W,) in the rows' order.

        Raises:
            InvalidInput: lengths differ or a score is not finite.
        """
        _, values = checked(self.attack.astype(np.uint8), scores)
        lines = {name: _line(values[rows], self.fpr) for name, rows in self.parts.items()}
        if lines:
            worst = max(lines, key=lambda name: lines[name])
            return CautiousLine(lines[worst], self.fpr, worst, len(lines))
        benign = values[~self.attack]
        above = just_above(float(benign.max()))
        return CautiousLine(above, 1 / (len(benign) + 1), "all traffic", 1)


def cautious_threshold(
    labels: Labels,
    scores: Scores,
    group: NDArray[Any],
    fpr: float,
    vehicle: NDArray[Any] | None = None,
) -> float:
    """The threshold of `CautiousRule`, see there."""
    return CautiousRule.of(labels, group, fpr, vehicle).line(scores).threshold


def with_margin(threshold: float) -> float:
    """A verdict line on calibrated scores in (0, 1), raised by `MARGIN`; others stay."""
    return float(expit(logit(threshold) + MARGIN)) if 0 < threshold < 1 else threshold


def promises_kept(
    labels: Labels, scores: Scores, group: NDArray[Any], vehicle: NDArray[Any], fpr: float
) -> dict[str, float]:
    """Each vehicle's false-positive rate at the verdict line of the other vehicles.

    That is the test of the promise on traffic that had no part in it. Vehicles without benign
    windows are left out; with fewer than two there is nothing to test.

    Args:
        labels: (W,), non-zero where the window holds an attack.
        scores: (W,) finite.
        group: (W,) as for `CautiousRule`.
        vehicle: (W,) the vehicle of each window.
        fpr: the rate that is promised.
    """
    attack, values = checked(labels, scores)
    cars = [car for car in np.unique(vehicle) if (~attack & (vehicle == car)).any()]
    kept = {}
    for car in cars if len(cars) > 1 else []:
        own = vehicle == car
        known = labels[~own], values[~own], group[~own]
        line = with_margin(cautious_threshold(*known, fpr, vehicle[~own]))
        kept[str(car)] = float((values[own & ~attack] >= line).mean())
    return kept


def _line(benign: NDArray[np.float64], fpr: float) -> float:
    return tune_threshold_at_fpr(np.zeros(len(benign), np.uint8), benign, fpr)


def _parts(
    attack: NDArray[np.bool_], group: NDArray[Any], vehicle: NDArray[Any], fpr: float
) -> dict[str, NDArray[np.intp]]:
    enough, least = ENOUGH_ABOVE / fpr, 1 / fpr
    parts: dict[str, NDArray[np.intp]] = {}
    quiet: list[NDArray[np.intp]] = []
    for car in np.unique(vehicle[~attack]):
        own = np.flatnonzero(~attack & (vehicle == car))
        names, of_row, counts = np.unique(group[own], return_inverse=True, return_counts=True)
        large = np.flatnonzero(counts >= enough)
        parts |= {f"{car}: {names[n]}": own[of_row == n] for n in large}
        rest = own[counts[of_row] < enough]
        if 0 < len(rest) < enough:
            rest = own
        if len(rest) >= least:
            parts[f"{car}: small groups"] = rest
        else:
            quiet.append(rest)
    together = np.concatenate(quiet) if quiet else np.empty(0, np.intp)
    if len(together) >= least:
        parts["vehicles with little traffic"] = together
    return parts
