import numpy as np
import pytest

from ml.can.features import WINDOW_FEATURES
from ml.errors import InvalidInput
from ml.evaluation.bars import TWO_RULES_THRESHOLD, cross_fitted, fit_bars, two_rules
from ml.evaluation.thresholds import tune_threshold

UNKNOWN, RATIO = (WINDOW_FEATURES.index(name) for name in ("unknown_ids", "least_ratio"))


def windows_of(size: int = 240, seed: int = 0):
    """Windows of two cars with two captures each; attacks come early or with unknown ids."""
    generator = np.random.default_rng(seed)
    window = generator.normal(0, 0.1, (size, len(WINDOW_FEATURES))).astype(np.float32)
    label = (np.arange(size) % 4 == 0).astype(np.uint8)
    window[:, RATIO] = np.where(label, 0.2, 0.95)
    window[:, UNKNOWN] = 0
    capture = np.array([f"c{n}" for n in np.arange(size) * 4 // size])
    vehicle = np.where(capture < "c2", "kia", "sonata")
    return window, label, vehicle, capture


def tuned(label, score, _group) -> float:
    return tune_threshold(label, score)


@pytest.mark.parametrize(
    ("unknown", "ratio", "flagged"),
    [(0, 1.0, False), (1, 1.0, True), (0, 0.49, True), (0, 0.5, False), (0, 8.0, False)],
)
def test_two_rules_flag_an_unknown_id_and_less_than_half_the_usual_time(unknown, ratio, flagged):
    window = np.zeros((1, len(WINDOW_FEATURES)), np.float32)
    window[0, [UNKNOWN, RATIO]] = unknown, ratio
    assert (two_rules(window) >= TWO_RULES_THRESHOLD).item() is flagged


def test_the_bars_score_in_the_unit_interval_and_find_what_is_plain():
    window, label, vehicle, capture = windows_of()
    bars = fit_bars(window, label, vehicle, capture, tuned)
    scores = bars.scores(window)
    assert list(scores) == list(bars.thresholds) == ["tree", "tree_half", "two_rules"]
    for name, score in scores.items():
        assert 0 <= score.min() <= score.max() <= 1
        assert np.array_equal(score >= bars.thresholds[name], label > 0)


def test_the_threshold_comes_from_trees_that_did_not_see_the_car():
    window, label, vehicle, capture = windows_of()
    seen = []

    def rule(_label, score, group) -> float:
        seen.append((score, group))
        return 0.7

    assert fit_bars(window, label, vehicle, capture, rule).thresholds["tree"] == 0.7
    score, group = seen[0]
    assert np.array_equal(group, vehicle)
    assert np.array_equal(score, cross_fitted(window, label > 0, vehicle))


def test_with_one_car_the_trees_leave_out_captures():
    window, label, _, capture = windows_of()
    groups = []
    fit_bars(
        window, label, np.full(len(label), "kia"), capture, lambda *a: groups.append(a[2]) or 1
    )
    assert np.array_equal(groups[0], capture)


def test_a_car_scores_the_same_whatever_its_own_windows_say():
    window, label, vehicle, _ = windows_of()
    own = vehicle == "kia"
    turned = np.where(own, 1 - label, label)
    before = cross_fitted(window, label > 0, vehicle)
    assert np.array_equal(before[own], cross_fitted(window, turned > 0, vehicle)[own])


def test_where_the_other_cars_have_one_class_only_that_class_is_the_score():
    window, label, vehicle, _ = windows_of()
    label = np.where(vehicle == "sonata", 0, label)
    assert (cross_fitted(window, label > 0, vehicle)[vehicle == "kia"] == 0).all()


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_grows_no_tree(label):
    window, labels, vehicle, capture = windows_of(40)
    with pytest.raises(InvalidInput, match="with and without"):
        fit_bars(window, np.full_like(labels, label), vehicle, capture, tuned)


def test_columns_that_are_no_window_features_are_refused():
    window, label, vehicle, capture = windows_of(40)
    with pytest.raises(InvalidInput, match="window features"):
        fit_bars(window[:, :3], label, vehicle, capture, tuned)
