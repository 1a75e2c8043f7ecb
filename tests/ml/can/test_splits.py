"""What is held out, and from whom."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from ml.can.datasets import Capture
from ml.can.splits import cross_fit_folds, hold_out
from ml.errors import InvalidInput


def capture(vehicle: str, attack: str | None, run: int = 0) -> Capture:
    name = f"{attack or 'attack-free'}-{vehicle}-{run}"
    return Capture(Path(name), name, "train_01", vehicle, attack)


def mixed(windows: int) -> np.ndarray:
    """Labels that alternate."""
    return (np.arange(windows) % 2).astype(np.uint8)


CAPTURES = st.lists(
    st.builds(
        capture,
        st.sampled_from(["kia", "sonata", "spark"]),
        st.sampled_from([None, "DoS", "fuzzing", "replay"]),
        st.integers(0, 99),
    ),
    min_size=1,
    max_size=12,
)
HCRL_SA = [
    capture("kia", None),
    capture("sonata", None),
    capture("kia", "DoS"),
    capture("sonata", "fuzzing"),
]


@given(CAPTURES, st.integers(1, 200), st.integers(0, 3))
def test_no_window_is_both_trained_on_and_validated_on(captures, windows, overlap):
    labels = [mixed(windows) for _ in captures]
    try:
        held = hold_out(captures, labels, overlap)
    except InvalidInput:
        reject()
    label = np.concatenate(labels)
    assert set(label[held.train]) == {0, 1}
    assert 0 in label[held.validation]
    assert not set(held.train) & set(held.validation)
    assert set(held.train) | set(held.validation) <= set(range(windows * len(captures)))


@given(st.integers(30, 500), st.integers(1, 3))
def test_windows_that_share_frames_never_stand_on_both_sides(windows, overlap):
    held = hold_out([capture("kia", "DoS")], [mixed(windows)], overlap)
    assert held.by == "time block"
    assert len(held.train) > 0 < len(held.validation)
    distance = np.abs(held.train[:, None] - held.validation[None, :])
    assert distance.min() > overlap


def test_whole_captures_are_held_out_where_each_kind_has_two():
    captures = [capture("kia", kind, run) for kind in (None, "DoS") for run in range(2)]
    held = hold_out(captures, [mixed(10)] * 4, 0)
    assert held.by == "capture"
    assert held.validation.tolist() == [*range(10, 20), *range(30, 40)]


@given(CAPTURES)
def test_no_expert_predicts_a_capture_that_it_saw_and_each_question_is_kept_honest(captures):
    if sum(c.attack is not None for c in captures) < 2:
        with pytest.raises(InvalidInput, match="two training captures with attacks"):
            cross_fit_folds(captures)
        return
    folds = cross_fit_folds(captures)
    for fold in folds:
        kept = [c for i, c in enumerate(captures) if i not in fold.held_out]
        held = [captures[i] for i in fold.held_out]
        kept_kinds, held_kinds = ({c.attack for c in part} - {None} for part in (kept, held))
        assert kept_kinds
        if fold.question == "unseen vehicle":
            assert not {c.vehicle for c in held} & {c.vehicle for c in kept}
        elif fold.question == "unseen kind":
            assert not held_kinds & kept_kinds
        else:
            assert held_kinds <= kept_kinds
    for question in {fold.question for fold in folds}:
        asked = [i for fold in folds if fold.question == question for i in fold.held_out]
        assert len(asked) == len(set(asked))
        assert {i for i, c in enumerate(captures) if c.attack is None} <= set(asked)


def test_all_questions_are_asked_where_two_cars_have_every_kind():
    captures = [capture(v, kind) for kind in ("DoS", "fuzzing", None) for v in ("kia", "sonata")]
    questions = [fold.question for fold in cross_fit_folds(captures)]
    assert questions == ["unseen vehicle"] * 2 + ["unseen kind"] * 2 + ["seen kind"] * 2


def test_with_three_cars_the_unseen_car_already_meets_known_kinds():
    cars = ("kia", "sonata", "spark")
    captures = [capture(v, kind) for kind in ("DoS", "fuzzing", None) for v in cars]
    questions = [fold.question for fold in cross_fit_folds(captures)]
    assert questions == ["unseen vehicle"] * 3 + ["unseen kind"] * 2


def test_cars_without_attacks_never_leave_a_fold_without_attacks_to_train_on():
    calm = [capture(f"car-{n}", None) for n in range(5)]
    captures = [capture("kia", "DoS"), *calm, capture("sonata", "DoS"), capture("sonata", None)]
    for fold in cross_fit_folds(captures):
        assert any(c.attack for i, c in enumerate(captures) if i not in fold.held_out)


def test_folds_of_unseen_kinds_leave_traffic_of_every_car_to_train_on():
    for fold in cross_fit_folds(HCRL_SA):
        if fold.question == "unseen kind":
            kept = {c.vehicle for i, c in enumerate(HCRL_SA) if i not in fold.held_out}
            assert kept == {"kia", "sonata"}


def test_a_capture_that_was_predicted_twice_is_held_out_both_times_or_never():
    captures = [capture("kia", kind, run) for kind in (None, "DoS") for run in range(2)]
    held = hold_out([*captures, *captures], [mixed(2)] * 8, 0)
    assert held.by == "capture"
    assert held.validation.tolist() == [2, 3, 6, 7, 10, 11, 14, 15]


@pytest.mark.parametrize("attacked", [slice(90, 100), slice(40, 50), slice(0, 10)])
def test_attacks_in_one_stretch_of_time_are_not_all_held_out(attacked):
    label = np.zeros(100, np.uint8)
    label[attacked] = 1
    held = hold_out([capture("kia", "DoS")], [label], 0)
    assert set(label[held.train]) == {0, 1}
    assert 0 in label[held.validation]


@pytest.mark.parametrize("label", [[0, 1], [0] * 30, [1] * 30])
def test_traffic_that_cannot_be_cut_in_two_usable_parts_is_refused(label):
    with pytest.raises(InvalidInput, match="too little training traffic"):
        hold_out([capture("kia", "DoS")], [np.array(label, np.uint8)], 0)
