"""The most that a car's own benign traffic reaches against a profile that has not seen it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ml.can.features.arrangement import Arrangement, Floats
from ml.can.features.names import NODE_FEATURES, RECORDED
from ml.can.features.nodes import node_features
from ml.can.frames import Frames
from ml.can.profiles.profile import VehicleProfile
from ml.can.runs import Runs

RECORD_WINDOW = 100
COLUMNS = [NODE_FEATURES.index(name) for name in RECORDED]

Learn = Callable[[Sequence[Frames]], VehicleProfile]


def held_out_record(segments: Sequence[Frames], profile: VehicleProfile, learn: Learn) -> Floats:
    """Judge each half of the enrolment by a profile of the other half.

    Returns:
        (I, len(RECORDED)) the second-largest value of each id in any window of either half: the
        largest may be an accident.
    """
    first = [s[: len(s) // 2] for s in segments]
    second = [s[len(s) // 2 :] for s in segments]
    record = np.zeros((len(profile.ids), len(RECORDED)), np.float32)
    for learnt, judged in ((first, second), (second, first)):
        some = [s for s in learnt if len(s)]
        if not some:
            continue
        half = learn(some)
        for segment in judged:
            record = np.maximum(record, _reached(segment, half, profile))
    return record


def _reached(segment: Frames, half: VehicleProfile, profile: VehicleProfile) -> Floats:
    """Second-largest value of each feature by id, (I, len(RECORDED)); 0 where `half` lacks one."""
    windows = len(segment) // RECORD_WINDOW
    top, second = np.zeros((2, len(profile.ids), len(RECORDED)), np.float32)
    if windows == 0:
        return second
    ids = segment.arbitration[: windows * RECORD_WINDOW].astype(np.uint64)
    runs = Runs.of(ids.reshape(windows, RECORD_WINDOW))
    starts = np.arange(windows) * RECORD_WINDOW
    node, _ = node_features(Arrangement.of(segment, starts, runs, half), half)
    known = node[:, NODE_FEATURES.index("unknown")] == 0
    place, _ = profile.places(runs.key[runs.first][known].astype(np.uint32))
    value = node[known][:, COLUMNS]
    np.maximum.at(top, place, value)
    np.maximum.at(second, place, np.where(value < top[place], value, 0))
    return second
