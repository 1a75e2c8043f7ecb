"""Every detector on every capture, averaged over captures and pooled over each split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ml.errors import InvalidInput
from ml.evaluation.averages import against_rivals, attack_free, macro_averages
from ml.evaluation.baselines import oracle_scores
from ml.evaluation.captures import FUSED, CaptureScores, by_split
from ml.evaluation.events import Events, capture_events, seconds_covered
from ml.evaluation.levels import Units, frame_units, together, window_units
from ml.evaluation.metrics import Metrics, window_metrics
from ml.evaluation.thresholds import tune_threshold_at_fpr

FPR = 0.01
Measured = dict[str, float | None]


def compare(captures: Sequence[CaptureScores], *, seed: int = 0) -> dict[str, Any]:
    """Measure every detector.

    Args:
        captures: in the order to report.
        seed: of the bootstrap.

    Returns:
        JSON-able. `captures`: a row each with its `detectors`, each one's measures; `splits` and
        `pooled`: the measures over the windows of several captures together; `macro`: the mean over
        captures of each measure with its intervals over captures and over cars; `against`: the
        fusion's lead over each rival in macro MCC, with an outcome; `attack_free`: false alarms on
        attack-free captures; `levels`: the fusion by window, frame and event; `events`: by
        detector; `without_shared`: the same without the windows that share traffic with the
        training captures, None where there are none.

    Raises:
        InvalidInput: captures name different detectors, or scores do not fit the windows.
    """
    _require_same_detectors(captures)
    seen = [capture.of_counted() for capture in captures]
    rows = [
        {**_row(known), "masked_windows": capture.masked}
        for capture, known in zip(captures, seen, strict=True)
    ]
    shared = any(row["shared_windows"] for row in rows)
    return {
        "captures": rows,
        "splits": {split: _pooled(members) for split, members in by_split(seen).items()},
        **_summary(seen, rows, seed),
        "without_shared": _without_shared(seen, rows, seed) if shared else None,
    }


def _require_same_detectors(captures: Sequence[CaptureScores]) -> None:
    named = {tuple(capture.thresholds) for capture in captures}
    if len(named) > 1:
        raise InvalidInput(
            f"Captures name different detectors: {sorted(named)}.",
            "Give every capture a threshold for the same detectors, in the same order.",
        )


def _without_shared(
    captures: Sequence[CaptureScores], rows: Sequence[dict[str, Any]], seed: int
) -> dict[str, Any]:
    kept = [capture.of_unshared() for capture in captures]
    rows = [
        _row(unshared) if row["shared_windows"] else row
        for unshared, row in zip(kept, rows, strict=True)
    ]
    windows = sum(row["windows"] for row in rows)
    return {"windows": windows, **_summary(kept, rows, seed)}


def _summary(
    captures: Sequence[CaptureScores], rows: Sequence[Mapping[str, Any]], seed: int
) -> dict[str, Any]:
    cars = [capture.vehicle for capture in captures]
    measured = [row["detectors"] for row in rows]
    pooled = _pooled(captures)
    events = {name: Events.together(_events(captures, name)).to_dict() for name in pooled}
    frames = together([u for c in captures if FUSED in pooled and (u := frame_units(c))])
    return {
        "pooled": pooled,
        "macro": macro_averages(measured, cars, seed),
        "against": against_rivals(measured, cars, seed),
        "attack_free": attack_free(rows),
        "levels": {
            "window": pooled.get(FUSED),
            "frame": frames.to_dict() if frames else None,
            "event": events.get(FUSED),
        },
        "events": events,
    }


def _row(seen: CaptureScores) -> dict[str, Any]:
    detectors = {name: _measured([seen], name) for name in seen.thresholds}
    frames = frame_units(seen) if FUSED in detectors else None
    return {
        "path": seen.path,
        "split": seen.split,
        "vehicle": seen.vehicle,
        "attack": seen.attack,
        "windows": len(seen.labels),
        "attack_windows": int(np.count_nonzero(seen.labels)),
        "shared_windows": 0 if seen.shared is None else int(np.count_nonzero(seen.shared)),
        "seconds": seconds_covered(seen.window_start, seen.window_end),
        "thresholds": dict(seen.thresholds),
        "detectors": detectors,
        "oracle": _oracle(seen),
        "levels": {
            "window": detectors.get(FUSED),
            "frame": frames.metrics().to_dict() if frames else None,
            "event": capture_events(seen).to_dict() if FUSED in detectors else None,
        },
    }


def _pooled(captures: Sequence[CaptureScores]) -> dict[str, Measured]:
    names = captures[0].thresholds if captures else ()
    return {name: _measured(captures, name) for name in names}


def _measured(captures: Sequence[CaptureScores], name: str) -> Measured:
    units = [window_units(capture, name) for capture in captures]
    measured = together(units) or Metrics(*[None] * 7)
    return {**measured.to_dict(), "recall_at_fpr": _recall_at_fpr(units)}


def _recall_at_fpr(units: Sequence[Units]) -> float | None:
    """Recall where at most 1 % of these very benign windows are flagged: it compares rankings."""
    if len({unit.threshold for unit in units}) != 1:
        return None
    labels = np.concatenate([unit.attack for unit in units])
    scores = np.concatenate([unit.scores for unit in units])
    if not labels.any() or labels.all():
        return None
    return window_metrics(labels, scores, tune_threshold_at_fpr(labels, scores, FPR)).recall


def _oracle(seen: CaptureScores) -> Measured | None:
    if not {FUSED, "gat", "vgae"} <= set(seen.thresholds):
        return None
    best = oracle_scores(seen.scores["vgae"], seen.scores["gat"], seen.labels)
    return window_metrics(seen.labels, best, seen.thresholds[FUSED]).to_dict()


def _events(captures: Sequence[CaptureScores], name: str) -> list[Events]:
    return [capture_events(capture, name) for capture in captures]
