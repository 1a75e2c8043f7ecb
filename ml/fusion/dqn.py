"""A DQN that learns which weight to give the classifier, window by window.

Mnih et al., "Human-level control through deep reinforcement learning", 2015: replay, a target
network and epsilon-greedy exploration. A step acts on a whole batch of cached windows at once.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from typing_extensions import override

from ml.fusion.agent import Agent
from ml.fusion.config import FusionAgentConfig
from ml.fusion.policy import QNetwork
from ml.fusion.replay import ReplayBuffer, Transitions
from ml.fusion.rewards import Reward
from ml.fusion.samples import FusionPredictionCache
from ml.fusion.state import SCORES


class FusionLightningModule(Agent):
    """The DQN agent and its training."""

    q_network: QNetwork
    epsilon: Tensor
    steps: Tensor

    def __init__(
        self, agent: FusionAgentConfig, reward: Reward, seed: int = 0, columns: int = 0
    ) -> None:
        super().__init__(agent)
        self.reward = reward
        self.q_network = QNetwork(agent, columns)
        self.target_network = QNetwork(agent, columns).requires_grad_(requires_grad=False)
        self.target_network.load_state_dict(self.q_network.state_dict())
        self.replay_buffer = ReplayBuffer(agent.fusion_buffer_size, SCORES + columns)
        self.register_buffer("epsilon", torch.tensor(agent.fusion_epsilon, dtype=torch.float64))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self._seed = seed
        self._generator: torch.Generator | None = None
        self._restored: Tensor | None = None

    @property
    def generator(self) -> torch.Generator:
        """All of the agent's randomness, on its device."""
        if self._generator is None:
            # Made on first use, because only then is the module where it will stay.
            self._generator = torch.Generator(self.device).manual_seed(self._seed)
            if self._restored is not None:
                self._generator.set_state(self._restored)
        return self._generator

    def alpha(self, action: Tensor) -> Tensor:
        """(B,) weight that each action stands for."""
        return action / (self.agent.alpha_steps - 1)

    def act(self, state: Tensor) -> Tensor:
        """(B,) epsilon-greedy actions; every window flips its own coin."""
        greedy = self.q_network(state).argmax(1)
        coin = torch.rand(len(state), generator=self.generator, device=self.device)
        chance = torch.randint(
            self.agent.alpha_steps, (len(state),), generator=self.generator, device=self.device
        )
        return torch.where(coin < self.epsilon, chance, greedy)

    def fused(self, state: Tensor, action: Tensor) -> Tensor:
        """(B,) fused scores."""
        alpha = self.alpha(action)
        return alpha * state[:, 1] + (1 - alpha) * state[:, 0]

    @override
    def training_step(self, batch: FusionPredictionCache, _: int) -> Tensor:
        with torch.no_grad():
            action = self.act(batch.state)
            reward = self.reward(self.fused(batch.state, action), batch.label).float()
            self.replay_buffer.push(
                Transitions(batch.state, action, reward, batch.next_state, batch.done)
            )
        loss = self.q_loss(self.replay_buffer.sample(self.agent.fusion_batch_size, self.generator))
        self.log_dict(
            {"train_loss": loss, "train_reward": reward.mean()}, on_step=False, on_epoch=True
        )
        return loss

    def q_loss(self, transitions: Transitions) -> Tensor:
        """Huber loss against `reward + gamma · (1 − done) · max Q_target(next_state)`, a scalar."""
        value = self.q_network(transitions.state).gather(1, transitions.action[:, None]).squeeze(1)
        with torch.no_grad():
            following = self.target_network(transitions.next_state).max(1).values
            target = transitions.reward + self.agent.gamma * (1 - transitions.done) * following
        return functional.smooth_l1_loss(value, target)

    @override
    def on_train_batch_end(
        self, outputs: Any, batch: FusionPredictionCache, batch_idx: int
    ) -> None:
        del outputs, batch, batch_idx
        self.steps += 1
        self.epsilon.mul_(self.agent.fusion_epsilon_decay).clamp_(min=self.agent.fusion_min_epsilon)
        if int(self.steps) % self.agent.target_update_freq == 0:
            self.target_network.load_state_dict(self.q_network.state_dict())

    @override
    def validation_step(self, batch: FusionPredictionCache, _: int) -> None:
        values = self.q_network(batch.state)
        fused = self.fused(batch.state, values.argmax(1))
        reward = self.reward(fused, batch.label).float().mean()
        measured = self.measured(values, fused, reward, batch.label)
        epsilon = self.epsilon.float()
        self.log_dict({**measured, "epsilon": epsilon}, on_epoch=True, batch_size=len(batch.label))

    @override
    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.q_network.parameters(), lr=self.agent.fusion_lr)

    @override
    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["generator"] = self.generator.get_state()

    @override
    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._generator, self._restored = None, checkpoint["generator"].cpu()
