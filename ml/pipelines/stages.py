"""Steps that several job kinds share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ml.can.datasets import Capture, Dataset, find_dataset
from ml.can.loading import LabelledCapture, load_all
from ml.can.windows import WindowConfig
from ml.evaluation.comparison import compare
from ml.evaluation.detectors import detector_thresholds, score_captures
from ml.evaluation.report import write_report
from ml.experts.bank import ExpertBank, ExpertsConfig, train_bank
from ml.fusion.cache import PredictionCache, PredictionCacheBuilder
from ml.fusion.config import FusionDataConfig
from ml.pipelines.context import Context, Span, Workspace
from ml.releases import ReleaseStore
from ml.scoring import Scorer

JSON = dict[str, Any]


def file_name(dataset: str) -> str:
    """A dataset's name (several joined by commas) as part of a file name."""
    return dataset.replace(" ", "").replace(",", "+")


def training_captures(
    dataset: str, window: WindowConfig, context: Context, progress: Span
) -> tuple[Dataset, list[LabelledCapture]]:
    """Find a dataset and read its training captures."""
    found = find_dataset(dataset, context.workspace.data_dirs)
    for left_out, kept in found.repeats:
        context.log(f"{left_out} repeats {kept} and is left out.", "warning")
    return found, load_all(found.train, window, progress, "read captures")


def final_bank(
    captures: Sequence[LabelledCapture],
    experts: ExpertsConfig,
    window: WindowConfig,
    context: Context,
    progress: Span,
    seed: int,
) -> ExpertBank:
    """The experts that will serve: a named release's, or new ones trained on everything."""
    if experts.release is not None:
        store = ReleaseStore(context.workspace.releases)
        manifest = store.verify(experts.release)
        context.log(f"Using the experts of release {manifest.version}.")
        return ExpertBank.load(store.path(manifest.version))
    return train_bank(
        [c.capture for c in captures],
        [c.graphs for c in captures],
        experts,
        window,
        context.artifacts / "experts",
        progress,
        seed,
    )


def prediction_cache(
    dataset: str,
    captures: Sequence[LabelledCapture],
    experts: ExpertsConfig,
    data: FusionDataConfig,
    window: WindowConfig,
    context: Context,
    progress: Span,
    *,
    seed: int,
    bank: ExpertBank | None = None,
) -> PredictionCache:
    """Build or find the prediction cache of a dataset's training captures."""
    builder = PredictionCacheBuilder(
        folder=context.workspace.cache / "fusion" / file_name(dataset),
        workdir=context.workdir,
        experts=experts,
        data=data,
        window=window,
        seed=seed,
    )
    return builder.build(captures, progress, bank)


def evaluate_release(
    scorer: Scorer,
    captures: Sequence[Capture],
    folder: Path,
    facts: JSON,
    title: str,
    progress: Span,
) -> JSON:
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


def check_dataset(dataset: str, workspace: Workspace, *needs: str) -> None:
    """Refuse a dataset that is unknown or lacks the needed splits."""
    find_dataset(dataset, workspace.data_dirs, needs=needs)


def plain(config: Any) -> JSON:
    """A configuration as JSON-able values."""
    values: JSON = asdict(config)
    return values
