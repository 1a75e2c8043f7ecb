"""Benign traffic as the learners of a profile need it: by id, and never across a gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.can.features.payloads import Bytes, Words, eight_bytes, length_codes, words
from ml.can.frames import Frames
from ml.can.runs import Ints

Seconds = NDArray[np.float64]
MOST_SECONDS = 1e15


@dataclass(frozen=True)
class EnrolledTraffic:
    """Segments of benign traffic end to end: n frames of I ids, m pairs of frames of one id.

    Attributes:
        segments: as given, each contiguous and in time order.
        ids: (I,) uint32, ascending.
        count: (I,) frames of each id.
        place: (n,) of each frame's id among `ids`; `segment`: (n,) which one it is in.
        length: (n,) codes of the payload lengths; `payload`: (n, 8); `word`: (n,) the same.
        order: (n,) frames by id, then as given; `ptr`: (I + 1,) where each id begins in it.
        later: (m,) places in `order` of the frames whose predecessor of the same id is known.
        pair_place: (m,) whose pair it is.
    """

    segments: tuple[Frames, ...]
    ids: NDArray[np.uint32]
    count: Ints
    time: Seconds
    place: Ints
    segment: Ints
    length: Ints
    payload: Bytes
    word: Words
    order: Ints
    ptr: Ints
    later: Ints
    pair_place: Ints

    @staticmethod
    def of(segments: Sequence[Frames]) -> EnrolledTraffic:
        """Arrange segments that hold at least one frame in all, none of them an error frame."""
        frames = Frames.concat(segments)
        segment = np.repeat(np.arange(len(segments)), [len(s) for s in segments])
        ids, place = np.unique(frames.arbitration, return_inverse=True)
        order = np.argsort(place, kind="stable")
        by_place, by_segment = place[order], segment[order]
        same = (by_place[1:] == by_place[:-1]) & (by_segment[1:] == by_segment[:-1])
        later = np.flatnonzero(same) + 1
        count = np.bincount(place, minlength=len(ids))
        payload = eight_bytes(frames)
        return EnrolledTraffic(
            segments=tuple(segments),
            ids=ids,
            count=count,
            time=frames.timestamp,
            place=place,
            segment=segment,
            length=length_codes(frames.length),
            payload=payload,
            word=words(payload),
            order=order,
            ptr=np.concatenate([[0], np.cumsum(count)]),
            later=later,
            pair_place=by_place[later],
        )

    @property
    def seconds(self) -> float:
        """How much time the segments cover together."""
        total = sum(float(s.timestamp[-1] - s.timestamp[0]) for s in self.segments)
        return min(max(total, 0.0), MOST_SECONDS)


def quantile_by_group(
    group: Ints, value: NDArray[np.float32], groups: int, q: float
) -> NDArray[np.float32]:
    """The value at quantile q of each group, 0 for an empty one; (groups,)."""
    order = np.lexsort((value, group))
    count = np.bincount(group, minlength=groups)
    begin = np.cumsum(count) - count
    out = np.zeros(groups, np.float32)
    some = count > 0
    at = begin + np.floor(q * np.maximum(count - 1, 0)).astype(np.int64)
    out[some] = value[order][at[some]]
    return out
