"""From benign traffic to the profile of its car."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ml.can.features.names import RECORDED
from ml.can.frames import Frames
from ml.can.profiles.checks import Checks
from ml.can.profiles.companions import Companions
from ml.can.profiles.dirt import without_dirt
from ml.can.profiles.intervals import Intervals
from ml.can.profiles.movement import Movement
from ml.can.profiles.profile import MOST_IDS, VehicleProfile
from ml.can.profiles.record import RECORD_WINDOW, held_out_record
from ml.can.profiles.traffic import EnrolledTraffic
from ml.can.profiles.transitions import Transitions
from ml.can.profiles.values import Lengths, Values
from ml.errors import InvalidInput

LEAST_FRAMES = 2 * RECORD_WINDOW
MOST_FRAMES = 2_000_000


def learn_profile(segments: Sequence[Frames]) -> VehicleProfile:
    """Learn what is usual on a car's bus.

    Args:
        segments: benign traffic of one car, each in time order and without a gap; what spans two
            frames (intervals, steps) is never taken across segments. Error frames are left out,
            and a little dirt, see `without_dirt`.

    Raises:
        InvalidInput: there are fewer than `LEAST_FRAMES` frames or more than `MOST_FRAMES`, or
            more ids than a car has.
    """
    traffic = [s.traffic() for s in segments]
    traffic = [s for s in traffic if len(s)]
    total = sum(len(s) for s in traffic)
    if total < LEAST_FRAMES:
        raise InvalidInput(
            f"An enrolment takes {LEAST_FRAMES} frames, but there are only {total}.",
            "Give more benign traffic; 30 seconds, parked and driving, are good.",
        )
    if total > MOST_FRAMES:
        raise InvalidInput(
            f"An enrolment takes at most {MOST_FRAMES} frames, but there are {total}.",
            "Give a part of it; 30 seconds, parked and driving, are good.",
        )
    clean = [s for s in without_dirt(traffic) if len(s)]
    profile = learn_tables(clean)
    return replace(profile, record=held_out_record(clean, profile, learn_tables))


def learn_tables(segments: Sequence[Frames]) -> VehicleProfile:
    """A profile with an empty record, from segments that are not empty and hold no dirt."""
    traffic = EnrolledTraffic.of(segments)
    if len(traffic.ids) > MOST_IDS:
        raise InvalidInput(
            f"This traffic has {len(traffic.ids)} ids; a car has at most {MOST_IDS}.",
            "Enrol from benign traffic: so many ids are a flood of random ones.",
        )
    intervals = Intervals.learn(traffic)
    values = Values.learn(traffic)
    return VehicleProfile(
        ids=traffic.ids,
        frames_of_id=traffic.count,
        span=np.array([traffic.seconds]),
        record=np.zeros((len(traffic.ids), len(RECORDED)), np.float32),
        lengths=Lengths.learn(traffic),
        intervals=intervals,
        values=values,
        movement=Movement.learn(traffic),
        checks=Checks.learn(traffic, values.distinct_payloads),
        companions=Companions.learn(traffic, intervals),
        transitions=Transitions.learn(traffic),
    )
