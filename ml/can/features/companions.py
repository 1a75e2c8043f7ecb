"""Whether the ids that always come with a frame came with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.can.features.arrangement import Arrangement, Column, Floats, Mask, Seconds
from ml.can.runs import Ints

if TYPE_CHECKING:
    from ml.can.profiles.profile import VehicleProfile

STRONG = 2.0
"""Nats; a companion whose absence surprises less is not counted."""


@dataclass(frozen=True)
class Companions:
    """Of each of M entries.

    Attributes:
        surprise: (M,) of the companions that did not come, summed.
        missing: (M,) how many strong companions did not come.
    """

    surprise: Floats
    missing: Floats


def frame_companions(windows: Arrangement, profile: VehicleProfile) -> Companions:
    """Look for each companion where it has to be, if that stretch lies within the window."""
    table, runs = profile.companions, windows.runs
    surprise, missing = np.zeros((2, len(windows)), np.float32)
    presence: Ints | None = None
    for rank in range(table.place.shape[1]):
        companion = table.place[windows.place, rank]
        at = np.flatnonzero(windows.known & (companion >= 0))
        where = windows.place[at]
        low = windows.time[at] + table.low[where, rank]
        high = windows.time[at] + table.high[where, rank]
        window = runs.window[at]
        inside = (low >= windows.begin[window]) & (high <= windows.end[window])
        at, low, high, window = at[inside], low[inside], high[inside], window[inside]
        if not len(at):
            continue
        if presence is None:
            presence = _presence(windows, table.place)
        absent = ~_comes(windows, presence, companion[at], window, low, high)
        weight = table.surprise[windows.place[at], rank]
        surprise[at] += np.where(absent, weight, 0)
        missing[at] += absent & (weight > STRONG)
    return Companions(surprise, missing)


def _presence(windows: Arrangement, companions: Ints) -> Ints:
    """Every frame of an id that is a companion as one number, place and row, ascending."""
    wanted = np.zeros(len(companions), bool)
    wanted[companions[companions >= 0]] = True
    at = np.flatnonzero(windows.known & wanted[windows.place])
    return np.sort(windows.place[at] * len(windows.frames) + windows.row[at])


def _comes(
    windows: Arrangement, presence: Ints, place: Ints, window: Ints, low: Seconds, high: Seconds
) -> Mask:
    """Whether the window has a frame of the id at `place` between `low` and `high`, (m,)."""
    time, first = windows.frames.timestamp, windows.start[window]
    beyond = first + windows.runs.shape[1]
    begin = np.clip(np.searchsorted(time, low, "left"), first, beyond)
    end = np.clip(np.searchsorted(time, high, "right"), first, beyond)
    base = place * len(windows.frames)
    came: Mask = np.searchsorted(presence, base + end) > np.searchsorted(presence, base + begin)
    return came


def companion_features(windows: Arrangement, companions: Companions) -> dict[str, Column]:
    """The family `companions` of each node."""
    return {
        "companion_surprise": windows.most(companions.surprise),
        "missing_companions": windows.most(companions.missing),
    }
