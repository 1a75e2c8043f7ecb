"""From raw scores to [0, 1]: never against the order, and telling the very large apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.errors import InvalidInput
from ml.experts.calibration import BENIGN_WEIGHT, Calibration, balanced_weight

RAW = st.floats(-(2.0**100), 2.0**100, width=32)


@given(st.lists(RAW, min_size=2, max_size=30), st.floats(0.05, 20), st.floats(-50, 50))
def test_it_never_turns_the_order_and_stays_within_0_and_1(raw, slope, offset):
    ordered = np.sort(np.array(raw, np.float32))
    calibrated = Calibration(slope, offset)(ordered)
    assert (np.diff(calibrated) >= 0).all()
    assert calibrated.min() >= 0
    assert calibrated.max() <= 1


def test_very_large_raw_scores_stay_apart_in_single_precision():
    raw = np.array([1e2, 1e3, 1e4, 1e6, 1e10, 1e20], np.float32)
    calibrated = Calibration(4.0, -8.0)(raw)
    assert calibrated.dtype == np.float32
    assert (np.diff(calibrated) > 0).all()
    assert calibrated[-1] < 1


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_half_lies_between_the_classes_whatever_the_scale(scale):
    draw = np.random.default_rng(0)
    label = (np.arange(1000) % 4 == 0).astype(np.uint8)
    raw = (np.abs(draw.normal(1, 0.3, 1000)) + 9 * label) * scale
    calibrated = Calibration.fit(raw, label)(raw)
    assert ((calibrated >= 0.5) == (label > 0)).mean() > 0.99


def test_an_expert_that_ranks_the_wrong_way_round_tells_next_to_nothing():
    label = (np.arange(100) % 2).astype(np.uint8)
    calibration = Calibration.fit(-5.0 * label + np.linspace(0, 1, 100), label)
    assert 0 < calibration.slope <= 0.05


def test_a_long_capture_counts_no_more_than_a_short_one():
    """Doubling a capture's windows moves nothing where each capture counts alike."""
    draw = np.random.default_rng(0)
    label = np.tile([0, 0, 1], 100).astype(np.uint8)
    group = np.repeat([0, 1, 2], 100)
    raw = draw.normal(group, 1) + 3 * label
    longer = np.concatenate([np.arange(300), np.flatnonzero(group == 0)])
    first = Calibration.fit(raw, label, group)
    second = Calibration.fit(raw[longer], label[longer], group[longer])
    assert second.slope == pytest.approx(first.slope, rel=0.1)
    assert second.offset == pytest.approx(first.offset, rel=0.1)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=60))
def test_groups_count_alike_and_benign_windows_more(rows):
    label, group = (np.array(column) for column in zip(*rows, strict=True))
    weight = balanced_weight(label.astype(np.uint8), group)
    assert weight.mean() == pytest.approx(1)
    totals = {
        (y, g): weight[(label == y) & (group == g)].sum()
        for y in (False, True)
        for g in np.unique(group[label == y])
    }
    for y in (False, True):
        own = [total for (label_, _), total in totals.items() if label_ == y]
        assert own == pytest.approx([own[0]] * len(own)) if own else True
    if label.any() and not label.all():
        share = weight[~label].sum() / weight[label].sum()
        assert share == pytest.approx(BENIGN_WEIGHT)


def test_one_class_alone_cannot_be_calibrated():
    with pytest.raises(InvalidInput, match="both benign and attack"):
        Calibration.fit(np.zeros(5), np.zeros(5, np.uint8))


def test_a_calibration_that_does_not_rise_is_refused():
    with pytest.raises(InvalidInput, match="must rise"):
        Calibration(0.0, 1.0)
