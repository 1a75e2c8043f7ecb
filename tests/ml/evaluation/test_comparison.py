import json
from dataclasses import replace

import numpy as np
import pytest
from evaluation_samples import DETECTORS, THRESHOLDS, sample_capture

from ml.errors import InvalidInput
from ml.evaluation.comparison import compare, compare_intervals
from ml.evaluation.metrics import window_metrics

MEASURES = {"f1", "precision", "recall", "fpr", "auroc", "ap", "mcc"}


def test_a_capture_row_has_exactly_the_promised_fields():
    row = compare([sample_capture()], THRESHOLDS)["captures"][0]
    assert set(row) == {
        "path", "split", "vehicle", "attack", "windows", "attack_windows", "detectors",
    }  # fmt: skip
    assert list(row["detectors"]) == DETECTORS
    assert all(set(measures) == MEASURES for measures in row["detectors"].values())


def test_a_comparison_is_strict_json():
    captures = [sample_capture(), sample_capture(attack="suppress", attacked=False)]
    found = compare(captures, THRESHOLDS)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_counts_of_windows_are_those_of_the_labels():
    capture = sample_capture()
    row = compare([capture], THRESHOLDS)["captures"][0]
    assert row["windows"] == len(capture.labels)
    assert row["attack_windows"] == int(capture.labels.sum())


def test_a_split_is_measured_over_the_windows_of_its_captures_together():
    first, second = sample_capture(seed=1), sample_capture(seed=2)
    elsewhere = sample_capture(seed=3, split="test_02_unknown_vehicle_known_attack")
    splits = compare([first, second, elsewhere], THRESHOLDS)["splits"]
    labels = np.concatenate([first.labels, second.labels])
    scores = np.concatenate([first.scores["gat"], second.scores["gat"]])
    assert list(splits) == [first.split, elsewhere.split]
    assert splits[first.split]["gat"] == window_metrics(labels, scores, THRESHOLDS["gat"]).to_dict()


def test_a_suppress_capture_has_a_false_positive_rate_and_nothing_else():
    found = compare([sample_capture(attack="suppress", attacked=False)], THRESHOLDS)
    for measures in found["captures"][0]["detectors"].values():
        assert {name for name, value in measures.items() if value is not None} == {"fpr"}


def test_the_interval_of_a_split_encloses_its_measure():
    captures = [sample_capture(seed=seed) for seed in range(6)]
    split = captures[0].split
    measured = compare(captures, THRESHOLDS)["splits"][split]["gat"]["f1"]
    interval = compare_intervals(captures, THRESHOLDS)[split]["gat"]["f1"]
    assert interval.low <= measured <= interval.high


def test_a_split_of_one_capture_has_no_interval():
    capture = sample_capture()
    assert compare_intervals([capture], THRESHOLDS)[capture.split]["fused"]["f1"] is None


def test_a_detector_without_a_threshold_is_not_measured():
    row = compare([sample_capture()], {"gat": 0.5})["captures"][0]
    assert list(row["detectors"]) == ["gat"]


def test_no_captures_compare_to_nothing():
    assert compare([], THRESHOLDS) == {"captures": [], "splits": {}}


def test_scores_that_do_not_fit_the_labels_are_refused():
    capture = sample_capture()
    shorter = {**capture.scores, "gat": capture.scores["gat"][:-1]}
    with pytest.raises(InvalidInput, match="do not fit"):
        compare([replace(capture, scores=shorter)], THRESHOLDS)
