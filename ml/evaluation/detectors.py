"""What a release and its rivals say about captures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ml.can.datasets import Capture
from ml.can.loading import LabelledCapture, load_labelled
from ml.context import Span
from ml.evaluation.comparison import CaptureScores
from ml.scoring import Scorer


def detector_thresholds(scorer: Scorer) -> dict[str, float]:
    """The verdict line of each detector, all tuned on the same prediction cache."""
    rivals = scorer.baselines.thresholds
    names = ("gat", "vgae", "mean", "fixed_alpha", "logistic_regression")
    return {"fused": scorer.threshold, **{name: rivals[name] for name in names}}


def score_capture(
    scorer: Scorer, labelled: LabelledCapture
) -> tuple[CaptureScores, NDArray[np.float32]]:
    """Every detector's scores of a capture's windows, and the alphas that the policy chose.

    Args:
        scorer: the release.
        labelled: the capture and its windows.
    """
    capture, graphs = labelled.capture, labelled.graphs
    verdicts = scorer.score_graphs(graphs)
    rivals: Mapping[str, NDArray[np.float64]] = scorer.baselines.scores(
        verdicts.anomaly_score, verdicts.gat_prob
    )
    scores = CaptureScores(
        path=capture.name,
        split=capture.split,
        vehicle=capture.vehicle,
        attack=capture.attack,
        labels=labelled.label,
        window_start=graphs.start,
        window_end=graphs.end,
        scores={
            "fused": verdicts.fused_score,
            "gat": verdicts.gat_prob,
            "vgae": verdicts.anomaly_score,
            **rivals,
        },
    )
    return scores, verdicts.alpha


def score_captures(
    scorer: Scorer, captures: Sequence[Capture], progress: Span
) -> Iterator[tuple[CaptureScores, NDArray[np.float32]]]:
    """Read and score captures one after the other, so that only one is in memory."""
    for n, capture in enumerate(captures):
        progress.progress("evaluate", n / len(captures), capture.name)
        yield score_capture(scorer, load_labelled(capture, scorer.window))
