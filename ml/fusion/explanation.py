"""Which of the fusion's inputs moved a fused score, exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ml.can.features import WINDOW_FEATURES
from ml.fusion.cache import PredictionCache
from ml.fusion.policy import FusionPolicy, fuse
from ml.fusion.state import SCORES, Floats
from ml.shapley import coalitions, shapley_values

INPUTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "anomaly_score": (),
        "gat_prob": (),
        "ids": ("unknown_frames", "unknown_ids", "length_changes"),
        "timing": ("early_30", "early_60", "late_170", "least_ratio", "relative_duration"),
        "values": ("novel_bytes", "changed_constant_bits", "bit_flips"),
        "order": ("unseen_transitions", "transition_surprise", "missing_companions"),
        "profile": ("novel_share", "profile_seconds"),
    }
)
"""The fusion's inputs: the two scores, then groups of window features."""

# Windows of a cache that its importance is measured on, evenly spread.
MEASURED = 400


@dataclass(frozen=True)
class PolicyExplanation:
    """Why windows got their fused scores.

    Attributes:
        inputs: P names, see `INPUTS`.
        contribution: (W, P) what each input added; a row sums to `fused_score − usual`.
        fused_score: (W,) the fused scores.
        usual: the mean fused score of the benign windows that the policy keeps to compare with.
    """

    inputs: tuple[str, ...]
    contribution: NDArray[np.float64]
    fused_score: NDArray[np.float64]
    usual: float


def explain_policy(
    policy: FusionPolicy, anomaly_score: Floats, gat_prob: Floats, context: Floats | None = None
) -> PolicyExplanation:
    """Exact Shapley values of the fused score over the fusion's inputs.

    What a coalition of inputs is worth is the mean fused score where the inputs outside it come
    from benign windows, over all of those that the policy keeps (interventional Shapley values:
    Lundberg & Lee, "A unified approach to interpreting model predictions", 2017).

    Args:
        policy: of the release.
        anomaly_score: (W,) in [0, 1].
        gat_prob: (W,) in [0, 1].
        context: (W, C) window features; without them, or where the policy keeps none to compare
            with, their inputs add nothing.
    """
    background = policy.background
    columns = [anomaly_score[:, None], gat_prob[:, None]]
    if context is None or background.shape[1] == SCORES:
        background = background[:, :SCORES]
    else:
        columns.append(context)
    state = np.concatenate(columns, axis=1)
    rows = [_worth(policy, window, background) for window in state.astype(np.float32)]
    worth = np.stack(rows) if rows else np.zeros((0, 2 ** len(INPUTS)))
    usual = _fused(policy, background).mean()
    return PolicyExplanation(
        inputs=tuple(INPUTS),
        contribution=shapley_values(worth, len(INPUTS)),
        fused_score=worth[:, -1],
        usual=float(usual),
    )


def policy_importance(policy: FusionPolicy, cache: PredictionCache) -> dict[str, float]:
    """How much each input moves the fused score: its mean absolute Shapley value over a cache.

    It is measured on evenly spread windows, half of them attacks where there are enough.
    """
    label = cache.label
    picked = [_spread(np.flatnonzero(label == n), MEASURED // 2) for n in (0, 1)]
    rows = np.sort(np.concatenate(picked))
    found = explain_policy(
        policy, cache.anomaly_score[rows], cache.gat_prob[rows], cache.context[rows]
    )
    mean = np.abs(found.contribution).mean(axis=0)
    return {name: float(value) for name, value in zip(found.inputs, mean, strict=True)}


def _worth(policy: FusionPolicy, window: Floats, background: Floats) -> NDArray[np.float64]:
    """(2^P,) mean fused score of each coalition of a window's inputs."""
    kept = coalitions(len(INPUTS)) @ _columns(background.shape[1])
    mixed = np.where(kept[:, None] > 0, window, background)
    fused = _fused(policy, mixed.reshape(-1, background.shape[1]))
    worth: NDArray[np.float64] = fused.reshape(len(kept), -1).mean(axis=1)
    return worth


def _fused(policy: FusionPolicy, state: Floats) -> NDArray[np.float64]:
    anomaly, gat, context = state[:, 0], state[:, 1], state[:, SCORES:]
    alpha = policy.alpha(anomaly, gat, context if context.shape[1] else None)
    return fuse(alpha, anomaly, gat).astype(np.float64)


def _columns(width: int) -> NDArray[np.int64]:
    """Which columns of a state belong to each input, (P, width) of 0 and 1."""
    names: Sequence[str] = ("anomaly_score", "gat_prob", *WINDOW_FEATURES)
    belongs = [
        [name == of or name in features for name in names] for of, features in INPUTS.items()
    ]
    columns: NDArray[np.int64] = np.array(belongs, np.int64)[:, :width]
    return columns


def _spread(rows: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.intp)]
