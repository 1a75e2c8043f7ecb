"""VGAE: a variational graph auto-encoder of benign traffic; what it expects least is anomalous.

Kipf & Welling, "Variational graph auto-encoders", 2016. Here a node's code is formed by its
neighbours alone: a code that saw the node itself would let the decoder repeat whatever is odd about
it. Nor does it hear of unknown ids: where many are, each one is as strange. The decoder gives each
piece of evidence a chance of being there at all and a heavy-tailed (Student t) size, so that one
wild channel does not decide alone. The score uses the mean of the code, so the same window always
gets the same score.
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
from ml.experts.attention import NeighbourAttention, links_of, padded_nodes
from ml.experts.batch import GraphBatch
from ml.experts.channels import (
    CONTEXT,
    EVIDENCE,
    EVIDENCE_FAMILIES,
    RATIOS,
    Standard,
    family_mask,
    places,
    squash,
    usual,
)
from ml.experts.expert import Architecture, Expert, Size
from ml.experts.tails import Tails

LEAST_SCALE = 0.1
LEAST_EVIDENCE_SCALE = 0.05
# Below it a piece of evidence counts as absent.
TRACE = 1e-3
LOG_SCALE = 2.0
FREEDOM = 3.0
PRESENCE = EVIDENCE_FAMILIES.index("presence")
UNKNOWN, UNHEARD, EXTRA_FRAMES, PROFILE_FRAMES = (
    NODE_FEATURES.index(name)
    for name in (
        "unknown",
        "unheard_surprise",
        "frames_unexplained_beyond_record",
        "profile_frames",
    )
)
# The feature `profile_frames` times this is the logarithm of the id's frames in the profile.
LOG_FRAMES = 8.0
# What the context tells of the window and not of the id.
COMMON = ("profile_seconds", "novel_share")
KL_WEIGHT = 20.0


class VGAE(Expert):
    """Graph auto-encoder of the evidence about a window's nodes.

    `node_score` is in nats. For each family of evidence it counts −log of the share of benign nodes
    whose evidence the decoder expected as little. No table of benign traffic can tell how rare
    thousands of unheard or superfluous frames are, so these are counted frame by frame: see
    `ml.can.features.presence`, and an extra frame as one that none of the id's frames in the
    profile was.
    """

    name: ClassVar[str] = "vgae"
    column: ClassVar[str] = "anomaly_score"
    sizes: ClassVar[Mapping[Size, Architecture]] = {
        "small": Architecture(hidden=32, heads=2, layers=1, latent=4),
        "large": Architecture(hidden=64, heads=4, layers=1, latent=8),
    }
    benign_only: ClassVar[bool] = True
    usual: Tensor
    direction: Tensor
    evidence: Tensor
    context: Tensor
    families: Tensor
    told: Tensor
    common: Tensor

    def __init__(self, architecture: Architecture, learning_rate: float) -> None:
        super().__init__(architecture, learning_rate)
        hidden, latent = architecture.hidden, architecture.latent
        self.surroundings = Standard(len(CONTEXT), LEAST_SCALE)
        self.extent = Standard(len(EVIDENCE), LEAST_EVIDENCE_SCALE)
        self.enter = nn.Linear(len(EVIDENCE) + len(CONTEXT), hidden)
        self.attention = nn.ModuleList(
            NeighbourAttention(hidden, architecture.head, architecture.heads)
            for _ in range(architecture.layers)
        )
        self.bring = nn.ModuleList(
            nn.Linear(architecture.head * architecture.heads, hidden)
            for _ in range(architecture.layers)
        )
        self.code = nn.Linear(hidden, 2 * latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent + len(CONTEXT), hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, 3 * len(EVIDENCE)),
        )
        self.tails = Tails(family_mask().shape[1])
        direction = torch.ones(len(EVIDENCE))
        direction[[EVIDENCE.index(name) for name in RATIOS]] = -1
        for name, values in (
            ("usual", usual()[places(EVIDENCE)]),
            ("direction", direction),
            ("evidence", places(EVIDENCE)),
            ("context", places(CONTEXT)),
            ("families", family_mask()),
            ("common", torch.tensor([float(name in COMMON) for name in CONTEXT])),
            ("told", 1 - family_mask()[:, PRESENCE]),
        ):
            self.register_buffer(name, values, persistent=False)

    @override
    def prepare(self, graphs: GraphBatch) -> None:
        nodes = squash(graphs.node)
        known = nodes[nodes[:, UNKNOWN] == 0]
        self.surroundings.learn(known.index_select(1, self.context))
        self.extent.learn(self._oddness(nodes), centre=False)

    @override
    @torch.no_grad()
    def settle(self, benign: GraphBatch) -> None:
        parts = [self._errors(batch)[: len(batch.node)] for batch in EpochLoader(benign, 256)]
        errors = torch.cat(parts)
        self.tails.learn(errors, benign.node_weight)

    @override
    def loss(self, batch: GraphBatch) -> Tensor:
        error, mean, log_variance = self._decoded(batch)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance)
        bound = (error.sum(1) + KL_WEIGHT * divergence.sum(1))[: len(batch.node)]
        return (bound * batch.node_weight).mean()

    @override
    def node_score(self, batch: GraphBatch) -> Tensor:
        node = batch.node
        rarity: Tensor = self.tails(self._errors(batch))[: len(node)].sum(1)
        extra = node[:, EXTRA_FRAMES] * LOG_FRAMES * node[:, PROFILE_FRAMES]
        return rarity + node[:, UNHEARD] + extra

    def _oddness(self, nodes: Tensor) -> Tensor:
        """(n, evidence) how far features are on their odd side, 0 as usual."""
        evidence = nodes.index_select(1, self.evidence)
        return ((evidence - self.usual) * self.direction).clamp_min(0)

    def _context(self, nodes: Tensor) -> Tensor:
        """(n, context) what evidence is to be seen by.

        An unknown id has no profile: that must not tell the decoder to expect one.
        """
        context: Tensor = self.surroundings(nodes.index_select(1, self.context))
        return torch.where(nodes[:, UNKNOWN, None] > 0, context * self.common, context)

    def _errors(self, batch: GraphBatch) -> Tensor:
        """(N', families) how little each family of evidence was expected, of padded nodes too."""
        return self._decoded(batch)[0] @ self.families

    def _decoded(self, batch: GraphBatch) -> tuple[Tensor, Tensor, Tensor]:
        """(N', evidence) −log likelihoods; mean and log variance of the codes, (N', latent)."""
        nodes = padded_nodes(batch)
        odd = self.extent(self._oddness(nodes))
        context = self._context(nodes)
        mean, log_variance = self._encode(torch.cat([odd * self.told, context], dim=1), batch)
        code = mean
        if self.training:
            code = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        decoded = self.decoder(torch.cat([code, context], dim=1))
        return _unlikeliness(odd, decoded), mean, log_variance

    def _encode(self, inputs: Tensor, batch: GraphBatch) -> tuple[Tensor, Tensor]:
        links = links_of(batch, loops=False)
        state = functional.silu(self.enter(inputs))
        for attend, bring in zip(self.attention, self.bring, strict=True):
            state = functional.silu(bring(attend(state, links)))
        mean, log_variance = self.code(state).chunk(2, dim=1)
        return mean, log_variance.clamp(-6, 2)


def _unlikeliness(odd: Tensor, decoded: Tensor) -> Tensor:
    """−log likelihood of each piece of evidence, up to a constant, same shape as `odd`."""
    chance, centre, log_scale = decoded.chunk(3, dim=1)
    log_scale = log_scale.clamp(-LOG_SCALE, LOG_SCALE)
    distance = (odd - centre) * (-log_scale).exp()
    size = log_scale + 0.5 * (FREEDOM + 1) * torch.log1p(distance**2 / FREEDOM)
    present = odd > TRACE
    return functional.softplus(chance) + torch.where(present, size - chance, 0.0)
