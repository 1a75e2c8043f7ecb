"""Trains the fusion agent on a prediction cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ml.batches import EpochLoader
from ml.can.splits import Holdout
from ml.context import Span
from ml.fusion.agent import Agent
from ml.fusion.cache import PredictionCache
from ml.fusion.config import FusionAgentConfig, FusionTrainingConfig
from ml.fusion.dqn import FusionLightningModule
from ml.fusion.regression import RegressionLightningModule
from ml.fusion.rewards import Reward
from ml.fusion.samples import NO_KIND, FusionPredictionCache, ShortEpochs
from ml.lightning import Fit, training_device

MONITORS = {"val_accuracy": "val_accuracy_then_reward", "val_reward": "val_reward"}
# The regression needs no small steps: its targets hold still.
BATCHES_AT_ONCE = 4


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
) -> Agent:
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
    kinds = cache.kinds if agent.method == "regression" else ()
    steps = _steps(cache, kinds, agent).to(training_device())
    train, validation = (steps.take(torch.from_numpy(r)) for r in (held.train, held.validation))
    columns = train.state.shape[1] - 2
    torch.manual_seed(seed)
    module: Agent
    loader: EpochLoader[Any]
    if agent.method == "regression":
        module = RegressionLightningModule(agent, columns, kinds)
        module.q_network.tabulate(reward, train.state, train.label)
        size = agent.fusion_batch_size * BATCHES_AT_ONCE
        loader = ShortEpochs(train, size, seed=seed)
    else:
        module = FusionLightningModule(agent, reward, seed, columns)
        size = agent.fusion_batch_size
        loader = EpochLoader(train, size, seed=seed)
    module.q_network.encoder.fit(train.state, train.label)
    if isinstance(module, FusionLightningModule):
        module.target_network.load_state_dict(module.q_network.state_dict())
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
    fit.run(module, loader, EpochLoader(validation, size), progress)
    return module


def _steps(
    cache: PredictionCache, kinds: tuple[str, ...], agent: FusionAgentConfig
) -> FusionPredictionCache:
    place = {name: n for n, name in enumerate(kinds)}
    kind = np.array([place.get(name, NO_KIND) for name in cache.column("attack")])
    return FusionPredictionCache.of(
        cache.anomaly_score,
        cache.gat_prob,
        cache.label,
        cache.part,
        agent.episode_length,
        context=cache.context,
        kind=np.where(cache.label > 0, kind, NO_KIND),
    )
