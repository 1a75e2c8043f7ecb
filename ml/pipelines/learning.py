"""What a fusion is made of, learnt from one training set: experts, cache, agent, threshold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from ml.can.splits import hold_out
from ml.can.windows import window_overlap
from ml.config import config
from ml.context import Span, Workspace
from ml.evaluation.bars import Bars, fit_bars
from ml.evaluation.baselines import Baselines, fit_baselines
from ml.experts.bank import ExpertBank
from ml.experts.explanation import usual_node
from ml.fusion.agent import Agent
from ml.fusion.cache import PredictionCache
from ml.fusion.config import FusionAgentConfig, FusionDataConfig, FusionTrainingConfig
from ml.fusion.policy import FusionPolicy, fuse, load_policy, save_policy
from ml.fusion.rewards import Reward, reward_function
from ml.fusion.state import Floats
from ml.fusion.training import train_fusion
from ml.pipelines.training import (
    Training,
    TrainingConfig,
    check_training,
    final_bank,
    never_seen,
    prediction_cache,
)
from ml.scoring import Scorer


@config
class FusionTaskConfig(TrainingConfig):
    """What every job that trains fusions is told.

    Attributes:
        data: the prediction cache.
        agent: the agent that chooses alpha.
        training: how long the agent is trained, and what "best" means.
    """

    data: FusionDataConfig = field(default_factory=FusionDataConfig)
    agent: FusionAgentConfig = field(default_factory=FusionAgentConfig)
    training: FusionTrainingConfig = field(default_factory=FusionTrainingConfig)


C = TypeVar("C", bound=FusionTaskConfig)


@dataclass(frozen=True)
class Learnt:
    """A fusion that was learnt.

    Attributes:
        bank: the experts.
        cache: what the policy was learnt from.
        reason: why the cache was built, "" where one on disk fitted.
        agent: the trained agent.
        policy: what the agent amounts to.
        fused: (n,) fused score of each row of the cache.
        threshold: the verdict line.
        baselines: the fusion's rivals.
        bars: rivals that need no expert.
        usual_node: (F,) node features of an id that behaves as usual.
    """

    bank: ExpertBank
    cache: PredictionCache
    reason: str
    agent: Agent
    policy: FusionPolicy
    fused: Floats
    threshold: float
    baselines: Baselines
    bars: Bars
    usual_node: Floats


def check_learning(config: FusionTaskConfig, workspace: Workspace, trusted: bool) -> None:
    """Refuse an unknown dataset, reward or release before any work is done."""
    check_training(config, workspace)
    reward_function(config.agent, trusted=trusted)


def learn(training: Training[C], progress: Span) -> Learnt:
    """Learn a fusion from a training set.

    Raises:
        InvalidInput: the captures do not suffice.
        Cancelled: the run was asked to stop.
    """
    config, context = training.config, training.context
    reward = reward_function(config.agent, trusted=context.trusted)
    if config.data.in_sample or never_seen(training):
        bank = final_bank(training, progress.span(0.0, 0.75))
        cache, reason = prediction_cache(training, config.data, progress.span(0.75, 0.85), bank)
    else:
        cache, reason = prediction_cache(training, config.data, progress.span(0.0, 0.65))
        bank = final_bank(training, progress.span(0.65, 0.85))
    agent = _train_agent(training, cache, reward, progress.span(0.85, 1.0))
    save_policy(agent.q_network, config.agent, context.workdir)
    policy = load_policy(config.agent, context.workdir)
    alpha = policy.alpha(cache.anomaly_score, cache.gat_prob, cache.context)
    fused = fuse(alpha, cache.anomaly_score, cache.gat_prob)
    return Learnt(
        bank=bank,
        cache=cache,
        reason=reason,
        agent=agent,
        policy=policy,
        fused=fused,
        threshold=cache.threshold(fused, config.data),
        baselines=fit_baselines(cache, config.data),
        bars=_fit_bars(cache, config.data, config.seed),
        usual_node=usual_node([c.graphs for c in training.captures]),
    )


def scorer_of(training: Training[C], learnt: Learnt, version: str) -> Scorer:
    """The learnt fusion, ready to score."""
    return Scorer(
        version=version,
        window=training.config.window,
        threshold=learnt.threshold,
        bank=learnt.bank,
        calibrations=learnt.cache.calibrations,
        policy=learnt.policy,
        baselines=learnt.baselines,
        enrolments=training.enrolments,
        usual_node=learnt.usual_node,
    )


def _fit_bars(cache: PredictionCache, data: FusionDataConfig, seed: int) -> Bars:
    return fit_bars(
        cache.context,
        cache.label,
        cache.column("vehicle").astype(str),
        cache.column("capture").astype(str),
        lambda label, scores, group: cache.threshold(scores, data),  # noqa: ARG005 - rows keep their order
        seed=seed,
    )


def _train_agent(
    training: Training[C], cache: PredictionCache, reward: Reward, progress: Span
) -> Agent:
    config, context = training.config, training.context
    planned = {c.capture.name: c.planned for c in training.captures}
    parts = cache.table.partition_by("fold", "capture", maintain_order=True)
    held = hold_out(
        [planned[part["capture"][0]] for part in parts],
        [part["label"].to_numpy() for part in parts],
        window_overlap(config.window),
    )
    context.log(f"The agent validates on a {held.by} hold-out of the prediction cache.")
    return train_fusion(
        cache,
        held,
        config.agent,
        config.training,
        reward,
        folder=context.artifacts / "fusion",
        name=f"fusion_{training.name}",
        progress=progress,
        seed=config.seed,
    )
