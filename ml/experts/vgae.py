"""VGAE: a variational graph auto-encoder of benign traffic; what it rebuilds badly is anomalous.

Kipf & Welling, "Variational graph auto-encoders", 2016, with three decoders as in the fusion
guide: a node's features, its id and its neighbourhood. The score uses the mean of the code, so the
same window always gets the same score.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from ml.batches import EpochLoader
from ml.can.features import NODE_FEATURES
from ml.can.vocabulary import SIZE, UNKNOWN
from ml.experts.batch import GraphBatch
from ml.experts.encoder import Attention, NodeInput
from ml.experts.expert import Architecture, Expert, Size

# Shares of feature, neighbourhood and id error in a node's score.
WEIGHTS = (0.4, 0.35, 0.25)
KL_WEIGHT = 1e-3
WORST_ID_ERROR = 20.0
LEAST_SCALE = 1e-2
# Least spread of the three errors on benign traffic. A network that names ids almost surely has
# next to none, and an unknown id must not cost the more the surer the network happens to be.
LEAST_SPREAD = (0.01, 0.01, 0.2)


class VGAE(Expert):
    """Graph auto-encoder over window graphs.

    `raw_score` is the largest node error of a window: each of the three errors is standardised by
    its mean and spread on benign traffic, then weighted. An id that benign training traffic never
    had is never the right answer of the id decoder, so it costs the full id error.
    """

    name: ClassVar[str] = "vgae"
    column: ClassVar[str] = "anomaly_score"
    sizes: ClassVar[Mapping[Size, Architecture]] = {
        "small": Architecture(hidden=16, heads=4, layers=2, latent=32),
        "large": Architecture(hidden=32, heads=4, layers=3, latent=96),
    }
    benign_only: ClassVar[bool] = True

    def __init__(self, architecture: Architecture, learning_rate: float, hide: float = 0.1) -> None:
        super().__init__(architecture, learning_rate)
        width, latent = len(NODE_FEATURES), architecture.latent
        self.input = NodeInput(hide)
        self.attention = Attention(
            self.input.width,
            architecture.hidden,
            architecture.heads,
            architecture.layers,
            dropout=0.0,
        )
        self.mean = nn.Linear(self.attention.width, latent)
        self.log_variance = nn.Linear(self.attention.width, latent)
        self.feature_decoder = nn.Sequential(
            nn.Linear(latent, 2 * latent), nn.ELU(), nn.Linear(2 * latent, width)
        )
        self.id_decoder = nn.Linear(latent, SIZE)
        self.neighbour_decoder = nn.Linear(latent, SIZE)
        self.register_buffer("feature_mean", torch.zeros(width))
        self.register_buffer("feature_scale", torch.ones(width))
        self.register_buffer("error_mean", torch.zeros(3))
        self.register_buffer("error_scale", torch.ones(3))

    @override
    def prepare(self, graphs: GraphBatch) -> None:
        self.feature_mean = graphs.node.mean(0)
        self.feature_scale = graphs.node.std(0).clamp_min(LEAST_SCALE)

    @override
    @torch.no_grad()
    def settle(self, benign: GraphBatch) -> None:
        errors = torch.cat([self._errors(batch) for batch in EpochLoader(benign, 64)])
        self.error_mean = errors.mean(0)
        self.error_scale = errors.std(0).maximum(errors.new_tensor(LEAST_SPREAD))

    @override
    def loss(self, batch: GraphBatch) -> Tensor:
        mean, log_variance = self._encode(batch)
        code = mean
        if self.training:
            code = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        errors = self._decode_errors(code, batch)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
        return errors.sum(1).mean() + KL_WEIGHT * divergence.mean()

    @override
    def raw_score(self, batch: GraphBatch) -> Tensor:
        errors = (self._errors(batch) - self.error_mean) / self.error_scale
        node_score = errors @ errors.new_tensor(WEIGHTS)
        lowest = node_score.new_full((len(batch),), -torch.inf)
        return lowest.scatter_reduce(0, batch.node_window, node_score, "amax")

    def _encode(self, batch: GraphBatch) -> tuple[Tensor, Tensor]:
        state = self.attention(self.input(batch), batch)[-1]
        return self.mean(state), self.log_variance(state).clamp(-8, 4)

    def _errors(self, batch: GraphBatch) -> Tensor:
        return self._decode_errors(self._encode(batch)[0], batch)

    def _decode_errors(self, code: Tensor, batch: GraphBatch) -> Tensor:
        """(N, 3): each node's feature, neighbourhood and id error."""
        scaled = (batch.node - self.feature_mean) / self.feature_scale
        feature = functional.mse_loss(self.feature_decoder(code), scaled, reduction="none").mean(1)
        neighbour = functional.binary_cross_entropy_with_logits(
            self.neighbour_decoder(code), _neighbours(batch), reduction="none"
        ).sum(1)
        identity = functional.cross_entropy(self.id_decoder(code), batch.place, reduction="none")
        identity = torch.where(
            batch.place == UNKNOWN, WORST_ID_ERROR, identity.clamp_max(WORST_ID_ERROR)
        )
        return torch.stack([feature, neighbour, identity], dim=1)


def _neighbours(batch: GraphBatch) -> Tensor:
    """(N, SIZE): 1 at the places of the ids that precede or follow a node in its window."""
    source, target = batch.edge_index
    present = batch.node.new_zeros(len(batch.place), SIZE)
    present[source, batch.place[target]] = 1
    present[target, batch.place[source]] = 1
    return present
