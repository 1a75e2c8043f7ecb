"""GAT: a graph attention network that tells attack windows from benign ones.

Veličković et al., "Graph attention networks", 2018, with jumping knowledge (Xu et al., 2018):
every layer's node states reach the read-out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.nn import global_max_pool, global_mean_pool
from typing_extensions import override

from ml.can.features import WINDOW_FEATURES
from ml.experts.batch import GraphBatch
from ml.experts.encoder import Attention, NodeInput
from ml.experts.expert import Architecture, Expert, Size

ROWS_AT_ONCE = 16


class GAT(Expert):
    """Graph attention classifier.

    `raw_score` is one logit a window; the only squashing to [0, 1] is the calibration's. The
    read-out pools the mean and the maximum over nodes, so that one odd node does not drown.
    """

    name: ClassVar[str] = "gat"
    column: ClassVar[str] = "gat_prob"
    sizes: ClassVar[Mapping[Size, Architecture]] = {
        "small": Architecture(hidden=16, heads=4, layers=2, latent=32),
        "large": Architecture(hidden=48, heads=8, layers=3, latent=64),
    }
    benign_only: ClassVar[bool] = False

    def __init__(
        self,
        architecture: Architecture,
        learning_rate: float,
        hide: float = 0.1,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(architecture, learning_rate)
        self.input = NodeInput(hide)
        self.attention = Attention(
            self.input.width, architecture.hidden, architecture.heads, architecture.layers, dropout
        )
        pooled = 2 * self.attention.width * architecture.layers + len(WINDOW_FEATURES)
        self.head = nn.Sequential(
            nn.Linear(pooled, architecture.latent),
            nn.ELU(),
            nn.Dropout(dropout),
            nn.Linear(architecture.latent, 1),
        )
        self.register_buffer("positive_weight", torch.ones(()))

    @override
    def prepare(self, graphs: GraphBatch) -> None:
        attacks = graphs.label.sum().clamp_min(1)
        self.positive_weight = ((len(graphs) - attacks) / attacks).clamp(0.1, 10)

    @override
    def loss(self, batch: GraphBatch) -> Tensor:
        return functional.binary_cross_entropy_with_logits(
            self.raw_score(batch), batch.label, pos_weight=self.positive_weight
        )

    @override
    def raw_score(self, batch: GraphBatch) -> Tensor:
        node_window = batch.node_window
        states = torch.cat(self.attention(self.input(batch), batch), dim=1)
        pooled = [
            pool(states, node_window, len(batch)) for pool in (global_mean_pool, global_max_pool)
        ]
        read_out = torch.cat([*pooled, batch.window], dim=1)
        logit: Tensor = self.head(_padded(read_out))[: len(batch)].squeeze(1)
        return logit


def _padded(rows: Tensor) -> Tensor:
    """The rows with zeros below, a multiple of `ROWS_AT_ONCE` in all.

    A matrix product treats left-over rows apart and rounds them otherwise, and a window scored
    alone must get the very score that it gets among others.
    """
    return functional.pad(rows, (0, 0, 0, -len(rows) % ROWS_AT_ONCE))
