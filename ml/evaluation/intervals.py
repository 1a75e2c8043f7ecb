"""How sure a figure is: bootstrap intervals over captures, and over cars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.metrics import rates

DRAWS = 2000
LEVEL = 0.95
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """Where a measure lies when other captures of the same sort had been recorded.

    Attributes:
        low: lower end.
        high: upper end.
    """

    low: float
    high: float


@dataclass(frozen=True)
class Resampling:
    """How often each of n captures was drawn, in each of many draws.

    Windows of one capture are alike, so resampling windows would claim far too much certainty: the
    capture is the unit that was sampled (cluster bootstrap, Davison & Hinkley 1997, §3.8).
    Captures of one car are alike as well, so cars can be drawn instead, each with all its captures.

    Attributes:
        weights: (draws, n) counts; no rows where there are fewer than two units to draw.
    """

    weights: NDArray[np.int64]

    @staticmethod
    def of_captures(captures: int, *, draws: int = DRAWS, seed: int = 0) -> Resampling:
        """Draw captures with replacement."""
        return Resampling.of_groups(range(captures), draws=draws, seed=seed)

    @staticmethod
    def of_groups(
        groups: Sequence[Any] | range, *, draws: int = DRAWS, seed: int = 0
    ) -> Resampling:
        """Draw groups with replacement, each with all its captures.

        Args:
            groups: (n,) the group of each capture, its car for example.
            draws: resamples.
            seed: of the resampling.
        """
        names, group = np.unique(np.asarray(groups), return_inverse=True)
        if len(names) < 2:
            return Resampling(np.zeros((0, len(group)), np.int64))
        share = np.full(len(names), 1 / len(names))
        drawn = np.random.default_rng(seed).multinomial(len(names), share, size=draws)
        return Resampling(drawn[:, group])

    def mean(self, values: Floats) -> Interval | None:
        """Interval of the mean of the defined ones of (n,) values, NaN where undefined."""
        defined = ~np.isnan(values)
        weights = self.weights[:, defined].astype(np.float64)
        drawn = weights.sum(axis=1)
        usable = drawn > 0
        return _interval((weights[usable] @ values[defined]) / drawn[usable])

    def pooled(self, counts: NDArray[Any]) -> Mapping[str, Interval | None]:
        """Interval of each of `rates`, of the sum of (n, 4) confusion counts."""
        return {name: _interval(values) for name, values in rates(self.weights @ counts).items()}


def _interval(values: Floats) -> Interval | None:
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))
