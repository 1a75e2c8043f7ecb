"""The `experts` kind: train the experts alone, as a release that fusions can start from."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import Field

from ml.config import config
from ml.errors import InvalidInput
from ml.pipelines import stages
from ml.pipelines.context import Context, Workspace
from ml.pipelines.registry import Pipeline
from ml.releases.manifest import seal
from ml.releases.store import ALIAS


@config
class ExpertsJobConfig(stages.TrainingConfig):
    """An experts job.

    Attributes:
        alias: the alias to point at the release, null for none.
    """

    alias: Annotated[str, Field(pattern=ALIAS)] | None = "experts"


def check(config: ExpertsJobConfig, workspace: Workspace, trusted: bool) -> None:
    """Refuse an unknown dataset, or a release where experts are to be trained."""
    del trusted
    stages.check_dataset(config.dataset, workspace, "train")
    if config.experts.release is not None:
        raise InvalidInput("An experts job trains experts.", "Leave out `experts.release`.")


def run(config: ExpertsJobConfig, context: Context) -> dict[str, Any]:
    """Train and stage the experts."""
    check(config, context.workspace, context.trusted)
    dataset, captures = stages.training_captures(config, context, context.span(0.0, 0.1))
    bank = stages.final_bank(config, captures, context, context.span(0.1, 1.0))
    folder = context.workdir / "release"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    bank.save(folder)
    manifest = seal(
        folder,
        kind="experts",
        name=f"experts_{stages.file_name(config.dataset)}",
        dataset={"name": dataset.name, "digest": dataset.digest},
        config=stages.recipe(config),
        window=asdict(config.window),
    )
    return {"release": manifest.version, "alias": config.alias}


KIND = Pipeline("experts", ExpertsJobConfig, run, "Train the experts alone.", check)
