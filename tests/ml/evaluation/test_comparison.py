import json
from dataclasses import replace

import numpy as np
import pytest
from evaluation_samples import DETECTORS, sample_capture
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.errors import InvalidInput
from ml.evaluation.captures import NodeScores
from ml.evaluation.comparison import compare
from ml.evaluation.levels import frame_units, together, window_units
from ml.evaluation.metrics import window_metrics

MEASURES = {"f1", "precision", "recall", "fpr", "auroc", "ap", "mcc", "recall_at_fpr"}
MCC = "mcc"


def test_a_capture_row_has_the_promised_fields():
    row = compare([sample_capture()])["captures"][0]
    promised = {
        "path", "split", "vehicle", "attack", "windows", "attack_windows", "masked_windows",
        "shared_windows", "seconds", "thresholds", "detectors", "oracle", "levels",
    }  # fmt: skip
    assert set(row) == promised
    assert list(row["detectors"]) == DETECTORS
    assert all(set(measures) == MEASURES for measures in row["detectors"].values())
    assert set(row["levels"]) == {"window", "frame", "event"}


def test_a_comparison_is_strict_json():
    captures = [sample_capture(shared=20), sample_capture(attack="suppress", attacked=False)]
    found = compare(captures)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_split_is_measured_over_the_windows_of_its_captures_together():
    first, second = sample_capture(seed=1), sample_capture(seed=2)
    elsewhere = sample_capture(seed=3, split="test_02_unknown_vehicle_known_attack")
    splits = compare([first, second, elsewhere])["splits"]
    labels = np.concatenate([first.labels, second.labels])
    scores = np.concatenate([first.scores["gat"], second.scores["gat"]])
    assert list(splits) == [first.split, elsewhere.split]
    measured = splits[first.split]["gat"]
    assert window_metrics(labels, scores, 0.5).to_dict().items() <= measured.items()


def test_scores_of_different_models_are_pooled_by_their_verdicts_alone():
    first = sample_capture(seed=1)
    second = replace(sample_capture(seed=2), thresholds=dict.fromkeys(DETECTORS, 0.45))
    pooled = compare([first, second])["pooled"]["gat"]
    assert (pooled["auroc"], pooled["ap"], pooled["recall_at_fpr"]) == (None, None, None)
    confusion = sum(window_units(c, "gat").confusion() for c in (first, second))
    assert pooled["recall"] == confusion[0] / (confusion[0] + confusion[2])


def test_a_suppress_capture_has_a_false_positive_rate_and_nothing_else():
    found = compare([sample_capture(attack="suppress", attacked=False)])
    for measures in found["captures"][0]["detectors"].values():
        assert {name for name, value in measures.items() if value is not None} == {"fpr"}
    worst = found["attack_free"]["worst_fpr"]["vgae"]
    assert worst == found["captures"][0]["detectors"]["vgae"]["fpr"]


def test_a_macro_average_is_the_mean_over_captures_with_attacks_inside_its_intervals():
    captures = [sample_capture(seed=s, vehicle=f"car {s % 3}") for s in range(6)]
    captures.append(sample_capture(attack=None, attacked=False))
    found = compare(captures)
    average = found["macro"]["gat"][MCC]
    own = [row["detectors"]["gat"][MCC] for row in found["captures"][:6]]
    assert average["mean"] == pytest.approx(np.mean(own))
    assert average["captures"] == 6
    assert average["low"] < average["mean"] < average["high"]
    assert average["cars_low"] < average["mean"] < average["cars_high"]


def test_captures_of_one_car_have_no_interval_over_cars():
    average = compare([sample_capture(seed=s) for s in range(4)])["macro"]["gat"][MCC]
    assert average["low"] is not None
    assert average["cars_low"] is None


@pytest.mark.parametrize(("quality", "outcome"), [(0.8, "better"), (0.05, "worse")])
def test_the_fusion_is_compared_with_each_rival_on_the_same_captures(quality, outcome):
    captures = [sample_capture(seed=s, fused_quality=quality) for s in range(8)]
    found = compare(captures)
    against = found["against"]
    assert list(against) == DETECTORS[1:]
    lead = found["macro"]["fused"][MCC]["mean"] - found["macro"]["vgae"][MCC]["mean"]
    assert against["vgae"]["mean"] == pytest.approx(lead)
    assert {lead["outcome"] for lead in against.values()} == {outcome}


