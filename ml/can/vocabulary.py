"""The identifiers a detector knows by name, and one trained place for all others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UNKNOWN = 0
SIZE = 256


@dataclass(frozen=True)
class Vocabulary:
    """Arbitration ids (see `Frames.arbitration`) in ascending order.

    The size of a model never depends on how many ids there are: a table of `SIZE` places holds at
    most `SIZE − 1` ids, and place 0 stands for every id that is not among them.
    """

    arbitration: NDArray[np.uint32]

    @staticmethod
    def fit(benign: NDArray[np.uint32]) -> Vocabulary:
        """Learn the ids of benign traffic, the most frequent ones where there are too many.

        Args:
            benign: arbitration ids as often as they count, any order, shape (n,).
        """
        ids, counts = np.unique(benign, return_counts=True)
        kept = np.argsort(-counts, kind="stable")[: SIZE - 1]
        return Vocabulary(np.sort(ids[kept]))

    def encode(self, arbitration: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Place of each id: 1 … SIZE − 1, or `UNKNOWN`."""
        if not len(self.arbitration):
            return np.zeros(arbitration.shape, np.int64)
        place = np.searchsorted(self.arbitration, arbitration)
        known = self.arbitration[np.minimum(place, len(self.arbitration) - 1)] == arbitration
        return np.where(known, place + 1, UNKNOWN)
