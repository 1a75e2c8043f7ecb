import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from ml.errors import InvalidInput
from ml.evaluation.baselines import (
    Baselines,
    blend,
    fit_rivals,
    oracle_scores,
)
from ml.evaluation.metrics import window_metrics
from ml.evaluation.thresholds import tune_threshold

NAMES = ["mean", "fixed_alpha", "logistic_regression"]


def expert_scores(seed: int = 0, size: int = 500) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = (generator.random(size) < 0.3).astype(np.uint8)
    anomaly = np.clip(generator.normal(0.3 + 0.2 * labels, 0.15), 0, 1).astype(np.float32)
    gat = np.clip(generator.normal(0.2 + 0.4 * labels, 0.2), 0, 1).astype(np.float32)
    return anomaly, gat, labels


def test_every_rival_and_expert_gets_a_score_and_a_tuned_threshold():
    anomaly, gat, labels = expert_scores()
    fitted = fit_rivals(anomaly, gat, labels)
    columns = fitted.scores(anomaly, gat)
    assert list(columns) == NAMES
    assert set(fitted.thresholds) == {*NAMES, "gat", "vgae"}
    assert all(c.min() >= 0 and c.max() <= 1 for c in columns.values())
    assert fitted.thresholds["gat"] == tune_threshold(labels, gat)
    assert fitted.thresholds["mean"] == tune_threshold(labels, columns["mean"])


def test_the_fixed_alpha_is_at_least_as_good_as_the_mean_and_as_each_expert():
    anomaly, gat, labels = expert_scores()
    fitted = fit_rivals(anomaly, gat, labels)
    columns = {**fitted.scores(anomaly, gat), "gat": gat, "vgae": anomaly}
    f1 = {
        name: window_metrics(labels, c, fitted.thresholds[name]).f1 for name, c in columns.items()
    }
    assert f1["fixed_alpha"] >= max(f1["mean"], f1["gat"], f1["vgae"])


def test_an_expert_that_knows_nothing_gets_no_weight():
    _, gat, labels = expert_scores()
    noise = np.random.default_rng(9).random(len(labels))
    perfect = labels * 0.9
    assert fit_rivals(noise, perfect, labels).alpha > 0.6
    assert fit_rivals(perfect, noise, labels).alpha < 0.4
    assert fit_rivals(gat, gat, labels).alpha == 0.5


def test_the_logistic_regression_is_one_of_the_two_scores():
    anomaly, gat, labels = expert_scores()
    fitted = fit_rivals(anomaly, gat, labels)
    scores = fitted.scores(anomaly, gat)["logistic_regression"]
    logit = fitted.anomaly_weight * anomaly + fitted.gat_weight * gat + fitted.bias
    np.testing.assert_allclose(scores, expit(logit), atol=1e-6)
    assert fitted.anomaly_weight > 0
    assert fitted.gat_weight > 0


def test_baselines_survive_a_trip_through_json():
    anomaly, gat, labels = expert_scores()
    fitted = fit_rivals(anomaly, gat, labels)
    assert Baselines.from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted


@pytest.mark.parametrize("values", [{}, {"alpha": "x"}, {"alpha": 0.5, "logistic_regression": 3}])
def test_what_is_no_baselines_is_refused(values):
    with pytest.raises(InvalidInput):
        Baselines.from_dict(values)


def test_rivals_cannot_be_fitted_without_attacks():
    anomaly, gat, labels = expert_scores()
    with pytest.raises(InvalidInput, match="no attack window"):
        fit_rivals(anomaly, gat, np.zeros_like(labels))


@given(st.integers(0, 1000), st.floats(0, 1), st.floats(0.05, 0.95))
def test_no_alpha_is_right_where_the_oracle_is_wrong(seed, alpha, threshold):
    anomaly, gat, labels = expert_scores(seed, size=40)
    oracle_right = (oracle_scores(anomaly, gat, labels) >= threshold) == (labels > 0)
    blended = blend(anomaly.astype(np.float64), gat.astype(np.float64), alpha)
    margin = np.abs(blended - threshold) > 1e-6
    right = (blended >= threshold) == (labels > 0)
    assert not (right & ~oracle_right & margin).any()
