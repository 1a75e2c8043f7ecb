"""Verdicts counted by window, or by frame, on one capture or on several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.captures import FUSED, CaptureScores
from ml.evaluation.metrics import (
    Counts,
    Metrics,
    Scores,
    checked,
    rates,
    weighted_confusion,
    weighted_metrics,
)


@dataclass(frozen=True)
class Units:
    """Scores, and how many attack and benign units each stands for.

    Attributes:
        scores: (n,).
        threshold: flagged where `score >= threshold`.
        attack: (n,).
        benign: (n,).
    """

    scores: Scores
    threshold: float
    attack: Counts
    benign: Counts

    def metrics(self) -> Metrics:
        """Every measure."""
        return weighted_metrics(self.scores, self.threshold, self.attack, self.benign)

    def confusion(self) -> NDArray[np.int64]:
        """True positives, false positives, false negatives, true negatives, (4,)."""
        return weighted_confusion(self.scores, self.threshold, self.attack, self.benign)


def window_units(capture: CaptureScores, detector: str) -> Units:
    """The counted windows of a capture under one detector.

    Raises:
        InvalidInput: lengths differ or a score is not a finite number.
    """
    seen = capture.of_counted()
    attack, scores = checked(seen.labels, seen.scores[detector])
    return Units(scores, seen.thresholds[detector], attack, ~attack)


def frame_units(capture: CaptureScores) -> Units | None:
    """The frames of a capture's counted windows under the fusion; None without node scores.

    A node at or above the fused threshold flags all its frames in that window. Where windows
    overlap, a frame counts once in each.

    Raises:
        InvalidInput: lengths differ or a score is not a finite number.
    """
    nodes = capture.of_counted().nodes
    if nodes is None:
        return None
    _, scores = checked(nodes.attack_count, nodes.score)
    benign = nodes.frame_count - nodes.attack_count
    return Units(scores, capture.thresholds[FUSED], nodes.attack_count, benign)


def together(parts: Sequence[Units]) -> Metrics | None:
    """The measures of several captures' units as one; None without any.

    Scores of different models share no scale, so where thresholds differ only what follows from
    the verdicts is defined.
    """
    if not parts:
        return None
    if len({part.threshold for part in parts}) == 1:
        return Units(
            np.concatenate([part.scores for part in parts]),
            parts[0].threshold,
            np.concatenate([part.attack for part in parts]),
            np.concatenate([part.benign for part in parts]),
        ).metrics()
    pooled = rates(np.sum([part.confusion() for part in parts], axis=0))
    found = {name: None if np.isnan(value) else float(value) for name, value in pooled.items()}
    return Metrics(**found, auroc=None, ap=None)
