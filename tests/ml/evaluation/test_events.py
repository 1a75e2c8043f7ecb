from dataclasses import replace

import numpy as np
import pytest
from evaluation_samples import sample_capture
from hypothesis import given
from hypothesis import strategies as st

from ml.evaluation.events import Events, capture_events, find_events, seconds_covered

WINDOWS = st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0, 3)), max_size=40)


def laid_out(rows) -> tuple[np.ndarray, ...]:
    """Windows of 0.1 s, each some pause after the one before."""
    pause = np.array([pause for _, _, pause in rows], np.float64)
    start = np.cumsum(pause + 0.1)
    attack, flagged = (np.array([row[n] for row in rows], bool) for n in (0, 1))
    return start, start + 0.1, attack, flagged


def seconds(*attack: int, flagged: tuple[int, ...] = (), length: int = 60) -> Events:
    """Events of windows of one second, one after the other."""
    start = np.arange(length, dtype=np.float64)
    at = np.isin(np.arange(length), attack), np.isin(np.arange(length), flagged)
    return find_events(start, start + 1, *at, gap=2.0)


def test_an_attack_with_short_pauses_is_one_event():
    assert seconds(10, 12, 14).attacks == 1
    assert seconds(10, 13, 16).attacks == 3


def test_an_event_is_found_by_a_flag_on_one_of_its_attack_windows():
    events = seconds(10, 12, 14, flagged=(12,))
    assert events.delays.tolist() == [3.0]
    assert events.false_alarms == 0


def test_a_flag_between_attack_windows_is_neither_a_find_nor_a_false_alarm():
    events = seconds(10, 12, flagged=(11,))
    assert not len(events.delays)
    assert events.false_alarms == 0


def test_an_alarm_away_from_every_attack_is_false_and_lasting_ones_count_once():
    events = seconds(10, flagged=(30, 31, 33, 50))
    assert events.false_alarms == 2


def test_an_alarm_that_never_stops_is_false_before_and_after_the_attack():
    events = seconds(30, flagged=tuple(range(60)))
    assert events.false_alarms == 2
    assert events.delays.tolist() == [1.0]


def test_benign_time_is_what_lies_away_from_the_attacks():
    assert seconds().benign_seconds == 60
    assert seconds(30).benign_seconds == 60 - 1 - 2 * 2


def test_time_that_two_windows_cover_counts_once():
    start = np.array([0.0, 0.5, 1.0])
    assert seconds_covered(start, start + 1) == 2.0


def test_without_attacks_there_is_no_recall_and_no_delay():
    told = seconds(flagged=(5,)).to_dict()
    assert (told["recall"], told["delay_median"], told["delay_worst"]) == (None, None, None)
    assert told["false_alarms_per_hour"] == pytest.approx(60)


def test_no_alarm_in_a_short_time_promises_little():
    told = seconds().to_dict()
    assert told["false_alarms_per_hour"] == 0
    assert told["false_alarms_per_hour_at_most"] == pytest.approx(3.689 * 60, rel=1e-3)


def test_without_benign_time_there_is_no_rate():
    assert seconds(0, length=1).to_dict()["false_alarms_per_hour"] is None


def test_no_windows_have_no_events():
    nothing = np.zeros(0)
    events = find_events(nothing, nothing, nothing > 0, nothing > 0)
    assert (events.attacks, events.false_alarms, events.benign_seconds) == (0, 0, 0.0)


@given(WINDOWS, st.floats(0.2, 2), st.floats(1, 3))
def test_a_wider_gap_never_makes_more_events(rows, gap, factor):
    windows = laid_out(rows)
    assert find_events(*windows, gap * factor).attacks <= find_events(*windows, gap).attacks


@given(WINDOWS)
def test_events_keep_within_what_there_is(rows):
    start, end, attack, flagged = laid_out(rows)
    events = find_events(start, end, attack, flagged, 1.0)
    assert len(events.delays) <= events.attacks <= attack.sum()
    assert events.false_alarms <= (flagged & ~attack).sum()
    assert 0 <= events.benign_seconds <= seconds_covered(start, end) + 1e-9
    assert (events.delays > 0).all()


@given(WINDOWS)
def test_flagging_everything_finds_every_event_at_its_first_window(rows):
    start, end, attack, _ = laid_out(rows)
    events = find_events(start, end, attack, np.ones(len(start), bool), 1.0)
    assert events.delays == pytest.approx(np.full(events.attacks, 0.1))


@given(WINDOWS, WINDOWS)
def test_more_flags_find_no_fewer_events(rows, others):
    start, end, attack, flagged = laid_out(rows)
    more = flagged | np.resize([bool(f) for _, f, _ in others] or [False], len(flagged))
    fewer = find_events(start, end, attack, flagged, 1.0)
    assert len(find_events(start, end, attack, more, 1.0).delays) >= len(fewer.delays)


@given(WINDOWS, st.floats(-1e4, 1e4))
def test_the_clock_does_not_matter(rows, shift):
    start, end, attack, flagged = laid_out(rows)
    here = find_events(start, end, attack, flagged, 1.0234567)
    there = find_events(start + shift, end + shift, attack, flagged, 1.0234567)
    assert (here.attacks, here.false_alarms) == (there.attacks, there.false_alarms)
    assert here.delays == pytest.approx(there.delays, abs=1e-6)


def test_events_of_several_captures_add_up():
    first, second = seconds(10, flagged=(10, 40)), seconds(20)
    both = Events.together([first, second])
    assert (both.attacks, both.false_alarms) == (2, 1)
    assert both.benign_seconds == first.benign_seconds + second.benign_seconds
    assert Events.together([]).to_dict()["attack_events"] == 0


def test_what_masked_windows_say_changes_no_event():
    capture = sample_capture(masked=100)
    scores = {n: np.where(capture.counted, s, 1.0) for n, s in capture.scores.items()}
    labels = np.where(capture.counted, capture.labels, 1 - capture.labels)
    changed = capture_events(replace(capture, scores=scores, labels=labels))
    assert changed.to_dict() == capture_events(capture).to_dict()
    assert changed.to_dict() == capture_events(capture.only(capture.counted)).to_dict()
