"""Arbitrary logs for property-based tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ml.can.frames import CLASSIC_BYTES, FD_BYTES, Flag, Frames

KINDS = (0, Flag.EXTENDED, Flag.REMOTE, Flag.REMOTE | Flag.EXTENDED, Flag.FD, Flag.ERROR)
LONG_IDS = Flag.EXTENDED | Flag.ERROR


@st.composite
def single_frames(draw: st.DrawFn) -> tuple[int, int, int, bytes]:
    """(id, flags, length, payload) of a frame that can be."""
    flags = int(draw(st.sampled_from(KINDS)))
    number = draw(st.integers(0, 0x1FFF_FFFF if flags & LONG_IDS else 0x7FF))
    if flags & Flag.REMOTE:
        return number, flags, draw(st.integers(0, 8)), b""
    payload = draw(st.binary(max_size=FD_BYTES if flags & Flag.FD else CLASSIC_BYTES))
    return number, flags, len(payload), payload


@st.composite
def logs(draw: st.DrawFn) -> Frames:
    """One to thirty frames in time order, at whole microseconds, with or without labels."""
    rows = draw(st.lists(single_frames(), min_size=1, max_size=30))
    count = len(rows)
    micros = draw(st.lists(st.integers(0, 2 * 10**15), min_size=count, max_size=count))
    width = FD_BYTES if any(flags & Flag.FD for _, flags, _, _ in rows) else CLASSIC_BYTES
    labels = draw(st.none() | st.lists(st.integers(0, 1), min_size=count, max_size=count))
    return Frames(
        timestamp=np.array([m / 1e6 for m in sorted(micros)], np.float64),
        can_id=np.array([row[0] for row in rows], np.uint32),
        flags=np.array([row[1] for row in rows], np.uint8),
        length=np.array([row[2] for row in rows], np.uint8),
        payload=np.array([list(row[3].ljust(width, b"\0")) for row in rows], np.uint8),
        label=None if labels is None else np.array(labels, np.uint8),
    )
