"""The `evaluate` kind: measure a release on a dataset's test splits."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from ml.can.datasets import find_dataset
from ml.config import config
from ml.pipelines import stages
from ml.pipelines.context import Context, Workspace
from ml.pipelines.registry import Pipeline
from ml.releases import ReleaseStore


@config
class EvaluateConfig:
    """An evaluation.

    Attributes:
        dataset: folder of splits in a data directory, or several joined by commas.
        release: alias or version of the release to measure.
    """

    dataset: Annotated[str, Field(min_length=1, max_length=500)]
    release: Annotated[str, Field(min_length=1, max_length=64)] = "production"


def check(config: EvaluateConfig, workspace: Workspace, trusted: bool) -> None:
    """Refuse an unknown dataset or release."""
    del trusted
    stages.check_dataset(config.dataset, workspace, "test")
    ReleaseStore(workspace.releases).manifest(config.release)


def run(config: EvaluateConfig, context: Context) -> dict[str, Any]:
    """Score the test captures with the release and its rivals."""
    dataset = find_dataset(config.dataset, context.workspace.data_dirs, needs=("test",))
    scorer = ReleaseStore(context.workspace.releases).load(config.release)
    comparison = stages.evaluate_release(
        scorer,
        dataset.test,
        context.artifacts / "report",
        facts={"Release": scorer.version, "Dataset": config.dataset},
        title=f"Release {scorer.version} on {config.dataset}",
        progress=context.span(0.0, 1.0),
    )
    return {"evaluated": scorer.version, "comparison": comparison}


KIND = Pipeline(
    "evaluate", EvaluateConfig, run, "Measure a release on a dataset's test splits.", check
)
