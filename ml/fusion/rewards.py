"""What a fused score is worth, once the label is known.

A reward takes the fused scores and the labels of one batch and gives one number a window. Rewards
built on a metric of the whole batch (F1, MCC) give each window the difference its own verdict makes
to that metric (difference rewards: Wolpert & Tumer, "Optimal payoff functions…", 2001), so that
credit stays per window. None of them looks at alpha: no weight is favoured for its own sake.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ml.errors import InvalidInput, NotFound
from ml.fusion.config import FusionAgentConfig

VERDICT = 0.5
# How far a score clears the verdict line breaks ties between weights that give the same verdict.
MARGIN = 0.5
# Where certainty is not rewarded any further.
SUREST = 1e-3

Reward = Callable[[Tensor, Tensor], Tensor]
"""(B,) fused scores, (B,) labels of 0 and 1 → (B,) rewards."""

Counts = tuple[Tensor, Tensor, Tensor, Tensor]


def reward_function(config: FusionAgentConfig, *, trusted: bool = False) -> Reward:
    """The reward that a configuration names.

    Args:
        config: its `reward` is one of `REWARDS`, or `package.module:function`.
        trusted: whether import paths are allowed; they run code, so only a command line may.

    Raises:
        NotFound: there is no such reward.
        InvalidInput: an import path that is not allowed here or does not lead to a function.
    """
    if ":" in config.reward:
        return _imported(config.reward, trusted=trusted)
    if config.reward not in REWARDS:
        raise NotFound(
            f"There is no reward '{config.reward}'.",
            f"Choose one of: {', '.join(sorted(REWARDS))}.",
        )
    return REWARDS[config.reward](config)


def _accuracy(_: FusionAgentConfig) -> Reward:
    def reward(fused: Tensor, label: Tensor) -> Tensor:
        right = (fused >= VERDICT) == (label > 0.5)
        return torch.where(right, 1.0, -1.0) + _margin(fused, label)

    return reward


def _likelihood(_: FusionAgentConfig) -> Reward:
    """The logarithmic score, a proper one: best is the weight whose fused score is the chance."""

    def reward(fused: Tensor, label: Tensor) -> Tensor:
        right = torch.where(label > 0.5, fused, 1 - fused)
        return right.clamp(SUREST, 1 - SUREST).log()

    return reward


def _cost(config: FusionAgentConfig) -> Reward:
    worst = max(config.missed_attack_cost, config.false_alarm_cost)

    def reward(fused: Tensor, label: Tensor) -> Tensor:
        attack, flagged = label > 0.5, fused >= VERDICT
        missed = (attack & ~flagged) * config.missed_attack_cost
        false_alarm = (~attack & flagged) * config.false_alarm_cost
        return 1 - 2 * (missed + false_alarm) / worst + _margin(fused, label)

    return reward


def _difference(metric: Callable[[Counts], Tensor]) -> Callable[[FusionAgentConfig], Reward]:
    def reward(fused: Tensor, label: Tensor) -> Tensor:
        attack, flagged = label > 0.5, fused >= VERDICT
        counts = _counts(attack, flagged)
        scale = max(len(fused), 1) / 2
        return (metric(counts) - metric(_flipped(counts, attack, flagged))) * scale + _margin(
            fused, label
        )

    return lambda _: reward


def _counts(attack: Tensor, flagged: Tensor) -> Counts:
    """True positives, false positives, false negatives and true negatives of the batch."""
    pairs = ((attack, flagged), (~attack, flagged), (attack, ~flagged), (~attack, ~flagged))
    tp, fp, fn, tn = ((a & b).sum().double() for a, b in pairs)
    return tp, fp, fn, tn


def _flipped(counts: Counts, attack: Tensor, flagged: Tensor) -> Counts:
    """The counts as they would be had each window alone got the other verdict, each (B,)."""
    tp, fp, fn, tn = counts
    sign = torch.where(flagged, -1.0, 1.0).double()
    return tp + attack * sign, fp + ~attack * sign, fn - attack * sign, tn - ~attack * sign


def _f1(counts: Counts) -> Tensor:
    tp, fp, fn, _ = counts
    return 2 * tp / (2 * tp + fp + fn).clamp_min(1)


def _mcc(counts: Counts) -> Tensor:
    tp, fp, fn, tn = counts
    spread = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / spread.clamp_min(1).sqrt()


def _margin(fused: Tensor, label: Tensor) -> Tensor:
    return MARGIN * (1 - 2 * (fused - label).abs())


def _imported(path: str, *, trusted: bool) -> Reward:
    if not trusted:
        raise InvalidInput(
            "A reward by import path runs code, so it is taken on the command line only.",
            f"Choose one of: {', '.join(sorted(REWARDS))}.",
        )
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # the module is the user's, and may raise anything
        raise InvalidInput(
            f"The reward '{path}' cannot be imported: {type(error).__name__}: {error}.",
            "Give `package.module:function`.",
        ) from error

    def reward(fused: Tensor, label: Tensor) -> Tensor:
        return torch.as_tensor(found(fused, label), dtype=fused.dtype).expand_as(fused)

    try:
        reward(torch.tensor([0.2, 0.8]), torch.tensor([0.0, 1.0]))
    except Exception as error:  # as above
        raise InvalidInput(
            f"The reward '{path}' does not work: {type(error).__name__}: {error}.",
            "Give `package.module:function` that takes fused scores and labels, and gives rewards.",
        ) from error
    return reward


REWARDS: Mapping[str, Callable[[FusionAgentConfig], Reward]] = {
    "accuracy": _accuracy,
    "cost": _cost,
    "f1": _difference(_f1),
    "likelihood": _likelihood,
    "mcc": _difference(_mcc),
}
