"""The `fusion` kind, the main job: experts, prediction cache, agent, release, report."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from ml.can.splits import hold_out
from ml.can.windows import window_overlap
from ml.config import config
from ml.context import Context, Workspace
from ml.evaluation.baselines import Baselines, fit_baselines
from ml.evaluation.thresholds import tune_threshold
from ml.experts.bank import ExpertBank
from ml.fusion.bundle import save_fusion
from ml.fusion.cache import PredictionCache
from ml.fusion.config import FusionAgentConfig, FusionDataConfig, FusionTrainingConfig
from ml.fusion.dqn import FusionLightningModule
from ml.fusion.policy import fuse, load_policy, save_policy
from ml.fusion.rewards import Reward, reward_function
from ml.fusion.training import train_fusion
from ml.pipelines.evaluation import evaluate_release
from ml.pipelines.registry import Pipeline
from ml.pipelines.training import (
    Training,
    TrainingConfig,
    begin,
    check_training,
    final_bank,
    never_seen,
    prediction_cache,
)
from ml.releases import Manifest
from ml.releases.manifest import seal
from ml.releases.store import ALIAS
from ml.scoring import Scorer


@config
class FusionConfig(TrainingConfig):
    """A fusion job.

    Attributes:
        data: the prediction cache.
        agent: the DQN agent.
        training: how long the agent is trained, and what "best" means.
        alias: the alias to point at the release, null for none.
    """

    data: FusionDataConfig = field(default_factory=FusionDataConfig)
    agent: FusionAgentConfig = field(default_factory=FusionAgentConfig)
    training: FusionTrainingConfig = field(default_factory=FusionTrainingConfig)
    alias: Annotated[str, Field(pattern=ALIAS, max_length=64)] | None = "production"


FusionTraining = Training[FusionConfig]


@dataclass(frozen=True)
class _Learnt:
    """What a release is made of."""

    bank: ExpertBank
    cache: PredictionCache
    reason: str
    agent: FusionLightningModule
    threshold: float
    baselines: Baselines


def check(config: FusionConfig, workspace: Workspace, trusted: bool) -> None:
    """Refuse an unknown dataset, reward or release before any work is done."""
    check_training(config, workspace)
    reward_function(config.agent, trusted=trusted)


def run(config: FusionConfig, context: Context) -> dict[str, Any]:
    """Train, stage a release and report on it."""
    reward = reward_function(config.agent, trusted=context.trusted)
    training = begin(config, context, context.span(0.0, 0.05))
    learnt = _learn(training, reward)
    manifest = _stage(training, learnt)
    scorer = Scorer.load(context.workdir / "release", manifest)
    comparison = evaluate_release(
        scorer,
        training.dataset.test or training.dataset.train,
        context.workdir / "report",
        facts=_facts(config, manifest, learnt),
        title=f"Fusion on {config.dataset}",
        progress=context.span(0.92, 1.0),
    )
    return {
        "release": manifest.version,
        "alias": config.alias,
        "threshold": learnt.threshold,
        "metrics": dict(manifest.metrics),
        "cache": {"cross_fitted": learnt.cache.cross_fitted, "reason": learnt.reason},
        "comparison": comparison,
        "report": True,
    }


def _learn(training: FusionTraining, reward: Reward) -> _Learnt:
    config, context = training.config, training.context
    if config.data.in_sample or never_seen(training):
        bank = final_bank(training, context.span(0.05, 0.7))
        cache, reason = prediction_cache(training, config.data, context.span(0.7, 0.75), bank)
    else:
        cache, reason = prediction_cache(training, config.data, context.span(0.05, 0.55))
        bank = final_bank(training, context.span(0.55, 0.8))
    agent = _train_agent(training, cache, reward)
    save_policy(agent.q_network, config.agent, context.workdir)
    alpha = load_policy(config.agent, context.workdir).alpha(cache.anomaly_score, cache.gat_prob)
    fused = fuse(alpha, cache.anomaly_score, cache.gat_prob)
    return _Learnt(
        bank=bank,
        cache=cache,
        reason=reason,
        agent=agent,
        threshold=tune_threshold(cache.label, fused),
        baselines=fit_baselines(cache.anomaly_score, cache.gat_prob, cache.label),
    )


def _train_agent(
    training: FusionTraining, cache: PredictionCache, reward: Reward
) -> FusionLightningModule:
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
        progress=context.span(0.8, 0.92),
        seed=config.seed,
    )


def _stage(training: FusionTraining, learnt: _Learnt) -> Manifest:
    folder = training.context.workdir / "release"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    learnt.bank.save(folder)
    save_fusion(
        folder,
        learnt.cache.calibrations,
        learnt.threshold,
        learnt.baselines,
        training.config.agent,
        learnt.agent.q_network,
    )
    _keep_agent(training)
    return seal(
        folder,
        kind="fusion",
        name=f"fusion_{training.name}",
        threshold=learnt.threshold,
        metrics={
            "q_spread": learnt.agent.q_spread(learnt.cache.anomaly_score, learnt.cache.gat_prob),
            "cross_fitted": learnt.cache.cross_fitted,
            "cached_windows": learnt.cache.table.height,
        },
        **training.provenance,
    )


def _keep_agent(training: FusionTraining) -> None:
    """Leave the agent's weights and heat map where the guide's users look for them."""
    context, name = training.context, training.name
    for source, target in (
        ("policy.safetensors", f"fusion_agent_{name}.safetensors"),
        ("policy.npy", f"fusion_policy_{name}.npy"),
    ):
        shutil.copyfile(context.workdir / source, context.artifacts / target)


def _facts(config: FusionConfig, manifest: Manifest, learnt: _Learnt) -> dict[str, Any]:
    fitted = "cross-fitted" if learnt.cache.cross_fitted else "IN-SAMPLE (on request)"
    return {
        "Release": manifest.version,
        "Dataset": config.dataset,
        "Window": f"{config.window.window_size} frames, every {config.window.stride}",
        "Prediction cache": f"{fitted}, {learnt.cache.table.height} windows",
        "Reward": config.agent.reward,
        "Q-value spread": f"{manifest.metrics['q_spread']:.2f}",
        "Seed": config.seed,
    }


KIND = Pipeline(
    "fusion", FusionConfig, run, "Train experts and their fusion, publish a release.", check
)
