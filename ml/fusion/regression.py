"""Full-information regression: every window tells what each weight would have brought.

A DQN explores because it sees the reward of the action it took only. Here the label gives the
rewards of all of them, so all action values are regressed on all rewards at once, without
exploration, replay or target network (the full-information limit of contextual bandits; see Foster
& Rakhlin, arXiv:2002.04926, for regression oracles in them).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from typing_extensions import override

from ml.fusion.agent import Agent
from ml.fusion.belief import BeliefNetwork
from ml.fusion.config import FusionAgentConfig
from ml.fusion.samples import NO_KIND, FusionPredictionCache

# The DQN's default rate is for its own, noisier targets.
RATE = 5.0
DECAY = 0.01


class RegressionLightningModule(Agent):
    """The regression agent and its training."""

    q_network: BeliefNetwork

    def __init__(
        self, agent: FusionAgentConfig, columns: int = 0, kinds: tuple[str, ...] = ()
    ) -> None:
        super().__init__(agent)
        self.q_network = BeliefNetwork(agent, columns, kinds)

    def q_loss(self, batch: FusionPredictionCache) -> Tensor:
        """How badly the values of all weights are known, a scalar, the mean over the members.

        Every weight's value is the same function of one belief (see `BeliefNetwork`), so the belief
        of highest likelihood gives the values of all weights at once. Their squared error has the
        same minimum, but hardly a gradient where the experts agree, for there all weights are worth
        the same; it carried less well to cars that were left out.
        """
        odds = self.q_network.member_beliefs(batch.state)
        wrong = functional.binary_cross_entropy_with_logits(
            odds, batch.label.expand_as(odds), reduction="none"
        )
        return (wrong * batch.weight).mean()

    def kind_loss(self, batch: FusionPredictionCache) -> Tensor:
        """Cross-entropy of the attack windows' kinds, a scalar; 0 where there is none."""
        known = batch.kind != NO_KIND
        if not known.any():
            return batch.label.new_zeros(())
        odds = self.q_network.kind_log_odds(batch.state[known])
        each = functional.cross_entropy(odds, batch.kind[known], reduction="none")
        weight = batch.weight[known]
        return (each * weight).sum() / weight.sum()

    @override
    def training_step(self, batch: FusionPredictionCache, _: int) -> Tensor:
        values, kinds = self.q_loss(batch), self.kind_loss(batch)
        self.log_dict(
            {"train_loss": values, "train_kind_loss": kinds}, on_step=False, on_epoch=True
        )
        return values + kinds

    @override
    def validation_step(self, batch: FusionPredictionCache, _: int) -> None:
        values = self.q_network(batch.state)
        action = values.argmax(1, keepdim=True)
        fused = self.q_network.fused(batch.state).gather(1, action).squeeze(1)
        benign, attack = (
            r.gather(1, action).squeeze(1) for r in self.q_network.rewards(batch.state)
        )
        earned = torch.where(batch.label > 0.5, attack, benign)
        reward = (earned * batch.weight).mean()
        measured = self.measured(values, fused, reward, batch.label)
        self.log_dict(measured, on_epoch=True, batch_size=len(batch.label))

    @override
    def configure_optimizers(self) -> Any:
        rate = self.agent.fusion_lr * RATE
        optimizer = torch.optim.AdamW(self.q_network.parameters(), lr=rate, weight_decay=DECAY)
        steps = max(int(self.trainer.estimated_stepping_batches), 1)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
