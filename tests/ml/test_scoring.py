"""A loaded release: the same window, the same score, and only numbers that make sense."""

import numpy as np
import pytest

from ml.can import graphs as graphs_module
from ml.can.datasets import find_dataset, load_capture
from ml.errors import InvalidInput
from ml.evaluation.detectors import detector_thresholds


@pytest.fixture(scope="module")
def scorer(tiny_release_store):
    return tiny_release_store.load("production")


@pytest.fixture(scope="module")
def frames(tiny_job):
    dataset = find_dataset("tiny", tiny_job["workspace"].data_dirs)
    return load_capture(dataset.test[0]).frames


COLUMNS = ("fused_score", "alpha", "anomaly_score", "gat_prob")


def test_a_window_scored_alone_gets_the_score_that_it_gets_among_others(scorer, frames):
    together = scorer.score_frames(frames)
    for w in range(0, len(together.fused_score), 5):
        alone = scorer.score_frames(frames[w * 100 : (w + 1) * 100])
        for name in COLUMNS:
            both = getattr(alone, name)[0], getattr(together, name)[w]
            assert both[0] == pytest.approx(both[1], abs=1e-5), name
        assert alone.window_start[0] == together.window_start[w]


def test_a_long_log_is_scored_in_pieces_with_the_same_result(scorer, frames, monkeypatch):
    whole = scorer.score_frames(frames)
    monkeypatch.setattr(graphs_module, "FRAMES_AT_ONCE", 1700)
    pieces = scorer.score_frames(frames)
    for name in (*COLUMNS, "window_start", "window_end", "is_attack"):
        np.testing.assert_allclose(getattr(pieces, name), getattr(whole, name), atol=1e-5)


def test_the_fused_score_is_the_weighted_sum_and_the_verdict_its_threshold(scorer):
    anomaly, gat = np.random.default_rng(0).random((2, 1000))
    scores = scorer.fuse(anomaly, gat)
    expected = scores.alpha * gat + (1 - scores.alpha) * anomaly
    np.testing.assert_allclose(scores.fused_score, expected, atol=1e-6)
    assert (scores.is_attack == (scores.fused_score >= np.float32(scorer.threshold))).all()
    assert scores.window_start is None


def test_expert_scores_fused_later_give_what_the_traffic_gave(scorer, frames):
    whole = scorer.score_frames(frames)
    again = scorer.fuse(whole.anomaly_score, whole.gat_prob)
    np.testing.assert_array_equal(again.fused_score, whole.fused_score)


@pytest.mark.parametrize(
    ("anomaly", "gat", "reason"),
    [
        ([0.1, 1.2], [0.1, 0.2], r"anomaly_score\[1\] is 1.2, outside \[0, 1\]"),
        ([0.1, 0.2], [-0.1, 0.2], r"gat_prob\[0\] is -0.1"),
        ([0.1, float("nan")], [0.1, 0.2], r"anomaly_score\[1\] is nan"),
        ([0.1], [0.1, 0.2], "anomaly_score has 1 values, gat_prob has 2"),
        ([], [], "not a list of numbers"),
        (["a"], [0.1], "not a list of numbers"),
        ([[0.1]], [0.1], "not a list of numbers"),
    ],
)
def test_columns_that_are_no_scores_are_refused_by_name(scorer, anomaly, gat, reason):
    with pytest.raises(InvalidInput, match=reason):
        scorer.fuse(anomaly, gat)


def test_every_detector_has_a_threshold_of_its_own(scorer):
    assert list(detector_thresholds(scorer)) == [
        "fused",
        "gat",
        "vgae",
        "mean",
        "fixed_alpha",
        "logistic_regression",
    ]
