"""From the experts' scores to the weight alpha, and to the fused score."""

from __future__ import annotations

import copy
import io
import json
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from typing_extensions import override

from ml.errors import InvalidInput
from ml.fusion.belief import BeliefNetwork
from ml.fusion.config import FusionAgentConfig
from ml.fusion.state import SCORES, Floats, StateEncoder, states

HIDDEN = 128
WEIGHTS = "policy.safetensors"
TABLE = "policy.npy"
# Bounds on what is read: more columns, or bins, than any policy has.
MOST_COLUMNS, MOST_TABLE_BYTES = 1024, 1 << 20
UNKNOWN_KIND = "unknown kind"
# A kind is named when it is more likely than all others together.
SURE = 0.5


class FusionPolicy(Protocol):
    """Chooses a weight for each window."""

    @property
    def background(self) -> Floats:
        """(K, 2 + C) benign windows: anomaly_score, gat_prob, context."""
        ...

    def alpha(
        self, anomaly_score: Floats, gat_prob: Floats, context: Floats | None = None
    ) -> Floats:
        """(W,) weights of `gat_prob` in [0, 1] for scores in [0, 1], each (W,).

        Args:
            anomaly_score: (W,) calibrated score of the VGAE.
            gat_prob: (W,) calibrated score of the GAT.
            context: (W, C) window features; None lets a typical context stand in.
        """
        ...

    def attack_kind(
        self, anomaly_score: Floats, gat_prob: Floats, context: Floats | None = None
    ) -> NDArray[np.str_]:
        """(W,) the likeliest kind of each window, were it an attack; arguments as for `alpha`."""
        ...

    def heat_map(self) -> Floats:
        """The weights over the plane of scores, (bins of anomaly_score, bins of gat_prob)."""
        ...


def fuse(alpha: Floats, anomaly_score: Floats, gat_prob: Floats) -> Floats:
    """`alpha · gat_prob + (1 − alpha) · anomaly_score`, elementwise."""
    return (alpha * gat_prob + (1 - alpha) * anomaly_score).astype(np.float32)


class QNetwork(nn.Module):
    """Action values of each state as the DQN learns them, (B, 2 + C) → (B, `alpha_steps`).

    Where the state is discrete a score is first replaced by the centre of its bin, so every state
    of one bin has exactly the same values.
    """

    def __init__(self, config: FusionAgentConfig, columns: int = 0) -> None:
        super().__init__()
        self.encoder = StateEncoder(config, columns)
        self.uses_context = config.state == "context" and columns > 0
        self.layers = nn.Sequential(
            nn.Linear(SCORES + columns * self.uses_context, HIDDEN), nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, config.alpha_steps),
        )  # fmt: skip

    @override
    def forward(self, state: Tensor) -> Tensor:
        seen = 2 * self.encoder.scores(state) - 1
        if self.uses_context:
            seen = torch.cat([seen, self.encoder.context(state)], dim=1)
        values: Tensor = self.layers(seen)
        return values


PolicyNetwork = QNetwork | BeliefNetwork


@torch.no_grad()
def heat_map(network: PolicyNetwork, config: FusionAgentConfig) -> Floats:
    """The greedy weight at the centre of each bin, (bins of anomaly_score, bins of gat_prob)."""
    weight = next(network.parameters())
    bins = config.state_bins
    centres = (torch.arange(bins, device=weight.device, dtype=weight.dtype) + 0.5) / bins
    alpha = network(torch.cartesian_prod(centres, centres)).argmax(1) / (config.alpha_steps - 1)
    weights: Floats = alpha.reshape(bins, bins).cpu().numpy().astype(np.float32)
    return weights


class TablePolicy:
    """A discrete policy as what it is: a table."""

    def __init__(self, table: Floats, background: Floats | None = None) -> None:
        self.table = table
        self._background = background

    @property
    def background(self) -> Floats:
        """See `FusionPolicy.background`."""
        if self._background is None:
            return np.zeros((1, SCORES), np.float32)
        return self._background

    def alpha(
        self, anomaly_score: Floats, gat_prob: Floats, context: Floats | None = None
    ) -> Floats:
        """See `FusionPolicy.alpha`."""
        del context
        return self.table[self._bin(anomaly_score), self._bin(gat_prob)]

    def attack_kind(
        self, anomaly_score: Floats, gat_prob: Floats, context: Floats | None = None
    ) -> NDArray[np.str_]:
        """See `FusionPolicy.attack_kind`."""
        del gat_prob, context
        return np.full(len(anomaly_score), UNKNOWN_KIND)

    def heat_map(self) -> Floats:
        """See `FusionPolicy.heat_map`."""
        return self.table

    def _bin(self, score: Floats) -> NDArray[np.intp]:
        bins = len(self.table)
        return np.clip((score.astype(np.float32) * np.float32(bins)).astype(np.intp), 0, bins - 1)


