"""The `cache` kind: build a dataset's prediction cache, so that fusions on it start at once."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Any

from pydantic import Field

from ml.can.windows import WindowConfig
from ml.config import config
from ml.errors import InvalidInput
from ml.experts.bank import ExpertsConfig
from ml.fusion.config import FusionDataConfig
from ml.pipelines import stages
from ml.pipelines.context import Context, Workspace
from ml.pipelines.registry import Pipeline


@config
class CacheConfig:
    """A cache job.

    Attributes:
        dataset: folder of splits in a data directory, or several joined by commas.
        window: how traffic is cut.
        experts: the experts to cross-fit.
        data: the prediction cache.
        seed: decides all randomness.
    """

    dataset: Annotated[str, Field(min_length=1, max_length=500)]
    window: WindowConfig = field(default_factory=WindowConfig)
    experts: ExpertsConfig = field(default_factory=ExpertsConfig)
    data: FusionDataConfig = field(default_factory=FusionDataConfig)
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


def check(config: CacheConfig, workspace: Workspace, trusted: bool) -> None:
    """Refuse an unknown dataset."""
    del trusted
    stages.check_dataset(config.dataset, workspace, "train")
    if config.data.in_sample:
        raise InvalidInput(
            "A cache job cross-fits.",
            "Set `data.in_sample` on a fusion job, which has the experts.",
        )


def run(config: CacheConfig, context: Context) -> dict[str, Any]:
    """Build the cache, or find that it fits."""
    check(config, context.workspace, context.trusted)
    _, captures = stages.training_captures(
        config.dataset, config.window, context, context.span(0.0, 0.1)
    )
    cache = stages.prediction_cache(
        config.dataset,
        captures,
        config.experts,
        config.data,
        config.window,
        context,
        context.span(0.1, 1.0),
        seed=config.seed,
    )
    return {
        "windows": cache.table.height,
        "cross_fitted": cache.cross_fitted,
        "reason": cache.reason,
    }


KIND = Pipeline("cache", CacheConfig, run, "Build the cross-fitted prediction cache.", check)
