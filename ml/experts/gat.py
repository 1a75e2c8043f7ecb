"""GAT: a graph attention network that tells nodes of an attack from benign ones.

Veličković et al., "Graph attention networks", 2018. A node is judged by its own features; attention
over the steps to and from it only adds to that, and adds nothing before it is trained.

The small size has no attention at all. What neighbours tell is true of the cars trained on and less
so of others: with a layer of attention, leave-one-vehicle-out is worse (docs/accuracy.md), whatever
its messages carry. The window's share of odd ids is context enough, and is a feature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from ml.can.features import NODE_FEATURES
from ml.experts.attention import NeighbourAttention, links_of, padded_nodes
from ml.experts.batch import GraphBatch
from ml.experts.channels import Standard, hiding_mask, squash, usual
from ml.experts.expert import Architecture, Expert, Size

LEAST_SCALE = 0.1
JUDGES = 3
# How many nodes lose evidence while training, and how many of its families such a node loses.
HIDDEN_NODES = 0.5
HIDDEN_FAMILIES = 0.2
# How many nodes are judged without their neighbours while training.
WITHHELD = 0.5


class GAT(Expert):
    """Graph attention classifier of nodes.

    `node_score` is a logit; the only squashing to [0, 1] is the calibration's. While training,
    whole families of evidence are hidden at random, so that each one is believed by itself: an
    attack on another car may leave only one of the traces that it left on the cars trained on.
    The logit is the mean of a few networks': where none of the cars trained on was alike, each of
    them errs in its own way, and a threshold must not hang on one.
    """

    name: ClassVar[str] = "gat"
    column: ClassVar[str] = "gat_prob"
    sizes: ClassVar[Mapping[Size, Architecture]] = {
        "small": Architecture(hidden=48, heads=2, layers=0, latent=24),
        "large": Architecture(hidden=96, heads=4, layers=1, latent=48),
    }
    benign_only: ClassVar[bool] = False
    usual: Tensor
    families: Tensor

    def __init__(self, architecture: Architecture, learning_rate: float) -> None:
        super().__init__(architecture, learning_rate)
        self.standard = Standard(len(NODE_FEATURES), LEAST_SCALE)
        self.judges = nn.ModuleList(_Judge(architecture) for _ in range(JUDGES))
        self.register_buffer("usual", usual(), persistent=False)
        self.register_buffer("families", hiding_mask(), persistent=False)

    @override
    def prepare(self, graphs: GraphBatch) -> None:
        self.standard.learn(squash(graphs.node[graphs.node_weight > 0]))

    @override
    def loss(self, batch: GraphBatch) -> Tensor:
        nodes = padded_nodes(batch)
        judged = torch.arange(len(batch.node), device=nodes.device)
        if not self.hparams["layers"]:
            # Neighbours go unheard, and most of the nodes are nothing but neighbours.
            judged = batch.node_weight.nonzero().squeeze(1)
            nodes = nodes[judged]
        logits = self._logits(self._hide(nodes) if self.training else nodes, batch)
        logits = logits[:, : len(judged)]
        error = functional.binary_cross_entropy_with_logits(
            logits, batch.node_label[judged].expand_as(logits), reduction="none"
        )
        return (error.mean(0) * batch.node_weight[judged]).sum() / len(batch.node)

    @override
    def node_score(self, batch: GraphBatch) -> Tensor:
        return self._logits(padded_nodes(batch), batch).mean(0)[: len(batch.node)]

    def _logits(self, nodes: Tensor, batch: GraphBatch) -> Tensor:
        """(judges, n) each judge's logit of each of n nodes."""
        standard = self.standard(nodes)
        return torch.stack([judge(standard, batch) for judge in self.judges])

    def _hide(self, nodes: Tensor) -> Tensor:
        families, device = self.families, nodes.device
        drawn = torch.rand(len(nodes), len(families), device=device) < HIDDEN_FAMILIES
        drawn &= torch.rand(len(nodes), 1, device=device) < HIDDEN_NODES
        return torch.where((drawn.float() @ families) > 0, self.usual, nodes)


class _Judge(nn.Module):
    """One network of those whose logits are averaged."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        hidden, heads, layers = architecture.hidden, architecture.heads, architecture.layers
        self.enter = nn.Linear(len(NODE_FEATURES), hidden)
        self.attention = nn.ModuleList(
            NeighbourAttention(hidden, architecture.head, heads) for _ in range(layers)
        )
        self.bring = nn.ModuleList(
            _silent(architecture.head * heads, hidden) for _ in range(layers)
        )
        self.deepen = nn.Linear(hidden, architecture.latent)
        self.leave = nn.Linear(architecture.latent, 1)

    @override
    def forward(self, nodes: Tensor, batch: GraphBatch) -> Tensor:
        """(N',) logits of standardised, padded nodes."""
        state = functional.silu(self.enter(nodes))
        if self.attention:
            links = links_of(batch)
        for attend, bring in zip(self.attention, self.bring, strict=True):
            told = bring(attend(state, links))
            if self.training:
                told = told * (torch.rand(len(told), 1, device=told.device) >= WITHHELD)
            state = state + told
        logit: Tensor = self.leave(functional.silu(self.deepen(state)))
        return logit.squeeze(1)


def _silent(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.zeros_(layer.weight)
    return layer
