"""The frames of many windows, each window's sorted by id and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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


@dataclass(frozen=True)
class Arrangement:
    """W windows of P frames as M = W·P entries, sorted by window, id and time; R runs of one id.

    Attributes:
        frames: the traffic that the windows are cut from, in time order.
        runs: the entries by window and id.
        row: (M,) which frame each entry is.
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
        place, known = profile.places(runs.key.astype(np.uint32))
        follows = np.ones(len(row), bool)
        follows[runs.first] = False
        followed = np.ones(len(row), bool)
        followed[runs.last] = False
        payload = eight_bytes(frames)[row]
        return Arrangement(
            frames=frames,
            runs=runs,
            row=row,
            known=known,
            place=np.where(known, place, 0),
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

    def most(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """Largest value of each run, (R,)."""
        return np.maximum.reduceat(values, self.runs.first)

    def least(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """Smallest value of each run, (R,)."""
        return np.minimum.reduceat(values, self.runs.first)

    def total(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """Sum of each run, (R,)."""
        return np.add.reduceat(values, self.runs.first)

    def in_windows(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """(M,) values as (W, P), to be reduced over each window."""
        return values.reshape(self.runs.shape)
