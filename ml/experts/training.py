"""Trains an expert with Lightning: early stopping, best and last checkpoints, logs, progress."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import torch
from pydantic import Field

from ml.batches import EpochLoader
from ml.config import config
from ml.context import Span
from ml.experts.batch import GraphBatch
from ml.experts.expert import Expert
from ml.lightning import Fit, training_device

GRADIENT_NORM = 1.0

E = TypeVar("E", bound=Expert)


@config
class ExpertTrainingConfig:
    """How an expert is trained.

    Attributes:
        max_epochs: most passes over the training windows.
        early_stopping_patience: epochs without a lower validation loss after which to stop.
        nodes_per_capture: most nodes of a capture to train on, and as many of each of its views.
        batch_size: nodes a step.
        learning_rate: peak of the one-cycle schedule.
    """

    max_epochs: Annotated[int, Field(ge=1, le=1000)] = 8
    early_stopping_patience: Annotated[int, Field(ge=1, le=1000)] = 5
    nodes_per_capture: Annotated[int, Field(ge=8, le=1_000_000)] = 500
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 256
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.004


def train_expert(
    expert: E,
    train: GraphBatch,
    validation: GraphBatch,
    config: ExpertTrainingConfig,
    folder: Path,
    progress: Span,
    seed: int,
) -> E:
    """Train an expert and return it with its best weights.

    Args:
        expert: a fresh expert; its weights are changed in place.
        train: training graphs, with labels.
        validation: graphs for early stopping.
        config: how to train.
        folder: takes checkpoints and logs; a `last.ckpt` found there is resumed from.
        progress: where to report.
        seed: decides the order of batches and all noise.

    Raises:
        Cancelled: the run was asked to stop.
    """
    if expert.benign_only:
        train, validation = _benign(train), _benign(validation)
    device = training_device()
    train, validation = train.to(device), validation.to(device)
    expert.to(device).prepare(train)
    fit = Fit(
        folder,
        expert.name,
        "val_loss",
        "min",
        config.max_epochs,
        config.early_stopping_patience,
        shown="val_loss",
        seed=seed,
        clip=GRADIENT_NORM,
    )
    fit.run(
        expert,
        EpochLoader(train, config.batch_size, seed=seed),
        EpochLoader(validation, config.batch_size),
        progress,
    )
    expert.to(device).settle(_benign(train))
    return expert


def _benign(graphs: GraphBatch) -> GraphBatch:
    return graphs.take(torch.nonzero(graphs.label == 0).squeeze(1))
