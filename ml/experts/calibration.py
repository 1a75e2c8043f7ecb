"""Maps an expert's raw score onto [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from ml.errors import InvalidInput

LEAST_SLOPE = 0.05


@dataclass(frozen=True)
class Calibration:
    """A monotone map `sigmoid(slope · asinh(raw) + offset)`, slope > 0.

    Platt scaling (Platt, "Probabilistic outputs for support vector machines", 1999). The inverse
    hyperbolic sine keeps the order of very large raw scores apart that would all saturate.
    """

    slope: float
    offset: float

    def __post_init__(self) -> None:
        if not self.slope > 0:
            raise InvalidInput(f"A calibration must rise, but its slope is {self.slope}.")

    def __call__(self, raw: NDArray[np.floating]) -> NDArray[np.float32]:
        """Calibrated scores in [0, 1], any shape."""
        with np.errstate(over="ignore"):
            scaled = -(self.slope * np.arcsinh(raw.astype(np.float64)) + self.offset)
            return (1 / (1 + np.exp(scaled))).astype(np.float32)

    @staticmethod
    def fit(raw: NDArray[np.floating], label: NDArray[np.uint8]) -> Calibration:
        """Fit on scores that the expert gave to windows it was not trained on.

        Classes weigh the same, so 0.5 lies between them whatever the share of attacks. Where the
        expert ranks attacks below benign windows the slope is held just above 0: the map stays
        monotone and says "this expert tells next to nothing".

        Args:
            raw: (n,) raw scores.
            label: (n,) 1 for an attack; both classes must occur.
        """
        if len(np.unique(label)) < 2:
            raise InvalidInput(
                "A calibration needs both benign and attack windows.",
                "Add captures with attacks, or attack-free ones, to the training splits.",
            )
        squeezed = np.arcsinh(raw.astype(np.float64))
        scale = max(float(squeezed.std()), 1e-9)
        model = LogisticRegression(class_weight="balanced").fit(squeezed[:, None] / scale, label)
        slope = float(model.coef_[0, 0]) / scale
        if slope >= LEAST_SLOPE:
            return Calibration(slope, float(model.intercept_[0]))
        centre = (squeezed[label == 0].mean() + squeezed[label == 1].mean()) / 2
        return Calibration(LEAST_SLOPE, -LEAST_SLOPE * float(centre))
