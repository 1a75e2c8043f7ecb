"""Maps an expert's raw score onto [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from ml.errors import InvalidInput

LEAST_SLOPE = 0.05
# Raw scores are taken as they are up to about this, and by their logarithm beyond.
LINEAR = 8.0
# A false alarm is to count as much as this many missed attacks of a traffic half of which is one.
BENIGN_WEIGHT = 10.0


@dataclass(frozen=True)
class Calibration:
    """A monotone map `sigmoid(2 · asinh(z / 2))`, `z = slope · squeezed(raw) + offset`, slope > 0.

    Platt scaling (Platt, "Probabilistic outputs for support vector machines", 1999) with slower
    tails. `squeezed` leaves log-odds and nats as they are and takes what lies far beyond by its
    logarithm; the outer hyperbolic sine is the identity around the middle, but lets the odds grow
    with the square of z only. So very large scores stay apart in single precision, and no expert
    claims a certainty that it cannot have about a vehicle that it has not seen.
    """

    slope: float
    offset: float

    def __post_init__(self) -> None:
        if not self.slope > 0:
            raise InvalidInput(f"A calibration must rise, but its slope is {self.slope}.")

    def __call__(self, raw: NDArray[np.floating]) -> NDArray[np.float32]:
        """Calibrated scores in [0, 1], any shape."""
        z = self.slope * _squeezed(raw) + self.offset
        calibrated: NDArray[np.float32] = expit(2 * np.arcsinh(z / 2)).astype(np.float32)
        return calibrated

    def crossing(self, raw: float) -> Calibration:
        """The map of the same slope that gives 0.5 at this raw score."""
        return Calibration(self.slope, -self.slope * float(_squeezed(np.array(raw))))

    @staticmethod
    def fit(
        raw: NDArray[np.floating], label: NDArray[np.uint8], group: NDArray[Any] | None = None
    ) -> Calibration:
        """Fit on scores that the expert gave to windows it was not trained on.

        Every group counts alike within a class, however long it is, and the benign class counts
        `BENIGN_WEIGHT` times the other: 0.5 then lies where verdicts are drawn, at few false
        alarms, and means the same for every expert. Where the expert ranks attacks below benign
        windows the slope is held just above 0: the map stays monotone and says "this expert tells
        next to nothing".

        Args:
            raw: (n,) raw scores.
            label: (n,) 1 for an attack; both classes must occur.
            group: (n,) such as the capture of each window; None takes all for one.
        """
        if len(np.unique(label)) < 2:
            raise InvalidInput(
                "A calibration needs both benign and attack windows.",
                "Add captures with attacks, or attack-free ones, to the training splits.",
            )
        weight = balanced_weight(label, group)
        squeezed = _squeezed(raw)
        scale = max(float(squeezed.std()), 1e-9)
        model = LogisticRegression().fit(squeezed[:, None] / scale, label, sample_weight=weight)
        slope = float(model.coef_[0, 0]) / scale
        if slope >= LEAST_SLOPE:
            return Calibration(slope, float(model.intercept_[0]))
        centre = (squeezed[label == 0].mean() + squeezed[label == 1].mean()) / 2
        return Calibration(LEAST_SLOPE, -LEAST_SLOPE * float(centre))


def _squeezed(raw: NDArray[np.floating]) -> NDArray[np.float64]:
    squeezed: NDArray[np.float64] = LINEAR * np.arcsinh(raw.astype(np.float64) / LINEAR)
    return squeezed


def balanced_weight(
    label: NDArray[np.uint8], group: NDArray[Any] | None = None, benign: float = BENIGN_WEIGHT
) -> NDArray[np.float64]:
    """Weights with which each group counts alike within its class, (n,), 1 on average.

    Args:
        label: (n,) 1 for an attack.
        group: (n,) such as the capture of each window; None takes all for one.
        benign: how often the benign class counts what the other counts.
    """
    attack = np.asarray(label) > 0
    weight = np.zeros(len(attack))
    for rows, share in ((attack, 1.0), (~attack, benign)):
        if not rows.any():
            continue
        own = np.zeros(rows.sum(), np.int64) if group is None else group[rows]
        _, place, count = np.unique(own, return_inverse=True, return_counts=True)
        weight[rows] = share / count[place] / len(count)
    normed: NDArray[np.float64] = weight / weight.mean()
    return normed
