"""A prediction cache for the tests of the fusion."""

import numpy as np
import polars as pl

from ml.can.features import WINDOW_FEATURES
from ml.experts.calibration import Calibration
from ml.fusion.cache import PredictionCache


def cached(n: int = 600, seed: int = 0) -> PredictionCache:
    """Windows on which the VGAE is right and the GAT is a coin flip.

    Windows with many early frames are of the kind "flood", the other attacks of the kind "spoof".
    """
    rng = np.random.default_rng(seed)
    label = (np.arange(n) // 50 % 2).astype(np.uint8)
    flood = label * (np.arange(n) < n // 2)
    anomaly = np.clip(0.2 + 0.6 * label + rng.normal(0, 0.05, n), 0, 1).astype(np.float32)
    context = {name: rng.random(n).astype(np.float32) for name in WINDOW_FEATURES}
    context["early_30"] = (flood * 20 + rng.random(n)).astype(np.float32)
    table = pl.DataFrame(
        {
            "fold": [0] * n,
            "question": ["unseen vehicle"] * n,
            "capture": ["a"] * (n // 2) + ["b"] * (n - n // 2),
            "vehicle": ["x"] * (n // 2) + ["y"] * (n - n // 2),
            "attack": ["flood"] * (n // 2) + ["spoof"] * (n - n // 2),
            "label": label,
            **context,
            "anomaly_score": anomaly,
            "gat_prob": rng.random(n).astype(np.float32),
        }
    )
    return PredictionCache(table, {"vgae": Calibration(1, 0)}, cross_fitted=True, digests={})
