"""The threshold that keeps its false-positive rate in every part of the traffic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.errors import InvalidInput
from ml.evaluation.cautious import (
    MARGIN,
    CautiousRule,
    cautious_threshold,
    promises_kept,
    with_margin,
)
from ml.evaluation.thresholds import tune_threshold_at_fpr

FPR = 0.05
SEEDS = st.integers(0, 10_000)


def traffic(seed: int, groups: int = 6, size: int = 200) -> tuple[np.ndarray, ...]:
    """Benign scores of groups that differ, two to a vehicle, and some attacks."""
    draw = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), size)
    scores = draw.normal(draw.normal(0, 0.1, groups)[group], draw.uniform(0.1, 0.3, groups)[group])
    labels = (draw.random(len(group)) < 0.1).astype(np.uint8)
    return labels, scores + labels, group, group // 2


@given(SEEDS)
def test_the_rate_is_kept_in_every_group(seed):
    labels, scores, group, vehicle = traffic(seed)
    threshold = cautious_threshold(labels, scores, group, FPR, vehicle)
    for one in np.unique(group):
        benign = scores[(group == one) & (labels == 0)]
        assert (benign >= threshold).mean() <= FPR


@given(SEEDS)
def test_it_is_the_highest_line_of_any_group_and_no_higher(seed):
    labels, scores, group, vehicle = traffic(seed)
    lines = [
        tune_threshold_at_fpr(labels[group == one], scores[group == one], FPR)
        for one in np.unique(group)
    ]
    line = CautiousRule.of(labels, group, FPR, vehicle).line(scores)
    assert line.threshold == max(lines)
    assert line.part == f"{np.argmax(lines) // 2}: {np.argmax(lines)}"
    assert (line.rate, line.parts) == (FPR, 6)


def test_on_traffic_that_is_exchangeable_with_the_known_the_rate_holds_on_average():
    """New windows of the very groups: the conformal promise, over many draws."""
    flagged = []
    for seed in range(300):
        labels, scores, group, vehicle = traffic(seed, groups=4, size=400)
        known = np.random.default_rng(seed).random(len(labels)) < 0.5
        columns = (c[known] for c in (labels, scores, group))
        threshold = cautious_threshold(*columns, FPR, vehicle[known])
        fresh = ~known & (labels == 0)
        flagged.append(max((scores[fresh & (group == g)] >= threshold).mean() for g in range(4)))
    assert np.mean(flagged) <= FPR * 1.05


def test_on_a_vehicle_never_seen_it_holds_as_often_as_promised():
    """Groups drawn alike: the line is high enough for a new one with a chance of P/(P + 1)."""
    exceeded = 0
    for seed in range(400):
        labels, scores, group, _ = traffic(seed, groups=7, size=200)
        known = group < 6
        threshold = cautious_threshold(labels[known], scores[known], group[known], FPR)
        new = (group == 6) & (labels == 0)
        exceeded += tune_threshold_at_fpr(labels[new], scores[new], FPR) > threshold
    assert exceeded / 400 <= 1 / 7 + 0.04


def test_a_single_odd_window_of_a_short_capture_does_not_decide():
    draw = np.random.default_rng(0)
    scores = draw.random(1030)
    scores[1000] = 50.0
    group = np.repeat([0, 1], [1000, 30])
    labels = np.zeros(1030, np.uint8)
    assert cautious_threshold(labels, scores, group, FPR) < 1


def test_small_groups_speak_together_for_their_vehicle():
    draw = np.random.default_rng(0)
    vehicle = np.repeat([0, 1], [800, 300])
    group = np.concatenate([np.zeros(800, int), 1 + np.arange(300) // 30])
    scores = draw.random(1100) + vehicle
    line = CautiousRule.of(np.zeros(1100), group, FPR, vehicle).line(scores)
    assert line.part == "1: small groups"
    assert line.threshold == pytest.approx(np.quantile(scores[800:], 0.95), abs=0.03)


def test_too_little_traffic_promises_less_and_says_so_instead_of_flagging_nothing():
    scores = np.linspace(0, 1, 9)
    line = CautiousRule.of(np.zeros(9), np.zeros(9), FPR).line(scores)
    assert line.threshold == pytest.approx(1, abs=1e-6)
    assert line.threshold > 1
    assert line.rate == pytest.approx(0.1)


@given(SEEDS)
def test_attacks_do_not_move_it(seed):
    labels, scores, group, vehicle = traffic(seed, size=100)
    louder = np.where(labels > 0, 9.0, scores)
    lines = [cautious_threshold(labels, s, group, FPR, vehicle) for s in (scores, louder)]
    assert lines[0] == lines[1]


def test_the_check_leaves_each_vehicle_out_in_turn():
    labels, scores, group, vehicle = traffic(1)
    kept = promises_kept(labels, scores, group, vehicle, FPR)
    assert list(kept) == ["0", "1", "2"]
    others = vehicle != 0
    columns = (c[others] for c in (labels, scores, group))
    threshold = with_margin(cautious_threshold(*columns, FPR, vehicle[others]))
    assert kept["0"] == (scores[~others & (labels == 0)] >= threshold).mean()
    assert promises_kept(labels, scores, group, np.zeros(len(group)), FPR) == {}


@pytest.mark.parametrize("fpr", [0.0, 1.0, float("nan")])
def test_an_impossible_rate_is_refused(fpr):
    with pytest.raises(InvalidInput):
        CautiousRule.of(np.zeros(5), np.zeros(5), fpr)


def test_a_rate_cannot_be_held_without_benign_windows():
    with pytest.raises(InvalidInput, match="no benign window"):
        CautiousRule.of(np.ones(5), np.zeros(5), FPR)


def test_scores_that_do_not_fit_the_groups_are_refused():
    with pytest.raises(InvalidInput):
        CautiousRule.of(np.zeros(5), np.zeros(4), FPR)
    with pytest.raises(InvalidInput):
        CautiousRule.of(np.zeros(5), np.zeros(5), FPR).line(np.full(5, np.nan))


@given(st.floats(1e-6, 1 - 1e-6))
def test_a_margin_raises_a_calibrated_line_by_the_same_odds_everywhere(line):
    raised = with_margin(line)
    assert line < raised < 1
    assert raised / (1 - raised) == pytest.approx(line / (1 - line) * np.exp(MARGIN))


@pytest.mark.parametrize("line", [-3.0, 0.0, 1.0, 7.0])
def test_a_line_that_is_no_probability_keeps_its_place(line):
    assert with_margin(line) == line
