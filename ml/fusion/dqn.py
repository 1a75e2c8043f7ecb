"""A DQN that learns which weight to give the classifier, window by window.

Mnih et al., "Human-level control through deep reinforcement learning", 2015: replay, a target
network and epsilon-greedy exploration. A step acts on a whole batch of cached windows at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from typing_extensions import override

from ml.fusion.config import FusionAgentConfig
from ml.fusion.policy import Floats, QNetwork, heat_map
from ml.fusion.replay import ReplayBuffer, Transitions
from ml.fusion.rewards import VERDICT, Reward

TIE_BREAK = 1e-3


class Samples(NamedTuple):
    """Cached windows, n of them.

    Attributes:
        state: (n, 2) float32, anomaly_score and gat_prob.
        label: (n,) float32, 0 or 1.
        next_state: (n, 2) float32, the state of the window that follows on the same bus.
        done: (n,) float32, 1 where the episode ends.
    """

    state: Tensor
    label: Tensor
    next_state: Tensor
    done: Tensor


class FusionPredictionCache:
    """Cached predictions on the device, given out in batches.

    Shuffled by seed and epoch alone (see `GraphLoader`); `seed=None` keeps the order.
    """

    def __init__(self, samples: Samples, batch_size: int, *, seed: int | None = None) -> None:
        self.samples = samples
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return math.ceil(len(self.samples.label) / self.batch_size)

    def __iter__(self) -> Iterator[Samples]:
        rows = torch.arange(len(self.samples.label))
        if self.seed is not None:
            order = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
            rows = torch.randperm(len(rows), generator=order)
        for chosen in torch.split(rows.to(self.samples.label.device), self.batch_size):
            yield Samples(*(column[chosen] for column in self.samples))


class FusionLightningModule(pl.LightningModule):
    """The DQN agent and its training."""

    epsilon: Tensor
    steps: Tensor

    def __init__(self, agent: FusionAgentConfig, reward: Reward, seed: int = 0) -> None:
        super().__init__()
        self.save_hyperparameters(asdict(agent))
        self.agent = agent
        self.reward = reward
        self.q_network = QNetwork(agent)
        self.target_network = QNetwork(agent).requires_grad_(requires_grad=False)
        self.target_network.load_state_dict(self.q_network.state_dict())
        self.replay_buffer = ReplayBuffer(agent.fusion_buffer_size)
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
    def training_step(self, batch: Samples, _: int) -> Tensor:
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
    def on_train_batch_end(self, outputs: Any, batch: Samples, batch_idx: int) -> None:
        del outputs, batch, batch_idx
        self.steps += 1
        self.epsilon.mul_(self.agent.fusion_epsilon_decay).clamp_(min=self.agent.fusion_min_epsilon)
        if int(self.steps) % self.agent.target_update_freq == 0:
            self.target_network.load_state_dict(self.q_network.state_dict())

    @override
    def validation_step(self, batch: Samples, _: int) -> None:
        values = self.q_network(batch.state)
        fused = self.fused(batch.state, values.argmax(1))
        right = ((fused >= VERDICT) == (batch.label > 0.5)).float().mean()
        reward = self.reward(fused, batch.label).float().mean()
        measured = {
            "val_accuracy": right,
            "val_reward": reward,
            # Many policies share the best accuracy; the reward tells which of them is surest.
            "val_accuracy_then_reward": right + TIE_BREAK * reward,
            "q_spread": (values.max(1).values - values.min(1).values).mean(),
            "epsilon": self.epsilon.float(),
        }
        self.log_dict(measured, on_epoch=True, batch_size=len(batch.label))

    def get_policy(self) -> Floats:
        """Heat map of alpha, (bins of anomaly_score, bins of gat_prob)."""
        return heat_map(self.q_network, self.agent.alpha_steps)

    @torch.no_grad()
    def q_spread(self, anomaly_score: Floats, gat_prob: Floats) -> float:
        """Mean difference between the best and the worst action's value over windows, (W,) each.

        Near 0 the agent has not learnt to tell weights apart.
        """
        state = torch.from_numpy(np.stack([anomaly_score, gat_prob], axis=1).astype(np.float32))
        values = self.q_network(state.to(self.device))
        return float((values.max(1).values - values.min(1).values).mean())

    @override
    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.q_network.parameters(), lr=self.agent.fusion_lr)

    @override
    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        """Batches are gathered on the device already."""
        del device, dataloader_idx
        return batch

    @override
    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["generator"] = self.generator.get_state()

    @override
    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._generator, self._restored = None, checkpoint["generator"].cpu()


def make_samples(
    anomaly_score: Floats,
    gat_prob: Floats,
    label: NDArray[np.uint8],
    capture: NDArray[Any],
    episode_length: int,
) -> Samples:
    """Turn cached columns into steps of episodes.

    Args:
        anomaly_score: (n,) calibrated score of the VGAE, in time order within a capture.
        gat_prob: (n,) calibrated score of the GAT, likewise.
        label: (n,) 1 for an attack.
        capture: (n,) number of the capture; an episode never runs from one into another.
        episode_length: windows an episode.
    """
    state = torch.from_numpy(np.stack([anomaly_score, gat_prob], axis=1).astype(np.float32))
    row = np.arange(len(label))
    begins = np.append(True, capture[1:] != capture[:-1])
    place = row - np.maximum.accumulate(np.where(begins, row, 0))
    ends = np.append(begins[1:], True)
    done = ends | (place % episode_length == episode_length - 1)
    following = torch.from_numpy(np.where(ends, row, row + 1))
    return Samples(
        state=state,
        label=torch.from_numpy(label.astype(np.float32)),
        next_state=state[following],
        done=torch.from_numpy(done.astype(np.float32)),
    )
