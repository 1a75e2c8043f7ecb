import pytest
from evaluation_samples import THRESHOLDS, sample_capture

from ml.evaluation.comparison import compare
from ml.evaluation.verdict import Verdict, judge

KNOWN, UNKNOWN = "test_01_known_vehicle_known_attack", "test_02_unknown_vehicle_known_attack"


def verdict_on(captures, thresholds=THRESHOLDS) -> Verdict:
    return judge(compare(captures, thresholds), captures, thresholds)


def captures_of(quality: float, *, count: int = 3, split: str = KNOWN) -> list:
    return [sample_capture(seed=s, fused_quality=quality, split=split) for s in range(count)]


def test_a_better_fusion_beats_the_best_rival_by_the_difference_of_their_f1():
    verdict = verdict_on(captures_of(0.6))
    best = max(value for name, value in verdict.mean_f1.items() if name != "fused")
    lead = round(verdict.mean_f1["fused"], 4) - round(best, 4)
    assert verdict.wins
    assert "beats its best rival" in verdict.sentence
    assert f"+{lead:.4f}" in verdict.sentence
    assert verdict.difference.low <= lead <= verdict.difference.high


def test_a_worse_fusion_is_said_to_be_worse_in_the_first_words():
    verdict = verdict_on(captures_of(0.1))
    assert not verdict.wins
    assert verdict.sentence.startswith("The learnt fusion does not beat its best rival")
    assert "\N{MINUS SIGN}" in verdict.sentence


def test_an_equal_fusion_does_not_win():
    captures = captures_of(0.3)
    for capture in captures:
        capture.scores["fused"] = capture.scores["gat"]
    verdict = verdict_on(captures, {"fused": 0.5, "gat": 0.5})
    assert not verdict.wins
    assert "both F1" in verdict.sentence
    assert "may be chance" in verdict.doubt


def test_every_test_split_with_attacks_weighs_the_same():
    captures = [*captures_of(0.6, count=4), *captures_of(0.1, count=2, split=UNKNOWN)]
    captures.append(sample_capture(split="test_03_suppress", attack="suppress", attacked=False))
    found = compare(captures, THRESHOLDS)
    verdict = judge(found, captures, THRESHOLDS)
    by_hand = (found["splits"][KNOWN]["fused"]["f1"] + found["splits"][UNKNOWN]["fused"]["f1"]) / 2
    assert verdict.splits == (KNOWN, UNKNOWN)
    assert verdict.mean_f1["fused"] == pytest.approx(by_hand)


def test_training_captures_do_not_count_where_there_are_test_captures():
    captures = [*captures_of(0.1), *captures_of(0.6, split="train_02_with_attacks")]
    assert verdict_on(captures).splits == (KNOWN,)


def test_a_single_capture_leaves_the_certainty_open():
    verdict = verdict_on(captures_of(0.6, count=1))
    assert verdict.difference is None
    assert "cannot be told" in verdict.doubt


@pytest.mark.parametrize("captures", [[], [sample_capture(attacked=False)]])
def test_without_attacks_nothing_is_claimed(captures):
    verdict = verdict_on(captures)
    assert not verdict.wins
    assert verdict.sentence.startswith("No split has")


def test_a_fusion_without_rivals_wins_nothing():
    verdict = verdict_on(captures_of(0.6), {"fused": 0.5})
    assert not verdict.wins
    assert "no rival" in verdict.sentence
