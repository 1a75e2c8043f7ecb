"""What every agent is: a network of action values, whatever it learns them from."""

from __future__ import annotations

from dataclasses import asdict

import torch
from torch import Tensor

from ml.batches import ResidentModule
from ml.fusion.config import FusionAgentConfig
from ml.fusion.policy import PolicyNetwork, heat_map
from ml.fusion.rewards import VERDICT
from ml.fusion.state import Floats, states

TIE_BREAK = 1e-3


class Agent(ResidentModule):
    """An agent and its training.

    Attributes:
        agent: its options.
        q_network: the value of each weight in a state.
    """

    q_network: PolicyNetwork

    def __init__(self, agent: FusionAgentConfig) -> None:
        super().__init__()
        self.save_hyperparameters(asdict(agent))
        self.agent = agent

    def get_policy(self) -> Floats:
        """Heat map of alpha, (bins of anomaly_score, bins of gat_prob), in a typical context."""
        return heat_map(self.q_network, self.agent)

    @torch.no_grad()
    def q_spread(
        self, anomaly_score: Floats, gat_prob: Floats, context: Floats | None = None
    ) -> float:
        """Mean difference between the best and the worst action's value over windows, (W,) each.

        Near 0 the agent has not learnt to tell weights apart.
        """
        values = self.q_network(states(anomaly_score, gat_prob, context).to(self.device))
        return float(_spread(values))

    @staticmethod
    def measured(values: Tensor, fused: Tensor, reward: Tensor, label: Tensor) -> dict[str, Tensor]:
        """What a validation step reports.

        Args:
            values: (B, actions) action values.
            fused: (B,) fused scores of the best actions.
            reward: scalar, what they earned on average.
            label: (B,) 1 for an attack.
        """
        right = ((fused >= VERDICT) == (label > 0.5)).float().mean()
        return {
            "val_accuracy": right,
            "val_reward": reward,
            # Many policies share the best accuracy; the reward tells which of them is surest.
            "val_accuracy_then_reward": right + TIE_BREAK * reward,
            "q_spread": _spread(values),
        }


def _spread(values: Tensor) -> Tensor:
    return (values.max(1).values - values.min(1).values).mean()
