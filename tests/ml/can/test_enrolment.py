"""Which traffic a car is enrolled with, and that it is kept out of what is measured."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.can.captures import Capture
from ml.can.frames import Frames
from ml.can.loading import VIEW_WINDOWS, enrol_all, halved, label_all, label_capture
from ml.can.profiles.enrolment import EnrolmentConfig, enrol, poorer_enrolments
from ml.can.recordings import Recording
from ml.can.windows import WindowConfig
from ml.context import Context, Workspace
from ml.errors import InvalidInput

WINDOW = WindowConfig()


def recording(
    name: str,
    seconds: float,
    attacked: tuple[float, float] | None = None,
    *,
    labels_known: bool = False,
    rate: int = 500,
) -> Recording:
    """Five ids in turn; attacked, from one second to another."""
    frames = int(seconds * rate)
    time = np.arange(frames) / rate
    label = np.zeros(frames, np.uint8)
    if attacked:
        label[(time >= attacked[0]) & (time < attacked[1])] = 1
    return Recording(
        Capture(Path(name), name, "test_01", "car", "DoS" if attacked else None),
        Frames(
            timestamp=time,
            can_id=(np.arange(frames) % 5).astype(np.uint32),
            flags=np.zeros(frames, np.uint8),
            length=np.full(frames, 8, np.uint8),
            payload=np.zeros((frames, 8), np.uint8),
            label=label,
        ),
        backward_steps=0,
        labels_known=labels_known,
    )


@given(
    st.lists(st.floats(3, 40), min_size=1, max_size=5),
    st.lists(st.floats(0, 20), max_size=4),
    st.floats(3, 60),
)
def test_an_enrolment_never_takes_more_than_it_may_and_never_an_attack(calm, leads, seconds):
    recordings = [recording(f"calm-{n}", s, rate=100) for n, s in enumerate(calm)]
    recordings += [
        recording(f"attacked-{n}", s + 5, (s, s + 5), rate=100) for n, s in enumerate(leads)
    ]
    config = EnrolmentConfig(seconds=seconds)
    enrolment = enrol("car", recordings, config)
    assert enrolment.seconds <= seconds + 1e-6
    by_name = {r.capture.name: r for r in recordings}
    for stretch in enrolment.stretches:
        own = by_name[stretch.capture]
        inside = (own.frames.timestamp >= stretch.start) & (own.frames.timestamp <= stretch.end)
        assert not own.label[inside].any()
        if own.attacked:
            assert stretch.end - stretch.start <= config.lead_seconds + 1e-6


def test_the_seconds_are_spread_evenly_over_the_recordings():
    recordings = [recording("a", 40), recording("b", 40), recording("c", 3)]
    taken = {
        s.capture: s.end - s.start for s in enrol("car", recordings, EnrolmentConfig()).stretches
    }
    assert taken == pytest.approx({"a": 13.5, "b": 13.5, "c": 3}, abs=0.1)


def test_a_car_that_was_only_ever_attacked_is_enrolled_with_what_precedes_the_attack():
    enrolment = enrol("car", [recording("a", 30, (12, 30))], EnrolmentConfig())
    (stretch,) = enrolment.stretches
    assert stretch.start == pytest.approx(7, abs=0.1)
    assert stretch.end == pytest.approx(12, abs=0.1)


def test_labels_that_are_known_let_traffic_after_an_attack_count_too():
    attacked = recording("a", 30, (0, 10), labels_known=True)
    assert enrol("car", [attacked], EnrolmentConfig()).stretches[0].start > 10
    with pytest.raises(InvalidInput, match="Car car has no 1 s of benign traffic"):
        enrol("car", [recording("a", 30, (0, 10))], EnrolmentConfig())


def test_windows_of_the_enrolment_are_marked_and_no_view_holds_them():
    recordings = [recording("calm", 30), recording("attacked", 30, (20, 30), labels_known=True)]
    full = enrol("car", recordings, EnrolmentConfig(seconds=10))
    poorer = poorer_enrolments("car", recordings, full, EnrolmentConfig(seconds=10))
    assert poorer
    for own in recordings:
        labelled = label_capture(own, full, WINDOW, poorer)
        assert labelled.enrolled.any()
        assert not labelled.label[labelled.enrolled].any()
        for view in labelled.views:
            assert len(view.windows) <= VIEW_WINDOWS
            assert not labelled.enrolled[view.windows].any()
            assert (view.graphs.label == labelled.label[view.windows]).all()
            assert (view.graphs.start == labelled.graphs.start[view.windows]).all()


def test_every_car_gets_a_profile_of_its_own(tmp_path):
    context = Context(tmp_path, Workspace(tmp_path, ()), lambda _: None)
    recordings = [recording("a", 10), recording("b", 10, (8, 10))]
    enrolments = enrol_all(recordings, EnrolmentConfig())
    assert list(enrolments) == ["car"]
    labelled = label_all(recordings, enrolments, WINDOW, EnrolmentConfig(), context.span(0, 1))
    assert [c.capture.name for c in labelled] == ["a", "b"]
    assert [c.planned.attack for c in labelled] == [None, "DoS"]


@given(st.floats(5, 50), st.floats(0.2, 9), st.integers(0, 5))
def test_a_lone_attack_is_cut_in_two_halves_that_share_no_window(begin, seconds, gap):
    own = recording("attacked", 60, (begin, begin + seconds), rate=100)
    enrolment = enrol("car", [recording("calm", 20, rate=100)], EnrolmentConfig())
    whole = label_capture(own, enrolment, WINDOW)
    if whole.label.sum() < 2 + gap:
        with pytest.raises(InvalidInput, match="too short to be seen in two halves"):
            halved(whole, gap)
        return
    first, second = halved(whole, gap)
    assert first.label.any()
    assert second.label.any()
    assert second.graphs.start[0] > first.graphs.end[-1]
    assert len(first.graphs) + gap + len(second.graphs) == len(whole.graphs)
    assert first.graphs.node.shape[0] == first.graphs.node_ptr[-1]


def test_a_capture_is_halved_between_its_attacks():
    own = recording("attacked", 40, rate=100)
    for at in (1000, 2000, 3000):
        own.frames.label[at : at + 500] = 1
    enrolment = enrol("car", [recording("calm", 20, rate=100)], EnrolmentConfig())
    first, second = halved(label_capture(own, enrolment, WINDOW), 0)
    assert (first.label.sum(), second.label.sum()) in {(5, 10), (10, 5)}
    assert second.label[0] == 1
    assert first.label[-1] == 0
