"""The `experts` kind: train the experts alone, as a release that fusions can start from."""

from __future__ import annotations

import shutil
from dataclasses import field
from typing import Annotated, Any

from pydantic import Field

from ml.can.windows import WindowConfig
from ml.config import config
from ml.errors import InvalidInput
from ml.experts.bank import ExpertsConfig
from ml.pipelines import stages
from ml.pipelines.context import Context, Workspace
from ml.pipelines.registry import Pipeline
from ml.releases.manifest import seal


@config
class ExpertsJobConfig:
    """An experts job.

    Attributes:
        dataset: folder of splits in a data directory, or several joined by commas.
        window: how traffic is cut.
        experts: which experts, and how they are trained.
        alias: the alias to point at the release, null for none.
        seed: decides all randomness.
    """

    dataset: Annotated[str, Field(min_length=1, max_length=500)]
    window: WindowConfig = field(default_factory=WindowConfig)
    experts: ExpertsConfig = field(default_factory=ExpertsConfig)
    alias: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")] | None = "experts"
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


def check(config: ExpertsJobConfig, workspace: Workspace, trusted: bool) -> None:
    """Refuse an unknown dataset, or a release where experts are to be trained."""
    del trusted
    stages.check_dataset(config.dataset, workspace, "train")
    if config.experts.release is not None:
        raise InvalidInput("An experts job trains experts.", "Leave out `experts.release`.")


def run(config: ExpertsJobConfig, context: Context) -> dict[str, Any]:
    """Train and stage the experts."""
    check(config, context.workspace, context.trusted)
    dataset, captures = stages.training_captures(
        config.dataset, config.window, context, context.span(0.0, 0.1)
    )
    bank = stages.final_bank(
        captures, config.experts, config.window, context, context.span(0.1, 1.0), config.seed
    )
    folder = context.workdir / "release"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    bank.save(folder)
    manifest = seal(
        folder,
        kind="experts",
        name=f"experts_{stages.file_name(config.dataset)}",
        dataset={"name": dataset.name, "digest": dataset.digest},
        config=stages.plain(config),
        window=stages.plain(config.window),
    )
    return {"release": manifest.version, "alias": config.alias}


KIND = Pipeline("experts", ExpertsJobConfig, run, "Train the experts alone.", check)
