"""How rare a value is among benign ones, in nats."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import override

KNOTS = 64
RAREST = 11.0
LEAST_GAP = 1e-6


class Tails(nn.Module):
    """−log of the share of benign values at or above a value, one table a column.

    It ends with the rarest benign value: what was never seen is rarer, but nobody knows by how
    much, and a guess would let one wild value outweigh all other evidence.
    """

    knots: Tensor
    level: Tensor

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.register_buffer("knots", torch.arange(KNOTS).float().repeat(columns, 1))
        self.register_buffer("level", torch.linspace(0, RAREST, KNOTS).repeat(columns, 1))

    def learn(self, values: Tensor, weight: Tensor) -> None:
        """Take the tables from (n, columns) benign values and (n,) weights."""
        ordered, order = values.sort(dim=0)
        above = weight.double()[order].flip(0).cumsum(0).flip(0) / weight.double().sum()
        rarity = -above.clamp_min(1e-12).log()
        share = torch.linspace(0, 1, KNOTS, device=values.device)
        self.level = rarity[-1].clamp_max(RAREST).float()[:, None] * share
        place = torch.searchsorted(rarity.T.contiguous(), self.level.double())
        self.knots = ordered.T.gather(1, place.clamp_max(len(values) - 1))

    @override
    def forward(self, values: Tensor) -> Tensor:
        """(n, columns) rarity in nats."""
        columns = values.T.contiguous()
        right = torch.searchsorted(self.knots, columns).clamp(1, KNOTS - 1)
        low, high = self.knots.gather(1, right - 1), self.knots.gather(1, right)
        floor, ceiling = self.level.gather(1, right - 1), self.level.gather(1, right)
        part = ((columns - low) / (high - low).clamp_min(LEAST_GAP)).clamp(0, 1)
        return (floor + part * (ceiling - floor)).T
