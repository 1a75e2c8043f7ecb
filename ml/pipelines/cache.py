"""The `cache` kind: build a dataset's prediction cache, so that fusions on it start at once."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from ml.config import config
from ml.context import Context, Workspace
from ml.errors import InvalidInput
from ml.fusion.config import FusionDataConfig
from ml.pipelines.registry import Pipeline
from ml.pipelines.training import TrainingConfig, begin, check_training, prediction_cache


@config
class CacheConfig(TrainingConfig):
    """A cache job.

    Attributes:
        data: the prediction cache.
    """

    data: FusionDataConfig = field(default_factory=FusionDataConfig)


def check(config: CacheConfig, workspace: Workspace, trusted: bool) -> None:
    """Refuse an unknown dataset or release, and what only a fusion can do."""
    del trusted
    check_training(config, workspace)
    if config.data.in_sample:
        raise InvalidInput(
            "A cache job cross-fits.",
            "Set `data.in_sample` on a fusion job, which has the experts.",
        )


def run(config: CacheConfig, context: Context) -> dict[str, Any]:
    """Build the cache, or find that it fits."""
    check(config, context.workspace, context.trusted)
    training = begin(config, context, context.span(0.0, 0.1))
    cache, reason = prediction_cache(training, config.data, context.span(0.1, 1.0))
    return {"windows": cache.table.height, "cross_fitted": cache.cross_fitted, "reason": reason}


KIND = Pipeline("cache", CacheConfig, run, "Build the cross-fitted prediction cache.", check)
