"""The frames of many windows, each window's sorted by id and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml.can.features.payloads import Bytes, Words, eight_bytes, length_codes, words
from ml.can.frames import Frames
from ml.can.runs import Ints, Runs

if TYPE_CHECKING:
    from ml.can.profiles.profile import VehicleProfile

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]
Seconds = NDArray[np.float64]
Column = NDArray[Any]


@dataclass(frozen=True)
class Arrangement:
    """W windows of P frames as M = W·P entries, sorted by window, id and time; R runs of one id.

    Attributes:
        frames: the traffic that the windows are cut from, in time order.
        runs: the entries by window and id.
        row: (M,) which frame each entry is; `run`: (M,) which run it is in.
        known: (M,) whether the profile knows its id.
        place: (M,) the id's place in the profile, 0 where unknown.
        follows, followed: (M,) whether the id has a frame before, after it in the window.
        time: (M,) seconds.
        length: (M,) codes of the payload lengths.
        payload: (M, 8), `word`: (M,) the same as one number.
        start: (W,) first frame of each window.
        begin, end: (W,) seconds of each window's first and last frame.
    """

    frames: Frames
    runs: Runs
    row: Ints
    run: Ints
    known: Mask
    place: Ints
    follows: Mask
    followed: Mask
    time: Seconds
    length: Ints
    payload: Bytes
    word: Words
    start: NDArray[np.intp]
    begin: Seconds
    end: Seconds

    @staticmethod
    def of(
        frames: Frames, starts: NDArray[np.intp], runs: Runs, profile: VehicleProfile
    ) -> Arrangement:
        """Arrange the windows at `starts` whose ids `runs` has sorted."""
        row = starts[runs.window] + runs.position
        place, known = profile.places(runs.key[runs.first].astype(np.uint32))
        run = np.repeat(np.arange(len(runs.first)), runs.count)
        follows = np.ones(len(row), bool)
        follows[runs.first] = False
        followed = np.ones(len(row), bool)
        followed[runs.last] = False
        payload = eight_bytes(frames)[row]
        return Arrangement(
            frames=frames,
            runs=runs,
            row=row,
            run=run,
            known=known[run],
            place=np.where(known, place, 0)[run],
            follows=follows,
            followed=followed,
            time=frames.timestamp[row],
            length=length_codes(frames.length)[row],
            payload=payload,
            word=words(payload),
            start=starts,
            begin=frames.timestamp[starts],
            end=frames.timestamp[starts + runs.shape[1] - 1],
        )

    def __len__(self) -> int:
        return len(self.row)

    # `ufunc.at` on one type is several times as fast as `ufunc.reduceat` on short runs.

    def most(self, values: Column) -> Floats:
        """Largest value of each run, (R,), of (M,) values that are not negative."""
        largest = np.zeros(len(self.runs.first), np.float32)
        np.maximum.at(largest, self.run, values.astype(np.float32, copy=False))
        return largest

    def least(self, values: Column) -> Floats:
        """Smallest of (M,) values in each run, (R,)."""
        smallest = np.full(len(self.runs.first), np.inf, np.float32)
        np.minimum.at(smallest, self.run, values.astype(np.float32, copy=False))
        return smallest

    def total(self, values: Column) -> Floats:
        """Sum of (M,) values over each run, (R,)."""
        sums = np.bincount(self.run, weights=values, minlength=len(self.runs.first))
        return sums.astype(np.float32)

    def in_windows(self, values: Column) -> Column:
        """(M,) values as (W, P), to be reduced over each window."""
        return values.reshape(self.runs.shape)


def as_matrix(columns: dict[str, Column], names: tuple[str, ...]) -> Floats:
    """Named columns of n values each as (n, len(names))."""
    rows = np.empty((len(names), len(columns[names[0]])), np.float32)
    for row, name in zip(rows, names, strict=True):
        row[:] = columns[name]
    return np.ascontiguousarray(rows.T)
