"""Every detector on every capture, and pooled over each split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.metrics import (
    Interval,
    Labels,
    Scores,
    bootstrap_intervals,
    confusion,
    window_metrics,
)


@dataclass(frozen=True)
class CaptureScores:
    """What the detectors said about one capture.

    Attributes:
        path: of the capture, as people know it.
        split: the split it belongs to.
        vehicle: whose bus it is.
        attack: kind of attack, None for an attack-free capture.
        labels: (W,), 1 where the window holds an attack.
        window_start: (W,) seconds, time of the window's first frame.
        window_end: (W,) seconds, time of its last frame.
        scores: (W,) per detector name.
    """

    path: str
    split: str
    vehicle: str
    attack: str | None
    labels: Labels
    window_start: NDArray[np.float64]
    window_end: NDArray[np.float64]
    scores: Mapping[str, Scores]


def compare(captures: Sequence[CaptureScores], thresholds: Mapping[str, float]) -> dict[str, Any]:
    """Measure every detector.

    Args:
        captures: in the order to report.
        thresholds: per detector; those named here are measured, in this order.

    Returns:
        JSON-able `{"captures": [{"path", "split", "vehicle", "attack", "windows",
        "attack_windows", "detectors": {name: metrics}}], "splits": {split: {name: metrics}}}`,
        a split's metrics over the windows of all its captures together.
    """
    return {
        "captures": [_row(capture, thresholds) for capture in captures],
        "splits": {
            split: _detectors(*_pooled(members), thresholds)
            for split, members in by_split(captures).items()
        },
    }


def compare_intervals(
    captures: Sequence[CaptureScores], thresholds: Mapping[str, float], *, seed: int = 0
) -> dict[str, dict[str, Mapping[str, Interval | None]]]:
    """Bootstrap intervals over captures: split → detector → measure → interval or None."""
    return {
        split: {
            name: bootstrap_intervals(_capture_counts(members, name, threshold), seed=seed)
            for name, threshold in thresholds.items()
        }
        for split, members in by_split(captures).items()
    }


def by_split(captures: Sequence[CaptureScores]) -> dict[str, list[CaptureScores]]:
    """The captures of each split, splits in order of appearance."""
    splits: dict[str, list[CaptureScores]] = {}
    for capture in captures:
        splits.setdefault(capture.split, []).append(capture)
    return splits


def pool(members: Sequence[CaptureScores], name: str) -> tuple[Labels, Scores]:
    """Labels and one detector's scores of several captures, end to end."""
    labels = np.concatenate([capture.labels for capture in members])
    return labels, np.concatenate([capture.scores[name] for capture in members])


def _row(capture: CaptureScores, thresholds: Mapping[str, float]) -> dict[str, Any]:
    return {
        "path": capture.path,
        "split": capture.split,
        "vehicle": capture.vehicle,
        "attack": capture.attack,
        "windows": len(capture.labels),
        "attack_windows": int(np.count_nonzero(capture.labels)),
        "detectors": _detectors(capture.labels, capture.scores, thresholds),
    }


def _detectors(
    labels: Labels, scores: Mapping[str, Scores], thresholds: Mapping[str, float]
) -> dict[str, dict[str, float | None]]:
    return {
        name: window_metrics(labels, scores[name], threshold).to_dict()
        for name, threshold in thresholds.items()
    }


def _pooled(members: Sequence[CaptureScores]) -> tuple[Labels, dict[str, Scores]]:
    labels = np.concatenate([capture.labels for capture in members])
    return labels, {name: pool(members, name)[1] for name in members[0].scores}


def _capture_counts(
    members: Sequence[CaptureScores], name: str, threshold: float
) -> NDArray[np.int64]:
    return np.stack([confusion(c.labels, c.scores[name], threshold) for c in members])
