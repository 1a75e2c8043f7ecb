"""What a prediction cache knows, and the verdict lines that are drawn on it."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from cached_predictions import cached

from ml.can.features import WINDOW_FEATURES
from ml.evaluation.baselines import fit_baselines
from ml.evaluation.cautious import cautious_threshold, with_margin
from ml.evaluation.thresholds import tune_threshold
from ml.fusion.config import FusionDataConfig


def test_every_rival_gets_its_threshold_by_the_fusions_rule():
    cache = cached()
    for data in (FusionDataConfig(target_fpr=0.05), FusionDataConfig(threshold="f1")):
        fitted = fit_baselines(cache, data)
        columns = fitted.scores(cache.anomaly_score, cache.gat_prob)
        for name, scores in {**columns, "gat": cache.gat_prob}.items():
            assert fitted.thresholds[name] == cache.threshold(scores.astype(np.float64), data)


def test_the_context_has_the_window_features_in_their_order():
    cache = cached()
    assert cache.context.shape == (600, len(WINDOW_FEATURES))
    assert cache.context.dtype == np.float32
    early = WINDOW_FEATURES.index("early_30")
    np.testing.assert_array_equal(cache.context[:, early], cache.column("early_30"))


def test_kinds_are_those_of_attack_windows():
    assert cached().kinds == ("flood", "spoof")
    benign = cached().table.with_columns(label=pl.lit(0, pl.UInt8))
    assert replace(cached(), table=benign).kinds == ()


def test_a_rate_is_promised_on_experts_that_did_not_know_the_vehicle_where_there_are_any():
    known = cached().table.with_columns(
        question=pl.lit("unseen kind"), fold=pl.lit(1), anomaly_score=pl.lit(0.99, pl.Float32)
    )
    cache = replace(cached(), table=pl.concat([cached().table, known], how="vertical_relaxed"))
    assert cache.lined.sum() == 600
    data = FusionDataConfig(target_fpr=0.05)
    scores = cache.anomaly_score
    own = cached()
    expected = cautious_threshold(
        own.label, own.anomaly_score, own.part, 0.05, own.column("vehicle")
    )
    assert cache.threshold(scores, data) == pytest.approx(with_margin(expected))
    assert replace(cache, table=known).lined.all()


def test_the_threshold_with_the_best_f1_stays_an_option():
    cache = cached()
    data = FusionDataConfig(threshold="f1")
    assert cache.threshold(cache.gat_prob, data) == tune_threshold(cache.label, cache.gat_prob)
