"""Attention over the steps of a window graph, and graphs padded so that scores are exact."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.utils import softmax
from typing_extensions import override

from ml.can.features import EDGE_FEATURES
from ml.experts.batch import GraphBatch
from ml.experts.channels import squash

# Rows of a matrix are rounded otherwise where they are left over from blocks of this size, and a
# window scored alone must get the very score that it gets among others.
BLOCK = 64
SLOPE = 0.2


@dataclass(frozen=True)
class Links:
    """Steps of window graphs in both directions, L in all.

    Attributes:
        source, target: (L,) int64 nodes.
        features: (L, edge features + 1) float32, squashed; the last is 1 in the direction of time.
    """

    source: Tensor
    target: Tensor
    features: Tensor


def padded_nodes(batch: GraphBatch) -> Tensor:
    """(N', F) squashed node features, zeros below them: a row at least, whole blocks in all."""
    return functional.pad(squash(batch.node), (0, 0, 0, BLOCK - len(batch.node) % BLOCK))


def links_of(batch: GraphBatch, *, loops: bool = True) -> Links:
    """The steps of a batch both ways, padded to whole blocks by links of a row that pads the nodes.

    Args:
        batch: the graphs.
        loops: whether to keep steps from a node to itself.
    """
    source, target = batch.edge_index
    edge = batch.edge
    if not loops:
        kept = source != target
        source, target, edge = source[kept], target[kept], edge[kept]
    spare = -len(edge) % BLOCK
    source, target = (
        functional.pad(end, (0, spare), value=len(batch.node)) for end in (source, target)
    )
    edge = functional.pad(squash(edge), (0, 0, 0, spare))
    ways = torch.cat([edge.new_ones(len(edge), 1), edge.new_zeros(len(edge), 1)])
    return Links(
        torch.cat([source, target]),
        torch.cat([target, source]),
        torch.cat([edge.repeat(2, 1), ways], dim=1),
    )


class NeighbourAttention(nn.Module):
    """One layer of attention from nodes to those that precede and follow them.

    GATv2 (Brody et al., "How attentive are graph attention networks?", 2022), whose messages carry
    the features of the step too: an unseen step is evidence, not only a reason to look.
    """

    def __init__(self, width: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.shape = (heads, hidden)
        self.width = heads * hidden
        self.source = nn.Linear(width, self.width)
        self.target = nn.Linear(width, self.width)
        self.step = nn.Linear(len(EDGE_FEATURES) + 1, self.width, bias=False)
        self.attend = nn.Parameter(torch.randn(self.shape) * hidden**-0.5)

    @override
    def forward(self, state: Tensor, links: Links) -> Tensor:
        """What its neighbours tell each node, (N', width); zeros for a node without any."""
        message = self.source(state)[links.source] + self.step(links.features)
        met = functional.leaky_relu(message + self.target(state)[links.target], SLOPE)
        score = (met.view(-1, *self.shape) * self.attend).sum(2)
        share = softmax(score, links.target, num_nodes=len(state))
        told = (message.view(-1, *self.shape) * share[:, :, None]).flatten(1)
        return state.new_zeros(len(state), self.width).index_add(0, links.target, told)
