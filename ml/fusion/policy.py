"""From the experts' scores to the weight alpha, and to the fused score."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from typing_extensions import override

from ml.fusion.config import FusionAgentConfig

Floats = NDArray[np.float32]
HIDDEN = 128


class FusionPolicy(Protocol):
    """Chooses a weight for each window."""

    def alpha(self, anomaly_score: Floats, gat_prob: Floats) -> Floats:
        """(W,) weights of `gat_prob` in [0, 1] for scores in [0, 1], each (W,)."""
        ...

    def heat_map(self) -> Floats:
        """The weights over the plane of scores, (bins of anomaly_score, bins of gat_prob)."""
        ...


def fuse(alpha: Floats, anomaly_score: Floats, gat_prob: Floats) -> Floats:
    """`alpha · gat_prob + (1 − alpha) · anomaly_score`, elementwise."""
    return (alpha * gat_prob + (1 - alpha) * anomaly_score).astype(np.float32)


class QNetwork(nn.Module):
    """Action values of each state, (B, 2) → (B, `alpha_steps`).

    Where the state is discrete a score is first replaced by the centre of its bin, so every state
    of one bin has exactly the same values.
    """

    def __init__(self, config: FusionAgentConfig) -> None:
        super().__init__()
        self.bins = config.state_bins
        self.discrete = config.state == "discrete"
        self.layers = nn.Sequential(
            nn.Linear(2, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(),
            nn.Linear(HIDDEN, config.alpha_steps),
        )  # fmt: skip

    @override
    def forward(self, state: Tensor) -> Tensor:
        if self.discrete:
            bins = (state * self.bins).floor().clamp(0, self.bins - 1)
            state = (bins + 0.5) / self.bins
        values: Tensor = self.layers(2 * state - 1)
        return values


@torch.no_grad()
def heat_map(network: QNetwork, alpha_steps: int) -> Floats:
    """The greedy weight at the centre of each bin, (bins of anomaly_score, bins of gat_prob)."""
    device = next(network.parameters()).device
    centres = (torch.arange(network.bins, device=device) + 0.5) / network.bins
    grid = torch.cartesian_prod(centres, centres)
    alpha = network(grid).argmax(1).reshape(network.bins, network.bins) / (alpha_steps - 1)
    weights: Floats = alpha.cpu().numpy().astype(np.float32)
    return weights


class TablePolicy:
    """A discrete policy as what it is: a table."""

    def __init__(self, table: Floats) -> None:
        self.table = table

    def alpha(self, anomaly_score: Floats, gat_prob: Floats) -> Floats:
        """See `FusionPolicy.alpha`."""
        return self.table[self._bin(anomaly_score), self._bin(gat_prob)]

    def heat_map(self) -> Floats:
        """See `FusionPolicy.heat_map`."""
        return self.table

    def _bin(self, score: Floats) -> NDArray[np.intp]:
        bins = len(self.table)
        return np.clip((score.astype(np.float32) * np.float32(bins)).astype(np.intp), 0, bins - 1)


class NetworkPolicy:
    """A continuous policy: the greedy action of a Q-network."""

    def __init__(self, network: QNetwork, alpha_steps: int) -> None:
        self.network = network
        self.steps = alpha_steps

    @torch.inference_mode()
    def alpha(self, anomaly_score: Floats, gat_prob: Floats) -> Floats:
        """See `FusionPolicy.alpha`."""
        state = torch.from_numpy(np.stack([anomaly_score, gat_prob], axis=1).astype(np.float32))
        action: NDArray[np.int64] = self.network(state).argmax(1).numpy()
        return (action / np.float32(self.steps - 1)).astype(np.float32)

    def heat_map(self) -> Floats:
        """See `FusionPolicy.heat_map`."""
        return heat_map(self.network, self.steps)


def save_policy(network: QNetwork, config: FusionAgentConfig, folder: Path) -> None:
    """Write the agent's weights and its heat map."""
    save_file(
        {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()},
        folder / "policy.safetensors",
    )
    np.save(folder / "policy.npy", heat_map(network, config.alpha_steps), allow_pickle=False)


def load_policy(config: FusionAgentConfig, folder: Path) -> FusionPolicy:
    """Read what `save_policy` wrote."""
    if config.state == "discrete":
        return TablePolicy(np.load(folder / "policy.npy", allow_pickle=False))
    network = QNetwork(config)
    network.load_state_dict(load_file(folder / "policy.safetensors"))
    return NetworkPolicy(network.eval(), config.alpha_steps)
