"""What a release and its rivals say about captures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ml.can.loading import LabelledCapture
from ml.evaluation.bars import Bars
from ml.evaluation.captures import FUSED, CaptureScores, NodeScores
from ml.scoring import Scorer

_TUNED = ("gat", "vgae", "mean", "fixed_alpha", "logistic_regression")


def detector_thresholds(scorer: Scorer, bars: Bars | None = None) -> dict[str, float]:
    """The verdict line of each detector, all tuned on the same prediction cache."""
    rivals = scorer.baselines.thresholds
    return {
        FUSED: scorer.threshold,
        **{name: rivals[name] for name in _TUNED},
        **(bars.thresholds if bars else {}),
    }


def score_capture(
    scorer: Scorer,
    labelled: LabelledCapture,
    bars: Bars | None = None,
    *,
    shared: NDArray[np.bool_] | None = None,
    masked: NDArray[np.bool_] | None = None,
) -> CaptureScores:
    """Every detector's scores of a capture's windows.

    Args:
        scorer: the release.
        labelled: the capture and its windows under its car's profile.
        bars: the bars without networks, where they were fitted.
        shared: (W,) windows with traffic that is also in the training captures, where known.
        masked: (W,) windows that count nowhere, besides those the enrolment was taken from: another
            capture of the same drive may hold the enrolment's traffic too.
    """
    capture, graphs = labelled.capture, labelled.graphs
    verdicts, node = scorer.score_graphs(graphs)
    rivals: Mapping[str, NDArray[np.float64]] = scorer.baselines.scores(
        verdicts.anomaly_score, verdicts.gat_prob
    )
    nodes = None
    if graphs.attack_count is not None:
        nodes = NodeScores(
            graphs.node_ptr,
            node,
            graphs.frame_count,
            graphs.attack_count,
        )
    return CaptureScores(
        path=capture.name,
        split=capture.split,
        vehicle=capture.vehicle,
        attack=capture.attack,
        labels=labelled.label,
        window_start=graphs.start,
        window_end=graphs.end,
        scores={
            FUSED: verdicts.fused_score,
            "gat": verdicts.gat_prob,
            "vgae": verdicts.anomaly_score,
            **rivals,
            **(bars.scores(graphs.window) if bars else {}),
        },
        thresholds=detector_thresholds(scorer, bars),
        counted=~labelled.enrolled if masked is None else ~(labelled.enrolled | masked),
        shared=shared,
        nodes=nodes,
        alpha=verdicts.alpha,
    )
