from dataclasses import replace

import pytest
from evaluation_samples import sample_capture

from ml.evaluation.comparison import compare
from ml.evaluation.verdict import Verdict, judge

KNOWN, UNKNOWN = "test_01_known_vehicle_known_attack", "Leave out: vehicle"


def captures_of(quality: float, count: int = 8, **other) -> list:
    cars = ["kia", "sonata", "spark", "golf"]
    return [
        sample_capture(seed=s, fused_quality=quality, vehicle=cars[s % 4], **other)
        for s in range(count)
    ]


def with_fused(capture, scores, **other):
    """The capture with other fused scores, and the GAT as the only rival."""
    columns = {**capture.scores, "fused": scores}
    return replace(capture, scores=columns, thresholds={"fused": 0.5, "gat": 0.5}, **other)


def verdict_on(**families) -> Verdict:
    return judge([{"name": name, **compare(captures)} for name, captures in families.items()])


def test_a_better_fusion_beats_every_rival_and_the_families_are_named():
    verdict = verdict_on(**{KNOWN: captures_of(0.8), UNKNOWN: captures_of(0.8)})
    assert verdict.wins
    assert verdict.sentence == (
        "The learnt fusion beats every rival in macro MCC (Test 01: known vehicle, known attack "
        "and Leave out: vehicle)."
    )


def test_a_worse_fusion_is_said_to_be_worse_in_the_first_words():
    verdict = verdict_on(**{KNOWN: captures_of(0.1)})
    assert not verdict.wins
    assert verdict.sentence.startswith(
        "The learnt fusion does not beat every rival in macro MCC. "
        "Test 01: known vehicle, known attack: worse than GAT alone by 0."
    )


def test_one_family_that_is_not_won_is_enough_to_say_so():
    verdict = verdict_on(**{KNOWN: captures_of(0.8), UNKNOWN: captures_of(0.1)})
    assert not verdict.wins
    assert "Leave out: vehicle: worse" in verdict.sentence
    assert "known vehicle" not in verdict.sentence


def test_an_equal_fusion_does_not_win():
    captures = [with_fused(c, c.scores["gat"]) for c in captures_of(0.3)]
    verdict = verdict_on(**{KNOWN: captures})
    assert not verdict.wins
    assert "no difference shown to GAT alone." in verdict.sentence


def test_a_lead_on_a_few_captures_is_doubted():
    captures = captures_of(0.3, 20)
    for n, capture in enumerate(captures):
        scores = capture.labels if n < 4 else capture.scores["gat"]
        captures[n] = with_fused(capture, scores)
    verdict = verdict_on(**{KNOWN: captures})
    assert verdict.wins
    assert any("GAT alone (4 of 20)" in doubt for doubt in verdict.doubts)


def test_a_lead_that_one_car_makes_is_doubted():
    captures = captures_of(0.3, 12)
    for n, capture in enumerate(captures):
        own = n % 4 == 0 or n % 4 == 1
        scores = capture.labels if own else capture.scores["gat"]
        captures[n] = with_fused(capture, scores, vehicle="kia" if own else "sonata")
    verdict = verdict_on(**{KNOWN: captures})
    assert any("Drawing cars instead of captures" in doubt for doubt in verdict.doubts)


def test_few_captures_claim_nothing():
    verdict = verdict_on(**{KNOWN: captures_of(0.8, 1), UNKNOWN: captures_of(0.8, 2)})
    assert not verdict.wins
    assert verdict.sentence.startswith("3 captures with attacks cannot tell")


def test_a_family_too_small_to_judge_is_named_beside_those_that_are_not():
    verdict = verdict_on(**{KNOWN: captures_of(0.8, 2), UNKNOWN: captures_of(0.8)})
    assert verdict.wins
    assert verdict.sentence.endswith("(Leave out: vehicle).")
    assert any("Test 01: known vehicle, known attack (2)" in doubt for doubt in verdict.doubts)


@pytest.mark.parametrize("captures", [[], [sample_capture(attacked=False)]])
def test_without_attacks_nothing_is_claimed(captures):
    verdict = verdict_on(**{KNOWN: captures})
    assert not verdict.wins
    assert "nothing to judge" in verdict.sentence


def test_a_fusion_without_rivals_wins_nothing():
    captures = [replace(c, thresholds={"fused": 0.5}) for c in captures_of(0.6)]
    verdict = verdict_on(**{KNOWN: captures})
    assert not verdict.wins
    assert "without any rival" in verdict.sentence
