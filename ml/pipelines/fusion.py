"""The `fusion` kind, the main job: experts, prediction cache, agent, release, report."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from ml.can.datasets import Dataset
from ml.can.loading import LabelledCapture
from ml.can.splits import hold_out
from ml.can.windows import window_overlap
from ml.config import config
from ml.evaluation.baselines import Baselines, fit_baselines
from ml.evaluation.thresholds import tune_threshold
from ml.experts.bank import ExpertBank
from ml.fusion.bundle import save_fusion
from ml.fusion.cache import PredictionCache
from ml.fusion.config import FusionAgentConfig, FusionDataConfig, FusionTrainingConfig
from ml.fusion.dqn import FusionLightningModule
from ml.fusion.policy import fuse, load_policy, save_policy
from ml.fusion.rewards import reward_function
from ml.fusion.training import train_fusion
from ml.pipelines import stages
from ml.pipelines.context import Context, Workspace
from ml.pipelines.registry import Pipeline
from ml.releases import Manifest
from ml.releases.manifest import seal
from ml.releases.store import ALIAS
from ml.scoring import Scorer


@config
class FusionConfig(stages.TrainingConfig):
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
    alias: Annotated[str, Field(pattern=ALIAS)] | None = "production"


@dataclass(frozen=True)
class _Learnt:
    """What a release is made of."""

    bank: ExpertBank
    cache: PredictionCache
    agent: FusionLightningModule
    threshold: float
    baselines: Baselines


def check(config: FusionConfig, workspace: Workspace, trusted: bool) -> None:
    """Refuse an unknown dataset, reward or release before any work is done."""
    stages.check_dataset(config.dataset, workspace, "train")
    reward_function(config.agent, trusted=trusted)
    stages.released_experts(config, workspace)


def run(config: FusionConfig, context: Context) -> dict[str, Any]:
    """Train, stage a release and report on it."""
    check(config, context.workspace, context.trusted)
    dataset, captures = stages.training_captures(config, context, context.span(0.0, 0.05))
    learnt = _learn(config, context, captures)
    manifest = _stage(config, context, dataset, learnt)
    scorer = Scorer.load(context.workdir / "release", manifest)
    comparison = stages.evaluate_release(
        scorer,
        dataset.test or dataset.train,
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
        "cache": {"cross_fitted": learnt.cache.cross_fitted, "reason": learnt.cache.reason},
        "comparison": comparison,
        "report": True,
    }


def _learn(config: FusionConfig, context: Context, captures: list[LabelledCapture]) -> _Learnt:
    if config.data.in_sample:
        bank = stages.final_bank(config, captures, context, context.span(0.05, 0.7))
        span = context.span(0.7, 0.75)
        cache = stages.prediction_cache(config, config.data, captures, context, span, bank)
    else:
        span = context.span(0.05, 0.55)
        cache = stages.prediction_cache(config, config.data, captures, context, span)
        bank = stages.final_bank(config, captures, context, context.span(0.55, 0.8))
    agent = _train_agent(config, context, captures, cache)
    save_policy(agent.q_network, config.agent, context.workdir)
    alpha = load_policy(config.agent, context.workdir).alpha(cache.anomaly_score, cache.gat_prob)
    fused = fuse(alpha, cache.anomaly_score, cache.gat_prob)
    return _Learnt(
        bank=bank,
        cache=cache,
        agent=agent,
        threshold=tune_threshold(cache.label, fused),
        baselines=fit_baselines(cache.anomaly_score, cache.gat_prob, cache.label),
    )


def _train_agent(
    config: FusionConfig, context: Context, captures: list[LabelledCapture], cache: PredictionCache
) -> FusionLightningModule:
    name = stages.file_name(config.dataset)
    known = {c.capture.name: c.capture for c in captures}
    runs = cache.table.select(pl.struct("fold", "capture").rle().alias("run")).unnest("run")
    names = runs["value"].struct.field("capture")
    held = hold_out(
        [known[name] for name in names], runs["len"].to_list(), window_overlap(config.window)
    )
    context.log(f"The agent validates on a {held.by} hold-out of the prediction cache.")
    return train_fusion(
        cache,
        held,
        config.agent,
        config.training,
        reward_function(config.agent, trusted=context.trusted),
        folder=context.artifacts / "fusion",
        name=f"fusion_{name}",
        progress=context.span(0.8, 0.92),
        seed=config.seed,
    )


def _stage(config: FusionConfig, context: Context, dataset: Dataset, learnt: _Learnt) -> Manifest:
    folder = context.workdir / "release"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    learnt.bank.save(folder)
    save_fusion(
        folder,
        learnt.cache.calibrations,
        learnt.threshold,
        learnt.baselines,
        config.agent,
        learnt.agent.q_network,
    )
    _keep_agent(config, context)
    parent = stages.released_experts(config, context.workspace)
    return seal(
        folder,
        kind="fusion",
        name=f"fusion_{stages.file_name(config.dataset)}",
        dataset={"name": dataset.name, "digest": dataset.digest},
        config=stages.recipe(config),
        window=asdict(config.window),
        threshold=learnt.threshold,
        metrics={
            "q_spread": learnt.agent.q_spread(learnt.cache.anomaly_score, learnt.cache.gat_prob),
            "cross_fitted": learnt.cache.cross_fitted,
            "cached_windows": learnt.cache.table.height,
        },
        parents=() if parent is None else (parent.version,),
    )


def _keep_agent(config: FusionConfig, context: Context) -> None:
    """Leave the agent's weights and heat map where the guide's users look for them."""
    name = stages.file_name(config.dataset)
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
