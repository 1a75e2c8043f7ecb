"""Ids of one controller's task: their frames always come within a few milliseconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from ml.can.features.names import CAP
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
LEAST_IN_SEGMENT = 5
MOST_FRAMES = 1500
UNLIKE = 0.03  # relative difference in how often two ids come
DRIFT = 1e-6
UNSURE_DRIFT = 6e-6
SEPARATE_SEGMENTS = 3
SAME_OFFSET = 1.5e-3
# A busy bus delays a frame by more than the enrolment may show; in seconds, and in periods.
SLACK = 1e-3
SLACK_PERIODS = 0.06
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
        """Search all segments together; each of them must agree.

        Only slow and steady ids are given companions: fast ones need none.
        """
        ids = len(traffic.ids)
        found = Companions(
            place=np.full((ids, MOST), -1, np.int64),
            low=np.zeros((ids, MOST)),
            high=np.zeros((ids, MOST)),
            surprise=np.zeros((ids, MOST), np.float32),
        )
        segments = list(_schedules(traffic))
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

    def inside(self, i: int) -> Seconds:
        times = self.times[i]
        times = times[(times > self.begin) & (times < self.end)]
        if len(times) <= MOST_FRAMES:
            return times
        return times[np.linspace(0, len(times) - 1, MOST_FRAMES).astype(np.int64)]


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
        yield _Schedule(times, time[0] + MARGIN, time[-1] - MARGIN)


def _candidates(segments: Sequence[_Schedule], i: int) -> Iterator[_Candidate]:
    owns = [segment.inside(i) for segment in segments]
    seen = [n for n, own in enumerate(owns) if len(own) >= LEAST_IN_SEGMENT]
    segments, owns = [segments[n] for n in seen], [owns[n] for n in seen]
    if sum(map(len, owns)) < LEAST_FRAMES:
        return
    seconds = sum(segment.end - segment.begin for segment in segments)
    frames = sum(len(segment.times[i]) for segment in segments)
    for c in range(len(segments[0].times)):
        count = sum(len(segment.times[c]) for segment in segments)
        if c == i or abs(count / frames - 1) > UNLIKE or not all(len(s.times[c]) for s in segments):
            continue
        offsets = [
            _nearest(segment.times[c], own) for segment, own in zip(segments, owns, strict=True)
        ]
        bounds = _bounds(offsets, owns, SLACK_PERIODS * seconds / frames)
        if bounds is None:
            continue
        low, high = bounds
        by_chance = 1 - np.exp(-count / seconds * (high - low))
        missed = [int(np.count_nonzero((offset < low) | (offset > high))) for offset in offsets]
        agreed = all(m <= 0.02 * len(own) + 0.5 for m, own in zip(missed, owns, strict=True))
        if by_chance <= BY_CHANCE and agreed:
            total = sum(map(len, owns))
            surprise = min(-np.log((sum(missed) + 0.5) / (total + 1)), CAP)
            yield _Candidate(by_chance + (high - low) * 50, c, low, high, surprise)


def _bounds(
    offsets: Sequence[Seconds], owns: Sequence[Seconds], least_slack: float
) -> tuple[float, float] | None:
    """Where a companion has to come; None where its offset is far, loose or drifts.

    Args:
        offsets: of each segment, seconds from the id's frames to the companion's nearest ones.
        owns: of each segment, times of the id's frames.
        least_slack: seconds by which to widen what was seen, at least.
    """
    low, high, middle = np.quantile(np.concatenate(offsets), [0.01, 0.99, 0.5])
    if abs(middle) > REACH or high - low > REACH:
        return None
    middles = [float(np.median(offset)) for offset in offsets]
    # Clocks of two controllers start apart and drift: one task's do neither, in any drive.
    apart = max(middles) - min(middles)
    longest = int(np.argmax([own[-1] - own[0] for own in owns]))
    slope, error = _drift(np.clip(offsets[longest], low, high), owns[longest])
    drifts = abs(slope) > DRIFT + 2 * error
    sure = error <= UNSURE_DRIFT or (len(middles) >= SEPARATE_SEGMENTS and apart <= SAME_OFFSET)
    if drifts or not sure:
        return None
    slack = max(SLACK + (high - low) / 2, least_slack)
    return low - slack, high + slack


def _drift(offset: Seconds, own: Seconds) -> tuple[float, float]:
    """Seconds a second by which an offset changes, and the standard error of that."""
    centred = own - own.mean()
    weight = (centred**2).sum()
    slope = (centred * (offset - offset.mean())).sum() / weight
    return float(slope), float(offset.std() / np.sqrt(weight))


def _nearest(times: Seconds, own: Seconds) -> Seconds:
    """Seconds from each own time to the nearest of the others, negative for an earlier one."""
    at = np.searchsorted(times, own)
    after = np.where(at < len(times), times[np.minimum(at, len(times) - 1)] - own, np.inf)
    before = np.where(at > 0, own - times[np.maximum(at - 1, 0)], np.inf)
    return np.where(after < before, after, -before)
