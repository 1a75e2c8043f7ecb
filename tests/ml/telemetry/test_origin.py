"""A process that is started for a job goes on with the ids and the trace of who started it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from ml.telemetry.logs import bound
from ml.telemetry.origin import origin, to_environment
from ml.telemetry.traces import continued

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CARRIED = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
CHILD = """
import logging
from ml.telemetry.origin import from_environment
with from_environment("job", "pipeline test"):
    logging.getLogger("child").warning("at work")
"""


def test_what_a_record_keeps_is_the_request_and_its_trace():
    with bound(request_id="r-1", job_id="j"), continued("request", CARRIED):
        kept = origin()
    assert kept["request_id"] == "r-1"
    assert kept["traceparent"].startswith(f"00-{TRACE}-")
    assert set(kept) == {"request_id", "traceparent"}
    assert origin() == {}


def test_a_child_process_logs_whose_work_it_does():
    with bound(request_id="r-1", job_id="j-1", attempt=2), continued("attempt", CARRIED):
        variables = to_environment()
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        env=os.environ | variables,
        check=True,
        capture_output=True,
        text=True,
    )
    line = json.loads(done.stderr)
    assert (line["event"], line["request_id"]) == ("at work", "r-1")
    assert (line["job_id"], line["attempt"]) == ("j-1", 2)
    assert line["trace_id"] == TRACE
