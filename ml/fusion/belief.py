"""The network of the full-information regression: from a belief to the value of every weight."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from ml.fusion.config import FusionAgentConfig
from ml.fusion.rewards import Reward
from ml.fusion.state import SCORES, StateEncoder

HIDDEN = 32
SCORE_INPUTS = 2 * SCORES
# Log-odds are fed in these units, so that weights of about 1 bend where verdicts are drawn.
LOG_ODDS = 3.0
# Fused scores at which a reward is tabulated, evenly from 0 to 1.
GRID = 1001
REFERENCE = 2048


class BeliefNetwork(nn.Module):
    """Action values of each state, (B, 2 + C) → (B, `alpha_steps`).

    A reward depends on the fused score f and the label alone. So the value of a weight is exactly
    `b · worth(f, attack) + (1 − b) · worth(f, benign)`, where b is the belief that the window is an
    attack: the one thing to be learnt, by regressing the values of all weights at once on their
    rewards. Several members learn b apart; their log-odds are averaged.

    The belief rises with both scores (their weights pass through a softplus), whatever the context
    does to it: what an expert finds more suspicious never becomes less so by the fusion.

    Attributes:
        encoder: takes the state in.
        worth: (2, GRID) reward of each fused score for a benign window and for an attack.
        kinds: names of the kinds of attack that it tells apart.
    """

    worth: Tensor

    def __init__(
        self, config: FusionAgentConfig, columns: int = 0, kinds: tuple[str, ...] = ()
    ) -> None:
        super().__init__()
        self.encoder = StateEncoder(config, columns)
        self.kinds = kinds
        self.members = config.members
        self.uses_context = config.state == "context" and columns > 0
        free = columns if self.uses_context else 0
        m, h = self.members, HIDDEN
        self.first = nn.Parameter(0.3 * torch.randn(m, SCORE_INPUTS, h) - 1)
        self.first_free = nn.Parameter(torch.randn(m, free, h) * max(free, 1) ** -0.5)
        self.first_bias = nn.Parameter(torch.randn(m, 1, h))
        self.second = nn.Parameter(0.3 * torch.randn(m, h, h) - 2)
        self.second_bias = nn.Parameter(0.3 * torch.randn(m, 1, h))
        self.last = nn.Parameter(0.3 * torch.randn(m, h, 1) - 1.5)
        self.last_bias = nn.Parameter(torch.zeros(m, 1, 1))
        self.register_buffer("alphas", torch.linspace(0, 1, config.alpha_steps))
        self.register_buffer("worth", torch.zeros(2, GRID))
        self.kind_head = nn.Sequential(
            nn.Linear(SCORES + columns, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, max(len(kinds), 1))
        )

    alphas: Tensor

    def member_beliefs(self, state: Tensor) -> Tensor:
        """(members, B) log-odds that each window is an attack."""
        odds = self.encoder.log_odds(state)
        scores = torch.cat([odds / LOG_ODDS, odds.sigmoid() * 2 - 1], dim=1)
        hidden = scores @ functional.softplus(self.first) + self.first_bias
        if self.uses_context:
            hidden = hidden + self.encoder.context(state) @ self.first_free
        hidden = torch.tanh(hidden)
        hidden = torch.tanh(hidden @ functional.softplus(self.second) + self.second_bias)
        beliefs: Tensor = (hidden @ functional.softplus(self.last) + self.last_bias).squeeze(-1)
        return beliefs

    def belief(self, state: Tensor) -> Tensor:
        """(B,) chance that each window is an attack, of all members together."""
        return self.member_beliefs(state).mean(0).sigmoid()

    def fused(self, state: Tensor) -> Tensor:
        """(B, `alpha_steps`) fused score of each weight."""
        scores = self.encoder.scores(state)
        anomaly, gat = scores[:, :1], scores[:, 1:]
        fused: Tensor = anomaly + self.alphas * (gat - anomaly)
        return fused

    def rewards(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """What each weight would bring for a benign window and for an attack, (B, A) each."""
        place = self.fused(state).clamp(0, 1) * (GRID - 1)
        low = place.floor().long().clamp(max=GRID - 2)
        share = place - low
        benign, attack = (row[low] * (1 - share) + row[low + 1] * share for row in self.worth)
        return benign, attack

    @override
    def forward(self, state: Tensor) -> Tensor:
        benign, attack = self.rewards(state)
        belief = self.belief(state)[:, None]
        return belief * attack + (1 - belief) * benign

    def kind_log_odds(self, state: Tensor) -> Tensor:
        """(B, kinds) unnormalised log-probabilities of the kinds, given that it is an attack."""
        seen = torch.cat([self.encoder.log_odds(state), self.encoder.context(state)], dim=1)
        odds: Tensor = self.kind_head(seen)
        return odds

    @torch.no_grad()
    def tabulate(self, reward: Reward, state: Tensor, label: Tensor) -> None:
        """Ask what each fused score is worth beside windows like these, (n, 2 + C) and (n,).

        Rewards that look at a window alone are worth the same beside any; those built on a metric
        of the batch count what one more verdict changes beside the verdicts of the experts' mean.
        """
        rows = torch.linspace(0, len(state) - 1, min(len(state), REFERENCE)).long()
        mean, known = state[rows, :SCORES].mean(1).cpu(), label[rows].cpu()
        for truth in (0, 1):
            tried = known.new_full((1,), truth)
            for n, fused in enumerate(torch.linspace(0, 1, GRID)):
                batch = torch.cat([fused[None], mean]), torch.cat([tried, known])
                self.worth[truth, n] = reward(*batch)[0]
