"""Synthetic scored captures for the tests of the evaluation."""

import numpy as np

from ml.evaluation.baselines import Baselines
from ml.evaluation.comparison import CaptureScores

DETECTORS = ["fused", "gat", "vgae", "mean", "fixed_alpha", "logistic_regression"]
THRESHOLDS = dict.fromkeys(DETECTORS, 0.5)
RIVALS = Baselines(alpha=0.6, anomaly_weight=3.0, gat_weight=5.0, bias=-4.0, thresholds={})


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
) -> CaptureScores:
    """A capture with two bursts of attack, expert scores that see them, and the rivals' scores."""
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
    return CaptureScores(
        path=path or f"hcrl_sa/{split}/{attack or 'attack-free'}-{vehicle}-{seed}.parquet",
        split=split,
        vehicle=vehicle,
        attack=attack,
        labels=labels,
        window_start=start,
        window_end=start + 0.049,
        scores={"fused": fused, "gat": gat, "vgae": anomaly, **RIVALS.scores(anomaly, gat)},
    )
