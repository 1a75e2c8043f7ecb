import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ml.errors import InvalidInput
from ml.evaluation.metrics import window_metrics
from ml.evaluation.thresholds import tune_threshold, tune_threshold_at_fpr

hundredths = st.integers(0, 100).map(lambda n: n / 100)
windows = st.lists(st.tuples(st.booleans(), hundredths), min_size=2, max_size=50)


def columns(rows: list[tuple[bool, float]]) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = zip(*rows, strict=True)
    assume(any(labels) and not all(labels))
    return np.array(labels, np.uint8), np.array(scores)


@given(windows)
def test_no_threshold_at_all_beats_the_tuned_one(rows):
    labels, scores = columns(rows)
    tuned = window_metrics(labels, scores, tune_threshold(labels, scores)).f1
    tried = [window_metrics(labels, scores, threshold).f1 for threshold in np.unique(scores)]
    assert tuned == max(tried)


@given(windows)
def test_single_and_double_precision_scores_get_the_same_verdicts(rows):
    labels, scores = columns(rows)
    single = scores.astype(np.float32)
    threshold = tune_threshold(labels, single)
    assert np.array_equal(single >= np.float32(threshold), single.astype(np.float64) >= threshold)


def test_a_clean_separation_is_cut_in_its_middle():
    assert tune_threshold(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])) == 0.5


def test_of_two_equally_good_cuts_the_one_in_the_wider_gap_is_taken():
    labels = np.array([1, 0, 0, 1, 0])
    upper, lower = np.array([0.9, 0.5, 0.45, 0.4, 0.1]), np.array([0.9, 0.8, 0.45, 0.4, 0.1])
    # The middle in log-odds: 3:1 lies between 9:1 and 1:1.
    assert tune_threshold(labels, upper) == pytest.approx(0.75)
    assert tune_threshold(labels, lower) == pytest.approx(0.214, abs=1e-3)


def test_neighbouring_floats_are_still_told_apart():
    low = 0.5
    high = float(np.nextafter(low, 1))
    labels, scores = np.array([0, 1]), np.array([low, high])
    assert low < tune_threshold(labels, scores) <= high


@pytest.mark.parametrize(("label", "missing"), [(0, "attack"), (1, "benign")])
def test_one_class_alone_cannot_tune_a_threshold(label, missing):
    with pytest.raises(InvalidInput, match=f"no {missing} window"):
        tune_threshold(np.full(3, label), np.array([0.1, 0.2, 0.3]))


@given(st.lists(hundredths, min_size=2, max_size=40), st.floats(0.01, 0.99))
def test_each_benign_window_left_out_in_turn_is_flagged_no_more_often_than_allowed(scores, fpr):
    """The conformal guarantee itself: all windows are equally likely to be the new one."""
    values = np.array(scores)
    flagged = 0
    for out in range(len(values)):
        kept = np.delete(values, out)
        flagged += values[out] >= tune_threshold_at_fpr(np.zeros(len(kept)), kept, fpr)
    assert flagged <= math.floor(fpr * len(values) * (1 + 1e-12))


@given(st.lists(hundredths, min_size=1, max_size=40, unique=True), st.floats(0.01, 0.99))
def test_no_lower_threshold_would_have_kept_the_promise(scores, fpr):
    values = np.array(scores)
    allowed = math.floor((len(values) + 1) * fpr)
    threshold = tune_threshold_at_fpr(np.zeros(len(values)), values, fpr)
    assert np.count_nonzero(values >= threshold) == max(allowed - 1, 0)


def test_attack_windows_do_not_move_the_threshold_for_a_false_positive_rate():
    benign = np.linspace(0, 0.5, 99)
    alone = tune_threshold_at_fpr(np.zeros(99), benign, 0.05)
    labels = np.concatenate([np.zeros(99), np.ones(50)])
    assert tune_threshold_at_fpr(labels, np.concatenate([benign, np.ones(50)]), 0.05) == alone


def test_too_few_benign_windows_flag_nothing():
    assert tune_threshold_at_fpr(np.zeros(5), np.ones(5), 0.01) > 1


@pytest.mark.parametrize("fpr", [0.0, 1.0, -0.1, float("nan")])
def test_an_impossible_false_positive_rate_is_refused(fpr):
    with pytest.raises(InvalidInput):
        tune_threshold_at_fpr(np.zeros(5), np.ones(5), fpr)


def test_a_rate_cannot_be_held_without_benign_windows():
    with pytest.raises(InvalidInput, match="no benign window"):
        tune_threshold_at_fpr(np.ones(5), np.ones(5), 0.1)
