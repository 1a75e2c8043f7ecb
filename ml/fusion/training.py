"""Trains the fusion agent on a prediction cache."""

from __future__ import annotations

from pathlib import Path

import torch

from ml.batches import EpochLoader
from ml.can.splits import Holdout
from ml.context import Span
from ml.fusion.cache import PredictionCache
from ml.fusion.config import FusionAgentConfig, FusionTrainingConfig
from ml.fusion.dqn import FusionLightningModule
from ml.fusion.rewards import Reward
from ml.fusion.samples import FusionPredictionCache
from ml.lightning import Fit, training_device

MONITORS = {"val_accuracy": "val_accuracy_then_reward", "val_reward": "val_reward"}


def train_fusion(
    cache: PredictionCache,
    held: Holdout,
    agent: FusionAgentConfig,
    training: FusionTrainingConfig,
    reward: Reward,
    *,
    folder: Path,
    name: str,
    progress: Span,
    seed: int,
) -> FusionLightningModule:
    """Train the agent and return it with its best weights.

    Args:
        cache: what to train on.
        held: which rows of the cache to train and to validate on.
        agent: the agent's options.
        training: how long, and what "best" means.
        reward: what a fused score is worth.
        folder: takes checkpoints and logs; what is found there is continued.
        name: beginning of the checkpoints' names.
        progress: where to report.
        seed: decides all randomness.

    Raises:
        Cancelled: the run was asked to stop.
    """
    steps = FusionPredictionCache.of(
        cache.anomaly_score, cache.gat_prob, cache.label, cache.part, agent.episode_length
    ).to(training_device())
    train, validation = (steps.take(torch.from_numpy(r)) for r in (held.train, held.validation))
    size = agent.fusion_batch_size
    torch.manual_seed(seed)
    module = FusionLightningModule(agent, reward, seed)
    fit = Fit(
        folder,
        name,
        MONITORS[training.checkpoint_metric],
        "max",
        training.max_epochs,
        training.early_stopping_patience,
        shown="val_accuracy",
        seed=seed,
    )
    fit.run(
        module,
        EpochLoader(train, size, seed=seed),
        EpochLoader(validation, size),
        progress,
    )
    return module
