"""A little dirt in an enrolment: frames that are plainly not the car's, left out before learning.

One injected frame would otherwise set an id's shortest interval, unlock its constant bits and raise
its record. What is left out is only what two independent signs agree on, so that a clean enrolment
loses nothing; more dirt than that is for `review_enrolment` to find.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ml.can.features.payloads import Words
from ml.can.frames import Frames
from ml.can.profiles.surprises import byte_counts
from ml.can.profiles.traffic import EnrolledTraffic, Seconds

Mask = NDArray[np.bool_]

LEAST_FRAMES = 50
RARE_SHARE = 0.02
RARE_FRAMES = 2
SUPERFLUOUS = 1.5  # periods between the frames before and after
FLOOD_SECONDS = 1e-3
FLOOD_SHARE = 0.01
BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32)


def without_dirt(segments: Sequence[Frames]) -> list[Frames]:
    """The segments without the frames that are plainly not the car's.

    Left out are the frames of a known id that come between two that are on time and hold, they
    alone, bits that the id hardly ever holds; and ids that only ever came in a flood, faster than
    any car sends, if they make up less than `FLOOD_SHARE` of all.
    """
    if not sum(len(s) for s in segments):
        return list(segments)
    traffic = EnrolledTraffic.of(segments)
    median = median_intervals(traffic)
    flood = (median < FLOOD_SECONDS)[traffic.place]
    if flood.mean() > FLOOD_SHARE:
        flood[:] = False
    kept = ~(flood | _intruding(traffic, median))
    ends = np.cumsum([len(s) for s in segments])[:-1]
    return [s[k] for s, k in zip(segments, np.split(kept, ends), strict=True)]


def median_intervals(traffic: EnrolledTraffic) -> Seconds:
    """Median seconds between frames of each id, infinite where it has fewer than 3; (I,)."""
    time = traffic.time[traffic.order]
    interval = time[traffic.later] - time[traffic.later - 1]
    place, ids = traffic.pair_place, len(traffic.ids)
    ascending = interval[np.lexsort((interval, place))]
    count = np.bincount(place, minlength=ids)
    begin = np.cumsum(count) - count
    median = np.full(ids, np.inf)
    some = count >= 2
    median[some] = ascending[(begin + count // 2)[some]]
    return median


def _intruding(traffic: EnrolledTraffic, median: Seconds) -> Mask:
    """(n,) frames that come where none is due, with bits that neither neighbour holds."""
    dirty = np.zeros(len(traffic.time), bool)
    # Frames by id, each with one before and one after it in its segment.
    inner = traffic.later[:-1][np.diff(traffic.later) == 1]
    if not len(inner):
        return dirty
    time = traffic.time[traffic.order]
    place = traffic.place[traffic.order]
    superfluous = time[inner + 1] - time[inner - 1] < SUPERFLUOUS * median[place[inner]]
    at = inner[superfluous]
    usual, rare = _rare_bits(traffic)
    odd = (traffic.word[traffic.order] ^ usual[place]) & rare[place]
    alone = (odd[at] != 0) & ((odd[at] & (odd[at - 1] | odd[at + 1])) == 0)
    dirty[traffic.order[at[alone]]] = True
    return dirty


def _rare_bits(traffic: EnrolledTraffic) -> tuple[Words, Words]:
    """What each bit of an id mostly is, and which bits are hardly ever anything else; (I,) each."""
    count = traffic.count[:, None, None]
    ones = byte_counts(traffic.place, traffic.payload, len(traffic.ids)) @ BITS
    fewer = np.minimum(ones, count - ones)
    allowed = np.maximum(RARE_FRAMES, RARE_SHARE * count)
    rare = (fewer > 0) & (fewer <= allowed) & (count >= LEAST_FRAMES)
    return _as_words(2 * ones > count), _as_words(rare)


def _as_words(bits: Mask) -> Words:
    packed = np.packbits(bits, axis=-1).reshape(len(bits), 8)
    return packed.view(np.uint64).ravel()
