"""Steps that several job kinds share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, TypeAdapter

from ml.can.datasets import Capture, Dataset, find_dataset
from ml.can.loading import LabelledCapture, load_all
from ml.can.windows import WindowConfig
from ml.config import config as configuration
from ml.errors import InvalidInput
from ml.evaluation.comparison import compare
from ml.evaluation.detectors import detector_thresholds, score_captures
from ml.evaluation.report import write_report
from ml.experts.bank import ExpertBank, ExpertsConfig, train_bank
from ml.fusion.cache import PredictionCache
from ml.fusion.cache_builder import PredictionCacheBuilder
from ml.fusion.config import FusionDataConfig
from ml.pipelines.context import Context, Span, Workspace
from ml.releases import Manifest, ReleaseStore
from ml.scoring import Scorer

JSON = dict[str, Any]


def file_name(dataset: str) -> str:
    """A dataset's name (several joined by commas) as part of a file name."""
    return dataset.replace(" ", "").replace(",", "+")


@configuration
class TrainingConfig:
    """What every job that trains experts is told.

    Attributes:
        dataset: folder of splits in a data directory, or several joined by commas.
        window: how traffic is cut.
        experts: which experts, and how they are trained.
        seed: decides all randomness.
    """

    dataset: Annotated[str, Field(min_length=1, max_length=500)]
    window: WindowConfig = field(default_factory=WindowConfig)
    experts: ExpertsConfig = field(default_factory=ExpertsConfig)
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


def training_captures(
    config: TrainingConfig, context: Context, progress: Span
) -> tuple[Dataset, list[LabelledCapture]]:
    """Find the dataset and read its training captures."""
    found = find_dataset(config.dataset, context.workspace.data_dirs)
    for left_out, kept in found.repeats:
        context.log(f"{left_out} repeats {kept} and is left out.", "warning")
    return found, load_all(found.train, config.window, progress, "read captures")


def released_experts(config: TrainingConfig, workspace: Workspace) -> Manifest | None:
    """The card of the release whose experts are to be used, None where new ones are trained.

    Raises:
        NoRelease: there is no such release.
        InvalidInput: its experts look at windows of another size.
    """
    if config.experts.release is None:
        return None
    manifest = ReleaseStore(workspace.releases).manifest(config.experts.release)
    if manifest.window != asdict(config.window):
        raise InvalidInput(
            f"The experts of release {manifest.version} look at windows of {manifest.window}.",
            "Set `window` to the same values, or train new experts.",
        )
    return manifest


def final_bank(
    config: TrainingConfig, captures: Sequence[LabelledCapture], context: Context, progress: Span
) -> ExpertBank:
    """The experts that will serve: a named release's, or new ones trained on everything."""
    released = released_experts(config, context.workspace)
    if released is not None:
        context.log(f"Using the experts of release {released.version}.")
        return ExpertBank.load(ReleaseStore(context.workspace.releases).verified(released.version))
    folder = context.artifacts / "experts"
    return train_bank(captures, config.experts, config.window, folder, progress, config.seed)


def prediction_cache(
    config: TrainingConfig,
    data: FusionDataConfig,
    captures: Sequence[LabelledCapture],
    context: Context,
    progress: Span,
    bank: ExpertBank | None = None,
) -> PredictionCache:
    """Build or find the prediction cache of the dataset's training captures.

    Args:
        config: the job; where it names a release, experts like that release's are cross-fitted.
        data: options of the cache.
        captures: the training captures.
        context: the job's context.
        progress: where to report.
        bank: the experts whose in-sample predictions to take; None to cross-fit.
    """
    released = released_experts(config, context.workspace)
    experts = config.experts if released is None else experts_of(released)
    builder = PredictionCacheBuilder(
        folder=context.workspace.cache / "fusion" / file_name(config.dataset),
        workdir=context.workdir,
        experts=experts,
        data=data,
        window=config.window,
        seed=config.seed,
    )
    return builder.build(captures, progress, bank)


def experts_of(manifest: Manifest) -> ExpertsConfig:
    """How a release's experts were configured."""
    return TypeAdapter(ExpertsConfig).validate_python(
        {**manifest.config["experts"], "release": None}
    )


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


def recipe(config: TrainingConfig) -> JSON:
    """A job's configuration without its alias: where a release is pointed at is not what it is."""
    return {name: value for name, value in asdict(config).items() if name != "alias"}
