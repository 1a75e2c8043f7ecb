"""Cached predictions as what an agent sees."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from ml.batches import EPOCHS_APART, EpochLoader
from ml.experts.calibration import balanced_weight
from ml.fusion.state import Floats, states

NO_KIND = -1
# More passes over less: best weights are looked for after each epoch.
EPOCH_WINDOWS = 20_480


@dataclass(frozen=True)
class FusionPredictionCache:
    """The steps of an agent over n cached windows, as columns on a device.

    Attributes:
        state: (n, 2 + C) float32, see `ml.fusion.state.states`.
        label: (n,) float32, 0 or 1.
        next_state: (n, 2 + C) float32, the state of the window that follows on the same bus.
        done: (n,) float32, 1 where the episode ends.
        weight: (n,) float32, what a window counts; each part counts alike within a class.
        kind: (n,) int64, which kind of attack it is, `NO_KIND` where it is none.
    """

    state: Tensor
    label: Tensor
    next_state: Tensor
    done: Tensor
    weight: Tensor
    kind: Tensor

    def __len__(self) -> int:
        return len(self.label)

    @property
    def device(self) -> torch.device:
        """Where the columns lie."""
        return self.label.device

    def take(self, rows: Tensor) -> FusionPredictionCache:
        """The given rows, (B,) int64, in that order."""
        return FusionPredictionCache(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def to(self, device: torch.device) -> FusionPredictionCache:
        """The same steps on another device."""
        return FusionPredictionCache(
            **{f.name: getattr(self, f.name).to(device) for f in fields(self)}
        )

    @staticmethod
    def of(
        anomaly_score: Floats,
        gat_prob: Floats,
        label: NDArray[np.uint8],
        part: NDArray[Any],
        episode_length: int,
        *,
        context: Floats | None = None,
        kind: NDArray[np.int64] | None = None,
    ) -> FusionPredictionCache:
        """Turn cached columns into steps of episodes.

        Args:
            anomaly_score: (n,) calibrated score of the VGAE, in time order within a part.
            gat_prob: (n,) calibrated score of the GAT, likewise.
            label: (n,) 1 for an attack.
            part: (n,) which capture's prediction a row belongs to; no episode runs across.
            episode_length: windows an episode.
            context: (n, C) window features.
            kind: (n,) which kind of attack a window holds.
        """
        state = states(anomaly_score, gat_prob, context)
        row = np.arange(len(label))
        begins = np.append(True, part[1:] != part[:-1])
        place = row - np.maximum.accumulate(np.where(begins, row, 0))
        ends = np.append(begins[1:], True)
        done = ends | (place % episode_length == episode_length - 1)
        following = torch.from_numpy(np.where(ends, row, row + 1))
        kinds = np.full(len(label), NO_KIND) if kind is None else kind
        return FusionPredictionCache(
            state=state,
            label=torch.from_numpy(label.astype(np.float32)),
            next_state=state[following],
            done=torch.from_numpy(done.astype(np.float32)),
            weight=torch.from_numpy(balanced_weight(label, part).astype(np.float32)),
            kind=torch.from_numpy(kinds.astype(np.int64)),
        )


class ShortEpochs(EpochLoader[FusionPredictionCache]):
    """Another random part of the windows each epoch, at most `EPOCH_WINDOWS` of them."""

    @override
    def __len__(self) -> int:
        return math.ceil(min(len(self.source), EPOCH_WINDOWS) / self.batch_size)

    @override
    def __iter__(self) -> Iterator[FusionPredictionCache]:
        order = torch.Generator().manual_seed((self.seed or 0) * EPOCHS_APART + self.epoch)
        rows = torch.randperm(len(self.source), generator=order)[:EPOCH_WINDOWS]
        for chosen in torch.split(rows.to(self.source.device), self.batch_size):
            yield self.source.take(chosen)
