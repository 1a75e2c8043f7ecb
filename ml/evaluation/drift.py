"""How unlike the scores of now are to those that a release was made with.

The measure is the population stability index over the reference's own deciles: 0 for the same
distribution; by custom, above 0.1 worth a look and above 0.25 another distribution.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from ml.config import config

DECILES = 10
_SMOOTHING = 0.5  # of a window in every bin, so that an empty one is not infinitely odd


@config
class Reference:
    """The distribution of a score, in bins.

    Attributes:
        edges: (B − 1,) inner edges of the bins, ascending.
        shares: (B,) share of the scores in each bin, none of them 0.
    """

    edges: tuple[float, ...]
    shares: tuple[Annotated[float, Field(gt=0)], ...]

    def __post_init__(self) -> None:
        if len(self.shares) != len(self.edges) + 1:
            raise ValueError("there is one more bin than there are edges")

    @staticmethod
    def of(scores: ArrayLike) -> Reference:
        """The distribution of (n,) scores."""
        values = np.asarray(scores, np.float64)
        quantiles = np.quantile(values, np.linspace(0, 1, DECILES + 1)[1:-1])
        edges = tuple(np.unique(quantiles).tolist())
        shares = tuple(_shares(_counts(edges, values)).tolist())
        return Reference(edges=edges, shares=shares)

    def counts(self, scores: ArrayLike) -> NDArray[np.float64]:
        """(B,) how many of (n,) scores fall into each bin."""
        return _counts(self.edges, np.asarray(scores, np.float64))

    def psi(self, counts: NDArray[np.float64]) -> float:
        """The population stability index of (B,) counts against this distribution."""
        now, then = _shares(counts), np.array(self.shares)
        return float(((now - then) * np.log(now / then)).sum())


def references(columns: Mapping[str, ArrayLike]) -> dict[str, dict[str, Any]]:
    """The distribution of each column of scores, as JSON-able values."""
    found = {name: Reference.of(scores) for name, scores in columns.items()}
    return {name: {"edges": r.edges, "shares": r.shares} for name, r in found.items()}


def _counts(edges: tuple[float, ...], values: NDArray[np.float64]) -> NDArray[np.float64]:
    bins = np.searchsorted(np.array(edges), values, side="right")
    return np.bincount(bins, minlength=len(edges) + 1).astype(np.float64)


def _shares(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    smoothed = counts + _SMOOTHING
    shares: NDArray[np.float64] = smoothed / smoothed.sum()
    return shares