def test_equal_scores_show_no_difference():
    captures = []
    for seed in range(6):
        capture = sample_capture(seed=seed)
        captures.append(replace(capture, scores={**capture.scores, "fused": capture.scores["gat"]}))
    lead = compare(captures)["against"]["gat"]
    assert (lead["outcome"], lead["differing"], lead["low"]) == ("no difference shown", 0, 0.0)


def test_few_captures_tell_nothing():
    captures = [sample_capture(seed=s, fused_quality=0.8) for s in range(5)]
    assert compare(captures)["against"]["gat"]["outcome"] == "too few captures"


def test_a_detector_without_a_threshold_is_not_measured():
    capture = replace(sample_capture(), thresholds={"gat": 0.5})
    found = compare([capture])
    assert list(found["captures"][0]["detectors"]) == ["gat"]
    assert found["against"] == {}
    assert set(found["levels"].values()) == {None}


def test_no_captures_compare_to_nothing():
    found = compare([])
    assert (found["captures"], found["splits"], found["against"]) == ([], {}, {})


def test_scores_that_do_not_fit_the_labels_are_refused():
    capture = sample_capture()
    shorter = {**capture.scores, "gat": capture.scores["gat"][:-1]}
    with pytest.raises(InvalidInput, match="do not fit"):
        compare([replace(capture, scores=shorter)])


def test_captures_must_name_the_same_detectors():
    other = replace(sample_capture(seed=1), thresholds={"gat": 0.5})
    with pytest.raises(InvalidInput, match="different detectors"):
        compare([sample_capture(), other])


def test_a_mask_that_is_none_is_refused():
    with pytest.raises(InvalidInput, match="mask"):
        sample_capture().only(np.ones(3, bool))


@settings(max_examples=10)
@given(st.integers(1, 299), st.integers(0, 3))
def test_masked_windows_change_nothing(masked, seed):
    capture = sample_capture(seed=seed, masked=masked, shared=10)
    found = compare([capture])
    row = found["captures"][0]
    assert row.pop("masked_windows") == masked
    without = compare([capture.only(capture.counted)])
    assert without["captures"][0].pop("masked_windows") == 0
    assert found == without


def test_the_oracle_is_at_least_as_good_as_any_blend():
    row = compare([sample_capture()])["captures"][0]
    assert row["oracle"]["f1"] >= row["detectors"]["fixed_alpha"]["f1"]


def test_windows_shared_with_the_training_traffic_are_left_out_beside():
    capture = sample_capture(shared=120)
    found = compare([capture])
    assert found["captures"][0]["shared_windows"] == 120
    rest = compare([replace(capture.only(~capture.shared), shared=None)])
    assert found["without_shared"]["macro"] == rest["macro"]
    assert found["without_shared"]["windows"] == 180
    assert rest["without_shared"] is None


@settings(max_examples=30)
@given(st.integers(0, 20), st.floats(0, 1))
def test_the_frames_add_up_and_a_node_flags_all_its_frames(seed, threshold):
    capture = replace(sample_capture(seed=seed), thresholds={"fused": threshold})
    units, nodes = frame_units(capture), capture.nodes
    counts = units.confusion()
    assert counts.sum() == nodes.frame_count.sum()
    assert counts[0] + counts[2] == nodes.attack_count.sum()
    assert counts[:2].sum() == nodes.frame_count[nodes.score >= threshold].sum()


def test_frames_of_masked_windows_are_left_out():
    capture = sample_capture(masked=200)
    kept = capture.nodes.only(capture.counted)
    assert frame_units(capture).confusion().sum() == kept.frame_count.sum()
    assert kept.node_ptr[-1] == len(kept.score)


def test_nodes_of_chosen_windows_stay_with_their_windows():
    nodes = NodeScores(
        np.array([0, 1, 1, 4]), np.array([0.1, 0.2, 0.3, 0.4]), np.arange(4), np.zeros(4, int)
    )
    kept = nodes.only(np.array([False, True, True]))
    assert kept.node_ptr.tolist() == [0, 0, 3]
    assert kept.score.tolist() == [0.2, 0.3, 0.4]


def test_without_node_scores_there_is_no_frame_level():
    found = compare([replace(sample_capture(), nodes=None)])
    assert found["levels"]["frame"] is None
    assert together([]) is None
