"""A window as a whole: counts over all its frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml.can.features.arrangement import Arrangement, Column, Floats, as_matrix
from ml.can.features.names import NODE_FEATURES, WINDOW_FEATURES
from ml.can.features.nodes import Evidence
from ml.can.runs import Runs

if TYPE_CHECKING:
    from ml.can.profiles.profile import VehicleProfile

LONGEST = 100.0
SHARE = NODE_FEATURES.index("novel_share")


def window_features(
    windows: Arrangement,
    evidence: Evidence,
    node: Floats,
    steps: Runs,
    unseen: tuple[Column, Column],
    profile: VehicleProfile,
) -> Floats:
    """`WINDOW_FEATURES` of each window, (W, F).

    Args:
        windows: the frames.
        evidence: of the single frames.
        node: (R, F) node features.
        steps: the edges.
        unseen: (E,) each: steps of the edge that the profile never saw, and their surprise.
        profile: of the car.
    """
    timing, values, movement = evidence.timing, evidence.values, evidence.movement

    def total(of_frames: Column) -> Column:
        return np.asarray(windows.in_windows(of_frames).sum(axis=1))

    unknown = ~windows.known
    unknown_node = unknown[windows.runs.first].astype(np.float32)
    ratio, measured = timing.ratio, timing.measured
    duration = windows.end - windows.begin
    usual = (windows.runs.shape[1] - 1) / profile.rate
    columns: dict[str, Column] = {
        "unknown_frames": total(unknown),
        "unknown_ids": windows.runs.per_window(unknown_node, np.add),
        "early_30": total(measured & (ratio < 0.3)),
        "early_60": total(measured & (ratio < 0.6)),
        "late_170": total(measured & (ratio > 1.7)),
        "least_ratio": windows.in_windows(ratio).min(axis=1),
        "novel_bytes": total(values.novel_bytes),
        "changed_constant_bits": total(values.changed_bits),
        "unseen_transitions": steps.per_window(unseen[0], np.add),
        "transition_surprise": steps.per_window(unseen[1], np.add),
        "bit_flips": total(movement.excess),
        "length_changes": total(evidence.length_surprise > 0),
        "relative_duration": np.clip(duration / usual, 0, LONGEST),
        "missing_companions": total(evidence.companions.missing),
        "novel_share": node[windows.runs.ptr[:-1], SHARE],
        "profile_seconds": np.full(len(windows.start), np.log1p(profile.seconds)),
    }
    return as_matrix(columns, WINDOW_FEATURES)
