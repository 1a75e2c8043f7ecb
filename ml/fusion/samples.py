"""Cached predictions as what an agent sees."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ml.fusion.policy import Floats


@dataclass(frozen=True)
class FusionPredictionCache:
    """The steps of an agent over n cached windows, as columns on a device.

    Attributes:
        state: (n, 2) float32, anomaly_score and gat_prob.
        label: (n,) float32, 0 or 1.
        next_state: (n, 2) float32, the state of the window that follows on the same bus.
        done: (n,) float32, 1 where the episode ends.
    """

    state: Tensor
    label: Tensor
    next_state: Tensor
    done: Tensor

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
    ) -> FusionPredictionCache:
        """Turn cached columns into steps of episodes.

        Args:
            anomaly_score: (n,) calibrated score of the VGAE, in time order within a part.
            gat_prob: (n,) calibrated score of the GAT, likewise.
            label: (n,) 1 for an attack.
            part: (n,) which capture's prediction a row belongs to; no episode runs across.
            episode_length: windows an episode.
        """
        state = torch.from_numpy(np.stack([anomaly_score, gat_prob], axis=1).astype(np.float32))
        row = np.arange(len(label))
        begins = np.append(True, part[1:] != part[:-1])
        place = row - np.maximum.accumulate(np.where(begins, row, 0))
        ends = np.append(begins[1:], True)
        done = ends | (place % episode_length == episode_length - 1)
        following = torch.from_numpy(np.where(ends, row, row + 1))
        return FusionPredictionCache(
            state=state,
            label=torch.from_numpy(label.astype(np.float32)),
            next_state=state[following],
            done=torch.from_numpy(done.astype(np.float32)),
        )
