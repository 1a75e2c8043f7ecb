"""The `fusion` kind, the main job: experts, prediction cache, agent, release, report."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from ml.config import config
from ml.context import Context, Workspace
from ml.evaluation.drift import references
from ml.fusion.bundle import save_fusion
from ml.fusion.explanation import policy_importance
from ml.pipelines.evaluation import evaluate_release
from ml.pipelines.learning import FusionTaskConfig, Learnt, check_learning, learn
from ml.pipelines.registry import Pipeline
from ml.pipelines.training import Training, begin
from ml.releases import Manifest
from ml.releases.manifest import seal
from ml.releases.store import ALIAS
from ml.releases.vehicles import save_vehicles
from ml.scoring import Scorer


@config
class FusionConfig(FusionTaskConfig):
    """A fusion job.

    Attributes:
        alias: the alias to point at the release, null for none.
    """

    alias: Annotated[str, Field(pattern=ALIAS, max_length=64)] | None = "production"


FusionTraining = Training[FusionConfig]


def check(config: FusionConfig, workspace: Workspace, trusted: bool) -> None:
    """Refuse an unknown dataset, reward or release before any work is done."""
    check_learning(config, workspace, trusted)


def run(config: FusionConfig, context: Context) -> dict[str, Any]:
    """Train, stage a release and report on it."""
    check(config, context.workspace, context.trusted)
    training = begin(config, context, context.span(0.0, 0.05))
    learnt = learn(training, context.span(0.05, 0.92))
    manifest = _stage(training, learnt)
    scorer = Scorer.load(context.workdir / "release", manifest)
    comparison = evaluate_release(
        scorer,
        manifest,
        training.dataset,
        context.workdir / "report",
        facts=_facts(config, manifest, learnt),
        title=f"Fusion on {config.dataset}",
        progress=context.span(0.92, 1.0),
        enrolment=config.enrolment,
        bars=learnt.bars,
        importance=policy_importance(scorer.policy, learnt.cache),
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


def _stage(training: FusionTraining, learnt: Learnt) -> Manifest:
    folder = training.context.workdir / "release"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    learnt.bank.save(folder)
    save_vehicles(folder, training.enrolments)
    save_fusion(
        folder,
        learnt.cache.calibrations,
        learnt.threshold,
        learnt.baselines,
        training.config.agent,
        learnt.agent.q_network,
        learnt.usual_node,
    )
    _keep_agent(training)
    return seal(
        folder,
        kind="fusion",
        name=f"fusion_{training.name}",
        threshold=learnt.threshold,
        metrics={
            "q_spread": learnt.agent.q_spread(
                learnt.cache.anomaly_score, learnt.cache.gat_prob, learnt.cache.context
            ),
            "cross_fitted": learnt.cache.cross_fitted,
            "cached_windows": learnt.cache.table.height,
            "score_references": _score_references(learnt),
            "flagged_on_cars_left_out": learnt.cache.promises_kept(
                learnt.fused, training.config.data
            ),
        },
        **training.provenance,
    )


def _score_references(learnt: Learnt) -> dict[str, Any]:
    """How benign windows score, of which a bus in service has next to nothing else."""
    cache = learnt.cache
    columns = {
        "anomaly_score": cache.anomaly_score,
        "gat_prob": cache.gat_prob,
        "fused_score": learnt.fused,
    }
    benign = cache.label == 0
    return references({name: scores[benign] for name, scores in columns.items()})


def _keep_agent(training: FusionTraining) -> None:
    """Leave the agent's weights and heat map where the guide's users look for them."""
    context, name = training.context, training.name
    for source, target in (
        ("policy.safetensors", f"fusion_agent_{name}.safetensors"),
        ("policy.npy", f"fusion_policy_{name}.npy"),
    ):
        shutil.copyfile(context.workdir / source, context.artifacts / target)


def _facts(config: FusionConfig, manifest: Manifest, learnt: Learnt) -> dict[str, Any]:
    fitted = "cross-fitted" if learnt.cache.cross_fitted else "IN-SAMPLE (on request)"
    return {
        "Release": manifest.version,
        "Dataset": config.dataset,
        "Window": f"{config.window.window_size} frames, every {config.window.stride}",
        "Prediction cache": f"{fitted}, {learnt.cache.table.height} windows",
        "Reward": config.agent.reward,
        "Q-value spread": f"{manifest.metrics['q_spread']:.2f}",
        **_promise(config, manifest.metrics["flagged_on_cars_left_out"]),
        "Seed": config.seed,
    }


def _promise(config: FusionConfig, kept: Mapping[str, float]) -> dict[str, Any]:
    """What the promised false-positive rate came to on cars that its line was not drawn on."""
    if config.data.threshold != "fpr" or not kept:
        return {}
    car = max(kept, key=lambda name: kept[name])
    promised, worst = config.data.target_fpr, kept[car]
    return {
        "False positives": f"{promised:.2%} promised; {worst:.2%} on {car}, the worst of "
        f"{len(kept)} cars, at the line of the others"
    }


KIND = Pipeline(
    "fusion", FusionConfig, run, "Train experts and their fusion, publish a release.", check
)
