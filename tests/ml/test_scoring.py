"""A loaded release: the same window, the same score, and only numbers that make sense."""

import numpy as np
import pytest

from ml.can import graphs as graphs_module
from ml.can.datasets import find_dataset, load_capture
from ml.can.graphs import build_graphs
from ml.can.recordings import read_recording
from ml.errors import InvalidInput
from ml.evaluation.detectors import detector_thresholds
from ml.explanation import explain


@pytest.fixture(scope="module")
def scorer(tiny_release_store):
    return tiny_release_store.load("production")


@pytest.fixture(scope="module")
def capture(tiny_job):
    return find_dataset("tiny", tiny_job["workspace"].data_dirs).test[0]


@pytest.fixture(scope="module")
def frames(capture):
    return load_capture(capture).frames


@pytest.fixture(scope="module")
def profile(scorer, capture):
    return scorer.profiles[capture.vehicle]


COLUMNS = ("fused_score", "alpha", "anomaly_score", "gat_prob")


def test_a_window_scored_alone_gets_the_score_that_it_gets_among_others(scorer, frames, profile):
    together = scorer.score_frames(frames, profile)
    for w in range(0, len(together.fused_score), 5):
        alone = scorer.score_frames(frames[w * 100 : (w + 1) * 100], profile)
        for name in COLUMNS:
            both = getattr(alone, name)[0], getattr(together, name)[w]
            assert both[0] == pytest.approx(both[1], abs=1e-5), name
        assert alone.window_start[0] == together.window_start[w]


def test_a_long_log_is_scored_in_pieces_with_the_same_result(scorer, frames, profile, monkeypatch):
    whole = scorer.score_frames(frames, profile)
    monkeypatch.setattr(graphs_module, "FRAMES_AT_ONCE", 1700)
    pieces = scorer.score_frames(frames, profile)
    for name in (*COLUMNS, "window_start", "window_end", "is_attack"):
        np.testing.assert_allclose(getattr(pieces, name), getattr(whole, name), atol=1e-5)


def test_the_fused_score_is_the_weighted_sum_and_the_verdict_its_threshold(scorer):
    anomaly, gat = np.random.default_rng(0).random((2, 1000))
    scores = scorer.fuse(anomaly, gat)
    expected = scores.alpha * gat + (1 - scores.alpha) * anomaly
    np.testing.assert_allclose(scores.fused_score, expected, atol=1e-6)
    assert (scores.is_attack == (scores.fused_score >= np.float32(scorer.threshold))).all()
    assert scores.window_start is None


def test_expert_scores_fused_later_give_what_the_traffic_gave(scorer, frames, profile):
    whole = scorer.score_frames(frames, profile)
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


def test_traffic_of_an_own_car_is_told_by_its_ids(scorer, frames, capture):
    car, known = scorer.closest(frames)
    assert car == capture.vehicle
    assert known > 0.5


def test_a_verdict_is_explained_by_parts_that_sum_to_it(scorer, frames, profile):
    scores = scorer.score_frames(frames, profile)
    found = explain(scorer, frames, profile, scores, limit=3)
    assert len(found) == min(3, scores.is_attack.sum()) > 0
    for one in found:
        assert scores.is_attack[one.window]
        assert one.usual + sum(one.inputs.values()) == pytest.approx(one.fused_score, abs=1e-4)
        assert set(one.experts) == {"vgae", "gat"}
        assert all(evidence.ids for evidence in one.experts.values())
        assert one.attack_kind == scores.attack_kind[one.window]


def test_only_flagged_windows_are_said_to_be_of_a_kind(scorer, frames, profile):
    scores = scorer.score_frames(frames, profile)
    assert [kind is not None for kind in scores.attack_kind] == scores.is_attack.tolist()
    assert scorer.fuse([0.5], [0.5]).attack_kind is None


def test_no_identifier_of_a_window_is_more_suspicious_than_the_window(scorer, capture):
    recording = read_recording(capture, scorer.window)
    graphs = build_graphs(recording.frames, scorer.window, scorer.profiles[capture.vehicle])
    scores, node = scorer.score_graphs(graphs)
    worst = np.maximum.reduceat(node, graphs.node_ptr[:-1])
    assert (worst <= scores.fused_score + 1e-6).all()
