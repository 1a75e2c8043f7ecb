"""When frames of an id come: quantiles of the time between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from ml.can.profiles.tables import IDS, table
from ml.can.profiles.traffic import EnrolledTraffic, Seconds
from ml.can.runs import Ints

QUANTILES = 128
SHORTEST_PERIOD = 1e-6
UNKNOWN_JITTER = 9.0


@dataclass(frozen=True)
class Intervals:
    """Intervals of I ids, seconds; 0 where an id never came twice.

    Attributes:
        one: (I, Q) quantiles of the time from one frame to the next, from least to largest.
        two: (I, Q) likewise to the next but one.
        one_count, two_count: (I,) how many intervals they are from.
        period: (I,) median interval, never 0 where there is one.
        jitter: (I,) (90 % − 10 % quantile) / period, 9 where there is no interval.
    """

    one: Annotated[Seconds, table(IDS, QUANTILES, dtype="float64", low=0)]
    two: Annotated[Seconds, table(IDS, QUANTILES, dtype="float64", low=0)]
    one_count: Annotated[Ints, table(IDS, dtype="int64", low=0)]
    two_count: Annotated[Ints, table(IDS, dtype="int64", low=0)]
    period: Annotated[Seconds, table(IDS, dtype="float64", low=SHORTEST_PERIOD)]
    jitter: Annotated[Seconds, table(IDS, dtype="float64", low=0)]

    @staticmethod
    def learn(traffic: EnrolledTraffic) -> Intervals:
        """Measure every interval that lies within one segment."""
        time, later, place = traffic.time[traffic.order], traffic.later, traffic.pair_place
        ids = len(traffic.ids)
        # A frame whose predecessor is itself a later one of a pair has one two frames back.
        second = np.flatnonzero(np.diff(later, prepend=-1) == 1)
        at = later[second]
        one_count = np.bincount(place, minlength=ids)
        two_count = np.bincount(place[second], minlength=ids)
        one = _quantiles(place, np.maximum(time[later] - time[later - 1], 0), one_count)
        two = _quantiles(place[second], np.maximum(time[at] - time[at - 2], 0), two_count)
        period = np.maximum(one[:, QUANTILES // 2], SHORTEST_PERIOD)
        spread = one[:, int(0.9 * QUANTILES)] - one[:, int(0.1 * QUANTILES)]
        jitter = np.where(one_count > 0, spread / period, UNKNOWN_JITTER)
        return Intervals(one, two, one_count, two_count, period, jitter)


def _quantiles(place: Ints, interval: Seconds, count: Ints) -> Seconds:
    ascending = interval[np.lexsort((interval, place))]
    begin = np.cumsum(count) - count
    levels = np.round(np.linspace(0, 1, QUANTILES) * (count[:, None] - 1)).astype(np.int64)
    at = begin[:, None] + np.maximum(levels, 0)
    quantiles = np.zeros((len(count), QUANTILES))
    some = count > 0
    quantiles[some] = ascending[at[some]]
    return quantiles
