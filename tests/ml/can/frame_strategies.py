"""Small random traffic for property tests."""

import numpy as np
from hypothesis import strategies as st

from ml.can.frames import Frames


def frames_of(ids, gaps, payloads, labels) -> Frames:
    """Frames from plain lists, one entry a frame."""
    n = len(ids)
    return Frames(
        timestamp=np.cumsum(np.asarray(gaps, np.float64)),
        can_id=np.asarray(ids, np.uint32),
        flags=np.zeros(n, np.uint8),
        length=np.full(n, 8, np.uint8),
        payload=np.frombuffer(b"".join(payloads), np.uint8).reshape(n, 8).copy(),
        label=np.asarray(labels, np.uint8),
    )


@st.composite
def labelled_frames(draw, smallest: int = 8, largest: int = 60) -> Frames:
    """Between `smallest` and `largest` labelled frames of a few ids."""
    n = draw(st.integers(smallest, largest))
    a_list = lambda element: st.lists(element, min_size=n, max_size=n)  # noqa: E731 - reads as a word
    return frames_of(
        draw(a_list(st.sampled_from([0x100, 0x1E5, 0x2A0, 0x7FF]))),
        draw(a_list(st.floats(0, 0.05))),
        draw(a_list(st.binary(min_size=8, max_size=8))),
        draw(a_list(st.integers(0, 1))),
    )
