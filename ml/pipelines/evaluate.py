"""The `evaluate` kind: measure a release on a dataset's test splits."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Any

from pydantic import Field

from ml.can.datasets import find_dataset
from ml.can.profiles.enrolment import EnrolmentConfig
from ml.config import config
from ml.context import Context, Workspace
from ml.pipelines.evaluation import evaluate_release, seen_in_training
from ml.pipelines.registry import Pipeline
from ml.releases import ReleaseStore


@config
class EvaluateConfig:
    """An evaluation.

    Attributes:
        dataset: folder of splits in a data directory, or several joined by commas.
        release: alias or version of the release to measure.
        enrolment: how cars are enrolled that the release was not trained on.
    """

    dataset: Annotated[str, Field(min_length=1, max_length=500)]
    release: Annotated[str, Field(min_length=1, max_length=64)] = "production"
    enrolment: EnrolmentConfig = field(default_factory=EnrolmentConfig)


def check(config: EvaluateConfig, workspace: Workspace, trusted: bool) -> None:
    """Refuse an unknown dataset or release."""
    del trusted
    find_dataset(config.dataset, workspace.data_dirs, needs=("test",), deduplicate=False)
    ReleaseStore(workspace.releases).manifest(config.release)


def run(config: EvaluateConfig, context: Context) -> dict[str, Any]:
    """Score the test captures with the release and its rivals."""
    dataset = find_dataset(config.dataset, context.workspace.data_dirs, needs=("test",))
    store = ReleaseStore(context.workspace.releases)
    scorer = store.load(config.release)
    manifest = store.manifest(scorer.version)
    seen = seen_in_training(manifest, dataset.test)
    for name in seen:
        context.log(f"The release was trained on {name}: figures there prove nothing.", "warning")
    comparison = evaluate_release(
        scorer,
        manifest,
        dataset,
        context.artifacts / "report",
        facts={"Release": scorer.version, "Dataset": config.dataset, "Seen in training": len(seen)},
        title=f"Release {scorer.version} on {config.dataset}",
        progress=context.span(0.0, 1.0),
        enrolment=config.enrolment,
    )
    return {"evaluated": scorer.version, "seen_in_training": seen, "comparison": comparison}


KIND = Pipeline(
    "evaluate",
    EvaluateConfig,
    run,
    "Measure a release on a dataset's test splits.",
    check,
    accelerated=False,
)
