"""Steps from one frame to the next against the steps that the profile knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml.can.features.arrangement import Arrangement, Column, Floats, as_matrix
from ml.can.features.names import EDGE_FEATURES
from ml.can.runs import Ints, Runs

if TYPE_CHECKING:
    from ml.can.profiles.profile import VehicleProfile

LARGEST_GAP_RATIO = 100.0


def edge_features(
    windows: Arrangement, steps: Runs, edge_index: Ints, profile: VehicleProfile
) -> tuple[Floats, Column, Column]:
    """`EDGE_FEATURES` of each run of one step, (E, F).

    Args:
        windows: the frames, whose runs are the nodes.
        steps: runs of equal steps among the P − 1 of each window.
        edge_index: (2, E) source and target node of each run.
        profile: of the car.

    Returns:
        the features, and of each edge the number of steps between known ids that the profile never
        saw, and their surprise; both (E,).
    """
    nodes = windows.runs.first
    source, target = nodes[edge_index]
    both = windows.known[source] & windows.known[target]
    seen = both & profile.transitions.holds(windows.place[source], windows.place[target])
    novel = both & ~seen
    surprise = np.where(novel, profile.transitions.novelty[windows.place[source]], np.float32(0))
    count = steps.count
    columns: dict[str, Column] = {
        "share": count / steps.shape[1],
        "unseen": ~seen,
        "surprise": surprise,
        "self_loop": edge_index[0] == edge_index[1],
        "gap_ratio": np.minimum(_mean_gap(windows, steps) * profile.rate, LARGEST_GAP_RATIO),
    }
    features = as_matrix(columns, EDGE_FEATURES)
    # Sums over a window in float64, so that the order of its ids changes none of them.
    unseen = np.where(novel, count, 0.0)
    return features, unseen, unseen * surprise


def _mean_gap(windows: Arrangement, steps: Runs) -> Column:
    """Mean seconds of each run of one step, (E,)."""
    time = windows.frames.timestamp
    row = windows.start[steps.window] + steps.position
    gap = np.maximum(time[row + 1] - time[row], 0)
    mean: Column = steps.sums(gap) / steps.count
    return mean