class NetworkPolicy:
    """The greedy action of a network.

    It computes in double precision: sums whose last bits depend on how many windows there are must
    not decide between two weights.
    """

    def __init__(self, network: PolicyNetwork, config: FusionAgentConfig) -> None:
        self.network = copy.deepcopy(network).double().eval().requires_grad_(requires_grad=False)
        self.config = config

    @property
    def background(self) -> Floats:
        """See `FusionPolicy.background`."""
        rows: Floats = self.network.encoder.background.numpy().astype(np.float32)
        return rows

    @torch.inference_mode()
    def alpha(
        self, anomaly_score: Floats, gat_prob: Floats, context: Floats | None = None
    ) -> Floats:
        """See `FusionPolicy.alpha`."""
        state = states(anomaly_score, gat_prob, context).double()
        action: NDArray[np.int64] = self.network(state).argmax(1).numpy()
        return (action / np.float32(self.config.alpha_steps - 1)).astype(np.float32)

    @torch.inference_mode()
    def attack_kind(
        self, anomaly_score: Floats, gat_prob: Floats, context: Floats | None = None
    ) -> NDArray[np.str_]:
        """See `FusionPolicy.attack_kind`."""
        network = self.network
        if isinstance(network, QNetwork) or not network.kinds or context is None:
            return np.full(len(anomaly_score), UNKNOWN_KIND)
        state = states(anomaly_score, gat_prob, context).double()
        chance = network.kind_log_odds(state).softmax(1)
        most, place = (column.numpy() for column in chance.max(1))
        return np.where(most > SURE, np.array(network.kinds)[place], UNKNOWN_KIND)

    def heat_map(self) -> Floats:
        """See `FusionPolicy.heat_map`."""
        return heat_map(self.network, self.config)


def save_policy(network: PolicyNetwork, config: FusionAgentConfig, folder: Path) -> None:
    """Write the agent's weights and its heat map."""
    regression = isinstance(network, BeliefNetwork)
    about = {
        "method": "regression" if regression else "dqn",
        "columns": network.encoder.columns,
        "kinds": network.kinds if isinstance(network, BeliefNetwork) else (),
    }
    save_file(
        {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()},
        folder / WEIGHTS,
        metadata={"network": json.dumps(about)},
    )
    np.save(folder / TABLE, heat_map(network, config), allow_pickle=False)


def read_table(path: Path) -> Floats:
    """The heat map that `save_policy` wrote.

    Raises:
        InvalidInput: it is no square of weights; a pickle or an archive is none, either.
    """
    try:
        content = path.read_bytes() if path.stat().st_size <= MOST_TABLE_BYTES else b""
        table = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except (OSError, ValueError, MemoryError):
        table = np.empty(0)
    square = table.dtype == np.float32 and table.ndim == 2 and len(set(table.shape)) == 1
    if not (square and table.size and ((table >= 0) & (table <= 1)).all()):
        raise InvalidInput(f"{path.name} holds no square of weights.", "Train the release again.")
    weights: Floats = table
    return weights


def load_policy(config: FusionAgentConfig, folder: Path) -> FusionPolicy:
    """Read what `save_policy` wrote.

    Raises:
        InvalidInput: the weights do not say what network they are of.
    """
    with safe_open(folder / WEIGHTS, "pt") as opened:
        about = json.loads((opened.metadata() or {}).get("network", "null"))
    if not isinstance(about, dict) or not 0 <= int(about["columns"]) <= MOST_COLUMNS:
        raise InvalidInput(
            f"{folder / WEIGHTS} does not say what network it is of.", "Train the release again."
        )
    network: PolicyNetwork
    if about["method"] == "regression":
        network = BeliefNetwork(config, about["columns"], tuple(about["kinds"]))
    else:
        network = QNetwork(config, about["columns"])
    network.load_state_dict(load_file(folder / WEIGHTS))
    if isinstance(network, QNetwork) and config.state == "discrete":
        return TablePolicy(read_table(folder / TABLE), network.encoder.background.numpy())
    return NetworkPolicy(network, config)
