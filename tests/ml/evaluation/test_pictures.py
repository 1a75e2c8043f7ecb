import numpy as np
import pytest
from evaluation_samples import DETECTORS, THRESHOLDS, sample_capture
from matplotlib.collections import PathCollection

from ml.evaluation.comparison import compare
from ml.evaluation.curves import detection_curves
from ml.evaluation.plots import alpha_histogram, policy_heatmap
from ml.evaluation.style import look, split_title
from ml.evaluation.timelines import attack_spans, timeline, worst_first


def test_the_heat_map_has_the_anomaly_score_across_and_the_gat_probability_up():
    policy = np.zeros((10, 10))
    policy[9, 0] = 1.0  # surely anomalous, surely benign to the GAT
    axes = policy_heatmap(policy).axes[0]
    image = np.asarray(axes.images[0].get_array())
    assert image[0, 9] == 1.0
    assert "anomaly" in axes.get_xlabel()
    assert "GAT" in axes.get_ylabel()
    assert [text.get_position() for text in axes.texts if text.get_text() == "1.00"] == [
        (0.95, 0.05)
    ]


def test_the_bars_of_each_group_add_up_to_all_its_windows():
    groups = {"benign": np.array([0.0, 0.5, 0.5, 1.0]), "attack": np.array([0.3])}
    axes = alpha_histogram(groups).axes[0]
    heights = [sum(bar.get_height() for bar in bars) for bars in axes.containers]
    assert heights == pytest.approx([100, 100])


def test_a_histogram_without_any_alpha_is_empty_and_no_error():
    assert not alpha_histogram({"all windows": np.zeros(0)}).axes[0].containers


def test_every_detector_has_a_curve_in_both_pictures_and_the_fusion_lies_on_top():
    capture = sample_capture()
    scores = {name: capture.scores[name] for name in DETECTORS}
    figure = detection_curves(capture.labels, scores, THRESHOLDS)
    for axes in figure.axes:
        names = [line.get_label() for line in axes.lines if not line.get_label().startswith("_")]
        assert names == [look(name).label for name in reversed(DETECTORS)]


def test_no_curve_is_drawn_where_a_class_is_missing():
    capture = sample_capture(attacked=False)
    assert detection_curves(capture.labels, capture.scores, THRESHOLDS) is None


def test_attack_spans_run_from_the_first_to_the_last_attack_window():
    capture = sample_capture(windows=12)  # attack windows 3 and 6, 7
    spans = attack_spans(capture)
    assert np.flatnonzero(capture.labels).tolist() == [3, 6, 7]
    assert spans == [
        (pytest.approx(0.15, abs=1e-6), pytest.approx(0.049, abs=1e-6)),
        (pytest.approx(0.30, abs=1e-6), pytest.approx(0.099, abs=1e-6)),
    ]


def test_a_capture_that_is_all_attack_is_one_span():
    capture = sample_capture(windows=5)
    capture.labels[:] = 1
    assert len(attack_spans(capture)) == 1


def test_a_timeline_shows_every_window_once_and_starts_at_zero():
    capture = sample_capture()
    axes = timeline(capture, "fused", 0.5).axes[0]
    drawn = [c for c in axes.collections if isinstance(c, PathCollection)]
    seconds = np.concatenate([np.asarray(c.get_offsets())[:, 0] for c in drawn])
    assert len(seconds) == len(capture.labels)
    assert seconds.min() == 0


def test_timelines_are_of_the_test_captures_that_went_worst():
    good = sample_capture(seed=1, fused_quality=0.6)
    bad = sample_capture(seed=2, fused_quality=0.1)
    benign = sample_capture(seed=3, attack="suppress", attacked=False)
    train = sample_capture(seed=4, split="train_02_with_attacks", fused_quality=0.1)
    rows = compare([train, good, benign, bad], THRESHOLDS)["captures"]
    assert worst_first(rows, "fused", 1) == [3]
    assert worst_first(rows, "fused", 3) == [1, 2, 3]
    assert worst_first(rows, "fused", 9) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("split", "title"),
    [
        ("test_04_unknown_vehicle_unknown_attack", "Test 04: unknown vehicle, unknown attack"),
        ("train_01_attack_free", "Train 01: attack free"),
        ("my_drives", "my drives"),
    ],
)
def test_a_split_is_named_in_words(split, title):
    assert split_title(split) == title


def test_no_two_detectors_look_alike():
    looks = [look(name) for name in DETECTORS]
    assert len({style.colour for style in looks}) == len(DETECTORS)
    assert len({str(style.dashes) for style in looks}) == len(DETECTORS)
