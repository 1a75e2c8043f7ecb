"""Ids of one controller's task: their frames always come within a few milliseconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from ml.can.features.timing import CAP
from ml.can.profiles.intervals import Intervals
from ml.can.profiles.surprises import Floats
from ml.can.profiles.tables import IDS, table
from ml.can.profiles.traffic import EnrolledTraffic, Seconds
from ml.can.runs import Ints

MOST = 3
"""Companions an id."""
REACH = 0.004
"""Seconds; neither a companion's usual offset nor its spread is larger."""
MARGIN = 0.02
SLOWEST_STEADY = 0.1  # relative jitter
SHORTEST_PERIOD = 0.03
LEAST_FRAMES = 20
MOST_FRAMES = 1500
LEAST_COMPANIONS = 10
DRIFT = 1e-6
UNSURE_DRIFT = 6e-6
BY_CHANCE = 0.35


@dataclass(frozen=True)
class Companions:
    """Up to `MOST` companions of each of I ids, best first.

    Attributes:
        place: (I, 3) the companion's place, −1 for none.
        low, high: (I, 3) seconds from the id's frame between which the companion's comes.
        surprise: (I, 3) nats of its not coming.
    """

    place: Annotated[Ints, table(IDS, MOST, dtype="int64", low=-1)]
    low: Annotated[Seconds, table(IDS, MOST, dtype="float64", low=-1, high=1)]
    high: Annotated[Seconds, table(IDS, MOST, dtype="float64", low=-1, high=1)]
    surprise: Annotated[Floats, table(IDS, MOST, dtype="float32", low=0, high=CAP)]

    @staticmethod
    def learn(traffic: EnrolledTraffic, intervals: Intervals) -> Companions:
        """Search the longest segment, and confirm in the others.

        Only slow and steady ids are given companions: fast ones need none.
        """
        ids = len(traffic.ids)
        found = Companions(
            place=np.full((ids, MOST), -1, np.int64),
            low=np.zeros((ids, MOST)),
            high=np.zeros((ids, MOST)),
            surprise=np.zeros((ids, MOST), np.float32),
        )
        segments = sorted(_schedules(traffic), key=lambda s: -s.frames)
        steady = (intervals.period > SHORTEST_PERIOD) & (intervals.jitter <= SLOWEST_STEADY)
        for i in np.flatnonzero(steady):
            candidates = sorted(_candidates(segments, int(i)), key=lambda c: (c.rank, c.place))
            for j, chosen in enumerate(candidates[:MOST]):
                found.place[i, j], found.surprise[i, j] = chosen.place, chosen.surprise
                found.low[i, j], found.high[i, j] = chosen.low, chosen.high
        return found


@dataclass(frozen=True)
class _Schedule:
    """Times of each id's frames in one segment, and the stretch away from the segment's ends."""

    times: list[Seconds]
    begin: float
    end: float
    frames: int

    def inside(self, i: int) -> Seconds:
        times = self.times[i]
        return times[(times > self.begin) & (times < self.end)]


@dataclass(frozen=True)
class _Candidate:
    rank: float
    place: int
    low: float
    high: float
    surprise: float


def _schedules(traffic: EnrolledTraffic) -> Iterator[_Schedule]:
    begin = 0
    for segment in traffic.segments:
        place = traffic.place[begin : begin + len(segment)]
        begin += len(segment)
        time = segment.timestamp
        ends = np.cumsum(np.bincount(place, minlength=len(traffic.ids)))[:-1]
        times = np.split(time[np.lexsort((time, place))], ends)
        yield _Schedule(times, time[0] + MARGIN, time[-1] - MARGIN, len(segment))


def _candidates(segments: Sequence[_Schedule], i: int) -> Iterator[_Candidate]:
    longest, *others = segments
    own = longest.inside(i)
    if len(own) < LEAST_FRAMES:
        return
    if len(own) > MOST_FRAMES:
        own = own[np.linspace(0, len(own) - 1, MOST_FRAMES).astype(np.int64)]
    for c, times in enumerate(longest.times):
        alike = abs(len(times) / len(longest.times[i]) - 1) <= 0.03
        if c == i or len(times) < LEAST_COMPANIONS or not alike:
            continue
        offset = _nearest(times, own)
        bounds = _bounds(offset, own)
        if bounds is None:
            continue
        low, high = bounds
        density = len(times) / (longest.end - longest.begin)
        by_chance = 1 - np.exp(-density * (high - low))
        if by_chance > BY_CHANCE:
            continue
        missed = np.count_nonzero((offset < low) | (offset > high))
        confirmed = _confirm(others, i, c, low, high)
        if confirmed is None:
            continue
        missed, total = missed + confirmed[0], len(own) + confirmed[1]
        if missed <= 0.03 * total:
            surprise = min(-np.log((missed + 0.5) / (total + 1)), CAP)
            yield _Candidate(by_chance + (high - low) * 50, c, low, high, surprise)


def _bounds(offset: Seconds, own: Seconds) -> tuple[float, float] | None:
    """Where a companion has to come; None where its offset is far, loose or drifts."""
    low, high, middle = np.quantile(offset, [0.01, 0.99, 0.5])
    if abs(middle) > REACH or high - low > REACH:
        return None
    centred = own - own.mean()
    weight = (centred**2).sum()
    rest = np.clip(offset - middle, low - middle, high - middle)
    slope = (centred * rest).sum() / weight
    error = np.sqrt(((rest - rest.mean()) ** 2).mean() / weight)
    if abs(slope) > DRIFT + 2 * error or error > UNSURE_DRIFT:
        return None
    return min(low - 5e-4, middle - 2.2e-3), max(high + 5e-4, middle + 2.2e-3)


def _confirm(
    others: Sequence[_Schedule], i: int, c: int, low: float, high: float
) -> tuple[int, int] | None:
    """Frames of i without c, and all frames of i; None where one segment objects."""
    missed = total = 0
    for segment in others:
        own = segment.inside(i)
        if len(own) < 5 or len(segment.times[c]) < 5:
            continue
        offset = _nearest(segment.times[c], own)
        absent = int(np.count_nonzero((offset < low) | (offset > high)))
        if absent > 0.02 * len(own) + 0.5:
            return None
        missed, total = missed + absent, total + len(own)
    return missed, total


def _nearest(times: Seconds, own: Seconds) -> Seconds:
    """Seconds from each own time to the nearest of the others, negative for an earlier one."""
    at = np.searchsorted(times, own)
    after = np.where(at < len(times), times[np.minimum(at, len(times) - 1)] - own, np.inf)
    before = np.where(at > 0, own - times[np.maximum(at - 1, 0)], np.inf)
    return np.where(after < before, after, -before)
