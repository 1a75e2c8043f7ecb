import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.evaluation.intervals import Resampling
from ml.evaluation.metrics import rates


def test_an_interval_needs_two_captures():
    over = Resampling.of_captures(1)
    assert over.mean(np.array([0.5])) is None
    assert set(over.pooled(np.array([[5, 1, 2, 90]])).values()) == {None}


def test_an_interval_holds_the_pooled_measure_and_repeats_with_its_seed():
    counts = np.array([[50, 1, 2, 900], [10, 30, 20, 400], [70, 0, 3, 800], [5, 2, 5, 100]])
    intervals = Resampling.of_captures(4, seed=3).pooled(counts)
    assert intervals == Resampling.of_captures(4, seed=3).pooled(counts)
    assert intervals["f1"].low < rates(counts.sum(axis=0))["f1"] < intervals["f1"].high


def test_identical_captures_leave_no_uncertainty():
    interval = Resampling.of_captures(6).mean(np.full(6, 0.7))
    assert (interval.low, interval.high) == pytest.approx((0.7, 0.7))


def test_a_mean_leaves_out_captures_where_the_measure_is_undefined():
    interval = Resampling.of_captures(4).mean(np.array([0.8, 0.8, np.nan, np.nan]))
    assert (interval.low, interval.high) == pytest.approx((0.8, 0.8))


def test_a_measure_that_no_capture_has_has_no_interval():
    assert Resampling.of_captures(3).mean(np.full(3, np.nan)) is None


def test_captures_without_any_attack_have_an_interval_for_the_false_positive_rate_alone():
    intervals = dict(Resampling.of_captures(2).pooled(np.array([[0, 10, 0, 90], [0, 20, 0, 80]])))
    assert 0.1 <= intervals.pop("fpr").low <= 0.2
    assert set(intervals.values()) == {None}


@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=12))
def test_a_car_is_drawn_with_all_its_captures_or_not_at_all(cars):
    weights = Resampling.of_groups(cars, draws=50).weights
    if len(set(cars)) < 2:
        assert not len(weights)
        return
    for car in set(cars):
        own = weights[:, [c == car for c in cars]]
        assert (own == own[:, :1]).all()


def test_cars_with_many_captures_of_a_kind_make_the_interval_wider():
    values = np.repeat([1.0, 0.0], 10)
    cars = ["good"] * 10 + ["bad"] * 10
    captures, clusters = Resampling.of_captures(20), Resampling.of_groups(cars)
    assert captures.mean(values).low > 0.2
    assert clusters.mean(values).low == 0.0
