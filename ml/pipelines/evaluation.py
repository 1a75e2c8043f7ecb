"""What the job kinds that measure a release share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ml.can.datasets import Capture
from ml.context import Span
from ml.evaluation.comparison import compare
from ml.evaluation.detectors import detector_thresholds, score_captures
from ml.evaluation.report import write_report
from ml.releases import Manifest
from ml.scoring import Scorer


def evaluate_release(
    scorer: Scorer,
    captures: Sequence[Capture],
    folder: Path,
    facts: dict[str, Any],
    title: str,
    progress: Span,
) -> dict[str, Any]:
    """Score captures, write the report into a folder and return the comparison."""
    scored, alphas = zip(*score_captures(scorer, captures, progress), strict=True)
    thresholds = detector_thresholds(scorer)
    comparison = compare(scored, thresholds)
    write_report(
        folder,
        title=title,
        comparison=comparison,
        captures=scored,
        thresholds=thresholds,
        policy=scorer.policy.heat_map(),
        alphas=np.concatenate(alphas),
        facts=facts,
    )
    return comparison


def seen_in_training(manifest: Manifest, captures: Sequence[Capture]) -> list[str]:
    """Names of the captures that the release was trained on, where its figures prove nothing."""
    trained_on = set(manifest.dataset.get("trained_on", ()))
    return [c.name for c in captures if c.digest in trained_on]
