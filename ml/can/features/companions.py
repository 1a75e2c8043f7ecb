"""Whether the ids that always come with a frame came with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.can.features.arrangement import Arrangement, Column, Floats, Seconds
from ml.can.runs import Ints

if TYPE_CHECKING:
    from ml.can.profiles.profile import VehicleProfile

FAR = 0.002
"""Seconds; a busy bus delays a companion by less, and what is less away weighs less."""
STRONG = 2.0
"""Nats; a companion whose absence surprises less is not counted."""


@dataclass(frozen=True)
class Companions:
    """Of each of M entries.

    Attributes:
        surprise: (M,) of the companions that did not come, or came too early or late, summed.
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
        away = _seconds_away(windows, presence, companion[at], window, low, high)
        weight = table.surprise[windows.place[at], rank] * np.minimum(away / FAR, 1)
        surprise[at] += weight
        missing[at] += weight > STRONG
    return Companions(surprise, missing)


def _presence(windows: Arrangement, companions: Ints) -> Ints:
    """Every frame of an id that is a companion as one number, place and row, ascending."""
    wanted = np.zeros(len(companions), bool)
    wanted[companions[companions >= 0]] = True
    at = np.flatnonzero(windows.known & wanted[windows.place])
    return np.sort(windows.place[at] * len(windows.frames) + windows.row[at])


def _seconds_away(
    windows: Arrangement, presence: Ints, place: Ints, window: Ints, low: Seconds, high: Seconds
) -> Seconds:
    """How far outside `low` to `high` the nearest frame of the id at `place` is, at least, (m,).

    0 where one comes in time. Nothing is known beyond the window, so its ends count as frames.
    """
    time, first = windows.frames.timestamp, windows.start[window]
    beyond = first + windows.runs.shape[1]
    base = place * len(windows.frames)
    # Among the id's frames: the first one that is not too early, and the first that is too late.
    due = np.searchsorted(presence, base + np.searchsorted(time, low, "left"))
    over = np.searchsorted(presence, base + np.searchsorted(time, high, "right"))
    before = presence[np.maximum(due - 1, 0)] - base
    after = presence[np.minimum(over, len(presence) - 1)] - base
    seen_before = (due > 0) & (before >= first)
    seen_after = (over < len(presence)) & (after < beyond) & (after >= first)
    last = np.where(seen_before, time[np.where(seen_before, before, 0)], windows.begin[window])
    following = np.where(seen_after, time[np.where(seen_after, after, 0)], windows.end[window])
    away = np.maximum(np.minimum(low - last, following - high), 0)
    return np.where(over > due, 0, away)


def companion_features(windows: Arrangement, companions: Companions) -> dict[str, Column]:
    """The family `companions` of each node."""
    return {
        "companion_surprise": windows.most(companions.surprise),
        "missing_companions": windows.most(companions.missing),
    }
