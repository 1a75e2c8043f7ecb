"""Extra frames that a change explains: many ids are sent at once when something happens.

Such a frame is early, changes a few bits, and the change lasts; it may be repeated soon. An
injected frame changes nothing, or much, or the next genuine frame takes the change back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml.can.features.arrangement import Arrangement, Column, Mask
from ml.can.features.movement import Movement
from ml.can.features.timing import STEADY, Timing
from ml.can.features.values import Values

if TYPE_CHECKING:
    from ml.can.profiles.profile import VehicleProfile

FEW_BITS = 3
EARLY_RATIO = 0.6


def explained(windows: Arrangement, values: Values, movement: Movement) -> Mask:
    """(M,) whether each entry tells of a small change that lasts, as far as its window shows.

    It changes a few bits and the id's next frame keeps them; or it repeats a frame that changed a
    few bits; or it repeats a state that is new by a few bits.
    """
    changed = windows.follows & (movement.flips >= 1) & (movement.flips <= FEW_BITS)
    same = windows.follows & (movement.flips == 0)
    kept = ~windows.followed
    kept[:-1] |= same[1:]
    repeats = np.zeros(len(windows), bool)
    repeats[1:] = same[1:] & changed[:-1]
    new = (values.changed_bits >= 1) & (values.changed_bits <= FEW_BITS)
    tells: Mask = (changed & kept) | repeats | (same & new)
    return tells


def event_features(
    windows: Arrangement,
    timing: Timing,
    told: Mask,
    frames_too_many: Column,
    profile: VehicleProfile,
) -> dict[str, Column]:
    """The family `events` of each node.

    Args:
        windows: the frames.
        timing: of each entry.
        told: (M,) what `explained` gave.
        frames_too_many: (R,) of each node.
        profile: of the car.
    """
    around = told.copy()
    around[:-1] |= told[1:] & windows.followed[:-1]
    zero = np.float32(0)
    early = np.maximum(
        np.where(told, zero, timing.surprise), np.where(around, zero, timing.two_step_surprise)
    )
    first = windows.runs.first
    steady = windows.known[first] & (profile.intervals.jitter[windows.place[first]] <= STEADY)
    extra = windows.total(told & timing.measured & (timing.ratio < EARLY_RATIO))
    return {
        "early_unexplained": windows.most(early),
        "frames_unexplained": np.maximum(frames_too_many - np.where(steady, extra, zero), -3),
    }
