"""What an agent sees of a window, and how its networks take it in."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ml.fusion.config import FusionAgentConfig

Floats = NDArray[np.float32]
SCORES = 2
# Beyond this many deviations a window feature says no more than "very much".
MOST_DEVIATIONS = 4.0
LEAST_SPREAD = 0.1
# Scores are told apart no further than this from 0 and 1.
SUREST = 1e-6
BACKGROUND = 16


def states(anomaly_score: Floats, gat_prob: Floats, context: Floats | None) -> Tensor:
    """(n, 2 + C) float32: anomaly_score, gat_prob, then the context's C columns, if any."""
    columns = [anomaly_score[:, None], gat_prob[:, None]]
    if context is not None:
        columns.append(context)
    return torch.from_numpy(np.concatenate(columns, axis=1).astype(np.float32))


class StateEncoder(nn.Module):
    """Puts scores and context on scales that a network can learn from.

    Attributes:
        columns: C, columns of context in a state.
        mean, spread: (C,) of the context, after sign·log1p; learnt by `fit`.
        typical: (C,) context that stands in where none is known.
        background: (K, 2 + C) benign windows that explanations compare with.
    """

    mean: Tensor
    spread: Tensor
    typical: Tensor
    background: Tensor

    def __init__(self, config: FusionAgentConfig, columns: int) -> None:
        super().__init__()
        self.columns = columns
        self.bins = config.state_bins
        self.discrete = config.state == "discrete"
        self.register_buffer("mean", torch.zeros(columns))
        self.register_buffer("spread", torch.ones(columns))
        self.register_buffer("typical", torch.zeros(columns))
        self.register_buffer("background", torch.full((BACKGROUND, SCORES + columns), 0.0))

    @torch.no_grad()
    def fit(self, state: Tensor, label: Tensor) -> None:
        """Learn scales and background from windows to train on, (n, 2 + C) and (n,)."""
        context = _squeezed(state[:, SCORES:])
        if len(state):
            self.mean.copy_(context.mean(0))
            self.spread.copy_(context.std(0, correction=0) + LEAST_SPREAD)
        benign = state[label < 0.5]
        if len(benign):
            self.typical.copy_(benign[:, SCORES:].median(0).values)
            rows = torch.linspace(0, len(benign) - 1, BACKGROUND, device=state.device).long()
            # By their scores, so that few windows stand for all that benign traffic gets.
            order = (benign[:, 0] + benign[:, 1]).argsort(stable=True)
            self.background.copy_(benign[order[rows]])

    def scores(self, state: Tensor) -> Tensor:
        """(B, 2) scores; where the state is discrete, each by the centre of its bin."""
        scores = state[:, :SCORES]
        if not self.discrete:
            return scores
        return ((scores * self.bins).floor().clamp(0, self.bins - 1) + 0.5) / self.bins

    def log_odds(self, state: Tensor) -> Tensor:
        """(B, 2) log-odds of `scores`."""
        return self.scores(state).clamp(SUREST, 1 - SUREST).logit()

    def context(self, state: Tensor) -> Tensor:
        """(B, C) context, standardised; the typical one where the state has none."""
        if not self.columns:
            return state[:, :0]
        raw = state[:, SCORES:]
        if not raw.shape[1]:
            raw = self.typical.expand(len(state), -1)
        scaled = (_squeezed(raw) - self.mean) / self.spread
        return scaled.clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS)


def _squeezed(context: Tensor) -> Tensor:
    return context.sign() * context.abs().log1p()
