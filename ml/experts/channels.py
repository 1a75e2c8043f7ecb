"""What the node features mean to the experts: evidence or context, and which go together."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from typing_extensions import override

from ml.can.features import FAMILIES, NODE_FEATURES

# Ratios to the usual period: 1 is usual, and less is odd.
RATIOS = ("least_interval_ratio", "least_two_step_ratio")
# What a node's evidence is to be seen by; none of it is evidence.
CONTEXT = ("frame_share", *FAMILIES["context"])
EVIDENCE = tuple(name for name in NODE_FEATURES if name not in CONTEXT)
EVIDENCE_FAMILIES = tuple(family for family in FAMILIES if family != "context")
# Features made from families that are not the one they are listed in.
_MADE_FROM = {
    "early_plus_odd": ("timing", "values"),
    "early_with_trace": ("timing", "values", "companions", "movement"),
    "early_and_odd": ("timing", "values"),
    "early_unexplained": ("timing",),
    "frames_unexplained": ("timing",),
}
_HIDEABLE = ("presence", "timing", "companions", "values", "checks", "movement")


def squash(features: Tensor) -> Tensor:
    """sign(x) · log(1 + |x|): surprises have long tails, and a network must not chase them."""
    return features.sign() * features.abs().log1p()


def places(names: tuple[str, ...]) -> Tensor:
    """(n,) int64 places of node features."""
    return torch.tensor([NODE_FEATURES.index(name) for name in names])


def usual() -> Tensor:
    """(F,) squashed features of a node about which nothing is odd."""
    values = torch.zeros(len(NODE_FEATURES))
    values[places(RATIOS)] = math.log(2)
    return values


def family_mask() -> Tensor:
    """(evidence, families) 1 where a piece of evidence belongs to a family."""
    return torch.tensor(
        [[float(name in FAMILIES[family]) for family in EVIDENCE_FAMILIES] for name in EVIDENCE]
    )


def hiding_mask() -> Tensor:
    """(families to hide, F) 1 where a feature draws on a family."""
    return torch.tensor(
        [[float(family in _sources(name)) for name in NODE_FEATURES] for family in _HIDEABLE]
    )


def _sources(name: str) -> tuple[str, ...]:
    """The families that a feature is made from."""
    base = name.removesuffix("_beyond_record")
    own = next(family for family, names in FAMILIES.items() if base in names)
    return _MADE_FROM.get(base, () if base in CONTEXT else (own,))


class Standard(nn.Module):
    """Centres and scales features as learnt from training nodes."""

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int, least_scale: float) -> None:
        super().__init__()
        self.least_scale = least_scale
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def learn(self, features: Tensor, *, centre: bool = True) -> None:
        """Take mean and scale from (N, width) features."""
        self.mean = features.mean(0) * float(centre)
        self.scale = features.std(0) + self.least_scale

    @override
    def forward(self, features: Tensor) -> Tensor:
        """The features, centred and scaled."""
        return (features - self.mean) / self.scale
