"""Runs of successive benign frames as hashes, by which traffic is known again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.can.frames import Frames

# A parked car repeats a dozen frames with the same ids and payloads by chance now and then. As many
# as this, in the same order, come from the same drive.
RUN = 25

Hashes = NDArray[np.uint64]
_ODD = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)


def benign_runs(frames: Frames) -> tuple[Hashes, NDArray[np.intp]]:
    """(n,) hash of the run that begins at each benign frame, and (b,) the benign frames' rows."""
    traffic = frames.traffic()
    label = traffic.label
    benign = np.arange(len(traffic)) if label is None else np.flatnonzero(label == 0)
    frame = _frame_hashes(traffic[benign])
    count = max(len(frame) - RUN + 1, 0)
    run = np.zeros(count, np.uint64)
    for offset in range(RUN if count else 0):
        run = run * _ODD + frame[offset : offset + count]
    return _mixed(run), benign


def _frame_hashes(frames: Frames) -> Hashes:
    wide = np.ascontiguousarray(frames.payload)
    padded = np.pad(wide, ((0, 0), (0, -wide.shape[1] % 8)))
    hashes = (frames.arbitration.astype(np.uint64) << np.uint64(8)) | frames.length
    for word in padded.view(np.uint64).T:
        # A narrow payload must hash like the same one in a wider column.
        hashes = np.where(word > 0, _mixed(hashes * _ODD + word), hashes)
    return _mixed(hashes)


def _mixed(values: Hashes) -> Hashes:
    values = (values ^ (values >> np.uint64(30))) * _MIX
    return values ^ (values >> np.uint64(31))


def sampled(runs: Hashes, every: int) -> Hashes:
    """One of so many runs, a power of two, chosen by the run itself."""
    return runs if every == 1 else runs[runs % np.uint64(every) == 0]
