"""Synthetic scored captures for the tests of the evaluation."""

import numpy as np

from ml.evaluation.baselines import Baselines
from ml.evaluation.captures import CaptureScores, NodeScores

DETECTORS = ["fused", "gat", "vgae", "mean", "fixed_alpha", "logistic_regression"]
THRESHOLDS = dict.fromkeys(DETECTORS, 0.5)
RIVALS = Baselines(alpha=0.6, anomaly_weight=3.0, gat_weight=5.0, bias=-4.0, thresholds={})
NODES = 3


def sample_capture(
    *,
    seed: int = 0,
    split: str = "test_01_known_vehicle_known_attack",
    attack: str | None = "DoS",
    vehicle: str = "kia",
    attacked: bool = True,
    windows: int = 300,
    path: str | None = None,
    fused_quality: float = 0.35,
    masked: int = 0,
    shared: int = 0,
) -> CaptureScores:
    """A capture with two bursts of attack, expert scores that see them, and the rivals' scores.

    The first `masked` windows count nowhere, the last `shared` ones are in the training traffic.
    """
    generator = np.random.default_rng(seed)
    labels = np.zeros(windows, np.uint8)
    if attacked:
        labels[windows // 4 : windows // 3] = 1
        labels[windows // 2 : windows // 2 + windows // 6] = 1
    anomaly, gat, fused = (
        np.clip(generator.normal(0.3 + lift * labels, noise), 0, 1).astype(np.float32)
        for lift, noise in ((0.3, 0.15), (0.4, 0.12), (fused_quality, 0.08))
    )
    start = 1_672_531_200.0 + np.arange(windows) * 0.05
    place = np.arange(windows)
    return CaptureScores(
        path=path or f"hcrl_sa/{split}/{attack or 'attack-free'}-{vehicle}-{seed}.parquet",
        split=split,
        vehicle=vehicle,
        attack=attack,
        labels=labels,
        window_start=start,
        window_end=start + 0.049,
        scores={"fused": fused, "gat": gat, "vgae": anomaly, **RIVALS.scores(anomaly, gat)},
        thresholds=THRESHOLDS,
        counted=place >= masked if masked else None,
        shared=place >= windows - shared if shared else None,
        nodes=_nodes(labels, fused, generator),
        alpha=generator.choice(np.linspace(0, 1, 21), windows),
    )


def _nodes(labels: np.ndarray, fused: np.ndarray, generator: np.random.Generator) -> NodeScores:
    """Three ids a window; the first has the window's score and the attack frames."""
    score = np.repeat(fused, NODES) * np.tile([1.0, 0.5, 0.2], len(labels))
    frames = generator.integers(2, 40, len(score))
    attacks = np.where(np.arange(len(score)) % NODES == 0, np.repeat(labels, NODES), 0)
    return NodeScores(np.arange(len(labels) + 1) * NODES, score, frames, attacks)
