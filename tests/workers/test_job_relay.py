"""What a job says becomes events: in bounds, in order, with an estimate."""

from __future__ import annotations

import json

from workers.lines import LONGEST_LINE, LONGEST_TEXT
from workers.relay import BURST, LONGEST_EVENT, Relay


class Clock:
    """A clock that the test winds."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def say(relay, **data):
    relay.take(json.dumps(data).encode())


def test_only_the_latest_progress_is_told():
    relay = Relay()
    for step in range(1000):
        say(relay, event="progress", phase="train", fraction=step / 1000, message=f"step {step}")
    events, columns = relay.drain()
    assert [event["message"] for event in events] == ["step 999"]
    assert columns["fraction"] == 0.999
    assert relay.drain() == ([], {})


def test_a_chatty_job_is_cut_short_and_that_is_said():
    clock = Clock()
    relay = Relay(clock)
    for n in range(BURST + 50):
        say(relay, event="log", level="info", message=str(n))
    events, _ = relay.drain()
    assert len(events) == BURST + 1
    assert "50 events were left out" in events[-1]["message"]
    clock.now += 1
    for n in range(50):
        say(relay, event="metrics", phase="x", values={}, step=n)
    events, _ = relay.drain()
    assert len(events) == 11


def test_the_rest_is_estimated_from_the_pace_of_this_attempt():
    clock = Clock()
    relay = Relay(clock)
    say(relay, event="progress", phase="train", fraction=0.5, message="resumed")
    assert relay.drain()[1]["eta_seconds"] is None
    clock.now += 10
    say(relay, event="progress", phase="train", fraction=0.6, message="on")
    assert relay.drain()[1]["eta_seconds"] == 40.0


def test_lines_that_are_no_events_become_log_lines():
    relay = Relay()
    relay.take(b"Downloading \xff\x00" + b"x" * 10_000)
    relay.take(b'{"not": "an event"}')
    relay.take(b"[1, 2")
    relay.take(b"[" * 100_000)
    events, _ = relay.drain()
    assert [event["event"] for event in events] == ["log"] * 4
    assert max(len(event["message"]) for event in events) == LONGEST_TEXT
    assert "\x00" not in events[0]["message"]


def test_an_event_beyond_all_measure_is_left_out():
    relay = Relay()
    say(relay, event="metrics", values={"x": "y" * LONGEST_EVENT})
    events, _ = relay.drain()
    assert [event["event"] for event in events] == ["log"]


def test_numbers_that_json_does_not_know_become_null():
    relay = Relay()
    relay.take(b'{"event": "metrics", "values": {"loss": NaN, "f1": Infinity, "ap": -1e999}}')
    relay.take(b'{"event": "progress", "phase": "p", "fraction": NaN, "message": null}')
    events, columns = relay.drain()
    assert events[0]["values"] == {"loss": None, "f1": None, "ap": None}
    assert columns["fraction"] == 0.0


def test_progress_fits_into_every_database_however_it_is_spelt():
    relay = Relay()
    relay.take(
        b'{"event": "progress", "phase": "%s\\ud800\\u0000", "fraction": 1%s}'
        % (b"x" * 126, b"0" * 400)
    )
    columns = relay.drain()[1]
    assert columns["phase"] == "x" * 126 + "?\ufffd"
    assert columns["fraction"] == 1.0
    say(relay, event="progress", phase="y" * 500, fraction=0)
    assert relay.drain()[1]["phase"] == "y" * 128


def test_a_result_beyond_all_measure_is_an_error_that_says_so():
    relay = Relay()
    line = json.dumps({"event": "result", "result": "x" * LONGEST_LINE}).encode()
    relay.take(line[:LONGEST_LINE])
    relay.take(line[LONGEST_LINE:])
    assert relay.error["type"] == "result-too-long"
    assert relay.result is None


def test_halves_of_surrogate_pairs_which_no_text_may_hold_are_replaced():
    relay = Relay()
    relay.take(
        b'{"event": "log", "message": "file \\udcff", "more": [{"\\udcfe": "\\ud83d\\ude00"}]}'
    )
    (event,), _ = relay.drain()
    assert event == {"event": "log", "message": "file ?", "more": [{"?": "\U0001f600"}]}


def test_result_and_error_are_kept_for_the_outcome_and_not_told_as_events():
    relay = Relay()
    say(relay, event="result", result={"steps": 3})
    say(relay, event="error", error={"type": "crash"})
    assert relay.drain() == ([], {})
    assert relay.result == {"steps": 3}
    assert relay.error == {"type": "crash"}
