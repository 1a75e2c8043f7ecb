"""The `experts` kind: train the experts alone, as a release that fusions can start from."""

from __future__ import annotations

import shutil
from typing import Annotated, Any

from pydantic import Field

from ml.config import config
from ml.context import Context, Workspace
from ml.errors import InvalidInput
from ml.pipelines.registry import Pipeline
from ml.pipelines.training import TrainingConfig, begin, check_training, final_bank
from ml.releases.manifest import seal
from ml.releases.store import ALIAS


@config
class ExpertsJobConfig(TrainingConfig):
    """An experts job.

    Attributes:
        alias: the alias to point at the release, null for none.
    """

    alias: Annotated[str, Field(pattern=ALIAS, max_length=64)] | None = "experts"


def check(config: ExpertsJobConfig, workspace: Workspace, trusted: bool) -> None:
    """Refuse an unknown dataset, or a release where experts are to be trained."""
    del trusted
    if config.experts.release is not None:
        raise InvalidInput("An experts job trains experts.", "Leave out `experts.release`.")
    check_training(config, workspace)


def run(config: ExpertsJobConfig, context: Context) -> dict[str, Any]:
    """Train and stage the experts."""
    check(config, context.workspace, context.trusted)
    training = begin(config, context, context.span(0.0, 0.1))
    bank = final_bank(training, context.span(0.1, 1.0))
    folder = context.workdir / "release"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    bank.save(folder)
    manifest = seal(folder, kind="experts", name=f"experts_{training.name}", **training.provenance)
    return {"release": manifest.version, "alias": config.alias}


KIND = Pipeline("experts", ExpertsJobConfig, run, "Train the experts alone.", check)
