"""Batches of data that already lies on the device: gathers, no loader processes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Generic, Protocol, Self, TypeVar

import pytorch_lightning as pl
import torch
from torch import Tensor
from typing_extensions import override

# More epochs than any training has, so that no two seeds share an epoch's order.
EPOCHS_APART = 1_000_003

Batch = TypeVar("Batch", bound="BatchSource")


class BatchSource(Protocol):
    """Rows on a device."""

    @property
    def device(self) -> torch.device:
        """Where they lie."""
        ...

    def __len__(self) -> int: ...

    def take(self, rows: Tensor) -> Self:
        """The given rows, (B,) int64, in that order."""
        ...


class EpochLoader(Generic[Batch]):
    """Gives batches of a source, shuffled where there is a seed, else in order.

    The order of epoch k depends on the seed and k alone, so that a resumed training sees what an
    uninterrupted one would have seen.
    """

    def __init__(self, source: Batch, batch_size: int, *, seed: int | None = None) -> None:
        self.source = source
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return math.ceil(len(self.source) / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        rows = torch.arange(len(self.source))
        if self.seed is not None:
            order = torch.Generator().manual_seed(self.seed * EPOCHS_APART + self.epoch)
            rows = torch.randperm(len(self.source), generator=order)
        for chosen in torch.split(rows.to(self.source.device), self.batch_size):
            yield self.source.take(chosen)


class ResidentModule(pl.LightningModule):
    """A Lightning module whose batches come from an `EpochLoader`."""

    @override
    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        del device, dataloader_idx
        return batch
