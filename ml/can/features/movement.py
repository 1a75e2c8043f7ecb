"""How unlike its id's own movement a payload's step from the frame before is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.can.features.arrangement import Arrangement, Column, Floats
from ml.can.features.names import CAP
from ml.can.features.payloads import summed_over_bytes
from ml.can.runs import Ints

if TYPE_CHECKING:
    from ml.can.profiles.profile import VehicleProfile


@dataclass(frozen=True)
class Movement:
    """What the step to each of M entries says; all 0 without a known id's frame before it.

    Attributes:
        surprise: (M,) of the byte differences beyond the id's usual.
        glitch: (M,) lesser of the surprises of the steps to and from the entry.
        flips: (M,) bits that differ from the entry before, whether or not that is the same id's.
        flip_surprise: (M,) of so many bits flipping; `stillness`: (M,) of so few.
        excess: (M,) bits beyond the most that ever flipped at once.
    """

    surprise: Floats
    glitch: Floats
    flips: Ints
    flip_surprise: Floats
    stillness: Floats
    excess: Floats


def frame_movement(windows: Arrangement, profile: VehicleProfile) -> Movement:
    """Judge every step by the tables of its id's byte differences and bit flips."""
    table, place = profile.movement, windows.place
    moved = windows.known & windows.follows
    step = np.zeros_like(windows.payload)
    step[1:] = windows.payload[1:] - windows.payload[:-1]
    total = summed_over_bytes(table.surprise, place, step)
    beyond = np.clip(total - table.usual_surprise[place], 0, 4 * CAP)
    surprise = np.where(moved & (table.count[place] > 0), beyond, 0).astype(np.float32)
    onward = np.zeros_like(surprise)
    onward[:-1] = np.where(windows.followed[:-1], surprise[1:], 0)
    flips = np.zeros(len(windows), np.int64)
    flips[1:] = np.bitwise_count(windows.word[1:] ^ windows.word[:-1])
    excess = np.maximum(flips - table.most_flips[place], 0)
    zero = np.float32(0)
    return Movement(
        surprise=surprise,
        glitch=np.where(windows.follows & windows.followed, np.minimum(surprise, onward), zero),
        flips=flips,
        flip_surprise=np.where(moved, table.many_flips[place, flips], zero),
        stillness=np.where(moved, table.few_flips[place, flips], zero),
        excess=np.where(moved, excess, 0).astype(np.float32),
    )


def movement_features(windows: Arrangement, movement: Movement) -> dict[str, Column]:
    """The family `movement` of each node."""
    return {
        "step_surprise": windows.most(movement.surprise),
        "glitch": windows.most(movement.glitch),
        "flip_surprise": windows.most(movement.flip_surprise),
        "excess_flips": windows.most(movement.excess),
        "stillness": windows.total(movement.stillness),
    }
