"""How early or late frames come against their id's own intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.can.features.arrangement import Arrangement, Column, Floats, Mask, Seconds
from ml.can.features.names import CAP
from ml.can.runs import Ints

if TYPE_CHECKING:
    from ml.can.profiles.profile import VehicleProfile

LARGEST_RATIO = 8.0
STEADY = 0.5  # relative jitter over which counting frames against a period means nothing
SHORTEST = 1e-9


@dataclass(frozen=True)
class Timing:
    """What the intervals of each of M entries say.

    Attributes:
        timed: (M,) whether the profile knows a period for the id.
        measured: (M,) whether the entry has a known period and a frame before it.
        ratio: (M,) interval / period, 1 where not measured.
        surprise: (M,) −log P(interval this short).
        two_step_ratio, two_step_surprise: (M,) the same over the two intervals around the entry.
        late: (M,) periods by which the interval exceeds the longest known.
        early: (M,) evidence at the frame itself, from the intervals before, after and around it.
    """

    timed: Mask
    measured: Mask
    ratio: Floats
    surprise: Floats
    two_step_ratio: Floats
    two_step_surprise: Floats
    late: Floats
    early: Floats


def frame_timing(windows: Arrangement, profile: VehicleProfile) -> Timing:
    """Judge every interval by the quantiles of its id's intervals in the profile."""
    known = profile.intervals
    place, time, n = windows.place, windows.time, len(windows)
    timed = windows.known & (known.one_count[place] >= 2)
    measured = timed & windows.follows
    at = np.flatnonzero(measured)
    interval = np.zeros(n)
    interval[1:] = np.maximum(np.diff(time), 0)
    period = known.period[place[at]]
    ratio = np.ones(n, np.float32)
    ratio[at] = np.minimum(interval[at] / period, LARGEST_RATIO)
    surprise = np.zeros(n, np.float32)
    surprise[at] = early_surprise(known.one, known.one_count, place[at], interval[at])
    late = np.zeros(n, np.float32)
    beyond = interval[at] - known.one[place[at], -1]
    late[at] = np.clip(beyond / np.maximum(period, 1e-4), 0, LARGEST_RATIO)

    at = np.flatnonzero(measured & windows.followed & (known.two_count[place] >= 2))
    both = np.maximum(time[at + 1] - time[at - 1], 0)
    two_ratio = np.ones(n, np.float32)
    two_ratio[at] = np.minimum(both / (2 * known.period[place[at]]), LARGEST_RATIO)
    two_surprise = np.zeros(n, np.float32)
    two_surprise[at] = early_surprise(known.two, known.two_count, place[at], both)
    early = _early(windows, surprise, two_surprise)
    return Timing(timed, measured, ratio, surprise, two_ratio, two_surprise, late, early)


def _early(windows: Arrangement, before: Floats, around: Floats) -> Floats:
    """An extra frame splits an interval: its both neighbours are near, or it is near to its one."""
    after = np.zeros_like(before)
    after[:-1] = np.where(windows.followed[:-1], before[1:], 0)
    both = np.minimum(before, np.where(windows.followed, after, before))
    at_the_edge = ~(windows.follows & windows.followed)
    either = np.where(at_the_edge, np.maximum(before, after), np.float32(0))
    return np.maximum(np.maximum(both, around), either)


def early_surprise(quantiles: Seconds, count: Ints, place: Ints, interval: Seconds) -> Floats:
    """−log P(interval ≤ x) in nats, at most `CAP`.

    Args:
        quantiles: (I, Q) of each id's intervals, ascending.
        count: (I,) how many intervals they are from; a rarer event than one in twice as many
            cannot be told.
        place: (m,) whose interval.
        interval: (m,) seconds. Below the shortest known one the surprise goes on growing with the
            distance, in units of half the spread.
    """
    levels = quantiles.shape[1]
    below = _count_up_to(quantiles, place, interval)
    tail = np.maximum(below / levels, 0.5 / (count[place] + 1))
    surprise = -np.log(tail)
    short = np.flatnonzero(below == 0)
    where = place[short]
    least, middle = quantiles[where, 0], quantiles[where, levels // 2]
    spread = np.maximum(np.maximum(middle - least, 0.01 * middle), SHORTEST)
    distance = np.maximum(least - interval[short], 0) / spread
    surprise[short] += np.minimum(3 * distance, CAP)
    capped: Floats = np.minimum(surprise, CAP).astype(np.float32)
    return capped


def _count_up_to(quantiles: Seconds, place: Ints, interval: Seconds) -> Ints:
    """How many of an id's Q quantiles are at most each interval, (m,); Q is a power of two."""
    flat, levels = quantiles.reshape(-1), quantiles.shape[1]
    base = place * levels - 1
    found = np.zeros(len(place), np.int64)
    step = levels
    while step > 1:
        step //= 2
        found += step * (flat[base + found + step] <= interval)
    found += flat[base + found + 1] <= interval
    return found


def timing_features(
    windows: Arrangement, timing: Timing, profile: VehicleProfile
) -> dict[str, Column]:
    """The family `timing` of each node."""
    runs, time = windows.runs, windows.time
    place, timed = windows.place[runs.first], timing.timed[runs.first]
    period = np.where(timed, profile.intervals.period[place], np.inf)
    span = time[runs.last] - time[runs.first]
    steady = windows.known[runs.first] & (profile.intervals.jitter[place] <= STEADY)
    too_many = np.where(steady & timed, (runs.count - 1) - span / period, 0)
    duration = (windows.end - windows.begin)[runs.window[runs.first]]
    surplus = np.where(timed, runs.count - (np.floor(duration / period) + 1), 0)
    return {
        "least_interval_ratio": windows.least(timing.ratio),
        "early_surprise": windows.most(timing.surprise),
        "least_two_step_ratio": windows.least(timing.two_step_ratio),
        "early_two_step_surprise": windows.most(timing.two_step_surprise),
        "frames_too_many": np.clip(too_many, -3, 20),
        "lateness": windows.most(timing.late),
        "surplus_frames": np.clip(surplus, -5, 30),
    }
