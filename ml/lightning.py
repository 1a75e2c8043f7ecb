"""What our Lightning trainings share: they resume, report, stop early and keep the best weights."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from typing_extensions import override

from ml.batches import EPOCHS_APART, EpochLoader
from ml.checkpoints import (
    LAST,
    CheckpointPairs,
    Warn,
    best_of,
    furthest,
    read_weights,
    stopped_early,
    write_weights,
)
from ml.context import Span

TRAINED = "trained.safetensors"

# Lightning advises on data loaders and devices that we chose on purpose.
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Fit:
    """How a module is trained.

    Attributes:
        folder: takes checkpoints and logs; what is found there is continued.
        name: beginning of the checkpoints' names, and the phase that is reported.
        monitor: the validation metric that decides "best".
        mode: whether less or more of it is better.
        max_epochs: most passes over the training data.
        patience: epochs without improvement after which to stop.
        shown: the metric that stands in the checkpoints' names.
        seed: decides the noise of each epoch, and no epoch's depends on the ones before.
        clip: largest gradient norm; None leaves gradients alone.
    """

    folder: Path
    name: str
    monitor: str
    mode: Literal["min", "max"]
    max_epochs: int
    patience: int
    shown: str
    seed: int
    clip: float | None = None

    def run(
        self,
        module: pl.LightningModule,
        train: EpochLoader[Any],
        validation: EpochLoader[Any],
        progress: Span,
    ) -> None:
        """Train the module and leave it with its best weights, in evaluation mode.

        A finished training found in the folder is loaded, an unfinished one goes on from its last
        checkpoint that is whole, with the result that it would have had without the interruption.

        Raises:
            Cancelled: the run was asked to stop.
        """
        warn = partial(progress.context.log, level="warning")
        weights = read_weights(self.folder / TRAINED, warn)
        if weights is None:
            best = self._best(module, train, validation, progress, warn)
            weights = torch.load(best, map_location="cpu", weights_only=True)["state_dict"]
            write_weights(self.folder / TRAINED, weights)
        module.load_state_dict(weights)
        module.eval()

    def _best(
        self,
        module: pl.LightningModule,
        train: EpochLoader[Any],
        validation: EpochLoader[Any],
        progress: Span,
        warn: Warn,
    ) -> Path:
        """Fit, or find that an earlier run stopped early; the path of the best checkpoint."""
        found = furthest(self.folder / "checkpoints", warn)
        if found and stopped_early(found[1]):
            return best_of(found[1])
        best = self._best_checkpoint()
        self._trainer(best, progress).fit(
            module,
            train,
            validation,
            ckpt_path=str(found[0]) if found else None,
            weights_only=True,
        )
        return Path(best.best_model_path)

    def _trainer(self, best: ModelCheckpoint, progress: Span) -> pl.Trainer:
        warnings.filterwarnings("ignore", module=r"pytorch_lightning\..*")
        return pl.Trainer(
            accelerator="gpu" if training_device().type == "cuda" else "cpu",
            devices=1,
            max_epochs=self.max_epochs,
            callbacks=[
                best,
                self._last_checkpoint(),
                EarlyStopping(self.monitor, mode=self.mode, patience=self.patience),
                ProgressRelay(progress, f"train {self.name}"),
                EpochSeed(self.seed),
            ],
            plugins=[CheckpointPairs()],
            logger=[
                CSVLogger(self.folder, name="csv"),
                TensorBoardLogger(self.folder, name="", version="tensorboard"),
            ],
            gradient_clip_val=self.clip,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            log_every_n_steps=1_000_000,  # values are logged by the epoch
        )

    def _best_checkpoint(self) -> ModelCheckpoint:
        return ModelCheckpoint(
            self.folder / "checkpoints",
            filename=f"{self.name}_epoch{{epoch:02d}}_{self.shown}{{{self.shown}:.4f}}",
            auto_insert_metric_name=False,
            monitor=self.monitor,
            mode=self.mode,
        )

    def _last_checkpoint(self) -> ModelCheckpoint:
        """What `save_last` would write only when an epoch was the best so far."""
        return ModelCheckpoint(
            self.folder / "checkpoints",
            filename=LAST.removesuffix(".ckpt"),
            enable_version_counter=False,
        )


class ProgressRelay(pl.Callback):
    """Reports each epoch to the job's context.

    The report raises `Cancelled` where the job was asked to stop, which ends the training; its last
    checkpoint stays for the next attempt.
    """

    def __init__(self, progress: Span, phase: str) -> None:
        self.progress = progress
        self.phase = phase

    @override
    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        del pl_module
        total = trainer.max_epochs or 1
        done = trainer.current_epoch / total
        self.progress.progress(self.phase, done, f"epoch {trainer.current_epoch + 1} of {total}")

    @override
    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        del trainer, pl_module, batch, batch_idx
        self.progress.context.check_cancelled()

    @override
    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        del pl_module
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.progress.context.metrics(self.phase, values, trainer.current_epoch)


class EpochSeed(pl.Callback):
    """Makes an epoch's order and noise depend on the seed and its number alone.

    That is why a resumed training ends with the very weights of an uninterrupted one (on a CPU; a
    GPU adds in an order of its own).
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    @override
    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        del pl_module
        loader: Any = trainer.train_dataloader  # an EpochLoader, for all that Lightning knows
        loader.epoch = trainer.current_epoch
        torch.manual_seed(self.seed * EPOCHS_APART + trainer.current_epoch)


def training_device() -> torch.device:
    """The device that a training started now will use."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
