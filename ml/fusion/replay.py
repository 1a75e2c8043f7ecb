"""A replay buffer that lives on the device and in the checkpoint."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Transitions(NamedTuple):
    """Steps of an agent, n of them.

    Attributes:
        state: (n, S) what the agent saw.
        action: (n,) int64, what it did.
        reward: (n,) what that was worth.
        next_state: (n, S) what it saw next.
        done: (n,) 1 where the episode ended with this step.
    """

    state: Tensor
    action: Tensor
    reward: Tensor
    next_state: Tensor
    done: Tensor


class ReplayBuffer(nn.Module):
    """The newest `capacity` transitions, overwritten in a circle.

    A module only so that Lightning moves it between devices and saves it: a resumed training
    samples from the same memories.
    """

    def __init__(self, capacity: int, width: int = 2) -> None:
        super().__init__()
        self.capacity = capacity
        self.register_buffer("state", torch.zeros(capacity, width))
        self.register_buffer("action", torch.zeros(capacity, dtype=torch.int64))
        self.register_buffer("reward", torch.zeros(capacity))
        self.register_buffer("next_state", torch.zeros(capacity, width))
        self.register_buffer("done", torch.zeros(capacity))
        self.written: Tensor
        self.register_buffer("written", torch.zeros((), dtype=torch.int64))
        # The same number for Python, which would otherwise wait for the device to answer.
        self._written = 0

    def __len__(self) -> int:
        return min(self._written, self.capacity)

    def push(self, transitions: Transitions) -> None:
        """Remember a batch, in one write a column."""
        newest = Transitions(*(column[-self.capacity :] for column in transitions))
        rows = torch.arange(self._written, self._written + len(newest.action)) % self.capacity
        for name, values in newest._asdict().items():
            getattr(self, name)[rows] = values
        self._written += len(newest.action)
        self.written.fill_(self._written)

    def sample(self, size: int, generator: torch.Generator) -> Transitions:
        """Draw `size` transitions uniformly, with replacement."""
        rows = torch.randint(len(self), (size,), generator=generator, device=generator.device)
        return Transitions(*(getattr(self, name)[rows] for name in Transitions._fields))

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *args: object
    ) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._written = int(self.written)
