"""What both experts see: node inputs from ids and features, and attention over the window graph."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.nn import GATv2Conv
from typing_extensions import override

from ml.can.features import EDGE_FEATURES, NODE_FEATURES
from ml.can.vocabulary import SIZE, UNKNOWN
from ml.experts.batch import GraphBatch

EMBEDDING = 16


class NodeInput(nn.Module):
    """Joins an id's embedding, the node's features and whether the id is known: (N, `width`).

    While training, some ids are hidden at random: that trains the place to which unseen ids go
    (word dropout, Iyyer et al., "Deep unordered composition…", 2015). Whether the id is known is an
    input of its own and is never hidden: novelty is evidence on any car, a name is not.
    """

    width = EMBEDDING + len(NODE_FEATURES) + 1

    def __init__(self, hide: float) -> None:
        super().__init__()
        self.hide = hide
        self.embedding = nn.Embedding(SIZE, EMBEDDING)

    @override
    def forward(self, batch: GraphBatch) -> Tensor:
        place = batch.place
        known = (place != UNKNOWN).float()[:, None]
        if self.training and self.hide > 0:
            hidden = torch.rand(place.shape, device=place.device) < self.hide
            place = torch.where(hidden, UNKNOWN, place)
        return torch.cat([self.embedding(place), batch.node, known], dim=1)


class Attention(nn.Module):
    """Layers of graph attention that also look at the edges' features.

    GATv2 (Brody et al., "How attentive are graph attention networks?", 2022), with a residual
    connection and layer normalisation around each layer.
    """

    def __init__(self, inputs: int, hidden: int, heads: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.width = hidden * heads
        self.enter = nn.Linear(inputs, self.width)
        self.convolutions = nn.ModuleList(
            # No added self-loops: the residual carries a node's own state, and a real self-loop
            # (the same id twice in a row) keeps its own features.
            GATv2Conv(
                self.width,
                hidden,
                heads,
                edge_dim=len(EDGE_FEATURES),
                dropout=dropout,
                residual=True,
                add_self_loops=False,
            )
            for _ in range(layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(self.width) for _ in range(layers))

    @override
    def forward(self, inputs: Tensor, batch: GraphBatch) -> list[Tensor]:
        """Node states after each layer, each (N, hidden · heads)."""
        state = nn.functional.elu(self.enter(inputs))
        states = []
        for convolve, norm in zip(self.convolutions, self.norms, strict=True):
            state = nn.functional.elu(norm(convolve(state, batch.edge_index, batch.edge)))
            states.append(state)
        return states
