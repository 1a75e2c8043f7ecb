"""The pictures of one family of captures, with what is said about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ml.evaluation.captures import FUSED, CaptureScores, Family
from ml.evaluation.report.curves import detection_curves
from ml.evaluation.report.dots import MOST_CAPTURES, capture_dots
from ml.evaluation.report.pictures import Picture, picture
from ml.evaluation.report.timelines import mistakes, timeline, worst_first
from ml.evaluation.style import look


def dots(rows: Sequence[Mapping[str, Any]]) -> Picture | None:
    """MCC of every detector on every capture; None where no capture has one."""
    drawn = capture_dots(rows)
    if drawn is None:
        return None
    captures = sum(row["detectors"].get(FUSED, {}).get("mcc") is not None for row in rows)
    some = f" The {MOST_CAPTURES} worst captures are shown." if captures > MOST_CAPTURES else ""
    return picture(
        drawn,
        "MCC of every detector on every capture with attacks; the table below has the figures.",
        "MCC on each capture with attacks, the fusion's worst on top. A step to the right leaves a "
        f"tenth of the error; the right edge stands for 0.9999 and more.{some}",
    )


def curves(family: Family) -> Picture | None:
    """Curves where one model scored all captures, since scores of others share no scale."""
    captures = [capture.of_counted() for capture in family.captures]
    if len({tuple(c.thresholds.items()) for c in captures}) != 1:
        return None
    labels = np.concatenate([c.labels for c in captures])
    thresholds = captures[0].thresholds
    scores = {name: np.concatenate([c.scores[name] for c in captures]) for name in thresholds}
    drawn = detection_curves(labels, scores, thresholds)
    if drawn is None:
        return None
    return picture(
        drawn,
        f"Precision-recall and ROC curves of {', '.join(look(n).label for n in thresholds)}.",
        "All windows of the family together. A dot is a detector at its own threshold; the dotted "
        "line is chance. The left edge of the ROC stands for no false alarm at all.",
    )


def timelines(
    captures: Sequence[CaptureScores], rows: Sequence[Mapping[str, Any]], limit: int
) -> list[Picture]:
    """The captures on which the fusion does worst, over time."""
    if any(FUSED not in capture.thresholds for capture in captures):
        return []
    shown = []
    for index in worst_first(rows, limit):
        capture = captures[index]
        caption = f"{capture.path} ({capture.vehicle}): {mistakes(capture)}"
        shown.append(picture(timeline(capture), f"Fused score over time. {caption}", caption))
    return shown
