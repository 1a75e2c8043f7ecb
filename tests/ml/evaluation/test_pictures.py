from dataclasses import replace

import numpy as np
import pytest
from evaluation_samples import DETECTORS, THRESHOLDS, sample_capture
from matplotlib.collections import PathCollection

from ml.evaluation.comparison import compare
from ml.evaluation.report.curves import detection_curves
from ml.evaluation.report.dots import MOST_CAPTURES, capture_dots
from ml.evaluation.report.policy import alpha_histogram, importance_bars, policy_heatmap
from ml.evaluation.report.timelines import mistakes, spans, timeline, worst_first
from ml.evaluation.style import look, split_title

ALL = [*DETECTORS, "tree", "tree_half", "two_rules"]


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


def test_spans_run_from_the_first_to_the_last_chosen_window():
    capture = sample_capture(windows=12)  # attack windows 3 and 6, 7
    assert np.flatnonzero(capture.labels).tolist() == [3, 6, 7]
    assert spans(capture, capture.labels > 0) == [
        (pytest.approx(0.15, abs=1e-6), pytest.approx(0.049, abs=1e-6)),
        (pytest.approx(0.30, abs=1e-6), pytest.approx(0.099, abs=1e-6)),
    ]
    assert len(spans(capture, np.ones(12, bool))) == 1


def drawn(figure) -> np.ndarray:
    """Seconds of every window in a timeline."""
    dots = [c for c in figure.axes[0].collections if isinstance(c, PathCollection)]
    return np.concatenate([np.asarray(c.get_offsets())[:, 0] for c in dots])


def test_a_timeline_shows_every_window_once_and_starts_at_zero():
    capture = sample_capture()
    seconds = drawn(timeline(capture))
    assert len(seconds) == len(capture.labels)
    assert seconds.min() == 0


def test_a_timeline_leaves_out_windows_that_do_not_count_and_names_why():
    figure = timeline(sample_capture(masked=100))
    seconds = drawn(figure)
    assert (len(seconds), seconds.min()) == (200, pytest.approx(5.0))
    assert "enrolment" in [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_mistakes_are_told_in_a_sentence_of_the_windows_that_count():
    capture = replace(sample_capture(masked=100), thresholds={"fused": 0.0})
    assert mistakes(capture) == (
        "50 of 200 windows with an attack, 0 of them missed, 150 false alarms."
    )


def test_timelines_are_of_the_captures_that_went_worst():
    good = sample_capture(seed=1, fused_quality=0.7)
    bad = sample_capture(seed=2, fused_quality=0.1)
    low = {**THRESHOLDS, "fused": 0.3}
    benign = replace(sample_capture(seed=3, attacked=False), thresholds=low)
    rows = compare([good, benign, bad])["captures"]
    assert worst_first(rows, 1) == [2]
    assert worst_first(rows, 2) == [2, 1]


def test_of_captures_without_a_mistake_one_is_shown():
    perfect = [
        replace(c, scores={"fused": c.labels.astype(float)}, thresholds={"fused": 0.5})
        for c in (sample_capture(seed=seed) for seed in range(3))
    ]
    assert worst_first(compare(perfect)["captures"], 3) == [0]


def test_every_capture_with_attacks_has_a_line_with_a_dot_per_detector():
    captures = [sample_capture(seed=s) for s in range(3)]
    rows = compare([*captures, sample_capture(attacked=False)])["captures"]
    axes = capture_dots(rows).axes[0]
    dots = [c for c in axes.collections if isinstance(c, PathCollection)]
    assert [c.get_label() for c in dots] == [look(name).label for name in DETECTORS]
    assert {len(c.get_offsets()) for c in dots} == {3}
    assert len(axes.get_yticks()) == 3


def test_the_worst_capture_is_on_top_and_perfect_ones_on_the_right_edge():
    good, bad = sample_capture(seed=1), sample_capture(seed=2, fused_quality=0.1, path="x/bad.csv")
    good = replace(good, scores={**good.scores, "fused": good.labels.astype(float)})
    axes = capture_dots(compare([good, bad])["captures"]).axes[0]
    fused = next(c for c in axes.collections if c.get_label() == "Fused")
    assert axes.get_yticklabels()[0].get_text().startswith("bad")
    assert np.asarray(fused.get_offsets())[1, 0] == pytest.approx(4.0)


def test_a_picture_of_very_many_captures_stays_bounded():
    row = compare([sample_capture()])["captures"][0]
    assert len(capture_dots([row] * (MOST_CAPTURES + 5)).axes[0].get_yticks()) == MOST_CAPTURES


def test_no_dots_are_drawn_where_no_capture_has_the_measure():
    assert capture_dots(compare([sample_capture(attacked=False)])["captures"]) is None


def test_what_matters_most_is_on_top():
    axes = importance_bars({"gat_prob": 0.1, "novel_share": 0.5}).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["gat prob", "novel share"]


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
    looks = [look(name) for name in ALL]
    assert len({style.colour for style in looks}) == len(ALL)
    assert len({str(style.dashes) for style in looks}) == len(ALL)
    assert len({style.marker for style in looks}) == len(ALL)
