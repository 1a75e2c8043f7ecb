"""Windows sorted by a key, so that statistics of equal keys are reductions over contiguous runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

POSITION_BITS = np.uint64(16)
POSITION_MASK = np.uint64(0xFFFF)


@dataclass(frozen=True)
class Runs:
    """Positions of W windows, sorted by key within each window; equal keys form one run.

    Attributes:
        key, position, window: (W·P,) of each sorted entry.
        first: (R,) index of each run's first entry.
        count: (R,) entries in each run.
        ptr: (W + 1,) runs of window w are `ptr[w]:ptr[w + 1]`.
        shape: (W, P).
    """

    key: NDArray[np.uint64]
    position: Ints
    window: Ints
    first: Ints
    count: Ints
    ptr: Ints
    shape: tuple[int, int]

    @staticmethod
    def of(keys: NDArray[np.uint64]) -> Runs:
        """Sort (W, P) keys of less than 48 bits within each window."""
        windows, positions = keys.shape
        # Key and position share one integer, so that a plain sort is stable and also fast.
        packed = (keys << POSITION_BITS) | np.arange(positions, dtype=np.uint64)
        packed.sort(axis=1)
        key = packed >> POSITION_BITS
        starts_run = np.ones(key.shape, bool)
        starts_run[:, 1:] = key[:, 1:] != key[:, :-1]
        first = np.flatnonzero(starts_run)
        return Runs(
            key=key.ravel(),
            position=(packed & POSITION_MASK).astype(np.int64).ravel(),
            window=np.repeat(np.arange(windows), positions),
            first=first,
            count=np.diff(np.append(first, key.size)),
            ptr=np.concatenate([[0], np.cumsum(starts_run.sum(axis=1))]),
            shape=(windows, positions),
        )

    def run_of_position(self) -> Ints:
        """(W, P) the run to which each position belongs."""
        runs = np.empty(self.shape, np.int64)
        runs[self.window, self.position] = np.repeat(np.arange(len(self.first)), self.count)
        return runs

    @property
    def last(self) -> Ints:
        """(R,) index of each run's last entry."""
        return self.first + self.count - 1

    def sums(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Sum of each run's values, (R, …)."""
        return np.add.reduceat(values, self.first, axis=0)

    def per_window(self, values: NDArray[np.floating], reduce: np.ufunc) -> NDArray[np.floating]:
        """Reduce one value a run over each window, (W,)."""
        return np.asarray(reduce.reduceat(values, self.ptr[:-1]))
