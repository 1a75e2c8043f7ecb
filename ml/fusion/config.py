"""Options of the fusion, with the fusion guide's names and defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ml.config import config

Unit = Annotated[float, Field(ge=0, le=1)]


@config
class FusionAgentConfig:
    """The agent that chooses alpha.

    Attributes:
        method: "dqn", which learns from the reward of the one weight that it tried, or
            "regression" on the rewards of all weights at once, which are known as soon as the label
            is; made for `state: continuous` and `reward: likelihood`.
        alpha_steps: how many weights there are to choose from, evenly from 0 to 1.
        fusion_lr: learning rate of the Q-network.
        gamma: discount of the next window's value; without effect while `episode_length` is 1.
        fusion_epsilon: share of random actions at the start (method "dqn", as all that follows up
            to `episode_length`; a regression tries every weight).
        fusion_epsilon_decay: factor on that share after each step.
        fusion_min_epsilon: its lower bound.
        fusion_buffer_size: transitions that the replay buffer holds.
        fusion_batch_size: windows acted on, and transitions learnt from, a step.
        target_update_freq: steps between updates of the target network.
        episode_length: windows in a row that form one episode. An action never changes what the
            bus sends next, so by default every window is an episode of its own.
        state: "discrete" bins of the two scores, "continuous" scores, or "context": the scores and
            the window features of the cache.
        state_bins: bins a score, also the resolution of the policy heat map.
        members: networks whose beliefs are averaged (method "regression").
        reward: name of a reward function (see `ml.fusion.rewards`), or on the command line an
            import path `package.module:function`.
        missed_attack_cost: cost of a missed attack (reward "cost").
        false_alarm_cost: cost of a false alarm (reward "cost").
    """

    method: Literal["dqn", "regression"] = "dqn"
    alpha_steps: Annotated[int, Field(ge=2, le=1001)] = 21
    fusion_lr: Annotated[float, Field(gt=0, le=1)] = 0.001
    gamma: Annotated[float, Field(ge=0, lt=1)] = 0.9
    fusion_epsilon: Unit = 0.9
    fusion_epsilon_decay: Annotated[float, Field(gt=0, le=1)] = 0.995
    fusion_min_epsilon: Unit = 0.2
    fusion_buffer_size: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000
    fusion_batch_size: Annotated[int, Field(ge=1, le=65_536)] = 256
    target_update_freq: Annotated[int, Field(ge=1, le=1_000_000_000)] = 100
    episode_length: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    state: Literal["discrete", "continuous", "context"] = "discrete"
    state_bins: Annotated[int, Field(ge=2, le=200)] = 10
    members: Annotated[int, Field(ge=1, le=64)] = 3
    reward: Annotated[str, Field(max_length=200)] = "accuracy"
    missed_attack_cost: Annotated[float, Field(gt=0, le=1e6)] = 5.0
    false_alarm_cost: Annotated[float, Field(gt=0, le=1e6)] = 1.0


@config
class FusionDataConfig:
    """The prediction cache, and the verdict lines that are found on it.

    Attributes:
        batch_size: windows scored at once; halved by itself where memory runs out.
        in_sample: let the experts score their own training windows. Faster and worse: the fusion
            then learns to trust the expert that memorised most. The release says so.
        rebuild: build the cache anew even where a fitting one exists.
        vehicle_folds: in how many groups the cars are left out, one car each where there are no
            more than that.
        threshold: "fpr" takes for each detector the lowest threshold that keeps `target_fpr` in
            every capture (see `ml.evaluation.cautious`), "f1" the one with the best F1.
        target_fpr: share of benign windows that may be flagged.
    """

    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 64
    in_sample: bool = False
    rebuild: bool = False
    vehicle_folds: Annotated[int, Field(ge=2, le=100)] = 6
    threshold: Literal["fpr", "f1"] = "fpr"
    target_fpr: Annotated[float, Field(gt=0, lt=1)] = 0.005


@config
class FusionTrainingConfig:
    """The training of the agent.

    Attributes:
        max_epochs: most passes over the prediction cache; an epoch of the regression looks at no
            more than `ml.fusion.samples.EPOCH_WINDOWS` windows.
        early_stopping_patience: epochs without improvement after which to stop.
        checkpoint_metric: what "improvement" and "best" mean; equal accuracies are told apart by
            the reward.
    """

    max_epochs: Annotated[int, Field(ge=1, le=10_000)] = 50
    early_stopping_patience: Annotated[int, Field(ge=1, le=10_000)] = 15
    checkpoint_metric: Literal["val_accuracy", "val_reward"] = "val_accuracy"
