"""Small random traffic for property tests."""

import numpy as np
from hypothesis import strategies as st

from ml.can.frames import Flag, Frames
from ml.can.profiles import VehicleProfile, learn_profile

IDS = (0x100, 0x1E5, 0x2A0, 0x7FF)


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
        draw(a_list(st.sampled_from(IDS))),
        draw(a_list(st.floats(0, 0.05))),
        draw(a_list(st.binary(min_size=8, max_size=8))),
        draw(a_list(st.integers(0, 1))),
    )


@st.composite
def any_traffic(draw, smallest: int = 200, largest: int = 400) -> Frames:
    """Traffic of any kind: few or many ids, both sizes of them, CAN-FD, no data, no time, gaps."""
    n = draw(st.integers(smallest, largest))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ids = draw(st.sampled_from([1, 2, 5, 60]))
    width = draw(st.sampled_from([8, 64]))
    largest_gap = draw(st.sampled_from([0.0, 1e-3, 1.0, 1e9]))
    lively = draw(st.integers(1, 256))
    extended = rng.integers(0, 2, n) * draw(st.booleans())
    length = rng.choice([0, 1, 8, width], n).astype(np.uint8)
    payload = rng.integers(0, lively, (n, width), dtype=np.uint8)
    return Frames(
        timestamp=np.cumsum(rng.random(n) * largest_gap * (rng.random(n) < 0.9)),
        can_id=rng.integers(0x100, 0x100 + ids, n).astype(np.uint32),
        flags=(extended * Flag.EXTENDED + (width > 8) * Flag.FD).astype(np.uint8),
        length=length,
        payload=np.where(np.arange(width) < length[:, None], payload, 0).astype(np.uint8),
        label=rng.integers(0, 2, n).astype(np.uint8),
    )


def a_profile(seed: int = 0, ids=IDS[:3]) -> VehicleProfile:
    """A profile of a car that sends some ids in turn, a hundred frames of each."""
    rng = np.random.default_rng(seed)
    n = 100 * len(ids)
    payloads = [bytes(row) for row in rng.integers(0, 4, (n, 8), dtype=np.uint8)]
    gaps = rng.normal(0.01, 1e-4, n)
    return learn_profile([frames_of(np.tile(ids, 100), gaps, payloads, np.zeros(n))])
