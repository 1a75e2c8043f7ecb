import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from ml.errors import InvalidInput
from ml.evaluation.metrics import confusion, ranking, rates, weighted_metrics, window_metrics


def random_windows(seed: int, size: int = 400) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = (generator.random(size) < 0.3).astype(np.uint8)
    scores = np.round(np.clip(generator.normal(0.4 + 0.2 * labels, 0.2), 0, 1), 2)
    return labels, scores.astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_every_measure_equals_that_of_scikit_learn(seed):
    labels, scores = random_windows(seed)
    flagged = scores >= np.float32(0.5)
    measured = window_metrics(labels, scores, 0.5)
    assert measured.to_dict() == pytest.approx(
        {
            "f1": reference.f1_score(labels, flagged),
            "precision": reference.precision_score(labels, flagged),
            "recall": reference.recall_score(labels, flagged),
            "fpr": flagged[labels == 0].mean(),
            "auroc": reference.roc_auc_score(labels, scores),
            "ap": reference.average_precision_score(labels, scores),
            "mcc": reference.matthews_corrcoef(labels, flagged),
        }
    )


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60))
def test_the_confusion_counts_add_up_to_the_windows_and_the_measures_stay_in_range(windows):
    labels = np.array([label for label, _ in windows], dtype=np.uint8)
    scores = np.array([score for _, score in windows])
    measured = window_metrics(labels, scores, 0.5).to_dict()
    correlation = measured.pop("mcc")
    assert confusion(labels, scores, 0.5).sum() == len(windows)
    assert all(0 <= value <= 1 for value in measured.values() if value is not None)
    assert correlation is None or -1 - 1e-9 <= correlation <= 1 + 1e-9


def test_without_an_attack_window_only_the_false_positive_rate_is_defined():
    measured = window_metrics(np.zeros(4, np.uint8), np.array([0.1, 0.2, 0.3, 0.9]), 0.5).to_dict()
    assert measured.pop("fpr") == 0.25
    assert set(measured.values()) == {None}


def test_without_a_benign_window_nothing_that_needs_one_is_defined():
    measured = window_metrics(np.ones(4, np.uint8), np.array([0.1, 0.6, 0.7, 0.9]), 0.5)
    assert (measured.fpr, measured.auroc, measured.mcc) == (None, None, None)
    assert (measured.precision, measured.recall) == (1.0, 0.75)


def test_without_a_window_nothing_is_defined():
    measured = window_metrics(np.zeros(0, np.uint8), np.zeros(0), 0.5)
    assert set(measured.to_dict().values()) == {None}


def test_a_detector_that_flags_nothing_has_no_precision_and_an_f1_of_zero():
    measured = window_metrics(np.array([0, 1, 1, 0]), np.array([0.1, 0.2, 0.3, 0.1]), 0.5)
    assert (measured.f1, measured.precision, measured.recall) == (0.0, None, 0.0)
    assert (measured.fpr, measured.mcc) == (0.0, 0.0)


@pytest.mark.parametrize(
    "scores", [np.array([0.1, np.nan]), np.array([0.1]), np.array([0.1, np.inf])]
)
def test_scores_that_cannot_be_measured_are_refused(scores):
    with pytest.raises(InvalidInput):
        window_metrics(np.array([0, 1]), scores, 0.5)


def test_rates_of_large_counts_do_not_overflow():
    measured = rates(np.array([[10**9, 0, 0, 10**9]]))
    assert measured["mcc"][0] == pytest.approx(1.0)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_perfect_verdicts_correlate_perfectly(attacks, benign):
    assert rates(np.array([attacks, 0, 0, benign]))["mcc"] == 1


def test_a_score_that_stands_for_many_units_counts_as_that_many():
    generator = np.random.default_rng(3)
    scores = np.round(generator.random(40), 1)
    attack, benign = generator.integers(0, 4, (2, 40))
    repeated = np.concatenate([np.repeat(scores, attack), np.repeat(scores, benign)])
    labels = np.repeat([1, 0], [attack.sum(), benign.sum()])
    weighted = weighted_metrics(scores, 0.5, attack, benign).to_dict()
    assert weighted == pytest.approx(window_metrics(labels, repeated, 0.5).to_dict())


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=1, max_size=50))
def test_a_ranking_does_not_depend_on_order_or_on_the_scale_of_scores(rows):
    attack = np.array([label for label, _ in rows])
    scores = np.array([score for _, score in rows], np.float64)
    turned = slice(None, None, -1)
    first = ranking(scores, attack, ~attack)
    assert first == pytest.approx(ranking(np.exp(scores)[turned], attack[turned], ~attack[turned]))


def test_nothing_is_ranked_where_there_is_nothing():
    assert ranking(np.zeros(0), np.zeros(0, int), np.zeros(0, int)) == (None, None)
