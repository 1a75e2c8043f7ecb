"""What our Lightning trainings share."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import pytorch_lightning as pl

from ml.pipelines.context import Span

# Lightning advises on data loaders and devices that we chose on purpose.
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


def quiet_trainer_options() -> dict[str, Any]:
    """Trainer options for a run whose progress is reported by `ProgressRelay` alone."""
    warnings.filterwarnings("ignore", module=r"pytorch_lightning\..*")
    return {
        "accelerator": "auto",
        "devices": 1,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "log_every_n_steps": 1_000_000,  # values are logged by the epoch
        "num_sanity_val_steps": 0,
    }


class ProgressRelay(pl.Callback):
    """Reports each epoch to the job's context and tells the loader which epoch it is.

    The report raises `Cancelled` where the job was asked to stop, which ends the training; its last
    checkpoint stays for the next attempt.
    """

    def __init__(self, progress: Span, phase: str) -> None:
        self.progress = progress
        self.phase = phase

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        del pl_module
        trainer.train_dataloader.epoch = trainer.current_epoch
        total = trainer.max_epochs or 1
        done = trainer.current_epoch / total
        self.progress.progress(self.phase, done, f"epoch {trainer.current_epoch + 1} of {total}")

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        del trainer, pl_module, batch, batch_idx
        self.progress.context.check_cancelled()

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        del pl_module
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.progress.context.metrics(self.phase, values, trainer.current_epoch)
